"""Calls of a provider's API that somebody opens a connection for."""

from __future__ import annotations

import pytest

from app.database import Database
from app.passthrough.faces import FACES
from app.records import audit
from app.tenants import connections, doors
from tests.cli.conftest import Run
from tests.cli.test_connections import ADD, ADD_HOUSE, KEY, SETTING

DELETE = "DELETE /organizations/{organization}/certificate"


@pytest.fixture
def connected(run: Run, acme: str) -> str:
    done = run(*ADD, *SETTING, "--no-verify", stdin=f"{KEY}\n")
    assert done.exit_code == 0, done.output
    return acme


def opened(database: Database) -> list[str]:
    with database.transaction(doors.organization(database, "acme")) as session:
        found = connections.by_name(session, "facturapi")
        assert found
        return found.opened_calls


def test_a_call_is_opened_and_closed_and_both_are_written_down(run: Run, connected: str, database: Database) -> None:
    assert run("connection", "allow", connected, "facturapi", DELETE).exit_code == 0
    assert opened(database) == [DELETE]
    listed = run("connection", "calls", connected, "facturapi").output
    (line,) = (line for line in listed.splitlines() if line.startswith(DELETE))
    assert "opened" in line
    assert run("connection", "disallow", connected, "facturapi", DELETE).exit_code == 0
    assert opened(database) == []
    with database.transaction(doors.organization(database, "acme")) as session:
        told = [(one.action, one.details) for one in audit.listing(session)][:2]
    assert told == [("connection.call_closed", {"call": DELETE}), ("connection.call_opened", {"call": DELETE})]


def test_every_row_is_listed(run: Run, connected: str) -> None:
    listed = run("connection", "calls", connected, "facturapi").output
    for row in FACES["facturapi"].rules:
        assert row.call in listed


@pytest.mark.parametrize("call", ["DELETE /organizations/{organization}", "GET /organizations/{organization}", "nope"])
def test_only_what_has_to_be_asked_for_is_opened(run: Run, connected: str, database: Database, call: str) -> None:
    done = run("connection", "allow", connected, "facturapi", call)
    assert done.exit_code == 1
    assert "none that has to be asked for" in done.output
    assert opened(database) == []


def test_who_borrows_is_opened_for_nothing_that_is_about_others(run: Run, acme: str, database: Database) -> None:
    assert run(*ADD_HOUSE, "--no-verify", stdin=f"{KEY}\n").exit_code == 0
    assert run(*ADD, *SETTING, "--lent-by", "ours", "--no-verify").exit_code == 0
    done = run("connection", "allow", acme, "facturapi", "GET /organizations")
    assert done.exit_code == 1
    assert "borrows" in done.output
    assert run("connection", "allow", acme, "facturapi", DELETE).exit_code == 0
    assert opened(database) == [DELETE]
