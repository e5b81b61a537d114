"""However many organizations there are, a door reads what it looks for and nothing beside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

import pytest
from sqlalchemy import Engine, text

from app.database import Database
from app.tenants import links, tokens
from app.tenants.doors import ADMIT
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant

MANY: Final = 2_000
#: What one of them may read, catalogue apart.
FEW: Final = 40

#: So many others, each with its key; gone when the transaction is rolled back.
ORGANIZATIONS: Final = text(
    "INSERT INTO organizations SELECT (made).* FROM (SELECT jsonb_populate_record(o, jsonb_build_object("
    "'id', gen_random_uuid(), 'slug', o.slug || g)) made FROM organizations o, generate_series(1, :many) g "
    "WHERE o.id = :mine) them"
)
KEYS: Final = text(
    "INSERT INTO data_keys (id, organization_id, wrapped, wrapped_prints, created_at) "
    "SELECT gen_random_uuid(), o.id, k.wrapped, k.wrapped_prints, k.created_at FROM organizations o, data_keys k "
    "WHERE k.organization_id = :mine AND o.slug ~ :slug"
)
READ: Final = text("SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables")

Values = Callable[[Tenant], dict[str, Any]]

QUESTIONS: Final[dict[str, tuple[str, Values]]] = {
    "admit": (
        str(ADMIT),
        lambda one: {
            "hash": tokens.token_hash(one.api_token),
            "slug": one.organization.slug,
            "connection": one.connection.name,
            "upload_id": one.upload.id,
        },
    ),
    "form": ("SELECT * FROM ventanilla_find_form(:id)", lambda one: {"id": one.form.public_id}),
    "link": ("SELECT * FROM ventanilla_find_link(:hash)", lambda one: {"hash": links.token_hash(one.link_token)}),
    "organization": ("SELECT ventanilla_find_organization(:slug)", lambda one: {"slug": one.organization.slug}),
    "outcome": (
        "SELECT * FROM ventanilla_find_outcome(:hash)",
        lambda one: {"hash": links.token_hash(one.outcome_token)},
    ),
    "token": ("SELECT * FROM ventanilla_find_token(:hash)", lambda one: {"hash": tokens.token_hash(one.api_token)}),
}


@pytest.fixture(scope="module")
def one(database: Database, vault: Vault) -> Tenant:
    """The one that somebody comes for."""
    return tenant(database, vault, f"t-{secrets.token_hex(6)}")


def rows_read(owner_engine: Engine, one: Tenant, question: str, values: dict[str, Any]) -> int:
    """How many rows a question reads where there are many others."""
    with owner_engine.connect() as connection:
        connection.execute(ORGANIZATIONS, {"mine": one.id, "many": MANY})
        connection.execute(KEYS, {"mine": one.id, "slug": f"^{one.organization.slug}[0-9]+$"})
        before = connection.scalar(READ)
        assert connection.execute(text(question), values).all()
        read: int = connection.scalar(READ) - before
        connection.rollback()
        return read


@pytest.mark.parametrize("door", QUESTIONS)
def test_it_reads_a_few_rows(owner_engine: Engine, one: Tenant, door: str) -> None:
    question, values = QUESTIONS[door]
    assert rows_read(owner_engine, one, question, values(one)) <= FEW


def test_what_no_index_serves_is_seen(owner_engine: Engine, one: Tenant) -> None:
    question = "SELECT id FROM organizations WHERE name = :name"
    assert rows_read(owner_engine, one, question, {"name": one.organization.name}) > MANY
