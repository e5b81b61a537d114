"""What Codat's answers say: connections, files, or a refusal. The HTTP status decides; the body's may be another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from app.providers import reading
from app.providers.base import Ending, Outcome
from app.providers.outcomes import DOUBTFUL, by_cause, by_status
from app.providers.wire import Answer, NoAnswer, Reply

#: When the day's requests are counted anew, for a 429 without Retry-After.
RESET: Final = "x-rate-limit-reset"
#: Of a company or a connection that is not there, or another client's: what a connection says, not whose key it is.
ELSEWHERE: Final = frozenset({403, 404})


def entries(answer: Answer, name: str | None = None) -> Sequence[Mapping[str, Any]] | None:
    """The objects that an answer lists, bare or under a name; None where it lists none."""
    if not isinstance(answer, Reply) or answer.status != 200:
        return None
    return reading.objects(answer.json if name is None else reading.body(answer).get(name))


def uploaded(file: Mapping[str, Any]) -> datetime | None:
    """When a file came, in UTC: that is meant where no zone is named."""
    found = reading.moment(file, "uploaded", zone=UTC)
    return found.astimezone(UTC) if found else None


def refusal(answer: Answer) -> Outcome:
    """What an answer means that is not the one hoped for."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    told = reading.complaint(answer)
    message = "; ".join(filter(None, [reading.text(told, "error"), *_faults(told)])) or None
    log_id = reading.text(told, "correlationId")
    outcome = by_status(answer, message=message, log_id=log_id, reset=RESET)
    if answer.status in ELSEWHERE:
        # Without its words it is not Codat that speaks but what stands before it, and it judges nothing of ours.
        return replace(outcome, ending=Ending.FAILED, problem="settings-wrong" if message else "provider-error")
    if answer.status in DOUBTFUL and reading.text(told, "canBeRetried") == "False":
        return replace(outcome, ending=Ending.FAILED)
    return outcome


def _faults(told: Mapping[str, Any]) -> list[str | None]:
    """What it found wrong, where that is more than its first sentence."""
    listed = reading.objects(reading.block(told, "validation").get("errors")) or []
    return [said for one in listed[:5] if (said := reading.text(one, "message")) != told.get("error")]
