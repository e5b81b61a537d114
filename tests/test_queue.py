"""The queue: a job is there if what it is for was committed; the worker does it, sweeps, and stops when told."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import procrastinate
import psycopg
import pytest
from psycopg_pool import PoolTimeout
from pydantic import SecretStr
from sqlalchemy import Engine, select, text

from app import queue
from app.database import Database
from app.delivery import following
from app.local.postgres import Embedded
from app.records import jobs, uploads
from app.records.models import Upload
from app.records.states import State
from app.tenants.vault import Vault
from tests.tenancy import becomes, tenant

JOBS = text("SELECT task_name, args, status::text FROM procrastinate_jobs ORDER BY id")
OF_THE_WORKER = (
    "FROM pg_stat_activity WHERE application_name = 'ventanilla worker' "
    "AND datname = current_database() AND usename = current_user"
)
LISTENING = text(f"SELECT count(*) {OF_THE_WORKER} AND query LIKE 'LISTEN%'")
CUT = text(f"SELECT pg_terminate_backend(pid) {OF_THE_WORKER}")
WAIT_SECONDS = 20.0

pytestmark = pytest.mark.usefixtures("clean")  # an empty queue


def queued(engine: Engine) -> list[tuple[Any, ...]]:
    """What is in the queue."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(JOBS)]


def test_a_job_is_committed_with_what_it_is_for(database: Database, worker: Database, owner_engine: Engine) -> None:
    with database.transaction(uuid4()) as session:
        queue.defer(session, jobs.sweep, timestamp=7)
        assert queued(owner_engine) == []
    assert queued(owner_engine) == [("sweep", {"timestamp": 7}, "todo")]


def test_a_job_goes_with_what_it_was_for(database: Database, worker: Database, owner_engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction(uuid4()) as session:
        queue.defer(session, jobs.sweep, timestamp=7)
        raise ZeroDivisionError
    assert queued(owner_engine) == []


def test_a_worker_puts_jobs_in_too(worker: Database, owner_engine: Engine) -> None:
    with worker.transaction(uuid4()) as session:
        queue.defer(session, jobs.sweep, timestamp=7)
    assert len(queued(owner_engine)) == 1


def test_outside_a_transaction_no_job_goes_in(database: Database, worker: Database, owner_engine: Engine) -> None:
    with database.doors() as session:
        with pytest.raises(queue.NoTransaction):  # nothing was said to the database yet
            queue.defer(session, jobs.sweep, timestamp=7)
        session.execute(text("SELECT 1"))
        session.commit()
        with pytest.raises(queue.NoTransaction, match="sweep"):
            queue.defer(session, jobs.sweep, timestamp=7)
    assert queued(owner_engine) == []


def test_a_face_reads_no_jobs(database: Database, worker: Database) -> None:
    with pytest.raises(Exception, match="permission denied"), database.doors() as session:
        session.execute(JOBS)


def test_handlers_are_found(worker: Database) -> None:
    queue.jobs.perform_import_paths()  # type: ignore[no-untyped-call] # of the library
    assert "sweep" in queue.jobs.tasks


def test_two_jobs_with_one_lock_are_refused_together(
    database: Database, worker: Database, owner_engine: Engine
) -> None:
    with pytest.raises(procrastinate.exceptions.AlreadyEnqueued), database.transaction(uuid4()) as session:
        queue.defer(session, jobs.sweep, timestamp=1)
        queue.defer(session, jobs.sweep, timestamp=2)
    assert queued(owner_engine) == []


def work_until(postgres: Embedded, worker: Database, done: Callable[[], bool]) -> bool:
    """Work until `done`, and say whether that was in time."""

    async def main() -> bool:
        told = asyncio.Event()
        working = asyncio.create_task(queue.work(postgres.worker_url, worker, told))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not done():
                    assert not working.done()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return False
        finally:
            told.set()
            await asyncio.gather(working, return_exceptions=True)
        return True

    return asyncio.run(main())


def test_a_job_puts_the_next_one_in(worker: Database, postgres: Embedded, owner_engine: Engine) -> None:
    """While the worker's queue has asynchronous connections, and the job's session has none."""

    async def main() -> None:
        async with queue.worker_app(postgres.worker_url):
            await asyncio.to_thread(put_in)

    def put_in() -> None:
        with worker.transaction(uuid4()) as session:
            queue.defer(session, jobs.sweep, timestamp=7)

    asyncio.run(main())
    assert len(queued(owner_engine)) == 1


def test_the_worker_sweeps_by_itself(
    postgres: Embedded, database: Database, worker: Database, vault: Vault, owner_engine: Engine
) -> None:
    """From the heartbeat's last to the end of what was orphaned: here it never beat at all."""
    orphan = tenant(database, vault, f"orphan-{secrets.token_hex(4)}").upload

    def ended() -> bool:
        with database.transaction(orphan.organization_id) as session:
            return uploads.get(session, orphan.id).state is State.FAILED

    assert work_until(postgres, worker, ended)


def test_the_worker_outlives_its_connections(
    postgres: Embedded, database: Database, worker: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database is started anew: everything that was open is cut."""
    monkeypatch.setattr(queue, "AGAIN_SECONDS", 0.05)
    cut: list[UUID] = []

    def cut_and_back() -> bool:
        """Whether there was a sweep after everything was cut, the connection that listens too."""
        if not cut:
            with worker.doors() as session:
                if session.scalar(LISTENING):
                    session.execute(CUT)
                    cut.append(tenant(database, vault, f"orphan-{secrets.token_hex(4)}").id)
            return False
        with database.transaction(cut[0]) as session:
            return bool(session.scalar(select(Upload.state)) is State.FAILED)

    assert work_until(postgres, worker, cut_and_back)


@pytest.mark.parametrize("first", [PoolTimeout("30 s"), None])
def test_the_worker_begins_again_until_it_is_told_to_stop(
    worker: Database, monkeypatch: pytest.MonkeyPatch, first: Exception | None
) -> None:
    begun = 0

    async def fall(_url: object, _concurrency: object, _given: object, told: asyncio.Event) -> None:
        nonlocal begun
        begun += 1
        if begun == 1 and first:
            raise first
        if begun == 1:
            raise procrastinate.exceptions.ConnectorException from psycopg.OperationalError()
        if begun == 3:
            told.set()  # and the library comes back without a word, as it may

    async def main() -> None:
        await asyncio.wait_for(queue.work(SecretStr(""), worker, asyncio.Event()), WAIT_SECONDS)

    monkeypatch.setattr(queue, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(queue, "_work", fall)
    asyncio.run(main())
    assert begun == 3


@pytest.mark.parametrize("rounds", range(0, 120, 8))
def test_the_worker_stops_whenever_it_is_told(
    postgres: Embedded, worker: Database, owner_engine: Engine, rounds: int
) -> None:
    """Also while it is beginning: after so many rounds of its loop, most of which come before it has begun."""

    async def main() -> None:
        told = asyncio.Event()
        working = asyncio.create_task(queue.work(postgres.worker_url, worker, told))
        for _ in range(rounds):
            await asyncio.sleep(0)
        told.set()
        await asyncio.wait_for(working, WAIT_SECONDS)

    asyncio.run(main())
    assert _workers(owner_engine) == 0


def test_chores_go_on_whatever_errands_wait_for(
    postgres: Embedded, database: Database, worker: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, begun = threading.Event(), threading.Semaphore(0)

    def wait(*_: object, **__: object) -> None:
        begun.release()
        waits.wait(WAIT_SECONDS)

    monkeypatch.setattr(following.follow, "func", wait)
    organization = uuid4()
    with database.transaction(organization) as session:
        for _ in range(3 * queue.ERRANDS_AT_ONCE):
            told: dict[str, Any] = {"organization": str(organization), "upload": str(uuid4()), "looks": 0}
            queue.defer(session, following.follow, **told)
    orphan: list[Upload] = []

    def swept() -> bool:
        if not orphan:
            if begun.acquire(blocking=False):
                orphan.append(tenant(database, vault, f"orphan-{secrets.token_hex(4)}").upload)
            return False
        with database.transaction(orphan[0].organization_id) as session:
            found = uploads.get(session, orphan[0].id).state is State.FAILED
        if found:
            waits.set()
        return found

    assert work_until(postgres, worker, swept)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_clock_that_is_set_is_noticed(step: float) -> None:
    """What is due at certain times would wait for them to come again, or would be made up for one by one."""
    ticks = iter([100.0, 101.0, 102.0 + step])
    steady = iter([0.0, 1.0, 2.0])
    waiting = queue.until_clock_is_set(lambda: next(ticks), lambda: next(steady), every=0)
    asyncio.run(asyncio.wait_for(waiting, WAIT_SECONDS))
    assert next(ticks, None) is None


def test_a_clock_that_runs_is_let_be() -> None:
    ticks = iter([100.0, 101.0, 102.4, 103.1])
    steady = iter([0.0, 1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError):  # there are no more
        asyncio.run(queue.until_clock_is_set(lambda: next(ticks), lambda: next(steady), every=0))


def test_the_worker_does_not_wait_for_a_role_to_become_another(postgres: Embedded, worker: Database) -> None:
    with pytest.raises(procrastinate.exceptions.ConnectorException):
        asyncio.run(asyncio.wait_for(queue.work(postgres.app_url, worker, asyncio.Event()), WAIT_SECONDS))


def test_a_job_that_was_done_leaves_no_trace(
    postgres: Embedded, database: Database, worker: Database, owner_engine: Engine
) -> None:
    with database.transaction(uuid4()) as session:
        queue.defer(session, jobs.sweep, timestamp=7)
    assert work_until(postgres, worker, lambda: ("sweep", {"timestamp": 7}, "todo") not in queued(owner_engine))
    assert all(args != {"timestamp": 7} for _, args, _ in queued(owner_engine))


@pytest.mark.parametrize("early", [True, False])
def test_a_signal_that_comes_before_there_is_a_loop_counts_too(early: bool) -> None:
    stopped: list[str] = []
    signalled = [int(signal.SIGTERM)] if early else []

    async def begin(told: asyncio.Event) -> None:
        assert told.is_set() is early
        if not early:
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(told.wait(), WAIT_SECONDS)

    before = {number: signal.getsignal(number) for number in queue.STOPPING}
    try:
        asyncio.run(queue._work_until_told(begin, lambda: stopped.append("once"), signalled))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert stopped == ["once"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_stops_when_told(postgres: Embedded, worker: Database, owner_engine: Engine, number: int) -> None:
    code = (
        "import os; from pydantic import SecretStr; from app import queue; from app.database import Database;"
        "queue.jobs.import_paths = []; "  # without handlers: each wants things of its own
        "url = SecretStr(os.environ['URL']); queue.run_worker(url, Database(url, pool=2))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"URL": postgres.worker_url.get_secret_value()},
        stderr=subprocess.PIPE,
    )
    try:
        assert becomes(lambda: _workers(owner_engine) > 0)
        process.send_signal(number)
        _, complaints = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, complaints) == (0, b"")
    assert _workers(owner_engine) == 0


def _workers(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM procrastinate_workers")) or 0)
