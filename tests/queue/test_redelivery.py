"""What waits is delivered once: taken up in turn, looked for where it may have arrived, and given up in the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.delivery import breaker, claiming, redelivery
from app.delivery.claiming import Share
from app.delivery.outcome import Consequence
from app.delivery.redelivery import Claim, Redeliverer
from app.providers.base import Outcome
from app.records.states import State
from app.records.sweeper import OVERDUE_AFTER, sweep
from tests.queue.waiting import Queue

DOCUMENTS = ["codat/file", "factify/document", "flatfile/file", "formkiq/document"]


@pytest.mark.parametrize("operation", DOCUMENTS)
def test_it_is_delivered_and_its_copy_is_gone(waiting: Queue, operation: str) -> None:
    one = waiting.leave(operation)
    assert waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED
    assert waiting.outcomes(one) == ["delivered"]
    assert waiting.copy(one) is None
    assert not waiting.lies(one)
    assert len(waiting.deliveries(operation)) == 1


def test_the_bytes_are_those_that_were_kept(waiting: Queue) -> None:
    one = waiting.leave("codat/file", size=3_000_000)
    waiting.redeliverer().next(waiting.organization.id)
    ((part,),) = [entry["parts"] for entry in waiting.deliveries("codat/file")]
    kept = waiting.upload(one).parts[0]
    assert (part["sha256"], part["size"], part["filename"]) == (kept["sha256"], kept["size"], kept["filename"])


def test_nothing_is_due(waiting: Queue) -> None:
    waiting.leave(due=timedelta(minutes=1))
    assert not waiting.redeliverer().next(waiting.organization.id)
    waiting.clock.ahead = timedelta(minutes=2)
    assert waiting.redeliverer().next(waiting.organization.id)


def test_a_provider_that_is_down_is_tried_again_later(waiting: Queue) -> None:
    one = waiting.leave("flatfile/file")
    waiting.flatfile(up=False)
    redeliverer = waiting.redeliverer()
    redeliverer.next(waiting.organization.id)
    upload = waiting.upload(one)
    assert (upload.state, upload.problem, upload.tries) == (State.WAITING, "provider-unreachable", 1)
    assert upload.due_at is not None
    assert upload.deadline_at is not None
    assert waiting.copy(one) is not None
    waiting.flatfile(up=True)
    waiting.due_now(one)
    redeliverer.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED
    assert waiting.outcomes(one) == ["retry", "delivered"]
    assert len(waiting.deliveries("flatfile/file")) == 1


@pytest.mark.parametrize("given", ["7", "date"])
def test_a_provider_that_asks_for_a_pause_gets_it(waiting: Queue, given: str) -> None:
    """Whether it says so in seconds or as a date; and its breaker stays closed."""
    one, begun = waiting.leave(), waiting.clock()
    asked = given if given != "date" else format_datetime(begun + timedelta(seconds=60), usegmt=True)
    headers = {"Retry-After": asked}
    waiting.sandbox.fault(provider="codat", action="status", status=429, headers=headers)
    waiting.redeliverer().next(waiting.organization.id)
    upload = waiting.upload(one)
    assert (upload.state, upload.problem) == (State.WAITING, "provider-busy")
    assert upload.due_at is not None
    assert upload.due_at >= begun + timedelta(seconds=7)
    assert waiting.breaker("codat") is None


@pytest.mark.parametrize("operation", DOCUMENTS)
def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(waiting: Queue, operation: str) -> None:
    one = waiting.leave(operation)
    waiting.sandbox.fault(provider=operation.partition("/")[0], action="drop_answer", method="POST")
    redeliverer = waiting.redeliverer()
    redeliverer.next(waiting.organization.id)
    if waiting.state(one) is State.WAITING:
        assert waiting.outcomes(one) == ["unknown"]
        waiting.due_now(one)
        redeliverer.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED
    assert waiting.outcomes(one) == ["delivered"]
    assert len(waiting.deliveries(operation)) == 1
    assert not waiting.lies(one)


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "silent"])
def test_what_is_not_there_is_sent_again_once_that_is_for_good(waiting: Queue, answered: bool) -> None:
    one = waiting.leave()
    waiting.attempted(one, "unknown", http_status=500 if answered else None)
    redeliverer = waiting.redeliverer()
    redeliverer.next(waiting.organization.id)
    if not answered:
        assert waiting.state(one) is State.WAITING
        assert waiting.deliveries("codat/file") == []
        waiting.clock.ahead = timedelta(minutes=11)
        redeliverer.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED
    assert waiting.outcomes(one) == ["failed", "delivered"]
    assert len(waiting.deliveries("codat/file")) == 1


def test_what_takes_its_own_place_need_not_settle(waiting: Queue) -> None:
    one = waiting.leave("formkiq/document")
    waiting.attempted(one, "unknown")
    waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED


def test_a_look_without_an_answer_is_repeated(waiting: Queue) -> None:
    one = waiting.leave()
    waiting.attempted(one, "unknown", http_status=500)
    waiting.sandbox.fault(provider="codat", action="status", status=503, method="GET")
    waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.WAITING
    assert waiting.outcomes(one) == ["unknown"]
    assert waiting.deliveries("codat/file") == []


def test_what_nothing_can_tell_is_left_to_a_person(waiting: Queue) -> None:
    """A version of a document that is not known any more: the look has a good answer, and it says nothing."""
    one = waiting.leave("factify/version", fields={"document_id": "doc_1", "title": "v2"})
    waiting.attempted(one, "unknown")
    waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.UNKNOWN
    kept = waiting.copy(one)
    assert kept is not None
    assert kept.keep_until is not None
    assert waiting.lies(one)


def test_what_the_provider_refuses_has_failed_and_its_copy_is_kept(waiting: Queue) -> None:
    one = waiting.leave()
    waiting.sandbox.fault(provider="codat", action="status", status=400)
    waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.FAILED
    kept = waiting.copy(one)
    assert kept is not None
    assert kept.keep_until is not None
    assert kept.keep_until > waiting.clock() + timedelta(days=6)


@pytest.mark.parametrize("what", ["object", "row"])
def test_a_copy_that_is_lost_is_said_to_be(waiting: Queue, what: str) -> None:
    one = waiting.leave(lost=what == "object")
    if what == "row":
        waiting.forget_copy(one)
    waiting.redeliverer().next(waiting.organization.id)
    assert (waiting.state(one), waiting.upload(one).problem) == (State.FAILED, "copy-lost")
    assert waiting.deliveries("codat/file") == []


def test_what_leads_nowhere_has_failed_and_its_copy_is_kept(waiting: Queue) -> None:
    one = waiting.leave()
    credential = waiting.without_credential("codat")
    redeliverer = waiting.redeliverer()
    redeliverer.next(waiting.organization.id)
    assert (waiting.state(one), waiting.upload(one).problem) == (State.FAILED, "settings-wrong")
    assert waiting.deliveries("codat/file") == []
    waiting.give_credential("codat", credential)
    waiting.retry(one)
    redeliverer.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED


def test_what_may_have_arrived_waits_for_a_way_to_look(waiting: Queue) -> None:
    """That nobody can ask says nothing of what was sent."""
    one = waiting.leave()
    waiting.attempted(one, "unknown", http_status=500)
    credential = waiting.without_credential("codat")
    redeliverer = waiting.redeliverer()
    redeliverer.next(waiting.organization.id)
    assert (waiting.state(one), waiting.outcomes(one)) == (State.WAITING, ["unknown"])
    assert waiting.copy(one) is not None
    waiting.give_credential("codat", credential)
    waiting.due_now(one)
    redeliverer.next(waiting.organization.id)
    assert waiting.outcomes(one) == ["failed", "delivered"]
    assert len(waiting.deliveries("codat/file")) == 1


def test_a_credential_that_is_refused_pauses_and_what_waits_is_not_taken_up(waiting: Queue) -> None:
    one, other = waiting.leave(), waiting.leave()
    elsewhere = waiting.leave("flatfile/file")
    waiting.sandbox.fault(provider="codat", action="status", status=401)
    redeliverer = waiting.redeliverer()
    while redeliverer.next(waiting.organization.id):
        pass
    assert waiting.states([one, other, elsewhere]) == [State.WAITING, State.WAITING, State.DELIVERED]
    assert waiting.paused("codat") == "credential-refused"
    assert waiting.outcomes(one) + waiting.outcomes(other) == ["credential"]


def test_past_its_deadline_it_is_given_up(waiting: Queue) -> None:
    one = waiting.leave("flatfile/file")
    waiting.flatfile(up=False)
    redeliverer = waiting.redeliverer()
    redeliverer.next(waiting.organization.id)
    waiting.clock.ahead = timedelta(hours=25)
    redeliverer.next(waiting.organization.id)
    upload = waiting.upload(one)
    assert (upload.state, upload.problem) == (State.FAILED, "gave-up")
    assert waiting.outcomes(one) == ["retry", "retry"], "it was tried once more"
    kept = waiting.copy(one)
    assert kept is not None
    assert kept.keep_until is not None


def test_what_may_have_arrived_is_unknown_when_it_is_given_up(waiting: Queue) -> None:
    one = waiting.leave()
    waiting.attempted(one, "unknown")
    waiting.sandbox.fault(provider="codat", action="status", status=503, method="GET", times=2)
    redeliverer = waiting.redeliverer()
    redeliverer.next(waiting.organization.id)
    waiting.clock.ahead = timedelta(hours=25)
    redeliverer.next(waiting.organization.id)
    assert (waiting.state(one), waiting.upload(one).problem) == (State.UNKNOWN, "unconfirmed")


def work_off(waiting: Queue, redeliverer: Redeliverer) -> int:
    """Go on until nothing is due."""
    done = 0
    while redeliverer.next(waiting.organization.id):
        done += 1
    return done


def test_behind_an_open_breaker_nothing_is_sent_until_a_probe_succeeds(waiting: Queue) -> None:
    several = [waiting.leave("flatfile/file") for _ in range(8)]
    waiting.flatfile(up=False)
    redeliverer = waiting.redeliverer()
    assert work_off(waiting, redeliverer) == breaker.FAILURES
    waiting.clock.ahead += breaker.FIRST
    assert work_off(waiting, redeliverer) == 1, "the probe"
    waiting.clock.ahead += breaker.FIRST
    assert work_off(waiting, redeliverer) == 0, "twice as long by now"
    waiting.flatfile(up=True)
    waiting.clock.ahead += breaker.FIRST
    assert work_off(waiting, redeliverer) == len(several)
    assert waiting.states(several) == [State.DELIVERED] * len(several)
    assert len(waiting.deliveries("flatfile/file")) == len(several)


def test_a_breaker_is_its_connections_own(waiting: Queue) -> None:
    for _ in range(breaker.FAILURES):
        waiting.leave("flatfile/file")
    elsewhere = waiting.leave("codat/file")
    waiting.flatfile(up=False)
    redeliverer = waiting.redeliverer()
    work_off(waiting, redeliverer)
    assert waiting.state(elsewhere) is State.DELIVERED
    assert waiting.breaker("codat") is None


def test_what_waited_for_long_enough_behind_a_breaker_is_given_up_untried(waiting: Queue) -> None:
    several = [waiting.leave("flatfile/file") for _ in range(breaker.FAILURES)]
    waiting.flatfile(up=False)
    redeliverer = waiting.redeliverer()
    work_off(waiting, redeliverer)
    waiting.clock.ahead = timedelta(hours=25)
    assert work_off(waiting, redeliverer) == 1, "the probe"
    assert waiting.states(several) == [State.FAILED] * len(several)
    assert {waiting.upload(one).problem for one in several} == {"gave-up"}


def test_whom_anothers_probe_overtakes_takes_up_something_else(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hand-in became the probe after this worker had seen that there may be one."""
    behind = waiting.leave("codat/file", due=timedelta(seconds=-2))
    elsewhere = waiting.leave("flatfile/file")
    waiting.open_breaker("codat")
    waiting.clock.ahead = breaker.FIRST
    allows = breaker.allows

    def overtaken(session: Session, connection_id: UUID, now: datetime) -> bool:
        monkeypatch.undo()
        with waiting.database.transaction(waiting.organization.id) as other:
            assert allows(other, connection_id, now)
        return allows(session, connection_id, now)

    monkeypatch.setattr(breaker, "allows", overtaken)
    claim = waiting.redeliverer()._claim(waiting.organization.id)
    assert claim is not None
    assert claim.upload.id == elsewhere
    assert waiting.state(behind) is State.WAITING


def test_several_threads_claim_each_upload_once(waiting: Queue) -> None:
    several = [waiting.leave("flatfile/file", size=200) for _ in range(24)]
    workers = [waiting.redeliverer(share=Share(of_connection=99, of_organization=99)) for _ in range(2)]

    def work(number: int) -> int:
        done = 0
        while workers[number % 2].next(waiting.organization.id):
            done += 1
        return done

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(work, range(6))) == len(several)
    assert waiting.states(several) == [State.DELIVERED] * len(several)
    assert all(waiting.outcomes(one) == ["delivered"] for one in several)
    assert len(waiting.deliveries("flatfile/file")) == len(several)


def test_no_more_at_once_than_a_fair_share(waiting: Queue) -> None:
    for operation in ("codat/file", "codat/file", "codat/file", "flatfile/file", "flatfile/file"):
        waiting.leave(operation)
    share = Share(of_connection=2, of_organization=3)
    redeliverer = waiting.redeliverer(share=share)
    claims = []
    while (claim := redeliverer._claim(waiting.organization.id)) is not None:
        claims.append(claim.upload.operation)
    assert claims == ["codat/file", "codat/file", "flatfile/file"]
    with waiting.database.transaction(waiting.organization.id) as session:
        assert not claiming.is_more_due(session, waiting.clock(), share)


def test_a_worker_that_is_told_to_stop_takes_up_nothing(waiting: Queue) -> None:
    one = waiting.leave()
    redeliverer = waiting.redeliverer()
    redeliverer.stop()
    assert not redeliverer.next(waiting.organization.id)
    assert waiting.state(one) is State.WAITING


def test_a_worker_that_is_told_to_stop_hands_back_what_has_no_mark(waiting: Queue) -> None:
    one = waiting.leave(size=3_000_000)
    stopped, other = waiting.redeliverer(), waiting.redeliverer()
    claim = stopped._claim(waiting.organization.id)
    assert claim is not None
    stopped.stop(0)
    stopped._settle(claim, *stopped._send(claim))
    upload = waiting.upload(one)
    assert (upload.state, upload.tries) == (State.WAITING, 0)
    assert waiting.outcomes(one) == ["interrupted"]
    assert waiting.deliveries("codat/file") == []
    other.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED


def test_who_was_taken_for_dead_does_not_go_on(waiting: Queue) -> None:
    """Its attempt was ended, and the upload taken up by another."""
    one = waiting.leave()
    slow, other = waiting.redeliverer(), waiting.redeliverer()
    claim = slow._claim(waiting.organization.id)
    assert claim is not None
    waiting.attempted_ends(one)
    other.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED
    slow._settle(claim, *slow._send(claim))
    assert waiting.state(one) is State.DELIVERED
    assert waiting.outcomes(one) == ["interrupted", "delivered"]
    assert len(waiting.deliveries("codat/file")) == 1


def test_who_was_taken_for_dead_while_it_looked_does_not_send(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It saw that the file is not there, and before it could say so another sent it."""
    one = waiting.leave()
    waiting.attempted(one, "unknown", http_status=500)
    slow, other = waiting.redeliverer(), waiting.redeliverer()
    look = slow.look

    def overtaken(*given: Any) -> Outcome:
        looked = look(*given)
        waiting.attempted_ends(one)
        other.next(waiting.organization.id)
        return looked

    monkeypatch.setattr(slow, "look", overtaken)
    assert slow.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED
    assert waiting.outcomes(one) == ["failed", "delivered"]
    assert len(waiting.deliveries("codat/file")) == 1


def away(*_: object) -> Any:
    """What is met when the database does not answer."""
    raise OperationalError("UPDATE", {}, Exception("starting"))


def test_an_end_is_written_once_the_database_is_back(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "PATIENCE", (0.0,))
    one, redeliverer = waiting.leave(), waiting.redeliverer()
    settled, tries = redeliverer._settled, list[UUID]()

    def stumble(claim: Claim, outcome: Outcome, effect: Consequence) -> tuple[State, bool]:
        tries.append(claim.upload.id)
        return settled(claim, outcome, effect) if len(tries) == 3 else away()

    monkeypatch.setattr(redeliverer, "_settled", stumble)
    assert redeliverer.next(waiting.organization.id)
    assert (waiting.state(one), waiting.outcomes(one)) == (State.DELIVERED, ["delivered"])
    assert len(waiting.deliveries("codat/file")) == 1


def test_an_end_that_cannot_be_written_is_left_to_the_sweeper(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """And then found out: it is there."""
    monkeypatch.setattr(redelivery, "PATIENCE", (0.0,))
    one, redeliverer = waiting.leave(), waiting.redeliverer()
    with monkeypatch.context() as patched:
        patched.setattr(redeliverer, "_settled", away)
        with pytest.raises(OperationalError):
            redeliverer.next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERING
    assert sweep(waiting.worker, waiting.clock() + OVERDUE_AFTER).waiting == 1
    assert (waiting.state(one), waiting.outcomes(one)) == (State.WAITING, ["unknown"])
    waiting.due_now(one)
    redeliverer.next(waiting.organization.id)
    assert (waiting.state(one), waiting.outcomes(one)) == (State.DELIVERED, ["delivered"])
    assert len(waiting.deliveries("codat/file")) == 1
