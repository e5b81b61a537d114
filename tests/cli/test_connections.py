from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask

from app.database import HOUSE, Database, utcnow
from app.records import audit
from app.tenants import connections, doors
from app.tenants.models import Credential
from app.tenants.vault import Vault
from tests.cli.conftest import Run
from tests.servers import Sandbox

KEY = "sk_user_0123456789abcdef0123456789abcdef"
ACCOUNT = "5a2a307be93a2f00129ea035"
ADD = ("connection", "add", "acme", "facturapi", "--environment", "sandbox")
ADD_HOUSE = ("connection", "add", "house", "facturapi", "--environment", "sandbox", "--name", "ours")
SETTING = ("--setting", f"organization_id={ACCOUNT}")


def credential_of(database: Database, vault: Vault, name: str) -> str:
    organization = doors.organization(database, "acme")
    with database.transaction(organization) as session:
        found = connections.by_name(session, name)
        assert found
        return connections.credential(session, vault, found)["key"].get_secret_value()


def seed(sandbox: Sandbox) -> None:
    sandbox.clear()
    sandbox.seed(facturapi={"user_keys": [KEY], "organizations": [{"id": ACCOUNT, "name": "Acme"}]})


def test_add_reads_the_key_from_a_pipe_keeps_it_in_the_vault_and_tries_it(
    run: Run, acme: str, database: Database, vault: Vault, sandbox: Sandbox
) -> None:
    seed(sandbox)
    done = run(*ADD, *SETTING, stdin=f"{KEY}\n")
    assert done.exit_code == 0, done.output
    assert "It works" in done.output
    assert KEY not in done.output
    assert credential_of(database, vault, "facturapi") == KEY
    (request,) = sandbox.ledger("facturapi")
    assert (request["method"], request["authorization"]) == ("GET", f"Bearer {KEY}")
    listed = run("connection", "list", acme).output
    assert "facturapi" in listed
    assert "sandbox" in listed
    assert "key …cdef (" in listed
    assert KEY[:-4] not in listed


def test_the_key_may_come_from_a_variable(run: Run, acme: str, database: Database, vault: Vault) -> None:
    done = run(*ADD, *SETTING, "--no-verify", "--secret-env", "key=THE_KEY", env={"THE_KEY": KEY})
    assert (done.exit_code, done.output) == (0, "Added acme/facturapi.\n")
    assert credential_of(database, vault, "facturapi") == KEY


def test_a_house_connection_lends_its_key(
    run: Run, acme: str, database: Database, vault: Vault, sandbox: Sandbox
) -> None:
    seed(sandbox)
    done = run(*ADD_HOUSE, stdin=f"{KEY}\n")
    assert re.fullmatch(r"Added house/ours\.\nIt works: the account has \d+ organizations\n", done.output)
    done = run(*ADD, *SETTING, "--lent-by", "ours", "--no-verify")
    assert done.exit_code == 0, done.output
    assert credential_of(database, vault, "facturapi") == KEY
    with database.transaction(HOUSE) as session:
        assert session.query(Credential).count() == 1
    assert "ours" in run("connection", "list", "house").output


def test_a_refused_credential_is_said_and_the_connection_stays(run: Run, acme: str, sandbox: Sandbox) -> None:
    seed(sandbox)
    done = run(*ADD, *SETTING, stdin="sk_user_of_somebody_else_0123456789\n")
    assert done.exit_code == 1
    assert "The provider does not take it" in done.output
    assert "somebody_else" not in done.output
    assert run("connection", "test", acme, "facturapi").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["acme", "nobody", "--environment", "live"], KEY, "There is no provider “nobody”; there is: codat, "),
        (["other", "facturapi", "--environment", "live", *SETTING], KEY, "There is no organization “other”"),
        (["acme", "facturapi", "--environment", "moon", *SETTING], KEY, "'moon' is not one of"),
        (["acme", "facturapi", "--environment", "live"], KEY, "--setting organization_id=…: field required"),
        (["acme", "facturapi", "--environment", "live", "--setting", "organization_id"], KEY, "of the form name=value"),
        (["acme", "facturapi", "--environment", "live", *SETTING, "--setting", "colour=red"], KEY, "colour"),
        (["acme", "facturapi", "--environment", "live", *SETTING], "\n", "nothing was given"),
        (["acme", "facturapi", "--environment", "live", *SETTING, "--name", "Not plain"], KEY, "Not plain"),
        (["acme", "facturapi", "--environment", "live", *SETTING, "--lent-by", "x"], KEY, "no connection “x”"),
        (
            ["acme", "facturapi", "--environment", "live", *SETTING, "--secret-env", "key=NOT_SET_ANYWHERE"],
            None,
            "There is no variable NOT_SET_ANYWHERE",
        ),
        (
            ["acme", "facturapi", "--environment", "live", *SETTING, "--secret-env", "pin=HOME"],
            None,
            "has no secret “pin”; it has: key",
        ),
        (["house", "facturapi", "--environment", "live", *SETTING], KEY, "has no settings"),
        (["house", "facturapi", "--environment", "live", "--lent-by", "x"], KEY, "does not borrow from itself"),
    ],
)
def test_bad_input_gets_a_sentence_and_changes_nothing(
    run: Run, acme: str, arguments: list[str], stdin: str | None, sentence: str
) -> None:
    done = run("connection", "add", *arguments, "--no-verify", stdin=stdin)
    assert done.exit_code in {1, 2}
    assert sentence in done.output
    assert run("connection", "list", acme).output == run("connection", "list", "house").output == ""


def test_test_names_what_is_missing(run: Run, acme: str) -> None:
    assert "has no connection “facturapi”" in run("connection", "test", acme, "facturapi").output


def pause(database: Database) -> bool:
    """Pause acme's connection as a refused credential does."""
    organization = doors.organization(database, "acme")
    with database.transaction(organization) as session:
        found = connections.by_name(session, "facturapi")
        assert found
        return connections.pause(session, found, "credential-refused", utcnow())


def actions(database: Database) -> list[str]:
    """What the audit log says was done with acme's connection."""
    with database.transaction(doors.organization(database, "acme")) as session:
        found = connections.by_name(session, "facturapi")
        return [entry.action for entry in reversed(audit.listing(session, subject=found))]


def test_a_replaced_credential_lets_a_paused_connection_be_used_again(
    run: Run, acme: str, database: Database, vault: Vault, sandbox: Sandbox
) -> None:
    seed(sandbox)
    run(*ADD, *SETTING, "--no-verify", stdin="sk_user_that_was_withdrawn_456789\n")
    assert pause(database)
    done = run("connection", "replace", acme, "facturapi", stdin=f"{KEY}\n")
    assert done.exit_code == 0, done.output
    assert "key …cdef (" in done.output
    assert "It works" in done.output
    assert KEY not in done.output
    assert credential_of(database, vault, "facturapi") == KEY
    assert "in use" in run("connection", "list", acme).output
    assert actions(database) == ["connection.added", "connection.credential_replaced", "connection.resumed"]


def test_a_replacement_that_is_refused_is_said_and_the_pause_stays(
    run: Run, acme: str, database: Database, vault: Vault, sandbox: Sandbox
) -> None:
    seed(sandbox)
    run(*ADD, *SETTING, "--no-verify", stdin=f"{KEY}\n")
    assert pause(database)
    done = run("connection", "replace", acme, "facturapi", stdin="sk_user_of_somebody_else_0123456789\n")
    assert done.exit_code == 1
    assert "credential-refused" in run("connection", "list", acme).output
    assert "connection.resumed" not in actions(database)


def test_what_is_borrowed_is_replaced_where_it_is_lent(
    run: Run, acme: str, database: Database, vault: Vault, sandbox: Sandbox
) -> None:
    seed(sandbox)
    run(*ADD_HOUSE, "--no-verify", stdin="sk_user_that_was_withdrawn_456789\n")
    run(*ADD, *SETTING, "--lent-by", "ours", "--no-verify")
    refused = run("connection", "replace", acme, "facturapi", stdin=f"{KEY}\n")
    assert refused.exit_code == 1
    assert "borrows its credential" in refused.output
    assert run("connection", "replace", "house", "ours", stdin=f"{KEY}\n").exit_code == 0
    assert credential_of(database, vault, "facturapi") == KEY
    assert run("connection", "test", acme, "facturapi").exit_code == 0


def test_a_connection_for_a_sandbox_that_is_named_nowhere_is_not_made(app: Flask, run: Run, acme: str) -> None:
    services = app.extensions["ventanilla"]
    app.extensions["ventanilla"] = replace(
        services, settings=services.settings.model_copy(update={"sandbox_url": None})
    )
    done = run(*ADD, *SETTING, stdin=f"{KEY}\n")
    assert "SANDBOX_URL is not set" in done.output
    assert run("connection", "list", acme).output == ""


def test_a_token_has_its_end_shown_and_what_replaces_it_has_its_own(
    run: Run, acme: str, sandbox: Sandbox, database: Database
) -> None:
    sandbox.clear()
    given = sandbox.control("POST", "/formkiq/token", {"groups": ["default"], "use": "access", "seconds": 3600})

    def ends() -> object:
        with database.transaction(doors.organization(database, acme)) as session:
            found = connections.by_name(session, "formkiq")
            assert found
            return found.credential_ends_at

    done = run(
        *("connection", "add", acme, "formkiq", "--environment", "sandbox", "--setting", "auth=token"),
        *("--setting", f"base_url={sandbox.url}/formkiq/jwt"),
        stdin=f"{given['token']}\n",
    )
    assert done.exit_code == 0, done.output
    assert re.search(r"It ends by itself on \d{4}-\d\d-\d\d \d\d:\d\dZ, and nothing renews it\.", done.output)
    assert given["token"] not in done.output
    assert ends() is not None
    refused = run("form", "add", acme, "formkiq", "formkiq/document")
    assert "ends by itself" in refused.output
    renewable = f"{given['token']}\n{given['refresh_token']}\n{given['client_id']}\n"
    done = run("connection", "replace", acme, "formkiq", stdin=renewable)
    assert done.exit_code == 0, done.output
    assert "ends by itself" not in done.output
    assert ends() is None
