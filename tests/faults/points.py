"""The named steps of an upload's journey at which a process can be killed: where each is in the gateway, as data."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class At(StrEnum):
    """Where in a function: ahead of it; when it has returned, or what it returned was called and did so; midway through
    the items that it gives.
    """

    BEFORE = "before"
    AFTER = "after"
    CALLED = "called"
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


_JOURNAL: Final = "app.delivery.journal:Journal"
_REDELIVERER: Final = "app.delivery.redelivery:Redeliverer"

POINTS: Final = (
    Point(name="intake-head-read", function="app.api.handing_in:_deliver", at=At.BEFORE),
    Point(name="row-not-written", function=f"{_JOURNAL}.begin", at=At.BEFORE),
    Point(name="row-written", function=f"{_JOURNAL}.begin", at=At.AFTER),
    Point(name="first-byte-not-sent", function="app.delivery.http:Http.ask", at=At.BEFORE),
    Point(name="first-block-sent", function="app.delivery.spooling:Spooling.blocks", at=At.MIDWAY, often=False),
    Point(name="copy-written-not-synced", function="app.intake.spool.local:_File.sync", at=At.BEFORE),
    Point(name="copy-synced-not-named", function="app.intake.spool.local:_File.sync", at=At.AFTER),
    Point(name="copy-named", function="app.intake.spool.local:_sync", at=At.AFTER),
    Point(name="mark-not-committed", function=f"{_JOURNAL}.mark", at=At.BEFORE),
    Point(name="mark-in-transaction", function="app.delivery.journal:attempts.mark", at=At.AFTER),
    Point(name="copy-row-in-transaction", function="app.delivery.journal:copies.add", at=At.AFTER),
    Point(name="mark-committed", function=f"{_JOURNAL}.mark", at=At.AFTER),
    Point(name="tail-released", function="app.delivery.engine:Engine._once", at=At.CALLED),
    Point(name="answered", function="app.delivery.http:Http.ask", at=At.AFTER),
    Point(name="outcome-not-committed", function=f"{_JOURNAL}.end", at=At.BEFORE),
    Point(name="outcome-committed", function=f"{_JOURNAL}.end", at=At.AFTER),
    Point(name="copy-not-removed", function="app.delivery.keeper:Keeper._forget", at=At.BEFORE),
    Point(name="copy-removed", function="app.delivery.keeper:Keeper._forget", at=At.AFTER),
    Point(name="client-not-told", function="app.api.handing_in:_deliver", at=At.AFTER),
    *(
        Point(name=f"resumable-{name}", function=function, at=at, often=False)
        for name, function, at in (
            ("begun", "app.resumable.views:beginning.begin", At.AFTER),
            ("piece-not-counted", "app.resumable.pieces:Taking._count", At.BEFORE),
            ("piece-counted", "app.resumable.pieces:Taking._count", At.AFTER),
            ("whole", "app.resumable.views:completing.complete", At.BEFORE),
            ("one-copy", "app.resumable.completing:_one_part", At.AFTER),
            ("handed-on-not-committed", f"{_JOURNAL}.hold", At.BEFORE),
            ("handed-on", f"{_JOURNAL}.hold", At.AFTER),
            ("accepted", "app.delivery.keeper:Keeper.accept", At.AFTER),
            ("client-not-told", "app.resumable.views:completing.complete", At.AFTER),
        )
    ),
    *(
        Point(name=f"worker-{name}", function=function, at=at, role=Role.WORKER, often=False)
        for name, function, at in (
            ("woken", f"{_REDELIVERER}.next", At.BEFORE),
            ("claim-in-transaction", "app.delivery.redelivery:claiming.next_due", At.AFTER),
            ("claimed", f"{_REDELIVERER}._claim", At.AFTER),
            ("looks", f"{_REDELIVERER}._find_out", At.BEFORE),
            ("looked", f"{_REDELIVERER}._find_out", At.AFTER),
            ("sends", f"{_REDELIVERER}._send", At.BEFORE),
            ("first-block-sent", "app.delivery.redelivery:Kept.blocks", At.MIDWAY),
            ("mark-not-committed", "app.delivery.redelivery:attempts.mark", At.BEFORE),
            ("mark-in-transaction", "app.delivery.redelivery:attempts.mark", At.AFTER),
            ("mark-committed", "app.delivery.engine:Engine._once", At.CALLED),
            ("answered", f"{_REDELIVERER}._send", At.AFTER),
            ("outcome-in-transaction", "app.delivery.redelivery:settling.settle", At.AFTER),
            ("outcome-committed", f"{_REDELIVERER}._settled", At.AFTER),
            ("copy-not-removed", "app.intake.spool.spool:Spool.discard", At.BEFORE),
            ("copy-removed", "app.intake.spool.spool:Spool.discard", At.AFTER),
            ("sweep-in-transaction", "app.records.sweeper:_sweep_batch", At.AFTER),
            ("sweep-begins", "app.records.jobs:sweeper.sweep", At.BEFORE),
            ("swept", "app.records.jobs:sweeper.sweep", At.AFTER),
            ("seal-in-transaction", "app.records.sealing:_seal_batch", At.AFTER),
            ("sealed", "app.records.sealing:seal", At.AFTER),
        )
    ),
)

#: Those that a file also passes of which no copy is kept.
UNKEPT: Final = frozenset(
    {
        "intake-head-read",
        "row-not-written",
        "first-byte-not-sent",
        "mark-not-committed",
        "mark-committed",
        "tail-released",
        "answered",
        "outcome-not-committed",
        "outcome-committed",
        "client-not-told",
    }
)
