"""From how a provider's generator ended to what becomes of the upload: the table of outcomes, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.providers.base import Ending
from app.providers.operation import Mode
from app.records.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """What an ending does."""

    state: State
    #: The personal link's use stays counted: something arrived, or may have.
    uses_link: bool = False
    #: The connection takes no more until somebody repairs its credential.
    pauses: bool = False
    #: The caller is told as by one of our own checks, and may put it right.
    rejects: bool = False
    #: It ended here, and the provider was not asked or never had a whole request.
    ours: bool = False


#: A check refused it, or how it came.
REFUSED: Final = Consequence(state=State.REJECTED, rejects=True, ours=True)
#: Its sender left, or let us wait for too long.
CANCELLED: Final = Consequence(state=State.CANCELLED, ours=True)
#: The provider took it too slowly to be waited for any longer.
GIVEN_UP: Final = Consequence(state=State.FAILED)

#: It is whole in the spool, and was not tried yet.
HELD: Final = Consequence(state=State.WAITING, uses_link=True, ours=True)
#: There is no room for it in the spool or in memory, or nobody to judge it: nothing is wrong with it.
UNTAKEN: Final = Consequence(state=State.FAILED, ours=True)

#: Without a spool: one attempt, and the caller waits for it.
AT_ONCE: Final[Mapping[Ending, Consequence]] = {
    Ending.DELIVERED: Consequence(state=State.DELIVERED, uses_link=True),
    Ending.FAILED: Consequence(state=State.FAILED),
    Ending.REJECTED: Consequence(state=State.REJECTED, rejects=True),
    Ending.CREDENTIAL: Consequence(state=State.FAILED, pauses=True),
    Ending.RETRY: Consequence(state=State.FAILED),
    Ending.UNKNOWN: Consequence(state=State.UNKNOWN, uses_link=True),
}
#: With one: what may get better by itself waits, and so does what nobody knows yet: it is looked for again.
SPOOLED: Final[Mapping[Ending, Consequence]] = {
    **AT_ONCE,
    Ending.CREDENTIAL: Consequence(state=State.WAITING, uses_link=True, pauses=True),
    Ending.RETRY: Consequence(state=State.WAITING, uses_link=True),
    Ending.UNKNOWN: Consequence(state=State.WAITING, uses_link=True),
}
#: A later look at an upload that is `unknown`; what it did not learn leaves it as it is.
LOOKED: Final[Mapping[Ending, Consequence]] = {
    **dict.fromkeys(Ending, Consequence(state=State.UNKNOWN, uses_link=True)),
    Ending.DELIVERED: Consequence(state=State.DELIVERED, uses_link=True),
    Ending.FAILED: Consequence(state=State.FAILED),
    Ending.CREDENTIAL: Consequence(state=State.UNKNOWN, uses_link=True, pauses=True),
}


def consequence(ending: Ending, mode: Mode) -> Consequence:
    """What an attempt's ending does to an upload of that mode."""
    return (SPOOLED if mode is Mode.DURABLE else AT_ONCE)[ending]
