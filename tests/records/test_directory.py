"""Organizations and connections among all of them: found by words, narrowed, and in pages that meet no row twice."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from app.database import Database, utcnow
from app.records import directory
from app.records.directory import Listed, Sought, Standing
from app.tenants import connections, organizations
from app.tenants.models import Organization
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, borrow, house, tenant

MONTH = datetime(2026, 11, 1, tzinfo=UTC)


def listed(
    database: Database, words: str | None = None, *, limit: int = 50, after: str = "", **sought: Any
) -> Sequence[Listed]:
    with database.overview() as session:
        return directory.organizations(
            session,
            Sought(words=words, **sought),
            now=NOW,
            month=MONTH,
            after=after,
            limit=limit,
        )


@pytest.fixture
def word() -> str:
    return f"w{secrets.token_hex(6)}"


@pytest.fixture
def mine(database: Database, vault: Vault, word: str) -> Tenant:
    return tenant(database, vault, f"t-{word}")


@pytest.mark.parametrize("asked", ["{word}", "T-{word}", "{start}", "Ñandú {word}", "nandu {word}", "eku9003 {word}"])
def test_by_words_of_slug_name_and_rfc(database: Database, mine: Tenant, word: str, asked: str) -> None:
    with database.transaction(mine.id) as session:
        organizations.edit(organizations.get(session, mine.id), name=f"El ñandú {word}", rfc="EKU9003173C9")
    found = listed(database, asked.format(word=word, start=word[:9]))
    assert [one.id for one in found] == [mine.id]
    assert listed(database, f"{word} nothing") == []


def test_what_is_shown_of_each(database: Database, mine: Tenant, word: str) -> None:
    (found,) = listed(database, word)
    assert (found.providers, found.paused, found.left, found.calls) == (["facturapi"], 0, 0, False)
    with database.transaction(mine.id) as session:
        connections.pause(session, mine.connection, "x", NOW)
    (found,) = listed(database, word)
    assert (found.paused, found.calls) == (1, True)


def test_narrowed(database: Database, mine: Tenant, word: str) -> None:
    def slugs(**sought: Any) -> list[str]:
        return [one.slug for one in listed(database, word, **sought)]

    assert slugs(standing=Standing.OPEN) == slugs(provider="facturapi") == slugs() == [mine.organization.slug]
    assert slugs(standing=Standing.SUSPENDED) == slugs(provider="codat") == slugs(calling=True) == []
    with database.transaction(mine.id) as session:
        connections.pause(session, mine.connection, "x", NOW)
        row = organizations.get(session, mine.id)
        row.suspended_at = NOW
    assert slugs(calling=True) == slugs(standing=Standing.SUSPENDED) == [mine.organization.slug]
    with database.transaction(mine.id) as session:
        organizations.get(session, mine.id).deletes_at = NOW
    assert slugs(standing=Standing.DELETING) == slugs() == [mine.organization.slug]
    assert slugs(standing=Standing.SUSPENDED) == slugs(standing=Standing.OPEN) == []
    with database.transaction(mine.id) as session:
        organizations.get(session, mine.id).deleted_at = NOW
    assert slugs(standing=Standing.DELETED) == [mine.organization.slug]
    assert slugs() == []


def test_pages_meet_each_once(database: Database, word: str) -> None:
    made = sorted(organizations.add(database, slug=f"{word}-{number}", name=word).slug for number in range(5))
    seen: list[str] = []
    while page := listed(database, word, limit=2, after=seen[-1] if seen else ""):
        seen += [one.slug for one in page]
    assert seen == made


def test_uploads_of_the_month_are_those_that_are_counted(
    database: Database, owner_engine: Engine, mine: Tenant, word: str
) -> None:
    with owner_engine.begin() as connection:
        for hour, count in ((MONTH, 2), (MONTH + timedelta(days=3), 5), (MONTH - timedelta(hours=1), 100)):
            connection.execute(
                text(
                    "INSERT INTO tallies (id, organization_id, hour, operation, states, bytes, answers, problems) "
                    "VALUES (gen_random_uuid(), :whose, :hour, 'x', "
                    "jsonb_build_object('delivered', :n, 'failed', 1), 0, '{}', '{}')"
                ),
                {"whose": mine.id, "hour": hour, "n": count},
            )
    (found,) = listed(database, word)
    assert found.uploads == 2 + 5 + 2


def test_a_page_of_fifty_thousand_reads_no_table_of_them(database: Database, owner_engine: Engine) -> None:
    """By words and by place there is an index, which the planner takes where a table is large."""
    with owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        for wanted in (
            select(Organization).where(Organization.slug > "m").order_by(Organization.slug).limit(50),
            select(Organization).where(directory.WORDS.bindparams(words="acme")),
        ):
            query = wanted.compile(connection, compile_kwargs={"literal_binds": True})
            plan = " ".join(connection.scalars(text(f"EXPLAIN {query}".replace(":", r"\:"))))
            assert "Seq Scan" not in plan, plan


def test_connections_of_all_and_the_house(database: Database, vault: Vault, mine: Tenant, word: str) -> None:
    lender = house(database, vault, name=f"h-{word}")
    borrow(database, vault, mine.id, lender, name=f"b-{word}")
    with database.transaction(mine.id) as session:
        connections.pause(session, mine.connection, "credential-refused", NOW)
        row = connections.by_name(session, f"b-{word}")
        assert row
        row.credential_ends_at = NOW + timedelta(days=3)

    def found(**sought: Any) -> list[tuple[str | None, str]]:
        with database.overview() as session:
            rows = directory.ways(session, limit=10_000, **sought)
        return [(one.organization, one.name) for one in rows if word in f"{one.organization} {one.name}"]

    slug = mine.organization.slug
    assert found() == [(None, f"h-{word}"), (slug, f"b-{word}"), (slug, "facturapi")]
    assert found(paused=True) == [(slug, "facturapi")]
    assert found(ending_before=NOW + timedelta(days=30)) == [(slug, f"b-{word}")]
    assert found(provider="codat") == []
    assert found(after=(slug, f"b-{word}")) == [(slug, "facturapi")]
    with database.overview() as session:
        (lends,) = [one for one in directory.ways(session, limit=10_000) if one.id == lender.id]
    assert lends.borrowers == 1


def test_standing() -> None:
    moments = {"suspended_at": utcnow(), "deletes_at": utcnow(), "deleted_at": utcnow()}
    kinds = [directory.standing(Organization(**dict(list(moments.items())[:count]))) for count in range(4)]
    assert kinds == list(Standing)
