"""Organizations from a table: shown first, done when somebody has seen it, each line by itself."""

from __future__ import annotations

import html
import re
import secrets

import pytest
from urllib3 import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.tenants import doors, organizations
from app.tenants.roles import Role
from tests.dashboard.sitting import ORIGIN, TOKEN, Sitting, Two


def look(sitting: Sitting, table: str | bytes) -> TestResponse:
    found = TOKEN.search(sitting.see("/admin/import"))
    assert found
    content = table.encode() if isinstance(table, str) else table
    fields = {"csrf_token": found[1], "sheet": ("organizations.csv", content, "text/csv")}
    body, kind = encode_multipart_formdata(fields)
    return sitting.client.post("/admin/import", data=body, content_type=kind, headers={"Origin": ORIGIN})


def run(sitting: Sitting, looked: TestResponse) -> TestResponse:
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", looked.text, re.DOTALL)
    assert found
    return sitting.send("/admin/import/run", "/admin/import", sheet=html.unescape(found[1]).lstrip("\n"))


def test_nothing_is_changed_by_looking_and_each_line_by_itself_afterwards(two: Two) -> None:
    sitting, slug, other = two.sit(Role.OPERATOR), f"i-{secrets.token_hex(5)}", f"i-{secrets.token_hex(5)}"
    table = (
        f'slug,name,rfc\n{slug},"Uno, S.A.",EKU9003173C9\n{other},Dos,no rfc\n{two.mine.organization.slug},Renamed,\n'
    )
    looked = look(sitting, table)
    assert looked.status_code == 200, looked.text
    assert "1 new, 1 changed, 0 as they are, 1 wrong" in looked.text
    assert doors.organization(two.database, slug) is None
    done = run(sitting, looked)
    assert "1 new, 1 changed" in done.text
    made = doors.organization(two.database, slug)
    assert made
    with two.database.transaction(made) as session:
        found = organizations.get(session, made)
        assert (found.name, found.rfc) == ("Uno, S.A.", "EKU9003173C9")
    with two.database.transaction(two.mine.id) as session:
        assert organizations.get(session, two.mine.id).name == "Renamed"
    assert doors.organization(two.database, other) is None
    assert two.actions("organization.")[0][0] == "organization.changed"


@pytest.mark.parametrize("table", ["", "no such column\nx\n", b"\xff\xfe\x00"])
def test_what_is_no_table_stands_beside_the_field(two: Two, table: str | bytes) -> None:
    answer = look(two.sit(), table)
    assert answer.status_code in {400, 422}
    assert 'id="sheet-fault"' in answer.text


def test_a_spreadsheets_own_writing_is_read(two: Two) -> None:
    slug = f"i-{secrets.token_hex(5)}"
    assert "1 new" in look(two.sit(), f"slug;name\r\n{slug};Añejo\r\n".encode("cp1252")).text


def test_markup_in_a_table_stays_text(two: Two) -> None:
    page = look(two.sit(), "slug,name\n<script>alert(1)</script>,</textarea><b>\n").text
    assert "<script>alert" not in page
    assert "</textarea><b>" not in page
