"""What is stopped by somebody else while it is under way, and what can be stopped no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import NoResultFound
from uuid_utils.compat import uuid7

from app.checks import Policy, Rejected
from app.database import Database
from app.delivery import Result, cancelling
from app.delivery.cancelling import NothingToCancel, TooLate
from app.delivery.errors import WasCancelled
from app.delivery.journal import Journal
from app.delivery.redelivery import Redeliverer
from app.providers import registry
from app.providers.base import Ending, Outcome
from app.providers.facturapi import LOGO
from app.providers.operation import Mode
from app.records.models import Upload
from app.records.processes import Work
from app.records.states import State
from tests.delivery.streaming import Held, Played, streamed
from tests.delivery.tenant import Tenant
from tests.delivery.test_deliverer import png
from tests.delivery.test_keeping import held, rows

UNKNOWN = Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", code="reset")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """A provider whose operation may be kept."""
    provider = Played(looked=UNKNOWN)
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


def cancel(tenant: Tenant, upload_id: UUID) -> Upload:
    with tenant.database.transaction(tenant.organization.id) as session:
        return cancelling.cancel(session, upload_id, actor="test", now=tenant.clock())


def the_record(tenant: Tenant) -> Upload:
    (upload,) = tenant.uploads()
    return upload


def cancelling_it(tenant: Tenant) -> Callable[[], None]:
    def cancelled() -> None:
        cancel(tenant, the_record(tenant).id)

    return cancelled


def stream(tenant: Tenant, file: Held, mode: Mode = Mode.RELAY, **more: Any) -> Result:
    return tenant.deliverer().stream(tenant.origin(), LOGO, streamed(file), policy=Policy(), mode=mode, **more)


@pytest.mark.parametrize("mode", [Mode.RELAY, Mode.DURABLE])
def test_what_is_on_its_way_is_never_complete(tenant: Tenant, played: Played, mode: Mode) -> None:
    with pytest.raises(WasCancelled) as raised:
        stream(tenant, Held(png(), at=cancelling_it(tenant)), mode)
    upload = the_record(tenant)
    assert raised.value.upload_id == upload.id
    assert (upload.state, upload.problem) == ("cancelled", "upload-cancelled")
    attempt = tenant.attempt(upload.id)
    assert (attempt.completing_at, attempt.outcome) == (None, "cancelled")
    assert (tenant.requests("PUT"), rows(tenant), held(tenant)) == ([], [], 0)
    assert [entry.action for entry in tenant.audit(upload)] == ["upload.delivering", "upload.cancelled"]
    assert tenant.audit(upload)[-1].actor == "test"


def test_what_is_only_put_by_is_not_promised(tenant: Tenant, played: Played) -> None:
    file = Held(png(), at=cancelling_it(tenant))
    with pytest.raises(WasCancelled):
        stream(tenant, file, Mode.DURABLE, later=True)
    assert (the_record(tenant).state, rows(tenant), held(tenant)) == ("cancelled", [], 0)


def test_who_cancels_is_faster_than_what_refuses(tenant: Tenant, played: Played) -> None:
    """It is cancelled on record, and so its sender is told."""
    refusal = Rejected("eicar", field="file")
    with pytest.raises(WasCancelled):
        stream(tenant, Held(png(), at=cancelling_it(tenant), raises=refusal))
    assert the_record(tenant).state == "cancelled"


@pytest.mark.parametrize("mode", [Mode.RELAY, Mode.DURABLE])
def test_what_has_its_mark_goes_on(tenant: Tenant, played: Played, monkeypatch: pytest.MonkeyPatch, mode: Mode) -> None:
    mark, late = Journal.mark, []

    def marked(journal: Journal, baseline: Any) -> None:
        mark(journal, baseline)
        with pytest.raises(TooLate) as raised:
            cancel(tenant, journal.id)
        late.append(raised.value.slug)

    monkeypatch.setattr(Journal, "mark", marked)
    assert stream(tenant, Held(png()), mode).state == "delivered"
    assert late == ["too-late-to-cancel"]


def test_what_is_about_to_get_its_mark_goes_on(tenant: Tenant, played: Played) -> None:
    """Whoever sets it has the attempt's row in hand; it is not waited for."""

    def at_the_mark() -> None:
        upload = the_record(tenant)
        with tenant.database.transaction(tenant.organization.id) as session:
            session.get_one(type(tenant.attempt(upload.id)), tenant.attempt(upload.id).id, with_for_update=True)
            with pytest.raises(TooLate):
                cancel(tenant, upload.id)

    assert stream(tenant, Held(png(), at=at_the_mark)).state == "delivered"


def test_what_waits(tenant: Tenant, played: Played) -> None:
    played.ending = Outcome(ending=Ending.RETRY, problem="provider-busy")
    assert stream(tenant, Held(png()), Mode.DURABLE).state == "waiting"
    upload = cancel(tenant, the_record(tenant).id)
    assert (upload.state, upload.problem, rows(tenant)) == ("cancelled", "upload-cancelled", [])
    with pytest.raises(NothingToCancel):
        cancel(tenant, upload.id)


def test_what_waits_and_may_have_arrived_is_not_called_cancelled(tenant: Tenant, played: Played) -> None:
    played.ending = UNKNOWN
    assert stream(tenant, Held(png()), Mode.DURABLE).state == "waiting"
    with pytest.raises(TooLate):
        cancel(tenant, the_record(tenant).id)
    assert (the_record(tenant).state, held(tenant)) == ("waiting", 1)


def test_what_a_worker_sends(tenant: Tenant, played: Played, worker: Database) -> None:
    """It finds out at its mark."""
    played.ending = Outcome(ending=Ending.RETRY, problem="provider-busy")
    stream(tenant, Held(png()), Mode.DURABLE)
    upload, before = the_record(tenant), len(tenant.requests("PUT"))
    played.ending = Outcome(ending=Ending.DELIVERED)
    deliver = played.deliver

    def cancelled(*args: Any) -> Any:
        cancel(tenant, upload.id)
        return (yield from deliver(*args))

    played.deliver = cancelled  # type: ignore[method-assign, assignment]
    tenant.clock.ahead += timedelta(hours=1)
    redeliverer = Redeliverer(worker, tenant.vault, tenant.spool, tenant.settings, clock=tenant.clock, work=Work())
    try:
        assert redeliverer.next(tenant.organization.id)
    finally:
        redeliverer.close()
    assert the_record(tenant).state == "cancelled"
    assert len(tenant.requests("PUT")) == before


@pytest.mark.parametrize("ending", [Ending.DELIVERED, Ending.FAILED, Ending.UNKNOWN])
def test_what_has_ended(tenant: Tenant, played: Played, ending: Ending) -> None:
    played.ending = Outcome(ending=ending, problem="x")
    stream(tenant, Held(png()))
    upload = the_record(tenant)
    with pytest.raises(NothingToCancel):
        cancel(tenant, upload.id)
    assert the_record(tenant).state is upload.state is not State.CANCELLED


def test_what_there_is_not(tenant: Tenant) -> None:
    with pytest.raises(NoResultFound):
        cancel(tenant, uuid7())


def test_a_links_use_is_given_back(tenant: Tenant, played: Played) -> None:
    link = tenant.link()
    played.ending = Outcome(ending=Ending.RETRY, problem="provider-busy")
    origin = tenant.origin(link)
    tenant.deliverer().stream(origin, LOGO, streamed(Held(png())), policy=Policy(), mode=Mode.DURABLE)
    assert tenant.uses(link) == 1
    cancel(tenant, the_record(tenant).id)
    assert tenant.uses(link) == 0
