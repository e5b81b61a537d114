"""What every provider's face is: where its clients put their key, its rules, and its way to say no."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable
from uuid import UUID

from app.delivery.calls import Whole
from app.passthrough.rules import Rules
from app.providers.base import Account, HandIn, Outcome
from app.providers.operation import Operation
from app.providers.wire import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Why something was not done, in our own terms."""

    #: As the API would answer it.
    status: int
    slug: str
    #: For people.
    detail: str
    #: The field or part that is at fault, by the operation's name for it.
    field: str | None = None
    #: Seconds after which it may be done.
    retry_after: int | None = None
    upload_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """The same in a vendor's words: one of the answers that its clients know."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def whole(self) -> Whole:
        """As it is answered."""
        content = json.dumps(self.body, ensure_ascii=False).encode()
        headers = [("Content-Type", self.content_type), ("Content-Length", str(len(content))), *self.headers.items()]
        return Whole(status=self.status, reason="", headers=headers, content=content)


class Speaks(Protocol):
    """Whoever can say no in words that clients know."""

    #: Which its refusals are in.
    language: ClassVar[str]

    def spell(self, told: Told) -> Spelled:
        """Say no as the vendor would, within the statuses, codes and reasons that its clients know."""
        ...


class Face(Speaks, Protocol):
    """One provider, as its own clients see it; listed in `app.passthrough.faces`."""

    #: The provider's.
    slug: ClassVar[str]
    #: What stands before every path of its API, below `/proxy/{slug}`; the provider's base URL ends with it.
    base_path: ClassVar[str]
    rules: ClassVar[Rules]
    #: Names by which a path may call what belongs to the credential itself.
    own_names: ClassVar[frozenset[str]]

    def token(self, authorization: str) -> str | None:
        """The gateway's token, from where its clients put their key; None where there is none."""
        ...

    def judge(self, operation: Operation, handin: HandIn, account: Account, answer: Answer) -> Outcome:
        """What the answer to a hand-in means; UNKNOWN where only a look can tell."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """Needs more than the record of a hand-in to tell later whether it arrived."""

    def baseline(self, operation: Operation, fields: Mapping[str, str], now: datetime) -> Mapping[str, str]:
        """What is remembered with the mark; its adapter finds it in the hand-in that it looks for."""
        ...


def bearer(authorization: str) -> str | None:
    """What stands behind `Bearer`."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
