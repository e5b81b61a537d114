"""What becomes of a delivery that broke off: by a fault of ours, or because its file was withdrawn on its way."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from app.checks import Busy, Rejected, ScannerAway
from app.delivery.errors import HeldUp, TookTooLong, WasCancelled
from app.delivery.outcome import CANCELLED, GIVEN_UP, REFUSED, UNTAKEN, Consequence
from app.errors import Refusal
from app.intake.errors import ClientGone, TooSlow, Truncated
from app.intake.spool import SpoolAway, SpoolFull
from app.providers.base import Ending, Outcome
from app.tenants.errors import Suspended, TokenRevoked

if TYPE_CHECKING:
    from app.delivery.journal import Journal

log = structlog.get_logger("ventanilla.delivery")

#: What becomes of a file that was withdrawn on its way without anybody having refused it, the most specific first.
WITHDRAWN: Final[tuple[tuple[tuple[type[Refusal], ...], Consequence], ...]] = (
    ((HeldUp,), GIVEN_UP),
    ((ClientGone, Truncated, TooSlow, TookTooLong, TokenRevoked, Suspended, WasCancelled), CANCELLED),
    ((SpoolFull, SpoolAway, Busy, ScannerAway), UNTAKEN),
)


def survive(drive: Callable[[], Outcome], upload_id: UUID, otherwise: Callable[[], Outcome]) -> Outcome:
    """Drive a generator; a fault of ours ends it too, in a state that is true, and is logged.

    What ends the process passes: the mark tells the sweeper.
    """
    try:
        return drive()
    except Refusal:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, the record has to say what is true
        where = "".join(traceback.format_exception(exc))  # here, because a renderer may add variables: key and password
        log.error("delivery broke off", upload=str(upload_id), traceback=where)  # noqa: TRY400
        return otherwise()


def broken(*, sent: bool, kept: bool) -> Outcome:
    """What a fault of ours leaves, by whether all of the request that hands in had been sent, and a copy is kept."""
    if sent:
        return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed", code="internal")
    return Outcome(ending=Ending.RETRY if kept else Ending.FAILED, problem="internal", code="internal")


def withdraw(journal: Journal, refusal: Refusal) -> None:
    """Write down why a file was withdrawn on its way, and what became of what was begun for it there."""
    left_there = journal.taken_back is not None and journal.taken_back.empty_record is not None
    if journal.begun or left_there or isinstance(refusal, Rejected):
        journal.refuse(refusal, effect_of(refusal))


def effect_of(refusal: Refusal) -> Consequence:
    """What becomes of a file by what it was withdrawn for."""
    return next((effect for kinds, effect in WITHDRAWN if isinstance(refusal, kinds)), REFUSED)
