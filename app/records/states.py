"""The states of an upload and the one table of transitions between them."""

from __future__ import annotations

from enum import StrEnum


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


TRANSITIONS: dict[State, frozenset[State]] = {
    State.RECEIVING: frozenset(
        {State.DELIVERING, State.WAITING, State.FAILED, State.REJECTED, State.CANCELLED}
    ),
    State.DELIVERING: frozenset(
        {State.DELIVERED, State.FAILED, State.WAITING, State.UNKNOWN, State.REJECTED, State.CANCELLED}
    ),
    State.WAITING: frozenset(
        {State.DELIVERING, State.DELIVERED, State.FAILED, State.UNKNOWN, State.CANCELLED}
    ),
    State.UNKNOWN: frozenset({State.DELIVERED, State.WAITING, State.FAILED}),
    State.FAILED: frozenset({State.WAITING}),
    State.DELIVERED: frozenset(),
    State.REJECTED: frozenset(),
    State.CANCELLED: frozenset(),
}


class IllegalTransition(Exception):
    """A transition that the table does not hold: a fault of ours, never the caller's."""

    def __init__(self, before: State, after: State) -> None:
        super().__init__(f"{before} -> {after}")


def check(before: State, after: State) -> None:
    """Raise IllegalTransition unless the table allows it."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(before, after)
