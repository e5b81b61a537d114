"""Several files of one page: each is an upload of its own, and its outcome page is found by the page's own token."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from flask_babel import gettext

from app.delivery import Origin, Result
from app.errors import N_, Refusal
from app.intake import Arriving, Streamed
from app.portal import entrance, framing, outcomes
from app.portal.entrance import MOST_FILES, Entrance, HandedIn
from app.portal.outcomes import AGAIN, MOVING, Shown
from app.records.states import State
from app.records.uploads import TOKEN_BYTES, new_outcome_token
from app.services import services

#: A page that came to one of these may be sent once more as it is: nothing arrived.
ANEW: Final = frozenset({State.REJECTED, State.CANCELLED})

#: What is said above all of them, by the first that one of them is in.
TITLES: Final = (
    (AGAIN, N_("Not everything arrived")),
    (frozenset({State.UNKNOWN}), N_("We do not know yet whether everything arrived")),
    (MOVING, N_("Everything was taken and is on its way")),
    (frozenset(State), N_("Everything arrived")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a page came to: the token that its outcome is found by, and whether that is a list."""

    token: str
    several: bool = False

    @property
    def address(self) -> str:
        """The page that always shows what became of it."""
        return framing.at("several" if self.several else "outcome", token=self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One of several files."""

    address: str
    shown: Shown
    #: What is said below its name: why not, or where it is.
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Several files that one page brought."""

    title: str
    rows: Sequence[Row]
    #: Changes with any of them.
    state: str
    moving: bool
    #: Where what was not taken can be handed in again.
    again: str | None
    link_again: bool


def token_of(first: str, number: int) -> str:
    """The token of a page's file of that number, from 1 on; who has the page's own finds all of them, nobody else does.

    So nothing more is kept of what was sent together, and the same page sent twice finds what it came to.
    """
    digest = hashlib.sha256(f"ventanilla/several/1|{first}|{number}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:TOKEN_BYTES]).decode()


def found(token: str) -> Handed | None:
    """What a page of that token has come to before; None: nothing, or nothing that forbids to try it anew."""
    former = entrance.found(token)
    if former is None:
        return None
    several = entrance.found(token_of(token, 1)) is not None
    return None if former.state in ANEW and not several else Handed(token=token, several=several)


def former(token: str | None) -> Handed:
    """What the twin of a page that was sent twice is led to: it is there, even where it is only on its way."""
    assert token is not None  # noqa: S101 - by it the twin was known
    return found(token) or Handed(token=token, several=False)


def hand_in(way: Entrance, streamed: Streamed, token: str | None) -> Handed:
    """Hand in the file that comes and those after it; what one of them is refused for does not concern the others.

    Raises what is wrong with the first where it is the only one; and where that left no record, for all of them.
    """
    first, alone = token or new_outcome_token()[0], None
    try:
        first = _stream(way, streamed, first).outcome_token or first
    except Refusal as refusal:
        if refusal.upload_id is None:
            raise
        alone = refusal
    number = 0
    try:
        for number, file in enumerate(streamed.others, 1):
            _take(way, replace(streamed, file=file), file, token_of(first, number))
    except Refusal as refusal:  # of the body: nobody knows what else was in it
        number += 1
        _turn_away(way, refusal, token_of(first, number))
    if alone and not number:
        raise alone
    return Handed(token=first, several=number > 0)


def present(token: str) -> Listed:
    """Write all of them out; raises NothingHere."""
    others = takewhile(entrance.found, (token_of(token, number) for number in range(1, MOST_FILES + 1)))
    rows = [_row(one, entrance.by_outcome(one)) for one in (token, *others)]
    states = {row.shown.state for row in rows}
    again = bool(states & AGAIN)
    form = next((row.shown.again for row in rows if row.shown.again), None)
    return Listed(
        title=gettext(next(title for kinds, title in TITLES if states & kinds)),
        rows=rows,
        state=" ".join(row.shown.state for row in rows),
        moving=bool(states & MOVING),
        again=form,
        link_again=again and form is None,
    )


def _take(way: Entrance, streamed: Streamed, file: Arriving, token: str) -> None:
    try:
        _stream(way, streamed, token)
    except Refusal as refusal:
        if refusal.upload_id is None:
            _turn_away(way, refusal, token, file)


def _stream(way: Entrance, streamed: Streamed, token: str) -> Result:
    return services().deliverer.stream(_origin(way, token), way.operation, streamed, policy=way.policy, mode=way.mode)


def _turn_away(way: Entrance, refusal: Refusal, token: str, file: Arriving | None = None) -> None:
    services().deliverer.turn_away(_origin(way, token), way.operation, refusal, file)


def _origin(way: Entrance, token: str) -> Origin:
    return way.origin(notice_version=way.organization.notice_version, outcome_token=token)


def _row(token: str, handed_in: HandedIn) -> Row:
    shown = outcomes.present(handed_in)
    # Of what was broken off the reason speaks of all that was sent.
    why = shown.arrived if shown.state is State.CANCELLED else shown.problem or shown.arrived
    return Row(address=framing.at("outcome", token=token), shown=shown, why=why)
