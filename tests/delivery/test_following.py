"""What a provider does with what was delivered: followed by jobs until it is done, and written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from app import queue
from app.database import Database
from app.delivery import Deliverer, following
from app.providers import registry
from app.providers.base import Ending, Outcome
from app.records.processes import Work
from app.tenants import connections
from app.tenants.models import Connection
from tests.delivery.streaming import Played
from tests.delivery.tenant import Tenant
from tests.delivery.test_stream import stream

PROCESSING = Outcome(ending=Ending.DELIVERED, reference="ref", provider_status="processing")
READY = Outcome(ending=Ending.DELIVERED, provider_status="ready", facts={"pages": 7})
BROKEN = Outcome(ending=Ending.DELIVERED, provider_status="failed")
NOTHING = Outcome(ending=Ending.RETRY, problem="provider-busy")
JOBS = text("SELECT args, scheduled_at - now() AS due FROM procrastinate_jobs WHERE task_name = 'follow' ORDER BY id")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    provider = Played(ending=PROCESSING)
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


class Silent(Played):
    """Works on what it has, and tells nobody."""

    follow = None  # type: ignore[assignment]


@dataclass
class Context:
    additional_context: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Follower:
    """A worker at one upload."""

    tenant: Tenant
    worker: Database
    engine: Engine
    upload_id: Any
    deliverer: Deliverer

    def look(self, looks: int = 0) -> None:
        context = Context({following.DELIVERER: self.deliverer, queue.DATABASE: self.worker})
        told: dict[str, Any] = {
            "organization": str(self.tenant.organization.id),
            "upload": str(self.upload_id),
            "looks": looks,
        }
        following.follow(cast("Any", context), **told)

    def jobs(self) -> list[tuple[int, float]]:
        """Looks that are to come, and in how many seconds."""
        with self.engine.connect() as connection:
            rows = connection.execute(JOBS).all()
        return [
            (row.args["looks"], row.due.total_seconds()) for row in rows if row.args["upload"] == str(self.upload_id)
        ]

    @property
    def told(self) -> tuple[str | None, list[str]]:
        upload = self.tenant.upload(self.upload_id)
        return upload.provider_status, [entry.action for entry in self.tenant.audit(upload)][2:]


@pytest.fixture
def follower(tenant: Tenant, played: Played, worker: Database, owner_engine: Engine) -> Iterator[Follower]:
    upload_id = stream(tenant).upload_id
    deliverer = Deliverer(worker, tenant.vault, tenant.spool, tenant.settings, tenant.clock, Work())
    yield Follower(tenant=tenant, worker=worker, engine=owner_engine, upload_id=upload_id, deliverer=deliverer)
    deliverer.close()


def test_a_look_is_put_in_with_the_outcome(follower: Follower) -> None:
    ((looks, due),) = follower.jobs()
    assert looks == 0
    assert 0 < due <= following.FIRST_SECONDS
    assert follower.told == ("processing", [])


@pytest.mark.parametrize(
    ("seen", "action"), [(READY, "upload.processed"), (BROKEN, "upload.processing_failed")], ids=["ready", "failed"]
)
def test_its_end_is_written_down_once(follower: Follower, played: Played, seen: Outcome, action: str) -> None:
    played.followed = [PROCESSING, seen]
    follower.look()
    assert follower.told == ("processing", [])
    follower.look(1)
    assert follower.told == (seen.provider_status, [action])
    follower.look(2)
    assert follower.told == (seen.provider_status, [action])
    assert len(played.asked) == 2
    assert played.asked[0].reference == "ref"


def test_what_was_learnt_is_kept(follower: Follower, played: Played) -> None:
    played.followed = [READY]
    follower.look()
    assert follower.tenant.upload(follower.upload_id).facts["pages"] == 7


def test_each_look_is_later_than_the_last(follower: Follower, played: Played) -> None:
    played.followed = [NOTHING] * 12
    for looks in range(12):
        follower.look(looks)
    due = [seconds for _, seconds in follower.jobs()]
    assert [looks for looks, _ in follower.jobs()] == list(range(13))
    assert due == sorted(due)
    assert following.MOST_SECONDS - 5 < due[-1] <= following.MOST_SECONDS


def test_the_next_look_is_certain_before_this_one(follower: Follower, played: Played) -> None:
    """A worker that is killed while it looks ends nothing."""
    played.followed = []
    with pytest.raises(IndexError):
        follower.look()
    assert [looks for looks, _ in follower.jobs()] == [0, 1]


def test_after_a_day_it_is_left(follower: Follower, played: Played) -> None:
    follower.tenant.clock.ahead = following.LONGEST + timedelta(minutes=1)
    follower.look(40)
    assert not played.asked
    assert len(follower.jobs()) == 1
    assert follower.told == ("processing", [])


def test_a_credential_that_is_refused_pauses(follower: Follower, played: Played) -> None:
    played.followed = [Outcome(ending=Ending.CREDENTIAL, problem="credential-refused")]
    follower.look()
    assert follower.tenant.paused() == "credential-refused"
    assert follower.told == ("processing", [])


def test_without_a_way_nothing_is_asked(follower: Follower, played: Played) -> None:
    tenant = follower.tenant
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, session.get_one(Connection, tenant.connection.id), {})
    follower.look()
    assert not played.asked


def test_what_is_done_is_not_looked_at(follower: Follower, played: Played) -> None:
    played.followed = [READY]
    follower.look()
    follower.deliverer.follow(follower.tenant.organization.id, follower.upload_id)
    assert len(played.asked) == 1


def test_who_cannot_tell_is_not_followed(tenant: Tenant, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", Silent(ending=PROCESSING))
    upload_id = stream(tenant).upload_id
    with owner_engine.connect() as connection:
        assert str(upload_id) not in str(connection.execute(JOBS).all())
