from __future__ import annotations

import pytest

from app.database import Database
from app.records import audit
from app.tenants import doors, organizations
from tests.cli.conftest import Run


def test_add_and_list(run: Run, database: Database) -> None:
    assert run("org", "list").output == ""
    done = run("org", "add", "acme", "--name", "Acme, S. A.", "--rfc", "eku9003173c9", "--locale", "en")
    assert (done.exit_code, done.output) == (0, "Added acme. Next: flask connection add acme PROVIDER\n")
    assert run("org", "list").output == "SLUG  NAME\nacme  Acme, S. A.\n"
    organization = doors.organization(database, "acme")
    assert organization
    with database.transaction(organization) as session:
        (entry,) = audit.listing(session)
    assert (entry.action, entry.subject_type, entry.subject_id) == ("organization.added", "organization", organization)
    assert entry.actor.startswith("cli:")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["house", "--name", "H"], "stands for the house"),
        (["Acme Inc", "--name", "A"], "Acme Inc"),
        (["acme", "--name", "A", "--rfc", "NOT-AN-RFC"], "NOT-AN-RFC"),
        (["acme", "--name", "A", "--timezone", "Mars/Base"], "Mars/Base"),
        (["acme", "--name", "A", "--accent", "green"], "green"),
        (["acme", "--name", "A", "--locale", "fr"], "'fr' is not one of"),
        (["acme", "--name", "A", "--notice-url", "https://a.example"], "go together"),
        (["acme"], "Missing option '--name'"),
    ],
)
def test_bad_input_gets_a_sentence_and_changes_nothing(run: Run, arguments: list[str], sentence: str) -> None:
    done = run("org", "add", *arguments)
    assert done.exit_code in {1, 2}
    assert sentence in done.output
    assert run("org", "list").output == ""


def test_a_slug_is_taken_once(run: Run, acme: str) -> None:
    done = run("org", "add", acme, "--name", "Another")
    assert done.exit_code == 1
    assert acme in done.output
    assert run("org", "list").output == "SLUG  NAME\nacme  Acme\n"


def test_how_long_copies_are_kept(run: Run, database: Database, acme: str) -> None:
    done = run("org", "set", acme, "--keep-delivered-days", "30")
    assert (done.exit_code, done.output) == (
        0,
        "Copies of what acme hands in are kept for 30 days after they are delivered.\n",
    )
    organization = doors.organization(database, acme)
    assert organization
    with database.transaction(organization) as session:
        assert organizations.get(session, organization).keep_delivered_days == 30
        entry = audit.listing(session)[0]
    assert (entry.action, entry.details) == ("organization.changed", {"keep_delivered_days": 30})


@pytest.mark.parametrize(("slug", "days"), [("acme", "-1"), ("acme", "3651"), ("nobody", "1")])
def test_what_cannot_be_is_not_set(run: Run, acme: str, slug: str, days: str) -> None:
    assert run("org", "set", slug, "--keep-delivered-days", days).exit_code != 0
