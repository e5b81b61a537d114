"""Why a service is not let in, or what it asked for is not done.

Refusal
├── NothingHere        404    no such thing, or none of the token's
├── NotSealed          404    no receipt, or none yet
├── BadMetadata        422    the caller's own values cannot be kept
├── LongExternalId     422    the same
├── DurableNotOffered  501    asked for a way that this operation does not go
├── WaitNotOffered     501    asked not to be kept waiting where there is no other way
├── BadDurable         400    asked for a way that there never is
├── BadWait            400    said of its waiting what is no number of seconds, or too many
├── BadKey             400    an Idempotency-Key that is none
├── KeyReused          422    one that stands for something else
├── NotValid           422    a body or a query that is not as its schema says; `faults` say where
├── BadCursor          422    a cursor of another list, or none of ours
├── ChangedMeanwhile   412    it is not any more what `If-Match` says
├── NotOffered         405    the provider has no way to do it
└── SharedKey          403    what others have there, too, cannot be told apart

Untold is no refusal of ours: the provider did not do it, and its outcome says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from app.errors import Refusal
from app.providers.base import Outcome


class NothingHere(Refusal):
    """There is no such organization, connection, operation or upload, or it is not the token's."""

    slug: ClassVar[str] = "not-found"
    status: ClassVar[int] = 404


class NotSealed(Refusal):
    """The upload has no receipt: it is not delivered, or was so just now."""

    slug: ClassVar[str] = "not-sealed"
    status: ClassVar[int] = 404


class BadMetadata(Refusal):
    """What a caller wants to find again beside its upload is no small JSON object."""

    slug: ClassVar[str] = "bad-metadata"
    status: ClassVar[int] = 422


class LongExternalId(Refusal):
    """The caller's own name of its upload is too long."""

    slug: ClassVar[str] = "field-too-long"
    status: ClassVar[int] = 422


class DurableNotOffered(Refusal):
    """This is passed on while the caller waits, and not kept to be tried again."""

    slug: ClassVar[str] = "durable-not-offered"
    status: ClassVar[int] = 501


class BadDurable(Refusal):
    """Neither 0 nor 1."""

    slug: ClassVar[str] = "bad-value"


class WaitNotOffered(Refusal):
    """This is answered when it is done: there is no copy that could be delivered later."""

    slug: ClassVar[str] = "wait-not-offered"
    status: ClassVar[int] = 501


class BadWait(Refusal):
    """No whole number of seconds, or more than anybody is kept waiting."""

    slug: ClassVar[str] = "bad-value"


class BadKey(Refusal):
    """An Idempotency-Key that is empty, too long, or no string."""

    slug: ClassVar[str] = "bad-idempotency-key"


class KeyReused(Refusal):
    """An Idempotency-Key that was used for something else: another address, other parts, or other bytes."""

    slug: ClassVar[str] = "idempotency-key-reused"
    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with what was sent: where, and what."""

    at: tuple[str, ...]
    slug: str
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def pointer(self) -> str:
        """Where it lies, as a JSON pointer in a fragment (RFC 6901)."""
        return "#" + "".join("/" + one.replace("~", "~0").replace("/", "~1") for one in self.at)


class NotValid(Refusal):
    """A body or a query that is not as the document says."""

    slug: ClassVar[str] = "not-valid"
    status: ClassVar[int] = 422

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__()


class BadCursor(Refusal):
    """A cursor of another list, or none that was ever given."""

    slug: ClassVar[str] = "bad-cursor"
    status: ClassVar[int] = 422


class ChangedMeanwhile(Refusal):
    """Somebody changed it since the caller looked."""

    slug: ClassVar[str] = "changed-meanwhile"
    status: ClassVar[int] = 412


class NotOffered(Refusal):
    """The provider of the connection has no way to do this."""

    slug: ClassVar[str] = "not-offered-there"
    status: ClassVar[int] = 405

    def __init__(self, allow: tuple[str, ...], **params: object) -> None:
        """`allow`: methods that the address takes for this connection."""
        self.allow = allow
        super().__init__(field=None, **params)


class SharedKey(Refusal):
    """The connection's key opens what is several organizations', and the provider does not tell them apart."""

    slug: ClassVar[str] = "shared-key"
    status: ClassVar[int] = 403


class Untold(Exception):  # noqa: N818 - says what happened
    """The provider did not do what it was asked for."""

    def __init__(self, outcome: Outcome, organization: str) -> None:
        self.outcome = outcome
        self.organization = organization
        super().__init__(outcome.problem)
