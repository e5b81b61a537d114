"""Files that are passed on while they arrive: what is on record at every moment, and what a doubt comes to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.checks import Policy, Rejected
from app.database import Database
from app.delivery import Deliverer, looking
from app.delivery.engine import Engine
from app.delivery.errors import HeldUp, TookTooLong
from app.delivery.journal import Journal
from app.errors import Refusal
from app.intake.errors import ClientGone, FieldsAfterFile, TooSlow, Truncated
from app.providers import registry
from app.providers.base import Ending, Outcome
from app.providers.facturapi import LOGO
from app.records.states import State
from app.records.sweeper import sweep
from app.tenants.errors import LinkUsedUp
from tests.delivery.streaming import Held, Played, streamed
from tests.delivery.tenant import Tenant
from tests.delivery.test_deliverer import Death, png

UNKNOWN = Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", code="reset")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    provider = Played()
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


def stream(tenant: Tenant, file: Held | None = None, *, link: Any = None, policy: Policy | None = None) -> Any:
    file = file or Held(png())
    return tenant.deliverer().stream(tenant.origin(link), LOGO, streamed(file), policy=policy or Policy())


def noting(calls: list[str], name: str) -> Any:
    """A Journal's method that says that it was called."""
    kept = getattr(Journal, name)

    def called(*args: Any) -> Any:
        calls.append(name)
        return kept(*args)

    return called


def looked_before(deliverer: Deliverer, tenant: Tenant) -> None:
    """Let the first look at a link be past: it was still good then."""

    def opened(_: Any) -> Any:
        return type(deliverer)._open(deliverer, tenant.origin())

    deliverer._open = opened  # type: ignore[method-assign, assignment]


def test_it_is_on_record_before_its_first_byte_left(tenant: Tenant) -> None:
    seen = []

    def look() -> None:
        (upload,) = tenant.uploads()
        attempt = tenant.attempt(upload.id)
        seen.append((upload.state, attempt.completing_at, upload.parts[0]["sha256"]))

    result = stream(tenant, Held(png(), at=look))
    assert seen == [("delivering", None, None)]
    upload, attempt = tenant.upload(result.upload_id), tenant.attempt(result.upload_id)
    assert (upload.state, upload.mode) == ("delivered", "relay")
    (put,) = tenant.requests("PUT")
    assert upload.parts[0] == {
        "name": "file",
        "filename": "logo.png",
        "size": len(png()),
        "sha256": put["parts"][0]["sha256"],
    }
    assert upload.facts["file"]["format"] == "png"
    assert attempt.started_at <= attempt.completing_at <= attempt.ended_at  # type: ignore[operator]
    assert [entry.action for entry in tenant.audit(upload)] == ["upload.delivering", "upload.delivered"]


@pytest.mark.parametrize(("whole", "begun"), [(True, 0), (False, 1)])
def test_what_is_whole_takes_two_transactions(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, whole: bool, begun: int
) -> None:
    calls: list[str] = []
    for name in ("begin", "mark", "_end"):
        monkeypatch.setattr(Journal, name, noting(calls, name))
    assert stream(tenant, Held(png(), whole=whole)).state == "delivered"
    assert calls == ["begin"] * begun + ["mark", "_end"]


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (ClientGone(), "cancelled"),
        (Truncated(), "cancelled"),
        (TooSlow(), "cancelled"),
        (TookTooLong(), "cancelled"),
        (HeldUp(), "failed"),
        (FieldsAfterFile(), "rejected"),
        (Rejected("eicar", field="file"), "rejected"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Refusal) else value,
)
def test_what_ends_on_the_way_is_on_record(tenant: Tenant, refusal: Refusal, state: str) -> None:
    link = tenant.link()
    with pytest.raises(type(refusal)) as caught:
        stream(tenant, Held(png(), raises=refusal), link=link)
    assert caught.value.upload_id
    upload, attempt = tenant.upload(caught.value.upload_id), tenant.attempt(caught.value.upload_id)
    assert (upload.state, upload.problem) == (state, refusal.slug)
    assert attempt.completing_at is None
    assert attempt.ended_at is not None
    assert attempt.outcome == ("retry" if state == "failed" else "rejected")
    assert tenant.uses(link) == 0
    assert not tenant.requests("PUT"), "the provider never had a whole request"


@pytest.mark.parametrize("given", [None, Held(b""), Held(b"GIF89a" + bytes(99))])
def test_what_a_check_refuses_at_once_never_leaves(tenant: Tenant, given: Held | None) -> None:
    with pytest.raises(Rejected) as caught:
        tenant.deliverer().stream(tenant.origin(), LOGO, streamed(given), policy=Policy())
    assert caught.value.upload_id
    assert tenant.upload(caught.value.upload_id).state == "rejected"
    assert not tenant.sandbox.ledger("facturapi")


@pytest.mark.parametrize("left", ["deleted", "left"])
def test_an_empty_record_is_told_of(tenant: Tenant, played: Played, left: str) -> None:
    played.empty_record = left
    with pytest.raises(ClientGone) as caught:
        stream(tenant, Held(png(), raises=ClientGone()))
    assert caught.value.upload_id
    upload = tenant.upload(caught.value.upload_id)
    assert f"upload.empty_record_{left}" in [entry.action for entry in tenant.audit(upload)]


def test_a_link_used_up_meanwhile_leaves_no_record_but_of_what_was_begun(tenant: Tenant, played: Played) -> None:
    played.empty_record = "deleted"
    link = tenant.link()
    stream(tenant, link=link)
    file = Held(png())
    original = tenant.deliverer()
    looked_before(original, tenant)
    with pytest.raises(LinkUsedUp) as caught:
        original.stream(tenant.origin(link), LOGO, streamed(file), policy=Policy())
    assert caught.value.upload_id
    assert tenant.upload(caught.value.upload_id).state == "rejected"
    assert tenant.uses(link) == 1


def test_without_anything_begun_it_leaves_none(tenant: Tenant, played: Played) -> None:
    link = tenant.link()
    stream(tenant, link=link)
    again = tenant.deliverer()
    looked_before(again, tenant)
    with pytest.raises(LinkUsedUp):
        again.stream(tenant.origin(link), LOGO, streamed(Held(png())), policy=Policy())
    assert len(tenant.uploads()) == 1


def test_one_whose_process_dies_on_the_way_is_failed_and_its_link_open(tenant: Tenant) -> None:
    def die() -> None:
        raise Death

    link = tenant.link()
    with pytest.raises(Death):
        stream(tenant, Held(png(), at=die), link=link)
    (upload,) = tenant.uploads()
    assert (upload.state, tenant.attempt(upload.id).completing_at, tenant.uses(link)) == ("delivering", None, 1)


def test_a_commit_whose_answer_was_lost_is_found_again(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Journal.begin

    def lost(self: Journal) -> None:
        begin(self)
        self._attempt = None
        raise OSError

    monkeypatch.setattr(Journal, "begin", lost)
    result = stream(tenant)
    assert (result.state, tenant.upload(result.upload_id).state) == ("failed", "failed")
    assert tenant.attempt(result.upload_id).ended_at is not None


# A doubt, and one look while the caller waits


@pytest.mark.parametrize(
    ("attempt", "looked", "state"),
    [
        (UNKNOWN, Outcome(ending=Ending.DELIVERED, reference="found"), "delivered"),
        (UNKNOWN, Outcome(ending=Ending.FAILED, problem="provider-error"), "unknown"),
        (
            Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", http_status=500),
            Outcome(ending=Ending.FAILED, problem="provider-error"),
            "failed",
        ),
        (UNKNOWN, Outcome(ending=Ending.UNKNOWN, problem="unconfirmed"), "unknown"),
        (UNKNOWN, Outcome(ending=Ending.RETRY, problem="provider-busy"), "unknown"),
        (UNKNOWN, Outcome(ending=Ending.CREDENTIAL, problem="credential-refused"), "unknown"),
        (UNKNOWN, ValueError(), "unknown"),
    ],
    ids=["there", "not there, yet", "not there, it said so", "cannot tell", "no answer", "refused", "our fault"],
)
def test_a_doubt_is_looked_into_once(tenant: Tenant, played: Played, attempt: Outcome, looked: Any, state: str) -> None:
    played.ending, played.looked = attempt, looked
    result = stream(tenant)
    upload = tenant.upload(result.upload_id)
    assert (result.state, upload.state) == (state, state)
    (handin,) = played.asked
    assert handin.parts["file"].sha256 == upload.parts[0]["sha256"]
    assert handin.baseline == {"before": 1}
    assert upload.problem == {"delivered": None, "failed": "provider-error", "unknown": "unconfirmed"}[state]


def test_who_has_looked_is_not_asked_again(tenant: Tenant, played: Played) -> None:
    played.ending, played.asks_after = UNKNOWN, True
    assert stream(tenant).state == "unknown"
    assert not played.asked


def test_a_look_has_its_own_short_time(tenant: Tenant, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    totals = []
    make = Engine.__init__

    def note(self: Engine, *args: Any, **kwargs: Any) -> None:
        totals.append(args[3].total)
        make(self, *args, **kwargs)

    monkeypatch.setattr(Engine, "__init__", note)
    played.ending, played.looked = UNKNOWN, UNKNOWN
    stream(tenant)
    assert totals == [tenant.settings.relay_total_seconds, looking.LOOK_SECONDS]


def test_a_later_look_knows_what_the_record_knows(tenant: Tenant, played: Played) -> None:
    played.ending, played.looked = Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", reference="r"), UNKNOWN
    upload_id = stream(tenant).upload_id
    played.looked = Outcome(ending=Ending.FAILED, problem="provider-error")
    tenant.clock.ahead = looking.SETTLED
    result = tenant.deliverer().check_again(tenant.organization.id, upload_id, actor="x")
    assert result.state == "failed"
    handin = played.asked[-1]
    part = handin.parts["file"]
    assert (part.filename, part.size, part.sha256) == (
        "logo.png",
        len(png()),
        tenant.upload(upload_id).parts[0]["sha256"],
    )
    assert (handin.reference, handin.baseline, handin.received_at.tzname()) == ("r", {"before": 1}, "CST")
    with pytest.raises(looking.NoBytes):
        part.source.blocks()


def test_a_stream_that_was_never_marked_is_swept_some_day(tenant: Tenant, worker: Database) -> None:
    def die() -> None:
        raise Death

    with pytest.raises(Death):
        stream(tenant, Held(png(), at=die))
    sweep(worker, tenant.clock() + timedelta(hours=26))
    (upload,) = tenant.uploads()
    assert (upload.state, upload.problem) == (State.FAILED, "interrupted")
