"""Faults that a test orders: what a provider, or the way to it, does wrong to the next requests that match."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: Longest that a fault waits: every wait is bounded.
LONGEST_SECONDS = 600.0


class Action(StrEnum):
    """What goes wrong. All but the last two act before anything is stored."""

    #: Answers with that status; `seconds` later if given, after `after_bytes` of the body instead of all of it.
    STATUS = "status"
    #: Takes `seconds` longer, then goes on as if nothing were.
    DELAY = "delay"
    #: Resets the connection after `after_bytes` of the body (none).
    RESET = "reset"
    #: Stops reading after `after_bytes` of the body (none): goes on after `seconds`; without them it never does.
    STALL = "stall"
    #: Stores, announces the whole answer, sends `after_bytes` of its body (half of it) and closes.
    TRUNCATE = "truncate"
    #: Stores, then closes without an answer.
    DROP_ANSWER = "drop_answer"

    @property
    def stores(self) -> bool:
        """It acts when the provider has done its work."""
        return self in {Action.TRUNCATE, Action.DROP_ANSWER}


class BadFault(ValueError):  # noqa: N818 - named for what is wrong
    """An order that cannot be carried out, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One order. `path` is a prefix, with or without the provider's own (`/facturapi`)."""

    provider: str
    action: Action
    method: str | None = None
    path: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Text as it is, anything else as JSON; None: the provider's own for that status.
    body: Any = None
    seconds: float | None = None
    after_bytes: int | None = None
    times: int = 1

    @property
    def point(self) -> int | None:
        """Bytes of the request's body after which it acts; None: all of them."""
        if self.action in {Action.RESET, Action.STALL}:
            return self.after_bytes or 0
        return None if self.action.stores else self.after_bytes

    def matches(self, provider: str, method: str, path: str) -> bool:
        return (
            self.provider == provider
            and self.method in {None, method}
            and (path.startswith(self.path) or path.removeprefix(f"/{provider}").startswith(self.path))
        )

    @classmethod
    def parse(cls, data: Any, providers: Collection[str]) -> Self:
        """Read an order from JSON; raises BadFault with a sentence that says what is wrong with it."""
        if not isinstance(data, dict):
            raise BadFault("a fault is a JSON object")
        if unknown := sorted(data.keys() - cls.__dataclass_fields__.keys()):
            raise BadFault(f"unknown: {', '.join(unknown)}")
        given = {key: value for key, value in data.items() if value is not None}
        if given.get("provider") not in providers:
            raise BadFault(f"provider: one of {', '.join(sorted(providers))}")
        try:
            given["action"] = Action(given.get("action", ""))
        except ValueError:
            raise BadFault(f"action: one of {', '.join(Action)}") from None
        for key, (holds, want) in _RULES.items():
            if key in given and not holds(given[key]):
                raise BadFault(f"{key}: {want}")
        fault = cls(**given)
        if fault.action is Action.STATUS and fault.status is None:
            raise BadFault("status: needed for this action")
        if fault.action is Action.DELAY and fault.seconds is None:
            raise BadFault("seconds: needed for this action")
        return fault

    def answer(self) -> tuple[bytes, str]:
        """The ordered body and what it seems to be."""
        if not isinstance(self.body, str):
            return json.dumps(self.body, ensure_ascii=False).encode(), "application/json"
        if self.body.lstrip().startswith("<"):
            return self.body.encode(), "text/html; charset=utf-8"
        return self.body.encode(), "text/plain; charset=utf-8"


def _is_count(least: int, most: float) -> Any:
    return lambda value: type(value) is int and least <= value <= most


_RULES = {
    "method": (lambda value: isinstance(value, str) and value.isupper(), "a method in capitals, such as PUT"),
    "path": (lambda value: isinstance(value, str), "the beginning of a path"),
    "status": (_is_count(200, 599), "an HTTP status from 200 to 599"),
    "headers": (
        lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
        "an object of texts",
    ),
    "seconds": (
        lambda value: type(value) in {int, float} and 0 <= value <= LONGEST_SECONDS,
        f"a number from 0 to {LONGEST_SECONDS:.0f}",
    ),
    "after_bytes": (_is_count(0, float("inf")), "a number of bytes"),
    "times": (_is_count(1, float("inf")), "how many requests, at least 1"),
}


class Faults:
    """The orders still open, taken in the order in which they were set: at most one a request."""

    def __init__(self) -> None:
        self._open: list[tuple[Fault, int]] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._open.append((fault, fault.times))

    def clear(self) -> None:
        with self._lock:
            self._open.clear()

    def take(self, provider: str, method: str, path: str) -> Fault | None:
        """The first that matches; it is used up after its last time."""
        with self._lock:
            for index, (fault, left) in enumerate(self._open):
                if fault.matches(provider, method, path):
                    self._open[index : index + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return None

    def listing(self) -> list[dict[str, Any]]:
        """Those still open, with the times that are left of each."""
        with self._lock:
            return [{**asdict(fault), "times": left} for fault, left in self._open]
