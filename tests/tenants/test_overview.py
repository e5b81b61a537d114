"""The transaction that sees all organizations: what it may read, that it changes nothing, and that nobody else does."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.database import Base, Database
from app.tenants.models import Connection, Organization
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant
from tests.tenants.test_catalogue import COLUMN_GRANTS, GRANTS

#: What it reads, written down by hand: a new table or column is nobody's here until somebody says so.
WHOLE = {
    "organizations": "SELECT",
    "connections": "SELECT",
    "forms": "SELECT",
    "breakers": "SELECT",
    "webhook_endpoints": "SELECT",
    "tallies": "SELECT",
    "processes": "SELECT",
}
#: Of these tables all columns but those.
BUT = {
    "uploads": {"outcome_hash", "metadata", "process_id"},
    "attempts": {"process_id", "baseline"},
    "links": {"token_hash", "passphrase_hash"},
    "api_tokens": {"token_hash"},
    "credentials": {"ciphertext"},
    "copies": {"sealed"},
    "receipts": {"body", "hash", "signature", "key_id"},
    "audit_entries": {"previous", "signature", "key_id"},
    "webhook_deliveries": {"body"},
}
#: And nothing at all of these.
NOTHING = {
    "data_keys",
    "idempotency_keys",
    "outcome_mails",
    "certificate_notices",
    "certificate_mails",
    "resumables",
    "spool_promises",
    "chain_heads",
    "signing_keys",
    "slots",
    "tally_marks",
    "webhook_secrets",
    "users",
    "passkeys",
    "user_sessions",
    "invitations",
    "password_resets",
    "sign_in_tries",
}


@pytest.fixture(scope="module")
def two(database: Database, vault: Vault) -> tuple[Tenant, Tenant]:
    suffix = secrets.token_hex(4)
    return tenant(database, vault, f"one-{suffix}"), tenant(database, vault, f"other-{suffix}")


def refused(session: Session, statement: str) -> str:
    """Run a statement that the database has to refuse; its code."""
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(statement))
    assert isinstance(caught.value.orig, psycopg.Error)
    return str(caught.value.orig.sqlstate)


def test_it_sees_all_and_only_so(database: Database, two: tuple[Tenant, Tenant]) -> None:
    ids = {one.id for one in two}
    of_both = select(Connection.organization_id).where(Connection.organization_id.in_(ids))
    with database.overview() as session:
        assert set(session.scalars(of_both)) == ids
    with database.doors() as session:
        assert session.scalars(of_both).all() == []
    with database.transaction(two[0].id) as session:
        assert set(session.scalars(of_both)) == {two[0].id}
        assert session.scalars(select(Organization.id)).all() == [two[0].id]


def test_it_does_not_outlast_its_transaction(database: Database, postgres: object, two: tuple[Tenant, Tenant]) -> None:
    one_connection = Database(postgres.app_url, pool=1)  # type: ignore[attr-defined]
    try:
        with one_connection.overview() as session:
            backend = session.scalar(select(func.pg_backend_pid()))
            assert session.scalar(text("SELECT current_user")) == "ventanilla_overview"
        with one_connection.transaction(two[0].id) as session:
            assert session.scalar(select(func.pg_backend_pid())) == backend
            assert session.scalar(text("SELECT current_user")) == "ventanilla_app"
            assert session.scalars(select(Organization.id)).all() == [two[0].id]
            session.execute(text("UPDATE organizations SET name = name"))
    finally:
        one_connection.dispose()


def test_nothing_is_changed_through_it(database: Database) -> None:
    with database.overview() as session:
        assert refused(session, "UPDATE organizations SET name = 'theirs'") == "25006"  # read-only transaction
        assert refused(session, "DELETE FROM copies") == "25006"
        assert refused(session, "SET TRANSACTION READ WRITE") == "25001"


def test_the_role_could_not_even_if_it_might_write(database: Database) -> None:
    with database.doors() as session:
        session.execute(text("SET LOCAL ROLE ventanilla_overview"))
        assert refused(session, "UPDATE organizations SET name = 'theirs'") == "42501"
        assert refused(session, "INSERT INTO processes SELECT * FROM processes") == "42501"


@pytest.mark.parametrize(
    "secret",
    [
        "ciphertext FROM credentials",
        "wrapped FROM data_keys",
        "token_hash FROM api_tokens",
        "passphrase_hash FROM links",
        "outcome_hash FROM uploads",
        "metadata FROM uploads",
        "sealed FROM copies",
        "sealed FROM webhook_secrets",
        "wrapped FROM signing_keys",
    ],
)
def test_no_secret_is_read_through_it(database: Database, secret: str) -> None:
    with database.overview() as session:
        assert refused(session, f"SELECT {secret}") == "42501"


def test_what_it_may_read_is_this_and_no_more(owner_engine: Engine) -> None:
    role = {"role": "ventanilla_overview"}
    with owner_engine.connect() as owner:
        tables = {row.relname: row.privileges for row in owner.execute(GRANTS, role)}
        columns = {row.relname: row.privileges for row in owner.execute(COLUMN_GRANTS, role)}
        functions = owner.scalars(
            text("SELECT proname FROM pg_proc, aclexplode(proacl) a WHERE a.grantee = CAST(:role AS regrole)"), role
        )
        assert set(functions) == {"ventanilla_called", "ventanilla_words", "ventanilla_terms", "ventanilla_sought"}
    assert tables == WHOLE
    assert columns == {
        name: " ".join(("SELECT", *sorted({column.name for column in Base.metadata.tables[name].c} - hidden)))
        for name, hidden in BUT.items()
    }


def test_every_table_is_looked_at() -> None:
    assert set(Base.metadata.tables) == set(WHOLE) | set(BUT) | NOTHING


def test_only_the_app_takes_it_on_and_inherits_nothing(owner_engine: Engine) -> None:
    members = text("""
        SELECT member::regrole::text, pg_has_role(member, roleid, 'USAGE'), pg_has_role(member, roleid, 'SET')
        FROM pg_auth_members
        WHERE roleid = 'ventanilla_overview'::regrole AND member <> current_user::regrole
    """)
    alone = text("SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname = 'ventanilla_overview'")
    with owner_engine.connect() as owner:
        assert owner.execute(members).all() == [("ventanilla_app", False, True)]
        assert owner.scalar(alone) is False
