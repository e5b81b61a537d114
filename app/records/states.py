"""The states of an upload and the one table of transitions between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where an upload is."""

    RECEIVING = "receiving"
    DELIVERING = "delivering"
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


#: What a record may begin with. A direct hand-in is whole in memory before there is a record of it: `receiving` is
#: behind it then, and what became of it may be known already. What the provider has is never known without an attempt.
BEGINNINGS: Final = frozenset({State.RECEIVING, State.DELIVERING, State.FAILED, State.REJECTED, State.CANCELLED})

#: While it is here, a process has it in hand.
MOVING: Final = frozenset({State.RECEIVING, State.DELIVERING})

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.RECEIVING: frozenset({State.DELIVERING, State.WAITING, State.FAILED, State.REJECTED, State.CANCELLED}),
    State.DELIVERING: frozenset(
        {State.DELIVERED, State.FAILED, State.WAITING, State.UNKNOWN, State.REJECTED, State.CANCELLED}
    ),
    State.WAITING: frozenset({State.DELIVERING, State.DELIVERED, State.FAILED, State.UNKNOWN, State.CANCELLED}),
    State.UNKNOWN: frozenset({State.DELIVERED, State.WAITING, State.FAILED}),
    State.FAILED: frozenset({State.WAITING}),
    State.DELIVERED: frozenset(),
    State.REJECTED: frozenset(),
    State.CANCELLED: frozenset(),
}


class IllegalTransition(Exception):  # noqa: N818 - says what it is
    """A transition that the table does not hold: a fault of ours, never the caller's."""

    def __init__(self, before: State | None, after: State) -> None:
        super().__init__(f"{before or 'nothing'} -> {after}")


def check(before: State | None, after: State) -> None:
    """Raise IllegalTransition unless the table allows it; `before` is None where there is no record yet."""
    if after not in (BEGINNINGS if before is None else TRANSITIONS[before]):
        raise IllegalTransition(before, after)
