"""The one door to the queue, Procrastinate in the same PostgreSQL.

A job is put in within the caller's own transaction: it is there if what it is for was committed, and not otherwise.
Handlers register from the layers above; the worker finds them by name.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import procrastinate
import psycopg
import structlog
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager
from procrastinate.worker import Worker
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolTimeout
from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.database import TIMEOUTS, Database, driver_url
from app.seeing.jobs import MIDDLEWARE

log = structlog.get_logger("ventanilla.queue")

#: Modules of the layers above whose import registers handlers; named, for nothing is imported upwards.
HANDLERS: Final = (
    "app.records.jobs",
    "app.records.sealing",
    "app.delivery.following",
    "app.delivery.jobs",
    "app.delivery.telling",
    "app.delivery.chores",
    "app.resumable.jobs",
    "app.webhooks.jobs",
)
#: Longest wait for running jobs when the worker is asked to stop.
STOP_SECONDS: Final = 20.0
#: From one look for a database that went away to the next.
AGAIN_SECONDS: Final = 2.0
#: What tells a worker to stop.
STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
#: What a worker passes its handlers, under this name.
DATABASE: Final = "database"
#: Each of these has workers of its own. Deliveries, errands and webhooks wait for others: providers, mail servers and
#: buckets, whoever wants to be told. Chores wait for the database alone, and go on whatever those wait for.
CHORES: Final = "default"
ERRANDS: Final = "errands"
DELIVERIES: Final = "deliveries"
WEBHOOKS: Final = "webhooks"
#: How many of them a worker does at once.
CHORES_AT_ONCE: Final = 4
ERRANDS_AT_ONCE: Final = 4
WEBHOOKS_AT_ONCE: Final = 8
AT_ONCE: Final = {CHORES: CHORES_AT_ONCE, ERRANDS: ERRANDS_AT_ONCE, WEBHOOKS: WEBHOOKS_AT_ONCE}
#: How often a worker tells the library that it is alive, and after which silence its jobs are taken for abandoned.
BEAT_SECONDS: Final = 2.0
DEAD_SECONDS: Final = 10.0
#: By how much a clock has gone wrong that was set, and did not run.
SET_SECONDS: Final = 5.0
#: Longest wait for a job whose notice was lost.
POLL_SECONDS: Final = 1.0

#: Knows the handlers. Has no connections of its own here: a job goes in by the session that it belongs to.
jobs: Final = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(), import_paths=HANDLERS)
#: Puts jobs in by the session's own connection, also in a worker, whose queue has asynchronous ones.
DOOR: Final = JobManager(connector=procrastinate.SyncPsycopgConnector())


class NoTransaction(RuntimeError):  # noqa: N818 - says what is missing
    """A job was to go in outside a transaction: it would vanish with the connection's return to its pool."""


def defer(
    session: Session,
    task: procrastinate.tasks.Task[..., Any, ...],
    *,
    after: timedelta | None = None,
    lock: str | None = None,
    priority: int | None = None,
    **arguments: Any,
) -> int:
    """Put a job in, in the session's transaction, to be done at once or `after` a while; returns its number.

    `lock`: of jobs under the same one, only one may be waiting to begin. `priority`: the highest goes first, then the
    oldest. Raises NoTransaction.
    """
    driver = session.connection().connection.driver_connection if session.in_transaction() else None
    if not isinstance(driver, psycopg.Connection) or driver.info.transaction_status != TransactionStatus.INTRANS:
        raise NoTransaction(task.name)
    due = datetime.now(UTC) + after if after else None
    job = task.configure(schedule_at=due, queueing_lock=lock or task.queueing_lock, priority=priority or 0).job
    return JobDeferrer(job_manager=DOOR, job=job, connection=driver).defer(**arguments)


def defer_once(session: Session, task: procrastinate.tasks.Task[..., Any, ...], lock: str, **arguments: Any) -> bool:
    """The same for a job of which one that has not begun is enough; False if there is one under that lock.

    Let it be the last thing that a transaction does: another that does the same for the same lock waits for its end.
    Raises NoTransaction.
    """
    try:
        with session.begin_nested():
            defer(session, task, lock=lock, **arguments)
    except procrastinate.exceptions.AlreadyEnqueued:
        return False
    return True


def database(context: procrastinate.JobContext) -> Database:
    """The worker's database, for a handler."""
    return cast("Database", context.additional_context[DATABASE])


def run_worker(
    url: SecretStr, db: Database, *, concurrency: int = 4, stopping: Callable[[], None] = lambda: None, **given: Any
) -> None:
    """Work until SIGTERM or SIGINT, which let running jobs end. `url` is the database's as `ventanilla_worker`.

    `concurrency`: deliveries at once. `stopping` is called when the worker is told to stop. Handlers find what is
    `given` under its name in their context.
    """
    signalled: list[int] = []
    for number in STOPPING:  # until there is a loop that can be told
        signal.signal(number, lambda number, _: signalled.append(number))

    def begin(told: asyncio.Event) -> Coroutine[Any, Any, None]:
        return work(url, db, told, concurrency=concurrency, **given)

    asyncio.run(_work_until_told(begin, stopping, signalled))


async def _work_until_told(
    begin: Callable[[asyncio.Event], Coroutine[Any, Any, None]], stopping: Callable[[], None], signalled: list[int]
) -> None:
    told = asyncio.Event()

    def stop() -> None:
        stopping()
        told.set()

    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    if signalled:
        stop()
    await begin(told)


async def work(url: SecretStr, db: Database, told: asyncio.Event, *, concurrency: int = 4, **given: Any) -> None:
    """Work until `told` to stop, and let running jobs end. A database that goes away is waited for.

    Nothing here is cancelled to stop it: a cancellation that comes while connections open is lost in them.
    """
    all_at_once = concurrency + sum(AT_ONCE.values())
    threads = ThreadPoolExecutor(all_at_once, thread_name_prefix="job")
    asyncio.get_running_loop().set_default_executor(threads)
    while not told.is_set():
        cause = "stopped"  # which it does, without a word, when the connection that listens is cut
        try:
            await _work(url, concurrency, {**given, DATABASE: db}, told)
        except (procrastinate.exceptions.ConnectorException, PoolTimeout) as exc:
            known = exc.__cause__ if isinstance(exc, procrastinate.exceptions.ConnectorException) else exc
            if not isinstance(known, psycopg.OperationalError | psycopg.InterfaceError):
                raise  # waiting changes nothing about a wrong role
            cause = type(known).__name__
        if told.is_set():
            return
        log.warning("the queue begins anew: its database went away, or the clock was set", cause=cause)
        with suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), AGAIN_SECONDS)


async def _work(url: SecretStr, concurrency: int, given: dict[str, Any], told: asyncio.Event) -> None:
    """Work until told to stop, one of the workers ends, or the clock is set, and then let the others end, too."""
    async with worker_app(url) as app:
        app.perform_import_paths()  # type: ignore[no-untyped-call] # of the library, as the two below
        workers = [
            Worker(
                app=app,
                queues=[queue],
                name=f"ventanilla {queue}",
                concurrency=at_once,
                additional_context=given,
                delete_jobs="successful",
                fetch_job_polling_interval=POLL_SECONDS,
                update_heartbeat_interval=BEAT_SECONDS,
                stalled_worker_timeout=DEAD_SECONDS,
                shutdown_graceful_timeout=STOP_SECONDS,
                install_signal_handlers=False,
                task_middleware=MIDDLEWARE,
            )
            for queue, at_once in (*AT_ONCE.items(), (DELIVERIES, concurrency))
        ]
        running = [asyncio.ensure_future(worker.run()) for worker in workers]  # type: ignore[no-untyped-call]
        reasons = [asyncio.ensure_future(told.wait()), asyncio.ensure_future(until_clock_is_set())]
        await asyncio.wait([*running, *reasons], return_when=asyncio.FIRST_COMPLETED)
        for worker in workers:
            worker.stop()  # type: ignore[no-untyped-call]
        for reason in reasons:
            reason.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure


async def until_clock_is_set(
    clock: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic, every: float = POLL_SECONDS
) -> None:
    """Wait until somebody sets the clock: who goes by the former time would wait for it to come again."""
    before = clock() - steady()
    while abs((now := clock() - steady()) - before) < SET_SECONDS:
        before = now
        await asyncio.sleep(every)
    log.warning("the clock was set", seconds=round(now - before))


@asynccontextmanager
async def worker_app(url: SecretStr) -> AsyncIterator[procrastinate.App]:
    """The queue with connections of its own, as a worker needs it."""
    connector = procrastinate.PsycopgConnector(
        conninfo=driver_url(url),
        kwargs={"options": TIMEOUTS, "connect_timeout": 5, "application_name": "ventanilla worker"},
        min_size=1,
        max_size=8,
    )
    with jobs.replace_connector(connector) as app:
        async with app.open_async():
            yield app
