"""Organizations in a table: each line judged alone, nothing written, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from app import spreadsheets
from app.database import Database
from app.tenants import organizations, sheets
from app.tenants.models import Organization
from app.tenants.sheets import BadSheet, Line, SheetTooLong, Verdict

HEADING = "slug,name,rfc,keep_delivered_days"


def slug() -> str:
    return f"s-{secrets.token_hex(6)}"


def judged(database: Database, text: str) -> Sequence[Line]:
    with database.overview() as session:
        return sheets.judge(session, sheets.read(text))


def there(database: Database, **about: object) -> Organization:
    return organizations.add(database, **({"slug": slug(), "name": "Acme"} | about))


def test_each_line_is_judged_alone(database: Database) -> None:
    known, fresh = there(database, rfc="EKU9003173C9"), slug()
    lines = (
        f"{fresh},Ñandú & Cía,cacx7605101p8,3",
        "Not A Slug,x,,",
        f"{known.slug},Acme,,",
        f"{known.slug},twice,,",
        f"{slug()},x,not an rfc,",
        f"{slug()},x,,many",
        f"{slug()},,,",
        "house,x,,",
    )
    found = judged(database, "\n".join((HEADING, *lines)))
    assert [one.verdict.value for one in found] == [
        "new",
        "wrong",
        "changed",
        "wrong",
        "wrong",
        "wrong",
        "wrong",
        "wrong",
    ]
    assert [one.number for one in found] == list(range(2, 10))
    assert found[0].values == {"name": "Ñandú & Cía", "rfc": "cacx7605101p8", "keep_delivered_days": 3}
    assert (found[2].values, found[2].organization_id) == ({"rfc": None}, known.id)
    told = [one.refusal.slug for one in found if one.refusal]
    assert told == ["bad-name", "name-taken", "bad-value", "bad-value", "bad-value", "name-taken"]
    with database.overview() as session:
        assert session.scalar(select(Organization.id).where(Organization.slug == fresh)) is None


def test_what_is_not_named_stays(database: Database) -> None:
    known = there(database, rfc="EKU9003173C9", contact="ask@acme.example")
    (line,) = judged(database, f"slug,name\n{known.slug},\n")
    assert (line.verdict, line.values) == (Verdict.SAME, {})


def test_it_reads_what_it_writes(database: Database) -> None:
    known = there(database, name='=HYPERLINK("x")', contact="'quoted", rfc="EKU9003173C9")
    written = sheets.write([known])
    (line,) = judged(database, written)
    assert (line.verdict, line.slug) == (Verdict.SAME, known.slug)


@pytest.mark.attack("files", "a formula in what becomes a table", "it is text")
@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1"])
def test_no_cell_is_a_formula(database: Database, name: str) -> None:
    (_, row) = csv.reader(io.StringIO(sheets.write([organizations.new(slug="a", name=name)])))
    assert not [cell for cell in row if cell.startswith(spreadsheets.FORMULA)]
    assert row[1] == f"'{name}"


@pytest.mark.parametrize(
    "text", ["", "slug\n", "name\nx\n", "slug,slug\na,b\n", "slug,unknown\na,b\n", 'slug\n"a\n', "slug\na,b\n"]
)
def test_what_is_no_such_table(text: str) -> None:
    with pytest.raises(BadSheet):
        sheets.read(text)


def test_a_spreadsheet_in_spanish(database: Database) -> None:
    (line,) = judged(database, f"\ufeffslug;name\r\n{slug()};Uno, dos\r\n")
    assert (line.verdict, line.values) == (Verdict.NEW, {"name": "Uno, dos"})


def test_not_more_lines_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_LINES", 2)
    assert len(sheets.read("slug\na\nb\n")) == 2
    with pytest.raises(SheetTooLong):
        sheets.read("slug\na\nb\nc\n")
