"""What the release before this one needs of the tables is still there, so that its code can go on with them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import Connection, Engine, text

from app.database import Database, is_migrated, migrate
from app.local.postgres import Embedded
from tests.migrations.test_migrations import SCRIPTS
from tests.versions.former import FORMER

#: What code relies on, by name: if it is told another thing, or is gone, that code is in trouble.
RELIED_ON = text("""
    SELECT 'function ' || oid::regprocedure::text AS name,
        pg_get_function_result(oid) || ' for ' || coalesce(roles.names, 'nobody') AS told
    FROM pg_proc, LATERAL (
        SELECT string_agg(a.grantee::regrole::text, ' ' ORDER BY a.grantee::regrole::text) AS names
        FROM aclexplode(proacl) a WHERE a.grantee IN ('ventanilla_app'::regrole, 'ventanilla_worker'::regrole)
    ) roles
    WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'column ' || c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'grant ' || c.relname || ' to ' || g.grantee::regrole || ': ' || g.privilege_type, ''
    FROM pg_class c, aclexplode(c.relacl) g
    WHERE c.relnamespace = 'public'::regnamespace AND g.grantee <> 0
    UNION ALL
    SELECT 'grant ' || c.relname || '.' || a.attname || ' to ' || g.grantee::regrole || ': ' || g.privilege_type, ''
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) g
    WHERE c.relnamespace = 'public'::regnamespace AND g.grantee <> 0
""")
#: Columns that a row cannot be written without naming.
DEMANDED = text("""
    SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND c.relname = ANY(:tables)
""")
TABLES = text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")


def relied_on(connection: Connection) -> Mapping[str, str]:
    return {row.name: row.told for row in connection.execute(RELIED_ON)}


def demanded(connection: Connection, tables: list[str]) -> set[str]:
    return set(connection.scalars(DEMANDED, {"tables": tables}))


def missing(former: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What the former release would look for in vain."""
    return sorted(name for name, told in former.items() if now.get(name) != told)


@pytest.fixture
def former(fresh: Embedded, owner: Engine) -> tuple[Mapping[str, str], set[str], list[str]]:
    """What it relied on, what it wrote, and in which tables."""
    migrate(fresh.owner_url, FORMER)
    with owner.connect() as connection:
        tables = list(connection.scalars(TABLES))
        return relied_on(connection), demanded(connection, tables), tables


def test_nothing_is_taken_from_the_former_release(
    fresh: Embedded, owner: Engine, former: tuple[Mapping[str, str], set[str], list[str]]
) -> None:
    relied, wrote, tables = former
    migrate(fresh.owner_url)
    with owner.connect() as connection:
        assert missing(relied, relied_on(connection)) == []
        assert demanded(connection, tables) - wrote == set(), "it would write rows without these"


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("ALTER TABLE uploads DROP COLUMN facts CASCADE", "column uploads.facts"),
        ("ALTER TABLE links RENAME COLUMN uses TO used", "column links.uses"),
        ("ALTER TABLE links ALTER COLUMN uses TYPE bigint", "column links.uses"),
        ("DROP FUNCTION ventanilla_find_form", "function ventanilla_find_form(text)"),
        ("REVOKE INSERT ON attempts FROM ventanilla_worker", "grant attempts to ventanilla_worker: INSERT"),
    ],
)
def test_what_is_taken_is_noticed(
    owner: Engine, former: tuple[Mapping[str, str], set[str], list[str]], step: str, name: str
) -> None:
    with owner.connect() as connection:
        connection.exec_driver_sql(step)
        assert name in missing(former[0], relied_on(connection))


def test_a_column_that_has_to_be_told_is_noticed(
    owner: Engine, former: tuple[Mapping[str, str], set[str], list[str]]
) -> None:
    with owner.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE uploads ADD COLUMN colour text NOT NULL")
        assert demanded(connection, former[2]) - former[1] == {"uploads.colour"}


def test_later_tables_serve_until_they_say_otherwise(fresh: Embedded, owner: Engine) -> None:
    migrate(fresh.owner_url)
    app = Database(fresh.app_url, pool=1)
    head = SCRIPTS.get_current_head()
    with owner.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9998'")
    assert is_migrated(app)
    with owner.begin() as connection:
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION ventanilla_serves(head text) RETURNS boolean LANGUAGE sql "
            "RETURN head BETWEEN '9997' AND '9998'"
        )
    assert not is_migrated(app), f"{head} is too old for them"
    app.dispose()


def test_earlier_tables_do_not_serve(fresh: Embedded, owner: Engine) -> None:
    migrate(fresh.owner_url)
    app = Database(fresh.app_url, pool=1)
    with owner.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0028'")
    assert not is_migrated(app)
    app.dispose()
