"""A key stands for one upload, and for another only where nothing came of that."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app import queue
from app.database import Database, utcnow
from app.records import idempotency, jobs
from app.records.idempotency import KEPT, Claim, KeyInUse, Known
from app.records.models import IdempotencyKey, Upload
from app.records.states import State
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

HASH = idempotency.key_hash("k")


@pytest.fixture
def mine(clean: None, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "mine")


def claim(database: Database, whose: Tenant, **told: Any) -> Claim:
    """By the token of the key that every tenant has."""
    with database.transaction(whose.id) as session:
        token_id = session.scalars(select(IdempotencyKey.api_token_id)).first()
    assert token_id
    known: dict[str, Any] = {"token_id": token_id, "key_hash": HASH, "said": b"s"}
    return Claim(**known | told)


def take(database: Database, whose: Tenant, one: Claim, now: Any = NOW) -> None:
    with database.transaction(whose.id) as session:
        idempotency.take(session, one, whose.upload, now)


def find(database: Database, whose: Tenant, one: Claim) -> Known | None:
    with database.transaction(whose.id) as session:
        return idempotency.find(session, one.token_id, one.key_hash)


def test_who_is_first_has_it(database: Database, mine: Tenant) -> None:
    one = claim(database, mine)
    assert find(database, mine, one) is None
    take(database, mine, one)
    found = find(database, mine, one)
    assert found
    assert (found.upload.id, found.key.said, found.key.expires_at) == (mine.upload.id, b"s", NOW + KEPT)
    for instead_of in (None, uuid4()):
        with pytest.raises(KeyInUse):
            take(database, mine, claim(database, mine, instead_of=instead_of))
    take(database, mine, claim(database, mine, instead_of=mine.upload.id, said=b"t"))
    again = find(database, mine, one)
    assert again
    assert (again.key.id, again.key.said) == (found.key.id, b"t")


def test_an_answer_is_that_uploads_and_goes_with_it(database: Database, mine: Tenant) -> None:
    one, later = claim(database, mine), NOW + timedelta(hours=1)
    take(database, mine, one)
    for upload_id, told in ((uuid4(), {"status": 1}), (mine.upload.id, {"status": 2})):
        with database.transaction(mine.id) as session:
            idempotency.answer(session, one.token_id, HASH, upload_id=upload_id, told=told, now=later)
    found = find(database, mine, one)
    assert found
    assert (found.key.answer, found.key.expires_at) == ({"status": 2}, later + KEPT)
    take(database, mine, claim(database, mine, instead_of=mine.upload.id))
    renewed = find(database, mine, one)
    assert renewed
    assert renewed.key.answer is None


@pytest.mark.parametrize(
    ("state", "answered", "expired", "under_way", "free"),
    [
        (State.RECEIVING, False, False, True, False),
        (State.DELIVERING, False, True, True, False),
        (State.DELIVERING, True, True, False, False),
        (State.WAITING, False, False, False, False),
        (State.DELIVERED, False, False, False, False),
        (State.UNKNOWN, False, False, False, False),
        (State.DELIVERED, True, True, False, True),
        (State.FAILED, False, False, False, True),
        (State.REJECTED, False, False, False, True),
        (State.CANCELLED, False, False, False, True),
        (State.FAILED, True, False, False, False),
    ],
)
def test_what_it_stands_for(state: State, answered: bool, expired: bool, under_way: bool, free: bool) -> None:
    until = NOW if expired else NOW + timedelta(seconds=1)
    key = IdempotencyKey(answer={"status": 202} if answered else None, expires_at=until)
    known = Known(key=key, upload=Upload(state=state))
    assert (known.under_way, known.is_free(NOW)) == (under_way, free)


def test_those_whose_time_is_over_are_forgotten(database: Database, worker: Database, mine: Tenant) -> None:
    def known() -> set[bytes]:
        with database.transaction(mine.id) as session:
            return set(session.scalars(select(IdempotencyKey.said)))

    take(database, mine, claim(database, mine, key_hash=b"over", said=b"over"), utcnow() - KEPT)
    take(database, mine, claim(database, mine, key_hash=b"not", said=b"not"), utcnow() - KEPT + timedelta(hours=1))
    assert known() == {b"x", b"over", b"not"}
    jobs.forget_keys(SimpleNamespace(additional_context={queue.DATABASE: worker}), timestamp=0)  # type: ignore[arg-type]
    assert known() == {b"x", b"not"}
