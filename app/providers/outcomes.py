"""What an answer means where a provider has no words of its own for it: by its status, or by why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from app.providers.base import Ending, Outcome, Verdict
from app.providers.wire import Answer, Cause, NoAnswer, Reply

#: Statuses after which only a look at what the provider holds can tell whether it took a file.
DOUBTFUL: Final = frozenset({408, 425, *range(500, 600)})

#: What a status means, where nothing more is known.
BY_STATUS: Final[Mapping[int, tuple[Ending, str]]] = (
    dict.fromkeys(range(300, 400), (Ending.FAILED, "provider-error"))
    | dict.fromkeys(range(400, 500), (Ending.FAILED, "provider-refused"))
    | dict.fromkeys((401, 403), (Ending.CREDENTIAL, "credential-refused"))
    | {402: (Ending.FAILED, "plan-not-allowed"), 429: (Ending.RETRY, "provider-busy")}
    | dict.fromkeys(DOUBTFUL, (Ending.RETRY, "provider-error"))
)
#: What is wrong with an answer that is none of those: a 2xx that does not say what it has to, or no HTTP status at all.
OTHERWISE: Final = (Ending.RETRY, "provider-error")

#: What it means that there is no answer and nothing of a file arrived whole.
BY_CAUSE: Final[Mapping[Cause, tuple[Ending, str]]] = {
    "egress": (Ending.FAILED, "settings-wrong"),
    "connect": (Ending.RETRY, "provider-unreachable"),
    "timeout": (Ending.RETRY, "provider-too-slow"),
    "reset": (Ending.RETRY, "provider-unreachable"),
    "truncated": (Ending.RETRY, "provider-unreachable"),
    # Whoever withdrew the file says why; this is what would be said if nobody did.
    "withdrawn": (Ending.FAILED, "interrupted"),
}

#: A provider that asks for a longer pause than that is not taken at its word.
LONGEST_PAUSE: Final = 86_400.0


def by_status(
    reply: Reply,
    *,
    code: str | None = None,
    message: str | None = None,
    log_id: str | None = None,
    reset: str | None = None,
) -> Outcome:
    """What an answer other than the expected one means, with the provider's own words beside it."""
    ending, problem = BY_STATUS.get(reply.status, OTHERWISE)
    return Outcome(
        ending=ending,
        problem=problem,
        http_status=reply.status,
        code=code,
        message=message,
        log_id=log_id,
        retry_after=retry_after(reply, reset if reply.status == 429 else None),
    )


def by_cause(answer: NoAnswer) -> Outcome:
    """What it means that no answer came to a request that cannot have delivered anything."""
    ending, problem = BY_CAUSE[answer.cause]
    return Outcome(ending=ending, problem=problem, code=answer.cause)


def in_doubt(answer: Answer) -> bool:
    """Whether only a look can tell if the file was taken: also after a 2xx that does not say so."""
    if isinstance(answer, NoAnswer):
        return answer.released
    return answer.ok or answer.status in DOUBTFUL


def erred(answer: Answer) -> bool:
    """Whether the provider itself said that it failed; silence, and a yes that shows nothing, may still be at work."""
    return isinstance(answer, Reply) and not answer.ok


def unconfirmed(outcome: Outcome) -> Outcome:
    """The same, where what it was about may have arrived all the same."""
    return replace(outcome, ending=Ending.UNKNOWN, problem="unconfirmed")


def unlearnt(outcome: Outcome) -> Outcome:
    """The same, of a look: that it was refused says nothing of what was looked for."""
    return replace(outcome, ending=Ending.RETRY) if outcome.ending is Ending.FAILED else outcome


def in_words(outcome: Outcome, about: str = "") -> str:
    """Why something was refused, for an operator: our name of it, and whatever the provider said."""
    told = (about, outcome.message, outcome.code, str(outcome.http_status or ""))
    return f"{outcome.problem}: " + "; ".join(filter(None, told))


def not_verified(outcome: Outcome, about: str = "", *, ends_at: datetime | None = None) -> Verdict:
    """The verdict on a connection whose try ended so."""
    return Verdict(ok=False, detail=in_words(outcome, about), ends_at=ends_at, outcome=outcome)


def retry_after(reply: Reply, reset: str | None = None) -> float | None:
    """Seconds that the provider asks to wait for; None where it does not say.

    It says so by Retry-After, in seconds or as a date, or else by the moment at which its count begins anew: in Unix
    seconds or ISO 8601, in the header `reset`. Moments are measured from the answer's own Date: their clock, not ours.
    """
    asked = reply.headers.get("retry-after", "").strip()
    if _is_number(asked):
        return min(float(asked), LONGEST_PAUSE)
    until = _http_date(asked) or (_moment(reply.headers.get(reset, "").strip()) if reset else None)
    now = _http_date(reply.headers.get("date", ""))
    if until is None or now is None:
        return None
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromtimestamp(int(text), UTC) if _is_number(text) else datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10
