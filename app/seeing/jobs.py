"""What is seen of a worker's jobs: each has its id in all its lines, is counted, timed, and a trace of its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from procrastinate import JobContext
from procrastinate.middleware import TaskMiddleware
from procrastinate.worker import Worker

from app.seeing import ids, metrics, spans


@contextmanager
def seen(context: JobContext) -> Iterator[None]:
    """Do a job."""
    task, began, outcome = context.job.task_name, time.monotonic(), "failed"
    try:
        with ids.bound(job=context.job.id, task=task), spans.span(task, "consumer"):
            yield
        outcome = "done"
    finally:
        metrics.JOBS.labels(task, outcome).inc()
        metrics.JOB_SECONDS.labels(task).observe(time.monotonic() - began)


def _in_thread(call: Callable[[], Any], context: JobContext, _worker: Worker) -> Any:
    with seen(context):
        return call()


async def _in_loop(call: Callable[[], Awaitable[Any]], context: JobContext, _worker: Worker) -> Any:
    with seen(context):
        return await call()


#: For the library: the one is around what has a thread, the other around what does not.
MIDDLEWARE: Final[list[TaskMiddleware]] = [_in_thread, _in_loop]
