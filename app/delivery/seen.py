"""What is seen of a request to a provider: how long it took and how it was answered; nothing of either."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from app.delivery.calls import Answered
from app.delivery.deadlines import Clock
from app.providers.wire import NoAnswer, Reply
from app.seeing import metrics, spans

A = TypeVar("A", bound=Reply | NoAnswer | Answered)


class Told(Protocol):
    """Takes the answer, and gives it back."""

    def __call__(self, answer: A, /) -> A: ...


@contextmanager
def seen(provider: str, method: str, *, hands_in: bool = False, clock: Clock = time.monotonic) -> Iterator[Told]:
    """Make one request, whose answer is told; what is not, was withdrawn."""
    kind, answered, began = "hand-in" if hands_in else "look", "withdrawn", clock()
    with spans.span(f"{provider} {method}", "client", provider=provider, kind=kind) as span:

        def told(answer: A) -> A:
            nonlocal answered
            answered = answer.cause if isinstance(answer, NoAnswer) else f"{answer.status // 100}xx"
            if not isinstance(answer, NoAnswer):
                span.tell(status=answer.status)
            return answer

        try:
            yield told
        finally:
            span.tell(answer=answered)
            metrics.CALLS.labels(provider, kind, answered).inc()
            metrics.CALL_SECONDS.labels(provider, kind).observe(clock() - began)
