"""Home: what needs somebody, worst first and of one's own only; numbers that are there without a chart; first steps."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from app.dashboard import charting, needing
from app.database import Database, utcnow
from app.records.models import Upload
from app.records.needs import Kind
from app.records.states import State
from app.records.tallying import tally
from app.tenants.models import Connection
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant

Enter = Callable[..., FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def mine(app: Flask, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "mine")


@pytest.fixture
def theirs(app: Flask, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "theirs")


def change(database: Database, whose: Tenant, kind: type[Upload | Connection], **values: object) -> None:
    with database.transaction(whose.id) as session:
        row = session.get_one(kind, whose.upload.id if kind is Upload else whose.connection.id)
        for name, value in values.items():
            setattr(row, name, value)


def text(page: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def section(page: str, name: str) -> str:
    """What a section of the page says."""
    found = re.search(rf'aria-labelledby="{name}".*?</section>', page, re.DOTALL)
    return text(found[0]) if found else ""


def test_an_empty_system_shows_what_to_do_first(app: Flask, enter: Enter) -> None:
    page = enter().get("/admin").text
    steps = section(page, "firsts")
    assert [steps.index(word) for word in ("Bring", "Connect", "Publish", "Have the first")] == sorted(
        steps.index(word) for word in ("Bring", "Connect", "Publish", "Have the first")
    )
    assert "(done)" not in steps


def test_once_something_was_handed_in_there_are_no_first_steps(mine: Tenant, enter: Enter) -> None:
    page = enter().get("/admin").text
    assert section(page, "firsts") == ""
    assert "No worker is running" in section(page, "needs")


def test_steps_that_are_taken_are_ticked(mine: Tenant, owner_engine: Engine, enter: Enter) -> None:
    with owner_engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE uploads CASCADE")
    assert section(enter().get("/admin").text, "firsts").count("(done)") == 3
    assert section(enter(Role.MANAGER, mine.organization).get("/admin").text, "firsts").count("(done)") == 2


def test_a_need_is_told_with_what_it_is_about(mine: Tenant, database: Database, enter: Enter) -> None:
    change(database, mine, Connection, paused_at=utcnow() - timedelta(hours=3), paused_because="credential-refused")
    change(database, mine, Upload, state=State.UNKNOWN)
    needs = section(enter().get("/admin").text, "needs")
    assert "Paused connections 1" in needs
    assert re.search(r"facturapi Mine credential refused 3 hours ago", needs), needs
    assert needs.index("No worker") < needs.index("Paused connections") < needs.index("Unconfirmed uploads")


def test_a_manager_sees_their_own_alone(mine: Tenant, theirs: Tenant, database: Database, enter: Enter) -> None:
    for one in (mine, theirs):
        change(database, one, Connection, paused_at=utcnow(), paused_because="paused-by-hand")
    page = enter(Role.MANAGER, mine.organization).get("/admin").text
    assert "Paused connections 1" in section(page, "needs")
    assert "No worker" not in page
    assert "Theirs" not in page
    assert "theirs" not in page
    assert "Paused connections 2" in section(enter().get("/admin").text, "needs")


def test_every_kind_of_need_is_told(app: Flask) -> None:
    assert set(needing.TOLD) == set(Kind)


def test_a_spool_that_fills_up_is_told_and_one_that_does_not_is_not(
    app: Flask, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = enter()
    monkeypatch.setattr(needing, "FILLING", 2.0)
    assert "The spool is filling up" not in client.get("/admin").text
    monkeypatch.setattr(needing, "FILLING", 0.0)
    assert "The spool is filling up" in client.get("/admin").text


@pytest.mark.parametrize("chosen", charting.SPANS)
def test_the_numbers_of_a_period_stand_in_tables(
    mine: Tenant, theirs: Tenant, database: Database, worker: Database, enter: Enter, chosen: str
) -> None:
    for one in (mine, theirs):
        change(database, one, Upload, state=State.DELIVERED, created_at=utcnow(), updated_at=utcnow())
    tally(worker, utcnow())
    client = enter()
    whole = client.get(f"/admin/charts?period={chosen}")
    part = client.get(f"/admin/charts?period={chosen}", headers=HTMX)
    assert "<html" in whole.text
    assert "<html" not in part.text
    for page in (whole.text, part.text):
        assert (len(delivered(page)), sum(delivered(page))) == (charting.SPANS[chosen].steps, 2)
    manager = enter(Role.MANAGER, mine.organization)
    assert sum(delivered(manager.get(f"/admin/charts?period={chosen}").text)) == 1


def delivered(page: str) -> list[int]:
    """The first column of the first chart's table."""
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    return [int(found) for found in re.findall(r'</th><td[^>]* data-value="(\d+)"', table)]


def test_the_chosen_period_is_kept_in_the_address_and_any_other_is_the_usual(app: Flask, enter: Enter) -> None:
    client = enter()
    assert 'hx-get="/admin/charts?period=90d"' in client.get("/admin?period=90d").text
    assert f'hx-get="/admin/charts?period={charting.USUAL}"' in client.get("/admin?period=1%20year").text


def test_usage_is_counted_and_given_as_a_table(mine: Tenant, theirs: Tenant, database: Database, enter: Enter) -> None:
    now = utcnow().astimezone(ZoneInfo(mine.organization.timezone))
    for one in (mine, theirs):
        change(database, one, Upload, state=State.DELIVERED, created_at=now)
    client, manager = enter(), enter(Role.MANAGER, mine.organization)
    page = text(client.get(f"/admin/usage?month={now:%Y-%m}").text)
    assert "mine 1 1 0" in page
    assert "theirs 1 1 0" in page
    assert "theirs" not in manager.get(f"/admin/usage?month={now:%Y-%m}").text
    answer = client.get(f"/admin/usage.csv?since={now:%Y-%m}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="usage-{now:%Y-%m}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["organization"]: row["uploads"] for row in rows} == {"mine": "1", "theirs": "1"}
    assert "theirs" not in manager.get(f"/admin/usage.csv?since={now:%Y-%m}").text
    assert client.get("/admin/usage.csv?since=then").status_code == 422


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """Statements that the application's database is asked."""
    asked: list[str] = []
    engine = app.extensions["ventanilla"].database.engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("path", "most"), [("/admin", 12), ("/admin/charts", 7), ("/admin/usage", 5)])
def test_a_page_asks_the_database_a_fixed_number_of_questions(
    app: Flask, mine: Tenant, theirs: Tenant, enter: Enter, path: str, most: int
) -> None:
    client = enter()
    with counted(app) as asked:
        assert client.get(path).status_code == 200
    assert len(asked) <= most, asked
