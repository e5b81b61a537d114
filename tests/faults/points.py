"""The named steps of an upload's journey at which a process can be killed: where each is in the gateway, as data."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class At(StrEnum):
    """Where in a function: ahead of it, when it has returned, or (of an iterator) when its second item is asked for."""

    BEFORE = "before"
    AFTER = "after"
    MIDWAY = "midway"


class Role(StrEnum):
    """Which kind of process is killed there."""

    WEB = "web"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A step. `function` is looked up where it is used: `module:name` or `module:Class.name`."""

    name: str
    function: str
    at: At
    role: Role = Role.WEB
    #: Every upload comes there, so that it does not have to be the first.
    often: bool = True

    @property
    def owner(self) -> Any:
        """What holds the function: a class or a module."""
        module, _, path = self.function.partition(":")
        found: Any = importlib.import_module(module)
        for name in path.split(".")[:-1]:
            found = getattr(found, name)
        return found

    @property
    def attribute(self) -> str:
        return self.function.rpartition(":")[2].rpartition(".")[2]

    def resolve(self) -> Callable[..., Any]:
        """The function; raises AttributeError or ImportError where there is none of that name any more."""
        found = inspect.getattr_static(self.owner, self.attribute)
        if not callable(found):
            raise AttributeError(f"{self.name}: {self.function} is no function")  # noqa: TRY004 - it is not there
        made: Callable[..., Any] = found
        return made


POINTS: Final = (
    # The whole of a small hand-in, or the head of a large one, has been read.
    Point(name="intake-head-read", function="app.api.uploads:_deliver", at=At.BEFORE),
    Point(name="row-not-written", function="app.delivery.journal:Journal.begin", at=At.BEFORE),
    Point(name="row-written", function="app.delivery.journal:Journal.begin", at=At.AFTER),
    Point(name="first-byte-not-sent", function="app.delivery.http:Http.ask", at=At.BEFORE),
    Point(name="first-block-sent", function="app.delivery.passing:Passing.blocks", at=At.MIDWAY),
    Point(name="mark-not-committed", function="app.delivery.journal:Journal.mark", at=At.BEFORE),
    Point(name="mark-in-transaction", function="app.delivery.journal:attempts.mark", at=At.AFTER),
    Point(name="mark-committed", function="app.delivery.journal:Journal.mark", at=At.AFTER),
    Point(name="answered", function="app.delivery.http:Http.ask", at=At.AFTER),
    Point(name="outcome-not-committed", function="app.delivery.journal:Journal.end", at=At.BEFORE),
    Point(name="outcome-committed", function="app.delivery.journal:Journal.end", at=At.AFTER),
    Point(name="client-not-told", function="app.api.uploads:_deliver", at=At.AFTER),
    Point(
        name="swept-not-committed",
        function="app.records.sweeper:_sweep_batch",
        at=At.AFTER,
        role=Role.WORKER,
        often=False,
    ),
    Point(name="sweep-begins", function="app.records.jobs:sweeper.sweep", at=At.BEFORE, role=Role.WORKER, often=False),
    Point(name="sweep-done", function="app.records.jobs:sweeper.sweep", at=At.AFTER, role=Role.WORKER, often=False),
)
BY_NAME: Final = {point.name: point for point in POINTS}
