"""What the database's own catalogue says: row security in force everywhere, doors shut to the public, least grants."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

#: Tables with rows of organizations that are not bound, or whose roles have no policy.
UNBOUND = text("""
    SELECT c.relname FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
      AND (c.relname = 'organizations' OR EXISTS (
          SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id'))
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND (
          SELECT array_agg(DISTINCT role::regrole::text) @> ARRAY['ventanilla_app', 'ventanilla_worker']
          FROM pg_policy p, unnest(p.polroles) role WHERE p.polrelid = c.oid AND p.polcmd = '*') IS TRUE)
    ORDER BY 1
""")
#: Policies that let the gateway's roles by without asking whose the row is.
OPEN_TO_ALL = text("""
    SELECT c.relname || '.' || p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE p.polroles && ARRAY[0, 'ventanilla_app'::regrole, 'ventanilla_worker'::regrole]::oid[]
      AND pg_get_expr(p.polqual, p.polrelid) !~ 'ventanilla_(organization|is_house)'
""")
#: Functions that run as their owner: which have no search path of their own, and whom the public may call.
DOORS = text("""
    SELECT proname, proconfig, proacl::text FROM pg_proc
    WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1
""")
GRANTS = text("""
    SELECT c.relname, string_agg(DISTINCT a.privilege_type, ' ' ORDER BY a.privilege_type) AS privileges
    FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.grantee = CAST(:role AS regrole)
      AND c.relname !~ '^procrastinate_'
    GROUP BY 1
""")
PEOPLE = ["users", "passkeys", "user_sessions", "invitations", "password_resets", "sign_in_tries"]
#: Tables of people that more than the house sees.
NOT_THE_HOUSES = text("""
    SELECT c.relname FROM pg_class c WHERE c.oid = ANY(CAST(:tables AS regclass[]))
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND (
          SELECT array_agg(pg_get_expr(p.polqual, p.polrelid)) = ARRAY['ventanilla_is_house()'] FROM pg_policy p
          WHERE p.polrelid = c.oid AND p.polname <> 'owner') IS TRUE)
""")
COLUMN_GRANTS = text("""
    SELECT c.relname, a.privilege_type || ' ' || string_agg(t.attname, ' ' ORDER BY t.attname) AS privileges
    FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
    WHERE a.grantee = CAST(:role AS regrole) GROUP BY 1, a.privilege_type
""")

APP = {
    "alembic_version": "SELECT",
    "organizations": "INSERT SELECT UPDATE",
    "connections": "INSERT SELECT UPDATE",
    "data_keys": "INSERT SELECT",
    "credentials": "DELETE INSERT SELECT UPDATE",
    "forms": "INSERT SELECT UPDATE",
    "links": "INSERT SELECT UPDATE",
    "api_tokens": "INSERT SELECT UPDATE",
    "uploads": "INSERT SELECT UPDATE",
    "attempts": "INSERT SELECT UPDATE",
    "copies": "DELETE INSERT SELECT UPDATE",
    "spool_promises": "DELETE INSERT SELECT UPDATE",
    "outcome_mails": "INSERT SELECT UPDATE",
    "certificate_notices": "SELECT",
    "certificate_mails": "SELECT",
    "idempotency_keys": "INSERT SELECT UPDATE",
    "resumables": "INSERT SELECT UPDATE",
    "breakers": "INSERT SELECT UPDATE",
    "audit_entries": "INSERT SELECT",
    "webhook_endpoints": "DELETE INSERT SELECT UPDATE",
    "webhook_secrets": "DELETE INSERT SELECT UPDATE",
    "webhook_deliveries": "DELETE SELECT UPDATE",
    "receipts": "SELECT",
    "chain_heads": "SELECT",
    "processes": "DELETE INSERT SELECT UPDATE",
    "slots": "INSERT SELECT UPDATE",
    "tallies": "SELECT",
    "users": "INSERT SELECT UPDATE",
    "passkeys": "DELETE INSERT SELECT UPDATE",
    "user_sessions": "DELETE INSERT SELECT UPDATE",
    "invitations": "INSERT SELECT UPDATE",
    "password_resets": "DELETE INSERT SELECT",
    "sign_in_tries": "DELETE INSERT SELECT UPDATE",
}
WORKER = {
    "alembic_version": "SELECT",
    "organizations": "SELECT",
    "connections": "SELECT",
    "data_keys": "INSERT SELECT",
    "credentials": "SELECT",
    "forms": "SELECT",
    "links": "INSERT SELECT",
    "uploads": "SELECT UPDATE",
    "attempts": "INSERT SELECT UPDATE",
    "copies": "DELETE INSERT SELECT UPDATE",
    "outcome_mails": "DELETE SELECT UPDATE",
    "certificate_notices": "INSERT SELECT",
    "certificate_mails": "DELETE INSERT SELECT UPDATE",
    "idempotency_keys": "DELETE SELECT",
    "resumables": "DELETE SELECT UPDATE",
    "breakers": "INSERT SELECT UPDATE",
    "audit_entries": "INSERT SELECT",
    "webhook_endpoints": "SELECT",
    "webhook_secrets": "SELECT",
    "webhook_deliveries": "INSERT SELECT UPDATE",
    "receipts": "INSERT SELECT",
    "chain_heads": "INSERT SELECT UPDATE",
    "signing_keys": "INSERT SELECT",
    "processes": "DELETE INSERT SELECT UPDATE",
    "slots": "DELETE INSERT SELECT UPDATE",
}


POLICY = (
    "CREATE POLICY organization ON forgotten TO ventanilla_app, ventanilla_worker "
    "USING (organization_id = ventanilla_organization())"
)


@pytest.fixture
def owner(owner_engine: Engine) -> Any:
    """A transaction of the tables' owner, undone at the end."""
    with owner_engine.connect() as connection:
        yield connection


def test_every_table_of_organizations_is_bound(owner: Connection) -> None:
    assert owner.scalars(UNBOUND).all() == []
    assert owner.scalars(OPEN_TO_ALL).all() == []


@pytest.mark.parametrize(
    "forgetting",
    [
        "SELECT 1",
        "ALTER TABLE forgotten ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE forgotten ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE forgotten ENABLE ROW LEVEL SECURITY; {POLICY}",
    ],
    ids=["nothing", "not forced", "no policy", "policy, not forced"],
)
def test_a_forgotten_table_is_noticed(owner: Connection, forgetting: str) -> None:
    owner.exec_driver_sql("CREATE TABLE forgotten (organization_id uuid)")
    owner.exec_driver_sql(forgetting)
    assert owner.scalars(UNBOUND).all() == ["forgotten"]


def test_a_policy_that_asks_nothing_is_noticed(owner: Connection) -> None:
    owner.exec_driver_sql("CREATE POLICY x ON uploads USING (true)")
    assert owner.scalars(OPEN_TO_ALL).all() == ["uploads.x"]


def test_people_are_the_houses(owner: Connection) -> None:
    assert owner.scalars(NOT_THE_HOUSES, {"tables": PEOPLE}).all() == []
    owner.exec_driver_sql("CREATE POLICY more ON users TO ventanilla_worker USING (ventanilla_is_house())")
    assert owner.scalars(NOT_THE_HOUSES, {"tables": PEOPLE}).all() == ["users"]


def test_doors_have_one_search_path_and_no_public(owner: Connection) -> None:
    doors = owner.execute(DOORS).all()
    assert len(doors) == 34
    for name, settings, grants in doors:
        assert settings == ["search_path=pg_catalog, pg_temp"], name
        assert grants, f"{name} has never had its grants set: the public may execute it"
        assert not re.search(r"[{,]=", grants), f"{name}: the public may execute it"


@pytest.mark.parametrize(("role", "expected"), [("ventanilla_app", APP), ("ventanilla_worker", WORKER)])
def test_grants_are_these_and_no_more(owner: Connection, role: str, expected: dict[str, str]) -> None:
    found = {row.relname: row.privileges for row in owner.execute(GRANTS, {"role": role})}
    assert found == expected


def test_grants_on_columns(owner: Connection) -> None:
    def columns(role: str) -> dict[str, str]:
        return {row.relname: row.privileges for row in owner.execute(COLUMN_GRANTS, {"role": role})}

    assert columns("ventanilla_app") == {
        "procrastinate_jobs": "SELECT id queueing_lock",
        "signing_keys": "SELECT created_at id kid public retired_at",
    }
    assert columns("ventanilla_worker") == {
        "audit_entries": "UPDATE key_id number previous signature",
        "connections": "UPDATE next_check_at paused_at paused_because verified_at",
        "credentials": "UPDATE ciphertext fingerprint last_four",
        "links": "UPDATE revoked_at uses",
        "signing_keys": "UPDATE retired_at",
        "webhook_endpoints": (
            "UPDATE delivered_at disabled_at disabled_because failing_since failures held_until quiet_until"
        ),
    }


def test_the_roles_are_bound_by_row_security(owner: Connection) -> None:
    mighty = text("SELECT rolname FROM pg_roles WHERE rolname ~ '^ventanilla' AND (rolsuper OR rolbypassrls)")
    assert owner.scalars(mighty).all() == []
    members = text(
        "SELECT member::regrole || ' as ' || roleid::regrole FROM pg_auth_members "
        "WHERE member::regrole::text IN ('ventanilla_app', 'ventanilla_worker')"
    )
    assert owner.scalars(members).all() == ["ventanilla_app as ventanilla_overview"]
