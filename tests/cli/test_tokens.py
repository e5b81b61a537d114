from __future__ import annotations

from app.database import Database
from app.records import audit
from app.tenants import doors, tokens
from tests.cli.conftest import Run


def test_a_token_is_shown_once_and_let_in_by_its_hash(run: Run, acme: str, database: Database) -> None:
    done = run("token", "add", acme, "billing", "--scope", "uploads:write", "--expires", "30d")
    assert done.exit_code == 0, done.output
    token = done.stdout.strip()
    assert tokens.is_token(token)
    found = doors.token(database, token)
    assert found
    assert found.organization_id == doors.organization(database, acme)
    listed = run("token", "list", acme).output
    assert "billing" in listed
    assert f"…{token[-4:]}" in listed
    assert token not in listed


def test_a_token_is_revoked_once(run: Run, acme: str, database: Database) -> None:
    token = run("token", "add", acme, "billing", "--scope", "uploads:read").stdout.strip()
    found = doors.token(database, token)
    assert found
    assert run("token", "revoke", acme, str(found.id)).output == "Revoked.\n"
    assert "revoked before" in run("token", "revoke", acme, str(found.id)).output


def test_a_token_is_rotated_once_and_the_former_one_ends(run: Run, acme: str, database: Database) -> None:
    former = run("token", "add", acme, "billing", "--scope", "uploads:read", "--network", "192.0.2.0/24").stdout.strip()
    found = doors.token(database, former)
    assert found
    done = run("token", "rotate", acme, str(found.id), "--overlap", "12h")
    assert tokens.is_token(done.stdout.strip())
    assert "The former one ends on" in done.stderr
    assert run("token", "list", acme).output.count("192.0.2.0/24") == 2
    again = run("token", "rotate", acme, str(found.id))
    assert (again.exit_code, "was rotated before" in again.output) == (1, True)
    assert "no such token" in run("token", "rotate", "house", str(found.id)).output
    with database.transaction(found.organization_id) as session:
        written = [entry.action for entry in audit.listing(session) if entry.subject_type == "api_token"]
    assert sorted(written) == ["api_token.added", "api_token.added", "api_token.rotated"]


def test_a_network_is_one(run: Run, acme: str) -> None:
    done = run("token", "add", acme, "t", "--scope", "uploads:read", "--network", "192.0.2.1/24")
    assert (done.exit_code, done.output) == (1, "Error: “192.0.2.1/24” cannot be the network.\n")


def test_the_house_has_tokens_of_its_own(run: Run, acme: str, database: Database) -> None:
    token = run("token", "add", "house", "ours", "--scope", "uploads:read").stdout.strip()
    found = doors.token(database, token)
    assert found
    assert found.organization_id is None
    assert run("token", "list", acme).output == ""
    other = run("token", "revoke", acme, str(found.id))
    assert (other.exit_code, other.output) == (1, "Error: “acme” has no such token.\n")


def test_a_scope_is_one_that_there_is(run: Run, acme: str) -> None:
    assert "'everything' is not one of" in run("token", "add", acme, "t", "--scope", "everything").output
    assert "Missing option '--scope'" in run("token", "add", acme, "t").output
