"""A provider that is played, on the sandbox's wire, and files that arrive as a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import SecretStr

from app.intake import Arriving, Streamed
from app.providers.base import Account, Ending, HandIn, Look, Outcome, RateLimit, Steps, Unavailable, Verdict
from app.providers.facturapi import Facturapi
from app.providers.operation import Operation
from app.providers.wire import Answer, Multipart, NoAnswer, Outgoing, OutgoingPart

Deliver = Callable[[Operation, HandIn, Account], Steps]


class Held(Arriving):
    """A file of which the test has every block in hand; `raises` comes after the last."""

    def __init__(
        self,
        content: bytes,
        *,
        name: str = "file",
        filename: str = "logo.png",
        whole: bool = False,
        raises: Exception | None = None,
        at: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.filename = filename  # type: ignore[misc]
        self.content_type = "image/png"  # type: ignore[misc]
        self.body = None  # type: ignore[assignment,misc]
        self.followed = False
        self.content = content
        self._is_whole = whole
        self._raises = raises
        self._at = at

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def whole(self) -> bool:
        return self._is_whole

    def head(self, count: int) -> bytes:
        return self.content[:count]

    def look_ahead(self, count: int) -> bool:
        return self.followed

    def blocks(self) -> Iterator[bytes]:
        half = len(self.content) // 2
        yield self.content[:half]
        self._at()
        if self._raises:
            raise self._raises
        yield self.content[half:]


def streamed(file: Arriving | None, **fields: str) -> Streamed:
    return Streamed(fields=fields, secrets={}, file=file)


@dataclass
class Played(Facturapi):
    """Facturapi's wire, and whatever else a test says of a provider."""

    ending: Outcome = field(default_factory=lambda: Outcome(ending=Ending.DELIVERED, reference="ref"))
    #: What came of the look; None: it was not asked for.
    looked: Outcome | Exception | None = None
    followed: list[Outcome] = field(default_factory=list)
    asks_after: bool = False
    empty_record: Any = None
    asked: list[HandIn] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    renewals: list[Mapping[str, SecretStr] | Unavailable] = field(default_factory=list)
    renewed: int = 0
    is_due: Callable[[Mapping[str, SecretStr]], bool] = lambda _: False
    stores: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[tuple[RateLimit, ...]] = ()

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        look = Outgoing(method="GET", path=f"/organizations/{account.settings['organization_id']}")
        if self.empty_record:
            yield look
        parts = tuple(OutgoingPart(name=part.name, file=part) for part in handin.parts.values())
        answer = yield Outgoing(
            method="PUT", path=f"{look.path}/{operation.name}", body=Multipart(parts=parts), baseline={"before": 1}
        )
        self.answers.append(answer)
        if isinstance(answer, NoAnswer) and answer.cause == "withdrawn":
            return Outcome(ending=Ending.FAILED, problem="interrupted", empty_record=self.empty_record)
        if self.asks_after:
            yield look
        return self.ending

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        self.asked.append(handin)
        yield Outgoing(method="GET", path=f"/organizations/{account.settings['organization_id']}")
        if isinstance(self.looked, Exception):
            raise self.looked
        assert self.looked
        return self.looked

    def follow(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        self.asked.append(handin)
        yield Outgoing(method="GET", path=f"/organizations/{account.settings['organization_id']}")
        return self.followed.pop(0)

    def due(self, credential: Mapping[str, SecretStr], now: Any) -> bool:
        return self.is_due(credential)

    def renew(self, account: Account, credential: Mapping[str, SecretStr]) -> Look[Mapping[str, SecretStr]]:
        self.renewed += 1
        yield Outgoing(method="GET", path=f"/organizations/{account.settings['organization_id']}")
        new = self.renewals.pop(0)
        if isinstance(new, Unavailable):
            raise new
        return new

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: Any) -> Look[Verdict]:
        return super().verify(account, credential, now)
