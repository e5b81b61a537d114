"""No organization sees or changes another's rows; each refusal has its twin that shows that the same is done at home.

Everything here runs as `ventanilla_app`, on tables rather than through functions: what is held back, the database does.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, Table, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import HOUSE, Base, Database
from app.records import audit, uploads
from app.records.models import CertificateMail, CertificateNotice, TallyMark, WebhookDelivery
from app.records.sealing import seal
from app.records.states import State
from app.records.tallying import tally
from app.tenants import tokens
from app.tenants.errors import NotLent
from app.tenants.models import Connection
from app.tenants.roles import Role
from app.tenants.user_models import User
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, borrow, house, tenant

TABLES = {
    name: table
    for name, table in Base.metadata.tables.items()
    if name == "organizations" or "organization_id" in table.c
}
#: What has to differ for a copy of a row to be another row.
UNIQUE: dict[str, dict[str, Any]] = {
    "organizations": {"slug": "copy"},
    "connections": {"name": "copy"},
    "credentials": {"field": "copy"},
    "forms": {"public_id": "copy"},
    "links": {"token_hash": b"copy"},
    "api_tokens": {"token_hash": b"copy"},
    "uploads": {"outcome_hash": b"copy"},
    "resumables": {"key_hash": b"copy"},
    "idempotency_keys": {"key_hash": b"copy"},
    "attempts": {"number": 99},
    "webhook_endpoints": {},
    "webhook_secrets": {},
    "webhook_deliveries": {"event_id": uuid4()},
    "audit_entries": {"number": None},
}
#: Of these there is one of each organization, connection or upload.
ONE_EACH = {"data_keys", "copies", "spool_promises", "breakers", "outcome_mails"}
#: What the worker alone writes.
SEALED = {"receipts", "chain_heads", "tallies", "certificate_notices", "certificate_mails"}
#: What it alone adds.
TOLD = {"webhook_deliveries"}
#: The house's own: people have no organization's rows.
PEOPLE = {"users", "passkeys", "user_sessions", "invitations", "password_resets", "sign_in_tries"}
CHANGEABLE = set(TABLES) - {"audit_entries", "data_keys"} - SEALED
DELETABLE = {"credentials", "copies", "spool_promises", "webhook_secrets", "webhook_deliveries"}
#: Deleted behind what refers to it.
REFERRED_TO = {"webhook_endpoints"}


class Undone(Exception):  # noqa: N818 - an end, not an error
    """Ends a transaction without a trace."""


@pytest.fixture(scope="module")
def two(database: Database, worker: Database, owner_engine: Engine, vault: Vault) -> tuple[Tenant, Tenant]:
    """Two organizations with a row in every table."""
    suffix = secrets.token_hex(4)
    made = tenant(database, vault, f"mine-{suffix}"), tenant(database, vault, f"theirs-{suffix}")
    for one in made:
        with database.transaction(one.id) as session:
            uploads.move(session, one.upload, State.DELIVERED, actor="tests", now=NOW)
        with worker.transaction(one.id) as session:
            now = {"created_at": NOW, "due_at": NOW, "deadline_at": NOW}
            endpoint = {"organization_id": one.id, "endpoint_id": one.endpoint.id}
            session.add(WebhookDelivery(about_id=one.id, event_id=uuid4(), event="upload.received", **endpoint, **now))
            notice = CertificateNotice(id=uuid4(), organization_id=one.id, upload_id=one.upload.id, days=30)
            session.add(notice)
            session.flush()
            session.add(CertificateMail(organization_id=one.id, notice_id=notice.id))
    seal(worker, vault)
    with owner_engine.begin() as connection:
        connection.execute(delete(TallyMark))  # others may have counted until later than this clock is
    tally(worker, NOW)
    with owner_engine.connect() as connection:
        for table in TABLES.values():
            found = set(connection.scalars(select(owner_of(table))))
            assert {made[0].id, made[1].id} <= found, (
                f"nothing of theirs in {table.name}: the tests would prove nothing"
            )
    return made


@pytest.fixture
def mine(database: Database, two: tuple[Tenant, Tenant]) -> Iterator[Session]:
    """A transaction of the first organization, undone at the end."""
    try:
        with database.transaction(two[0].id) as session:
            yield session
            raise Undone  # noqa: TRY301 - how the transaction is told
    except Undone:
        pass


@pytest.fixture(params=sorted(TABLES))
def table(request: pytest.FixtureRequest) -> Table:
    """Each table that has rows of organizations."""
    return TABLES[request.param]


def owner_of(table: Table) -> Any:
    """The column that says whose a row is."""
    return table.c.id if table.name == "organizations" else table.c.organization_id


def a_row(owner_engine: Engine, table: Table, whose: Tenant) -> dict[str, Any]:
    """A row as the owner sees it, under the names of its columns, but for those that compute themselves."""
    columns = [column for column in table.c if column.computed is None]
    with owner_engine.connect() as connection:
        return dict(connection.execute(select(*columns).where(owner_of(table) == whose.id)).mappings().first() or {})


def refused(session: Session, statement: Any) -> str:
    """Run a statement that the database has to refuse; its code."""
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(statement)
    assert isinstance(caught.value.orig, psycopg.Error)
    return str(caught.value.orig.sqlstate)


def test_select(mine: Session, two: tuple[Tenant, Tenant], table: Table) -> None:
    assert set(mine.scalars(select(owner_of(table)))) == {two[0].id}


@pytest.mark.attack("tenants", "a row for another organization, in every table", "row security refuses")
def test_insert_for_another(mine: Session, owner_engine: Engine, two: tuple[Tenant, Tenant], table: Table) -> None:
    row = a_row(owner_engine, table, two[1]) | {"id": uuid4()} | UNIQUE.get(table.name, {})
    assert refused(mine, insert(table).values(row)) == "42501"  # row-level security


def test_insert_for_oneself(mine: Session, owner_engine: Engine, two: tuple[Tenant, Tenant], table: Table) -> None:
    row = a_row(owner_engine, table, two[0]) | UNIQUE.get(table.name, {})
    if table.name in SEALED | TOLD:
        assert refused(mine, insert(table).values(row)) == "42501"
    elif table.name in {"organizations", *ONE_EACH}:  # there is one already: it gets as far as that
        assert refused(mine, insert(table).values(row)) == "23505"
    else:
        mine.execute(insert(table).values(row | {"id": uuid4()}))


def test_update(mine: Session, owner_engine: Engine, two: tuple[Tenant, Tenant], table: Table) -> None:
    def change(whose: Tenant) -> Any:
        row = a_row(owner_engine, table, whose)
        return update(table).where(table.c.id == row["id"]).values(created_or(table, row))

    if table.name in CHANGEABLE:
        assert mine.execute(change(two[1])).rowcount == 0  # type: ignore[attr-defined]
        assert mine.execute(change(two[0])).rowcount == 1  # type: ignore[attr-defined]
    else:
        assert refused(mine, change(two[1])) == refused(mine, change(two[0])) == "42501"


def test_update_of_everything_stays_at_home(
    mine: Session, owner_engine: Engine, two: tuple[Tenant, Tenant], table: Table
) -> None:
    if table.name in CHANGEABLE:
        at_home = mine.scalar(select(func.count()).select_from(table))
        statement = update(table).values(created_or(table, a_row(owner_engine, table, two[0]), "id"))
        assert mine.execute(statement).rowcount == at_home  # type: ignore[attr-defined]


@pytest.mark.attack("tenants", "a row that is moved to another organization, in every table", "row security refuses")
def test_update_into_another(mine: Session, two: tuple[Tenant, Tenant], table: Table) -> None:
    assert refused(mine, update(table).values({owner_of(table): two[1].id})) == "42501"


def test_delete(mine: Session, owner_engine: Engine, two: tuple[Tenant, Tenant], table: Table) -> None:
    def remove(whose: Tenant) -> Any:
        return delete(table).where(table.c.id == a_row(owner_engine, table, whose)["id"])

    if table.name in DELETABLE:
        assert mine.execute(remove(two[1])).rowcount == 0  # type: ignore[attr-defined]
        assert mine.execute(remove(two[0])).rowcount == 1  # type: ignore[attr-defined]
    elif table.name in REFERRED_TO:
        assert mine.execute(remove(two[1])).rowcount == 0  # type: ignore[attr-defined]
        assert refused(mine, remove(two[0])) == "23503"
    else:
        assert refused(mine, remove(two[1])) == refused(mine, remove(two[0])) == "42501"


def test_nothing_without_an_organization(
    database: Database, owner_engine: Engine, two: tuple[Tenant, Tenant], table: Table
) -> None:
    row = a_row(owner_engine, table, two[0])
    with database.doors() as session:
        assert session.scalars(select(table.c.id)).all() == []
        assert refused(session, insert(table).values(row | {"id": uuid4()} | UNIQUE.get(table.name, {}))) == "42501"
        if table.name in CHANGEABLE:
            assert session.execute(update(table).values(created_or(table, row, "id"))).rowcount == 0  # type: ignore[attr-defined]


def test_an_organization_does_not_outlast_its_transaction(postgres: Any, two: tuple[Tenant, Tenant]) -> None:
    one_connection = Database(postgres.app_url, pool=1)
    try:
        with one_connection.transaction(two[0].id) as session:
            backend = session.scalar(select(func.pg_backend_pid()))
            assert session.get(Connection, two[0].connection.id)
        with one_connection.doors() as session:
            assert session.scalar(select(func.pg_backend_pid())) == backend
            assert session.get(Connection, two[0].connection.id) is None
    finally:
        one_connection.dispose()


@pytest.mark.parametrize("child", ["forms", "credentials", "uploads", "links", "attempts", "webhook_secrets"])
def test_references_stay_at_home(mine: Session, owner_engine: Engine, two: tuple[Tenant, Tenant], child: str) -> None:
    table = TABLES[child]
    others = {"links": "form_id", "attempts": "upload_id", "webhook_secrets": "endpoint_id"}
    parent = others.get(child, "connection_id")
    theirs = a_row(owner_engine, table, two[1])[parent]
    row = a_row(owner_engine, table, two[0]) | {"id": uuid4()} | UNIQUE[child]
    assert refused(mine, insert(table).values(row | {parent: theirs})) == "23503"  # foreign key


def test_the_house_and_the_organizations_keep_apart(
    database: Database, vault: Vault, two: tuple[Tenant, Tenant], mine: Session
) -> None:
    lender = house(database, vault, name=f"house-{secrets.token_hex(4)}")
    with database.transaction(HOUSE) as session:
        tokens.create(session, organization_id=None, name="house", scopes=[])
        audit.write(session, organization_id=None, actor="x", action="x", subject=lender, now=NOW)
    for name in ("connections", "credentials", "data_keys", "api_tokens", "audit_entries"):
        table = TABLES[name]
        assert set(mine.scalars(select(table.c.organization_id))) == {two[0].id}
        with database.transaction(HOUSE) as session:
            assert set(session.scalars(select(table.c.organization_id))) == {None}
    with database.transaction(HOUSE) as session:
        assert session.scalars(select(TABLES["uploads"].c.id)).all() == []


def test_what_is_lent_is_read_and_no_more(database: Database, vault: Vault, two: tuple[Tenant, Tenant]) -> None:
    credentials, data_keys = TABLES["credentials"], TABLES["data_keys"]
    lender = house(database, vault, name=f"lender-{secrets.token_hex(4)}")
    other = house(database, vault, name=f"other-{secrets.token_hex(4)}")
    borrower = tenant(database, vault, f"borrower-{secrets.token_hex(4)}")
    borrow(database, vault, borrower.id, lender)
    with database.transaction(borrower.id) as session:
        of_the_house = select(credentials.c.connection_id).where(credentials.c.organization_id.is_(None))
        assert session.scalars(of_the_house).all() == [lender.id] != [other.id]
        assert session.scalars(select(data_keys.c.id).where(data_keys.c.organization_id.is_(None))).all()
        assert session.get(Connection, lender.id) is None
        lent = credentials.c.connection_id == lender.id
        assert session.execute(update(credentials).where(lent).values(last_four="")).rowcount == 0  # type: ignore[attr-defined]
        assert session.execute(delete(credentials).where(lent)).rowcount == 0  # type: ignore[attr-defined]
    with database.transaction(two[0].id) as session:
        assert session.scalars(of_the_house).all() == []
        assert session.scalars(select(data_keys.c.id).where(data_keys.c.organization_id.is_(None))).all() == []


def test_another_organization_lends_nothing(database: Database, vault: Vault, two: tuple[Tenant, Tenant]) -> None:
    with pytest.raises(NotLent):
        borrow(database, vault, two[0].id, two[1].connection, name="thief")


def created_or(table: Table, row: dict[str, Any], *without: str) -> dict[str, Any]:
    """Values that change nothing, for an update whose effect is counted: the column that least is checked by."""
    likely = ("created_at", "started_at", "at", "failures", "id")
    column = next(name for name in likely if name in table.c and name not in without)
    return {column: row[column]}


def test_every_table_is_looked_at() -> None:
    assert set(UNIQUE) | ONE_EACH | SEALED == set(TABLES)
    assert set(Base.metadata.tables) - set(TABLES) == {"processes", "signing_keys", "slots", "tally_marks", *PEOPLE}


def test_people_are_seen_from_the_house_alone(database: Database, two: tuple[Tenant, Tenant]) -> None:
    """Not from the organization that they run either: its pages ask for nobody's password."""
    manager = User(
        email=f"{secrets.token_hex(8)}@example.com",
        name="Ana",
        role=Role.MANAGER,
        manages=two[0].id,
        password_hash="x",
        handle=secrets.token_bytes(16),
    )
    with database.transaction(HOUSE) as session:
        session.add(manager)
    with database.transaction(HOUSE) as session:
        assert session.get(User, manager.id)
    for seen in (database.transaction(two[0].id), database.doors()):
        with seen as session:
            assert session.scalars(select(User.id)).all() == []
            assert session.execute(update(User).values(name="Eva")).rowcount == 0  # type: ignore[attr-defined]
            copy = {column.name: getattr(manager, column.key) for column in User.__table__.columns}
            assert refused(session, insert(User).values(copy | {"id": uuid4()})) == "42501"
