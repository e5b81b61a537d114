"""`flask connection expiring`."""

from __future__ import annotations

from datetime import timedelta

from app.database import Database, utcnow
from app.records import uploads
from app.records.states import State
from app.tenants.vault import Vault
from tests.cli.conftest import Run
from tests.tenancy import tenant


def test_certificates_that_end(run: Run, database: Database, vault: Vault) -> None:
    assert run("connection", "expiring").output == ""
    ends = utcnow() + timedelta(days=40)
    for slug in ("one", "two"):
        made = tenant(database, vault, slug)
        facts = {"not_after": ends.isoformat(), "number": "30001000000500003416"}
        with database.transaction(made.id) as session:
            uploads.move(session, made.upload, State.DELIVERED, actor="tests", now=utcnow(), facts=facts)
    assert run("connection", "expiring").output == ""
    line = f"facturapi   facturapi/certificate  30001000000500003416  {ends:%Y-%m-%d %H:%M}Z"
    titles = "ORG  CONNECTION  OPERATION              NUMBER                ENDS"
    assert run("connection", "expiring", "--days", "41").output == f"{titles}\none  {line}\ntwo  {line}\n"
    assert run("connection", "expiring", "two", "--days", "41").output == f"{titles}\ntwo  {line}\n"
    done = run("connection", "expiring", "three")
    assert (done.exit_code, done.output.count("three")) == (1, 1)
