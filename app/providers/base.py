"""What every provider declares, and the values that pass between a provider and delivery.

A provider is data (its operations) and generators without I/O: `deliver` yields an Outgoing, is given the Reply (or
the NoAnswer) to it, and returns the Outcome. Delivery owns the wire, the deadlines and the records.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable
from uuid import UUID

from pydantic import BaseModel, SecretStr

KIB = 1024


class Mode(StrEnum):
    """How an upload travels: held in memory, spooled and retried, or passed through once."""

    DIRECT = "direct"
    DURABLE = "durable"
    RELAY = "relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that an operation takes. `label` and `help` are messages for translation."""

    name: str
    label: str
    help: str = ""
    max_bytes: int
    #: Ending that the right file usually has, shown as a hint and never enforced by name.
    ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value that an operation takes beside its files."""

    name: str
    label: str
    help: str = ""
    kind: Literal["text", "password", "checkbox"] = "text"
    required: bool = True
    max_length: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a provider takes. Pure data: forms, checks, API and docs are built from it."""

    slug: str
    title: str
    #: What is asked for and why, in a sentence or two for the customer.
    intro: str
    #: Where the customer finds it.
    where: str = ""
    modes: tuple[Mode, ...]
    parts: tuple[Part, ...]
    fields: tuple[Field, ...] = ()
    #: Name of the check that all parts pass together (`app.checks`).
    check: str = "policy"
    #: Whether a new form for it is open at once; an e.firma's waits for an operator.
    open: bool = True

    @property
    def provider(self) -> str:
        return self.slug.partition("/")[0]

    @property
    def name(self) -> str:
        return self.slug.partition("/")[2]

    @property
    def body_bytes(self) -> int:
        """Most bytes that a whole hand-in can have: its parts, its fields, and room for the framing."""
        return sum(part.max_bytes for part in self.parts) + sum(4 * f.max_length for f in self.fields) + 16 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file as it was handed in; `content` is there in direct mode only."""

    name: str
    filename: str
    content_type: str
    size: int
    sha256: str
    content: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """What a provider gets to see of an upload."""

    id: UUID
    organization: str
    parts: Mapping[str, FilePart]
    fields: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    #: What the checks read from the files (a certificate's number, RFC, validity).
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The customer saw what would be replaced and said yes.
    replace: bool = False
    #: What a former attempt remembered with its mark; for `reconcile`.
    baseline: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The connection a provider is spoken to through, without its credential: delivery adds that."""

    environment: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPart:
    """A part of an outgoing multipart body: a file that was handed in, or a text."""

    name: str
    file: FilePart | None = None
    value: SecretStr | str | None = field(default=None, repr=False)
    #: What a file is called and said to be on its way out; without them, as it was handed in.
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request that delivery is to make. `path` is below the provider's base URL."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    parts: tuple[OutgoingPart, ...] = ()
    #: Remembered with the mark, before anything of the file is sent.
    baseline: Mapping[str, Any] = field(default_factory=dict)

    @property
    def carries_file(self) -> bool:
        return any(part.file for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a provider answered, whole."""

    status: int
    #: By names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


#: Why there is no answer: our own rules, no connection, too late, broken off before the answer began, or within it.
Cause = Literal["egress", "connect", "timeout", "reset", "truncated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No usable answer came. `released`: all of the request was handed to the network, and may have arrived."""

    cause: Cause
    released: bool


Answer = Reply | NoAnswer


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
    provider_status: Literal["processing", "ready", "failed"] | None = None
    http_status: int | None = None
    #: The provider's code; where there was no answer, its Cause.
    code: str | None = None
    #: The provider's own words, cleaned of anything secret.
    message: str | None = None
    log_id: str | None = None
    retry_after: float | None = None


Steps = Generator[Outgoing, Answer, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a connection's credential works, in words for an operator."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Something that lies at the provider."""

    id: str
    name: str
    created_at: datetime | None = None


class Provider(Protocol):
    """Required of every adapter. Powers that may be absent (Reconciles, Lists) are protocols of their own."""

    slug: ClassVar[str]
    title: ClassVar[str]
    operations: ClassVar[tuple[Operation, ...]]
    #: Settings of a connection; the schema that every face validates by.
    settings: ClassVar[type[BaseModel]]
    #: Names of the credential's fields; all secret.
    credentials: ClassVar[tuple[str, ...]]

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        """Where its API is, for this environment; empty where there is no such place."""
        ...

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:
        """What authenticates a request."""
        ...

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Hand a file over."""
        ...

    def verify(self, account: Account) -> Generator[Outgoing, Answer, Verdict]:
        """Try the credential by a call that changes nothing."""
        ...


@runtime_checkable
class Reconciles(Protocol):
    """Can tell later, without the file, whether an attempt arrived."""

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Look whether it is there.

        DELIVERED: it is. FAILED: it is not. UNKNOWN: a good answer that cannot tell. RETRY, CREDENTIAL: there was no
        good answer, so nothing was learnt.
        """
        ...


@runtime_checkable
class Lists(Protocol):
    """Can show what lies at the provider."""

    def list(self, account: Account) -> Generator[Outgoing, Answer, tuple[Listed, ...]]:
        """Everything that it tells about."""
        ...
