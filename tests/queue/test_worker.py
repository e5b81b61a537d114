"""Real workers at real work: whatever ends them, each upload is taken up again in time, and is delivered once."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import psutil
import pytest
from sqlalchemy import Engine, text

from app.local import processes
from app.records.states import State
from tests.queue.conftest import PATIENT_SECONDS, Start, alive
from tests.queue.waiting import Queue
from tests.tenancy import becomes

pytestmark = pytest.mark.live

#: From a worker's end until what it had in hand is taken up.
TAKEN_UP_SECONDS = 20.0
#: So long that a worker is certainly killed within it.
STALL_SECONDS = 60
LARGE = 8 << 20


def kill(child: processes.Child) -> None:
    """Kill -9 the worker itself, which its guard started."""
    for one in [*psutil.Process(child.process.pid).children(recursive=True), psutil.Process(child.process.pid)]:
        one.kill()
    child.process.wait(10)


def let_time_pass(owner_engine: Engine) -> None:
    """Let workers, all of which have been killed, be silent for longer than any may be that lives."""
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE processes SET beat_at = beat_at - interval '1 minute' WHERE kind = 'worker'"))
        connection.execute(
            text("UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 minute'")
        )


def tell(child: processes.Child, number: int = signal.SIGTERM) -> None:
    os.kill(child.process.pid, number)


def are_delivered(waiting: Queue, several: Sequence[UUID]) -> bool:
    return set(waiting.states(several)) == {State.DELIVERED}


def is_marked(waiting: Queue, upload_id: UUID) -> bool:
    return any(attempt.completing_at is not None for attempt in waiting.attempts(upload_id))


def has_begun(waiting: Queue, provider: str) -> bool:
    """Whether the provider has begun to read what is stalled."""
    return any(entry["method"] == "POST" for entry in waiting.sandbox.ledger(provider))


def test_a_provider_comes_back(waiting: Queue, start: Start) -> None:
    several = [waiting.leave("flatfile/file") for _ in range(3)]
    waiting.flatfile(up=False)
    start()
    assert becomes(lambda: all(waiting.outcomes(one)[:1] == ["retry"] for one in several), PATIENT_SECONDS)
    waiting.flatfile(up=True)
    assert becomes(lambda: are_delivered(waiting, several), PATIENT_SECONDS)
    assert len(waiting.deliveries("flatfile/file")) == len(several)
    assert not any(waiting.lies(one) for one in several)


def test_answers_that_are_lost_are_looked_for(waiting: Queue, start: Start) -> None:
    """FormKiQ's large file goes by its bucket."""
    operations = ("codat/file", "factify/document", "flatfile/file", "formkiq/document")
    left = {operation: waiting.leave(operation, size=4 << 20) for operation in operations}
    for operation in left:
        method = "PUT" if operation == "formkiq/document" else "POST"
        waiting.sandbox.fault(provider=operation.partition("/")[0], action="drop_answer", method=method)
    start()
    assert becomes(lambda: are_delivered(waiting, [*left.values()]), PATIENT_SECONDS), waiting.states([*left.values()])
    for operation, one in left.items():
        assert waiting.outcomes(one) == ["delivered"], operation
        assert len(waiting.deliveries(operation)) == 1, operation


def test_killed_before_the_mark(waiting: Queue, start: Start) -> None:
    first = start()
    waiting.sandbox.fault(provider="codat", action="stall", method="POST", after_bytes=1000, seconds=STALL_SECONDS)
    one = waiting.leave("codat/file", size=LARGE)
    assert becomes(lambda: waiting.state(one) is State.DELIVERING and has_begun(waiting, "codat"), PATIENT_SECONDS)
    start()
    assert not is_marked(waiting, one)
    kill(first)
    assert becomes(lambda: len(waiting.attempts(one)) == 2, TAKEN_UP_SECONDS)
    assert becomes(lambda: are_delivered(waiting, [one]), PATIENT_SECONDS)
    assert waiting.outcomes(one) == ["interrupted", "delivered"]
    assert len(waiting.deliveries("codat/file")) == 1


def test_killed_after_the_mark(waiting: Queue, start: Start, owner_engine: Engine) -> None:
    first = start()
    waiting.sandbox.fault(provider="codat", action="delay", method="POST", seconds=3)
    one = waiting.leave("codat/file")
    assert becomes(lambda: is_marked(waiting, one), PATIENT_SECONDS)
    assert becomes(lambda: len(waiting.deliveries("codat/file")) == 1, PATIENT_SECONDS)
    kill(first)
    let_time_pass(owner_engine)
    start()
    assert becomes(lambda: are_delivered(waiting, [one]), PATIENT_SECONDS)
    assert waiting.outcomes(one) == ["delivered"], "found out, and not sent again"
    assert len(waiting.deliveries("codat/file")) == 1


def test_told_to_stop_it_finishes_what_is_about_to_end(waiting: Queue, start: Start) -> None:
    worker = start()
    waiting.sandbox.fault(provider="codat", action="delay", method="POST", seconds=2)
    one = waiting.leave("codat/file")
    assert becomes(lambda: is_marked(waiting, one), PATIENT_SECONDS)
    later = waiting.leave("codat/file", due=timedelta(seconds=1))
    tell(worker)
    worker.process.wait(PATIENT_SECONDS)
    assert waiting.states([one, later]) == [State.DELIVERED, State.WAITING]
    assert alive(waiting) == 0


def test_told_to_stop_it_hands_back_what_takes_long(waiting: Queue, start: Start) -> None:
    """Within its grace: the provider reads on when that is over."""
    worker = start()
    waiting.sandbox.fault(provider="flatfile", action="stall", method="POST", after_bytes=1000, seconds=8)
    one = waiting.leave("flatfile/file", size=4 * LARGE)
    assert becomes(lambda: waiting.state(one) is State.DELIVERING and has_begun(waiting, "flatfile"), PATIENT_SECONDS)
    tell(worker)
    worker.process.wait(PATIENT_SECONDS)
    assert waiting.state(one) is State.WAITING
    assert waiting.outcomes(one) == ["interrupted"]
    start()
    assert becomes(lambda: are_delivered(waiting, [one]), PATIENT_SECONDS)
    assert len(waiting.deliveries("flatfile/file")) == 1


def test_a_credential_is_repaired(waiting: Queue, start: Start) -> None:
    one, other = waiting.leave("codat/file"), waiting.leave("codat/file")
    waiting.sandbox.fault(provider="codat", action="status", status=401)
    start()
    assert becomes(lambda: waiting.paused("codat") == "credential-refused", PATIENT_SECONDS)
    assert becomes(lambda: State.DELIVERING not in waiting.states([one, other]), PATIENT_SECONDS)
    assert waiting.repair("codat")
    assert becomes(lambda: are_delivered(waiting, [one, other]), PATIENT_SECONDS)
    assert waiting.paused("codat") is None


def test_several_workers_share_what_there_is(waiting: Queue, start: Start) -> None:
    several = [waiting.leave("flatfile/file", size=500) for _ in range(40)]
    for _ in range(2):
        start()
    assert becomes(lambda: are_delivered(waiting, several), PATIENT_SECONDS)
    assert all(waiting.outcomes(one) == ["delivered"] for one in several)
    assert len(waiting.deliveries("flatfile/file")) == len(several)
    assert not list(waiting.spool.place.listing())
