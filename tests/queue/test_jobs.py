"""Jobs only wake: whichever is lost, what is due is found; and those who have much wait for those who have little."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from app import queue
from app.config import Settings
from app.database import Database, utcnow
from app.delivery import jobs, limits
from app.delivery.outcome import SPOOLED, Consequence
from app.delivery.redelivery import Claim, Redeliverer
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.local.postgres import Embedded
from app.providers.base import Ending, Outcome, RateLimit
from app.providers.codat import Codat
from app.records.states import State
from app.tenants.vault import Vault
from tests.queue.waiting import Queue
from tests.servers import Sandbox

WAIT_SECONDS = 60.0
JOBS = text("SELECT task_name, args, status::text FROM procrastinate_jobs ORDER BY id")
ABANDON = text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL WHERE id = :id")
END = text("UPDATE procrastinate_jobs SET status = CAST(:status AS procrastinate_job_status) WHERE id = :id")
AGE = text("UPDATE procrastinate_events SET at = at - make_interval(days => :days) WHERE job_id = :id")


def queued(engine: Engine, task: str) -> list[tuple[str, ...]]:
    """Whose jobs of that name there are, and how far they are."""
    with engine.connect() as connection:
        rows = connection.execute(JOBS).all()
    return [(row.args.get("organization", ""), row.status) for row in rows if row.task_name == task]


def wake(waiting: Queue) -> None:
    with waiting.database.transaction(waiting.organization.id) as session:
        jobs.wake(session, waiting.organization.id)


def test_an_organization_is_woken_once(waiting: Queue, owner_engine: Engine) -> None:
    wake(waiting)
    wake(waiting)
    assert queued(owner_engine, "deliver") == [(str(waiting.organization.id), "todo")]


def test_what_is_due_later_is_left_to_the_kick(waiting: Queue, owner_engine: Engine) -> None:
    now = waiting.clock()
    with waiting.database.transaction(waiting.organization.id) as session:
        jobs.wake(session, waiting.organization.id, now + timedelta(seconds=1), now)
    assert queued(owner_engine, "deliver") == []


def test_a_wake_up_that_is_there_already_undoes_nothing(waiting: Queue, owner_engine: Engine) -> None:
    wake(waiting)
    one = waiting.leave()
    with waiting.database.transaction(waiting.organization.id) as session:
        session.execute(text("UPDATE uploads SET tries = 7"))
        jobs.wake(session, waiting.organization.id)
    assert waiting.upload(one).tries == 7


def test_the_kick_finds_who_has_something_due(waiting: Queue, owner_engine: Engine) -> None:
    def kicked() -> list[Any]:
        with owner_engine.begin() as connection:
            connection.execute(text("TRUNCATE procrastinate_jobs CASCADE"))
        jobs.wake_all(waiting.worker, waiting.clock())
        return queued(owner_engine, "deliver")

    mine = [(str(waiting.organization.id), "todo")]
    assert kicked() == []
    waiting.leave("flatfile/file", due=timedelta(seconds=30))
    assert kicked() == []
    waiting.clock.ahead = timedelta(seconds=31)
    assert kicked() == mine
    waiting.pause("flatfile")
    assert kicked() == []
    assert waiting.repair("flatfile")
    assert kicked() == mine
    waiting.open_breaker("flatfile")
    assert kicked() == []
    waiting.clock.ahead += timedelta(seconds=31)
    assert kicked() == mine


def test_the_kick_goes_by_the_clock_of_its_worker(waiting: Queue, owner_engine: Engine) -> None:
    waiting.leave("flatfile/file", due=timedelta(hours=1))
    waiting.clock.ahead = timedelta(hours=2)
    given = {queue.DATABASE: waiting.worker, jobs.REDELIVERER: waiting.redeliverer()}
    jobs.kick(cast("Any", SimpleNamespace(additional_context=given)), 0)
    assert queued(owner_engine, "deliver") == [(str(waiting.organization.id), "todo")]


def test_whoever_has_least_in_hand_goes_first(waiting: Queue, late: Queue, owner_engine: Engine) -> None:
    for one, in_hand in ((waiting, 3), (late, 0)):
        with one.database.transaction(one.organization.id) as session:
            jobs.wake(session, one.organization.id, in_hand=in_hand)
    with owner_engine.connect() as connection:
        first = text("SELECT args->>'organization' FROM procrastinate_jobs ORDER BY priority DESC, id")
        turns = connection.scalars(first).all()
    assert turns == [str(late.organization.id), str(waiting.organization.id)]


def test_what_is_in_hand_is_counted(waiting: Queue, owner_engine: Engine) -> None:
    """While the first is claimed, the wake-up for the next says so."""
    waiting.leave(), waiting.leave()
    redeliverer = waiting.redeliverer()
    assert redeliverer._claim(waiting.organization.id) is not None
    with owner_engine.connect() as connection:
        assert connection.scalars(text("SELECT priority FROM procrastinate_jobs")).all() == [-1]


def test_repairing_wakes(waiting: Queue, owner_engine: Engine) -> None:
    one = waiting.leave(due=timedelta(hours=5))
    waiting.pause("codat")
    assert waiting.repair("codat")
    assert queued(owner_engine, "deliver") == [(str(waiting.organization.id), "todo")]
    due_at = waiting.upload(one).due_at
    assert due_at is not None
    assert due_at <= waiting.clock()
    assert not waiting.repair("codat"), "it was not paused"


def test_a_job_of_a_dead_worker_is_taken_up_again(waiting: Queue, postgres: Embedded, owner_engine: Engine) -> None:
    def abandon() -> None:
        with waiting.database.transaction(waiting.organization.id) as session:
            organization = str(waiting.organization.id)
            number = queue.defer(session, jobs.deliver, lock=f"deliver {organization}", organization=organization)
        with owner_engine.begin() as connection:
            connection.execute(ABANDON, {"id": number})

    async def requeue() -> None:
        async with queue.worker_app(postgres.worker_url) as app:
            await jobs.requeue(cast("Any", SimpleNamespace(app=app)), timestamp=0)

    abandon()
    asyncio.run(requeue())
    assert [status for _, status in queued(owner_engine, "deliver")] == ["todo"]
    abandon_another = queued(owner_engine, "deliver")
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL"))
    wake(waiting)
    asyncio.run(requeue())
    assert queued(owner_engine, "deliver") == abandon_another, "one that waits already is enough"


def test_what_no_row_knows_is_removed_from_the_spool(waiting: Queue) -> None:
    one, left, moving = waiting.leave(), waiting.leave(), waiting.leave()
    waiting.forget_copy(left)
    waiting.forget_copy(moving)
    waiting.attempted(moving, None)
    assert jobs.sweep_orphans(waiting.worker, waiting.spool, waiting.clock() - timedelta(hours=1)) == 0, "too young"
    assert jobs.sweep_orphans(waiting.worker, waiting.spool, waiting.clock() + timedelta(seconds=9)) == 1
    assert [waiting.lies(each) for each in (one, left, moving)] == [True, False, True]


def sweep_spool(waiting: Queue, spool: Spool) -> list[Any]:
    """What is logged of the job."""
    given = {queue.DATABASE: waiting.worker, jobs.SPOOL: spool}
    with capture_logs() as lines:
        jobs.sweep_spool(cast("Any", SimpleNamespace(additional_context=given)), 0)
    return [line["event"] for line in lines]


def test_the_spool_is_swept_of_what_has_lain_there_for_long(waiting: Queue) -> None:
    """What is young may be about to get its row."""
    known, old, young = waiting.leave(), waiting.leave(), waiting.leave()
    for one in (old, young):
        waiting.forget_copy(one)
    long_ago = (utcnow() - 2 * jobs.YOUNG).timestamp()
    for one in (known, old):
        for path in waiting.folder.rglob(f"{one}.*"):
            os.utime(path, (long_ago, long_ago))
    assert sweep_spool(waiting, waiting.spool) == ["orphans removed from the spool"]
    assert [waiting.lies(each) for each in (known, old, young)] == [True, False, True]
    assert sweep_spool(waiting, waiting.spool) == [], "nothing more is removed"


def test_a_spool_that_is_away_is_swept_another_time(waiting: Queue, tmp_path: Path) -> None:
    (tmp_path / "no folder").touch()
    assert sweep_spool(waiting, Spool(Folder(tmp_path / "no folder"))) == ["spool could not be swept"]


def test_jobs_that_failed_are_forgotten_after_a_week(waiting: Queue, postgres: Embedded, owner_engine: Engine) -> None:
    def leave(status: str, days: int) -> int:
        with waiting.database.transaction(waiting.organization.id) as session:
            number = queue.defer(session, jobs.deliver, lock=f"{status} {days}", organization="x")
        with owner_engine.begin() as connection:
            connection.execute(END, {"id": number, "status": status})
            connection.execute(AGE, {"id": number, "days": days})
        return number

    kept = [leave("failed", 6), leave("todo", 8)]
    leave("failed", 8)

    async def forget() -> None:
        async with queue.worker_app(postgres.worker_url) as app:
            await jobs.forget_jobs(cast("Any", SimpleNamespace(app=app)), timestamp=0)

    asyncio.run(forget())
    with owner_engine.connect() as connection:
        assert connection.scalars(text("SELECT id FROM procrastinate_jobs ORDER BY id")).all() == kept


def test_whoever_takes_one_up_lets_somebody_take_up_the_next(waiting: Queue, owner_engine: Engine) -> None:
    """Before it sends: a large file keeps nobody from the others."""
    waiting.leave(bare=True)
    waiting.leave(bare=True)
    redeliverer = waiting.redeliverer()
    assert redeliverer._claim(waiting.organization.id)
    assert queued(owner_engine, "deliver") == [(str(waiting.organization.id), "todo")]
    with owner_engine.begin() as connection:
        connection.execute(text("TRUNCATE procrastinate_jobs CASCADE"))
    assert redeliverer._claim(waiting.organization.id)
    assert queued(owner_engine, "deliver") == [], "nothing more is due"


class Quick(Redeliverer):
    """Sends nothing, and remembers whose turn it was."""

    turns: list[UUID]
    first: Callable[[], None]

    def _send(self, claim: Claim) -> tuple[Outcome, Consequence]:
        if not self.turns:
            self.first()
        self.turns.append(claim.upload.organization_id)
        return Outcome(ending=Ending.DELIVERED), SPOOLED[Ending.DELIVERED]


@pytest.fixture
def late(
    waiting: Queue,
    database: Database,
    worker: Database,
    vault: Vault,
    sandbox: Sandbox,
    settings: Settings,
    tmp_path: Path,
) -> Queue:
    """Another organization."""
    return Queue.build(database, worker, vault, sandbox, settings, tmp_path / "late")


def test_who_comes_late_with_one_is_served_before_the_rest_of_anothers_many(
    waiting: Queue, late: Queue, postgres: Embedded
) -> None:
    """By order: with one delivery at a time, there is nothing else that it could go by."""
    many = [waiting.leave(bare=True) for _ in range(200)]
    quick = waiting.redeliverer(kind=Quick)
    assert isinstance(quick, Quick)

    def come() -> None:
        late.leave(bare=True)
        wake(late)

    quick.turns, quick.first = [], come

    async def main() -> None:
        given = {jobs.REDELIVERER: quick, jobs.SPOOL: waiting.spool}
        told = asyncio.Event()
        working = asyncio.create_task(queue.work(postgres.worker_url, waiting.worker, told, concurrency=1, **given))
        async with asyncio.timeout(WAIT_SECONDS):
            while late.organization.id not in quick.turns:
                assert not working.done()
                await asyncio.sleep(0.02)
        told.set()
        await asyncio.gather(working, return_exceptions=True)

    wake(waiting)
    asyncio.run(main())
    assert quick.turns.index(late.organization.id) <= 2
    assert waiting.states(many).count(State.WAITING) > len(many) / 2


def test_a_provider_is_not_asked_more_often_than_it_allows(waiting: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slots are all nodes' together: whoever gets none waits for as long as it takes until one is free."""
    monkeypatch.setattr(Codat, "limits", (RateLimit(requests=1, seconds=60.0),))
    monkeypatch.setattr(limits, "WAIT_SECONDS", 0.0)
    first, second = waiting.leave(), waiting.leave()
    redeliverer, begun = waiting.redeliverer(), waiting.clock()
    while redeliverer.next(waiting.organization.id):
        pass
    assert waiting.states([first, second]) == [State.DELIVERED, State.WAITING]
    upload = waiting.upload(second)
    assert upload.due_at is not None
    assert upload.due_at > begun + timedelta(seconds=50)
    assert upload.problem == "provider-busy"
    assert len(waiting.deliveries("codat/file")) == 1


def test_what_the_provider_works_on_is_followed(waiting: Queue, owner_engine: Engine) -> None:
    one = waiting.leave("factify/document")
    waiting.redeliverer().next(waiting.organization.id)
    assert waiting.state(one) is State.DELIVERED
    assert waiting.upload(one).provider_status == "processing"
    assert queued(owner_engine, "follow") == [(str(waiting.organization.id), "todo")]
