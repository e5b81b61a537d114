"""The gateway as it is, but that it can be killed at a named point, and that its clock can be set forward.

`gunicorn tests.faults.crashing:app` and `flask --app tests.faults.crashing worker`; nothing in the gateway knows of it.
FAULTS_ROLE says which kind of process this is, FAULTS_DIR where orders lie. An order is an empty file `orders/NAME@N`:
let that point be passed N times, then die there. Whoever takes one renames it, which only one process can; the last
name is the mark that the point was hit.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from app import create_app
from app.database import utcnow
from tests.faults.points import POINTS, At, Point, Role

FOLDER = Path(os.environ["FAULTS_DIR"])
ORDERS, HITS, AHEAD = FOLDER / "orders", FOLDER / "hits", FOLDER / "ahead"


def reach(name: str) -> None:
    """Die if that was ordered."""
    for order in (one.name for one in ORDERS.iterdir()):
        point, _, left = order.partition("@")
        if point != name:
            continue
        with suppress(FileNotFoundError):  # another process was faster
            if int(left):
                (ORDERS / order).rename(ORDERS / f"{name}@{int(left) - 1}")
                return
            (ORDERS / order).rename(HITS / f"{name}@{uuid4()}")
            folder = os.open(HITS, os.O_RDONLY)
            os.fsync(folder)
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(point: Point) -> None:
    """Put the point into the function that it is in."""
    inner = point.resolve()

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        if point.at is At.BEFORE:
            reach(point.name)
        answer = inner(*args, **kwargs)
        if point.at is At.AFTER:
            reach(point.name)
        if point.at is At.CALLED:
            return functools.partial(_called, point.name, answer)
        return _watched(point.name, answer) if point.at is At.MIDWAY else answer

    setattr(
        point.owner, point.attribute, staticmethod(outer) if inspect.isclass(point.owner) and _static(point) else outer
    )


def _static(point: Point) -> bool:
    return isinstance(inspect.getattr_static(point.owner, point.attribute), staticmethod)


def _called(name: str, answer: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = answer(*args, **kwargs)
    reach(name)
    return result


def _watched(name: str, items: Iterator[Any]) -> Iterator[Any]:
    for number, item in enumerate(items):
        if number == 1:
            reach(name)
        yield item


def now() -> datetime:
    """The time, as far ahead as the file says."""
    return utcnow() + timedelta(seconds=float(AHEAD.read_text() or 0))


def arm(role: Role) -> Callable[[], datetime]:
    """Put in every point of that kind of process; the clock that goes with it."""
    for point in POINTS:
        if point.role is role:
            wrap(point)
    return now


app = create_app(clock=arm(Role(os.environ["FAULTS_ROLE"])))
