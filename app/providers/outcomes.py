"""What an answer means where a provider has no words of its own for it: by its status, or by why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.providers.base import Ending, Outcome
from app.providers.wire import Cause, NoAnswer, Reply

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
    reply: Reply, *, code: str | None = None, message: str | None = None, log_id: str | None = None
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
        retry_after=retry_after(reply),
    )


def by_cause(answer: NoAnswer) -> Outcome:
    """What it means that no answer came to a request that cannot have delivered anything."""
    ending, problem = BY_CAUSE[answer.cause]
    return Outcome(ending=ending, problem=problem, code=answer.cause)


def retry_after(reply: Reply) -> float | None:
    """Seconds that the provider asks to wait for; None where it does not say, or names a date."""
    asked = reply.headers.get("retry-after", "").strip()
    if not (asked.isascii() and asked.isdecimal()) or len(asked) > 9:
        return None
    return min(float(asked), LONGEST_PAUSE)
