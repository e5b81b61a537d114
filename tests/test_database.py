"""What the database says of an error, and to whom: never a value that was handed in."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import Database, driver_url, is_migrated, is_reachable
from app.local.postgres import Embedded
from app.records.models import Process
from app.tenants.models import Organization

SECRET = "canary-" + secrets.token_hex(12)


def unique(session: Session) -> None:
    """A detail that names the row: `Key (slug)=(…) already exists.`"""
    for _ in range(2):
        session.add(Organization(slug=SECRET, name=SECRET))
        session.flush()


def check(session: Session) -> None:
    """A detail that has the whole row: `Failing row contains (…)`."""
    session.add(Organization(slug=SECRET, name=SECRET, locale="fr"))
    session.flush()


def datum(session: Session) -> None:
    """A message that has the value: `invalid input syntax for type uuid: "…"`."""
    session.execute(text("SELECT CAST(CAST(:secret AS text) AS uuid)"), {"secret": SECRET})


def too_long(session: Session) -> None:
    """A value that does not fit."""
    session.add(Organization(slug="a", name=SECRET * 20))
    session.flush()


def raised(session: Session) -> None:
    """A context that quotes parameters, and a division."""
    session.execute(text("SELECT 1 / CAST(length(:secret) - :n AS int)"), {"secret": SECRET, "n": len(SECRET)})


FAULTS = [unique, check, datum, too_long, raised]


@pytest.fixture
def owners(postgres: Embedded, clean: None) -> Iterator[Database]:
    """The owner's, whom no policy stops before the fault."""
    database = Database(postgres.owner_url, pool=1)
    yield database
    database.dispose()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_no_value_in_an_error(owners: Database, fault: object) -> None:
    with pytest.raises(DBAPIError) as caught, owners.doors() as session:
        fault(session)  # type: ignore[operator]
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.orig)
    assert SECRET[:12] not in told
    assert str(caught.value).startswith("(2")  # SQLSTATE, by which the cause can be looked up


def test_an_error_still_names_what_was_violated(owners: Database) -> None:
    with pytest.raises(DBAPIError, match="uq_organizations_slug"), owners.doors() as session:
        unique(session)


def test_no_value_in_the_servers_log(owners: Database, postgres: Embedded) -> None:
    for fault in FAULTS:
        with pytest.raises(DBAPIError), owners.doors() as session:
            fault(session)
    log = postgres.log.read_text()
    assert log
    assert SECRET[:12] not in log
    assert "INSERT INTO" not in log


def test_every_wait_on_the_server_ends(database: Database) -> None:
    with database.doors() as session:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert session.scalar(select(func.current_setting(name))) not in {"0", None}


def test_an_address_is_taken_in_either_spelling(postgres: Embedded) -> None:
    url = driver_url(postgres.app_url)
    database = Database(SecretStr(url.replace("postgresql://", "postgresql+psycopg://")), pool=1)
    assert is_reachable(database)
    database.dispose()


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    database = Database(SecretStr(f"postgresql://u:{SECRET}@/x?host={tmp_path}"), pool=1)
    assert not is_reachable(database)
    assert not is_migrated(database)
    with pytest.raises(DBAPIError) as caught, database.transaction(uuid4()):
        pass
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    database.dispose()


def test_a_failed_transaction_leaves_nothing(database: Database, clean: None) -> None:
    with pytest.raises(ZeroDivisionError), database.doors() as session:
        session.add(left := Process(kind="web"))
        session.flush()
        raise ZeroDivisionError
    with database.doors() as session:
        assert session.get(Process, left.id) is None


def test_keys_are_in_the_order_of_time(database: Database, clean: None) -> None:
    with database.doors() as session:
        made = [Process(kind="web") for _ in range(20)]
        for process in made:
            session.add(process)
            session.flush()
        # Gateways of other tests may beat beside it.
        ours = select(Process.id).where(Process.id.in_([process.id for process in made]))
        assert session.scalars(ours.order_by(Process.id)).all() == [process.id for process in made]
        assert {process.id.version for process in made} == {7}


def test_a_connection_that_died_while_it_rested_is_replaced(
    postgres: Embedded, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the server was started anew: whoever wants one next does not notice."""
    monkeypatch.setattr("app.database.REST_SECONDS", 0.0)
    resting = Database(postgres.app_url, pool=1)
    with resting.doors() as session:
        former = session.scalar(text("SELECT pg_backend_pid()"))
    with database.doors() as session:
        assert session.scalar(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": former})
    with resting.doors() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != former
    resting.dispose()


def test_a_connection_that_rested_and_lives_is_kept(postgres: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.database.REST_SECONDS", 0.0)
    database = Database(postgres.app_url, pool=1)
    with database.doors() as session:
        former = session.scalar(text("SELECT pg_backend_pid()"))
    with database.doors() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) == former
    database.dispose()
