"""The migrations make what the models say, can be taken back, and can run anywhere and at the same time."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from app import database
from app.database import Base, Database, driver_url, is_migrated, is_reachable, migrate
from app.local.postgres import Embedded
from app.records.states import State
from app.tenants.models import Environment

SCRIPTS = ScriptDirectory.from_config(database._alembic())
ROLES = text(
    "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls FROM pg_roles "
    "WHERE rolname ~ '^ventanilla_(app|worker)$' ORDER BY rolname"
)
CHECKS = text(
    "SELECT conname, pg_get_constraintdef(oid) AS condition FROM pg_constraint WHERE contype = 'c' AND conname ~ '^ck_'"
)

#: Everything in the schema, as text to compare.
EVERYTHING = text("""
    SELECT 'function', oid::regprocedure::text, md5(pg_get_functiondef(oid)) || coalesce(proacl::text, '') FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type', typname, (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum
                                       WHERE enumtypid = t.oid) FROM pg_type t
    WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'column', table_name || '.' || column_name, concat(data_type, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'policy', tablename || '.' || policyname, roles::text || cmd || qual || coalesce(with_check, '')
    FROM pg_policies
    UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'table', relname, coalesce(relacl::text, '') || relrowsecurity || relforcerowsecurity FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
""")


def go(connection: Connection, revision: str) -> None:
    """Take the tables back to a revision."""
    config = database._alembic()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def everything(owner: Engine) -> set[tuple[str, ...]]:
    """What there is, but for alembic's own table."""
    with owner.connect() as connection:
        return {tuple(row) for row in connection.execute(EVERYTHING) if "alembic_version" not in str(row)}


def test_the_models_are_what_the_migrations_make(fresh: Embedded, owner: Engine) -> None:
    migrate(fresh.owner_url)
    with owner.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "include_name": _ours}
        )
        assert compare_metadata(context, Base.metadata) == []


def _ours(name: str | None, kind: str, _: object) -> bool:
    return not (kind == "table" and str(name).startswith("procrastinate_"))


def test_checks_are_what_the_models_say(fresh: Embedded, owner: Engine) -> None:
    """Alembic does not compare checks: their names, and the values of states and environments, are compared here."""
    migrate(fresh.owner_url)
    with owner.connect() as connection:
        found = {row.conname: row.condition for row in connection.execute(CHECKS)}
    models = {
        str(c.name) for t in Base.metadata.tables.values() for c in t.constraints if str(c.name).startswith("ck_")
    }
    assert set(found) == models
    assert all(f"'{state}'" in found["ck_uploads_state"] for state in State)
    assert all(f"'{environment}'" in found["ck_connections_environment"] for environment in Environment)


def test_there_and_back(fresh: Embedded, owner: Engine) -> None:
    empty = everything(owner)
    migrate(fresh.owner_url)
    first = everything(owner)
    with owner.begin() as connection:
        go(connection, "base")
    assert everything(owner) == empty
    migrate(fresh.owner_url)
    assert everything(owner) == first != empty


@pytest.mark.parametrize("revision", [script.revision for script in SCRIPTS.walk_revisions()])
def test_each_step_there_and_back(fresh: Embedded, owner: Engine, revision: str) -> None:
    migrate(fresh.owner_url, revision)
    there = everything(owner)
    with owner.begin() as connection:
        go(connection, "-1")
    migrate(fresh.owner_url, revision)
    assert everything(owner) == there


def test_again_changes_nothing(fresh: Embedded, owner: Engine) -> None:
    migrate(fresh.owner_url)
    before = everything(owner)
    migrate(fresh.owner_url)
    assert everything(owner) == before


def test_at_the_same_time(fresh: Embedded, owner: Engine) -> None:
    code = f"from app.database import *; migrate(SecretStr({fresh.owner_url.get_secret_value()!r}))"
    nodes = [subprocess.Popen([sys.executable, "-c", code], cwd=database.MIGRATIONS.parent) for _ in range(2)]
    assert [node.wait(timeout=60) for node in nodes] == [0, 0]
    app = Database(fresh.app_url, pool=1)
    assert is_migrated(app)
    app.dispose()


def test_all_or_nothing(fresh: Embedded, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE procrastinate_jobs (id bigint)")  # in the way of the second
    with pytest.raises(DBAPIError, match="already exists") as caught:
        migrate(fresh.owner_url)
    assert "CREATE" not in str(caught.value)
    app = Database(fresh.app_url, pool=1)
    assert is_reachable(app)
    assert not is_migrated(app)
    app.dispose()
    with owner.connect() as connection:
        assert not connection.scalar(text("SELECT to_regclass('organizations')"))


def test_an_older_state_is_not_this_version(fresh: Embedded, owner: Engine) -> None:
    migrate(fresh.owner_url, "0001")
    app = Database(fresh.app_url, pool=1)
    assert not is_migrated(app)
    app.dispose()


def test_missing_roles_are_made_without_login(place: Path) -> None:
    with Embedded(place / "roles", durable=False) as server:
        engine = create_engine(driver_url(server.owner_url).replace("postgresql://", "postgresql+psycopg://", 1))
        with engine.begin() as connection:
            connection.exec_driver_sql("REVOKE ALL ON DATABASE ventanilla FROM ventanilla_app, ventanilla_worker")
            connection.exec_driver_sql("DROP ROLE ventanilla_app, ventanilla_worker")
        migrate(server.owner_url)
        with engine.connect() as connection:
            found = connection.execute(ROLES).all()
        engine.dispose()
    assert found == [("ventanilla_app", False, False, False), ("ventanilla_worker", False, False, False)]


def test_no_step_of_the_queues_library_is_missed() -> None:
    """A newer library may bring a change to its tables; then a revision has to bring it too."""
    folder = resources.files("procrastinate.sql") / "migrations"
    shipped = {step.name for step in folder.iterdir() if step.name.endswith(".sql")}
    known = {getattr(script.module, "QUEUE_STEP", "") for script in SCRIPTS.walk_revisions()}
    assert max(known) == max(shipped)
