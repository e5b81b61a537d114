"""What every provider is: its declared operations, and generators without I/O.

`deliver` yields an Outgoing, is given the Reply (or the NoAnswer) to it, and returns the Outcome. Delivery owns the
wire, the deadlines and the records. The other generators have the same shape.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar, runtime_checkable
from uuid import UUID

from pydantic import BaseModel, SecretStr

from app.providers.operation import Operation
from app.providers.wire import Answer, FilePart, Outgoing

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """What a provider gets to see of an upload."""

    id: UUID
    #: Slug of the organization.
    organization: str
    #: When it came, in the organization's zone.
    received_at: datetime
    parts: Mapping[str, FilePart]
    fields: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    #: What the checks read from the files before the first byte left (a certificate's number, RFC, validity).
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The customer saw what would be replaced and said yes.
    replace: bool = False
    #: What a former attempt remembered with its mark; for `reconcile`.
    baseline: Mapping[str, Any] = field(default_factory=dict)
    #: What the provider called it, where it is known; for `follow`.
    reference: str | None = None
    #: A copy is kept, so that what cannot be told at once may be told later.
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The connection a provider is spoken to through, without its credential: delivery adds that."""

    environment: str
    settings: Mapping[str, Any]


def address(account: Account, live: str, *, sandbox: str | None, path: str) -> str:
    """The live one, or the path below the sandbox's, by the account's environment; empty where there is no sandbox."""
    if account.environment != "sandbox":
        return live
    return sandbox + path if sandbox else ""


#: Hosts of S3, which presigned addresses lead to: buckets, by either spelling.
S3: Final = ("*.s3.*.amazonaws.com", "s3.*.amazonaws.com", "*.s3.amazonaws.com")


class Ending(StrEnum):
    """How a provider's generator ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    #: Refused before anything of the file was sent, after a look at what the provider holds.
    REJECTED = "rejected"
    #: The provider does not take the credential: the connection pauses.
    CREDENTIAL = "credential"
    #: Nothing arrived and trying again may help.
    RETRY = "retry"
    UNKNOWN = "unknown"


ProviderStatus = Literal["processing", "ready", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an attempt, for the customer (`problem`), the operator (the rest) and the record."""

    ending: Ending
    #: Slug of the problem, a key of `app.words`, with the values of its message.
    problem: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The form field that the problem belongs to. (Below the defaults, which need `field` to be the function.)
    field: str | None = None
    #: What the provider does with what was delivered.
    provider_status: ProviderStatus | None = None
    http_status: int | None = None
    #: The provider's code; where there was no answer, its Cause.
    code: str | None = None
    #: The provider's own words, cleaned of anything secret.
    message: str | None = None
    log_id: str | None = None
    retry_after: float | None = None
    #: What was made there before the file could arrive and is empty: taken back, or left where even that failed.
    empty_record: Literal["deleted", "left"] | None = None


Steps = Generator[Outgoing, Answer, Outcome]
Look = Generator[Outgoing, Answer, T]


class Unavailable(Exception):  # noqa: N818 - says what it is
    """The provider did not tell; raised by generators that look and have nothing to return then."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a connection's credential works, in words for an operator."""

    ok: bool
    detail: str
    #: When the credential ends by itself and nothing renews it.
    ends_at: datetime | None = None
    #: What the provider's refusal means, where it was one: the credential may be good and the provider away.
    outcome: Outcome | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Something that lies at the provider."""

    id: str
    name: str
    size: int | None = None
    content_type: str | None = None
    created_at: datetime | None = None
    #: In the provider's own words.
    status: str | None = None
    #: When it ends by itself, as a certificate does.
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of what lies there; `next` asks for more and is None at the end."""

    items: tuple[Listed, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """One secret of a credential."""

    name: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """So many requests with one credential in any such span; of these methods only, where some are named."""

    requests: int
    seconds: float
    methods: frozenset[str] = frozenset()


class Provider(Protocol):
    """Required of every adapter. Powers that may be absent are protocols of their own, below."""

    slug: ClassVar[str]
    title: ClassVar[str]
    operations: ClassVar[tuple[Operation, ...]]
    #: Settings of a connection; the schema that every face validates by.
    settings: ClassVar[type[BaseModel]]
    #: Hosts (`*.amazonaws.com`) that whole addresses may lead to; those of the sandbox are allowed by the gateway.
    stores: ClassVar[tuple[str, ...]]
    #: Limits that the provider states; the gateway keeps them so that it is never the one to be throttled.
    limits: ClassVar[tuple[RateLimit, ...]]

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:
        """What a connection with these settings signs in with; a house connection has none."""
        ...

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        """Where its API is, for this environment; empty where there is no such place."""
        ...

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:
        """What authenticates a request."""
        ...

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Hand a file over. After a NoAnswer whose cause is `withdrawn` what was begun is taken back."""
        ...

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:
        """Try the credential by a call that changes nothing, and say what can be read from it."""
        ...


@runtime_checkable
class Reconciles(Protocol):
    """Can tell later, without the file, whether an attempt arrived."""

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Look whether it is there; the parts have size and SHA-256, and no bytes.

        DELIVERED: it is. FAILED: it is not. UNKNOWN: a good answer that cannot tell. RETRY, CREDENTIAL: there was no
        good answer, so nothing was learnt.
        """
        ...


@runtime_checkable
class Follows(Protocol):
    """Works on what was delivered, and tells how far it got."""

    def follow(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Look once; a DELIVERED outcome has the `provider_status` of now, anything else learnt nothing."""
        ...


@runtime_checkable
class Lists(Protocol):
    """Can show what lies there. Raises Unavailable, as do the others that look."""

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:
        """Newest first where the provider lets us choose."""
        ...


@runtime_checkable
class Gets(Protocol):
    """Can show one thing."""

    def get(self, account: Account, id: str) -> Look[Listed | None]:  # noqa: A002 - the provider's id
        """None: there is no such thing."""
        ...


@runtime_checkable
class Downloads(Protocol):
    """Can give the bytes back."""

    def content(self, account: Account, id: str) -> Look[Outgoing]:  # noqa: A002
        """The request whose answer is the content. `id`: of a Listed; Codat's is a date, all of whose files come."""
        ...


@runtime_checkable
class Deletes(Protocol):
    """Can take something away."""

    def delete(self, account: Account, id: str) -> Steps:  # noqa: A002
        """DELIVERED: it is gone."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """Can tell which values a setting may have; some let a new one be made."""

    #: Names of the settings, and whether a new one can be made.
    choosable: ClassVar[Mapping[str, bool]]

    def choices(self, account: Account, setting: str, cursor: str | None = None) -> Look[Page]: ...

    def make(self, account: Account, setting: str, name: str) -> Look[Listed]:
        """Make a new one and return it; only where `choosable` says so."""
        ...


@runtime_checkable
class Renews(Protocol):
    """Has credentials that end and can be had anew without a person."""

    def due(self, credential: Mapping[str, SecretStr], now: datetime) -> bool:
        """Whether it ends so soon that it should be renewed before it is used."""
        ...

    def renew(self, account: Account, credential: Mapping[str, SecretStr]) -> Look[Mapping[str, SecretStr]]:
        """The fields that are new; asked without a credential. Raises Unavailable."""
        ...
