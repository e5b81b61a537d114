"""Why a service is not let in, or what it asked for is not done.

Refusal
├── Unauthorized       401    no token, or none that is good
├── OutOfScope         403    the token is good for other things
├── Suspended          403    the organization hands nothing in at the moment
├── NothingHere        404    no such thing, or none of the token's
├── NotSealed          404    no receipt, or none yet
├── BadMetadata        422    the caller's own values cannot be kept
├── LongExternalId     422    the same
├── DurableNotOffered  501    asked for a way that this operation does not go
├── WaitNotOffered     501    asked not to be kept waiting where there is no other way
├── BadDurable         400    asked for a way that there never is
├── BadWait            400    said of its waiting what is no number of seconds, or too many
├── BadKey             400    an Idempotency-Key that is none
└── KeyReused          422    one that stands for something else
"""

from __future__ import annotations

from typing import ClassVar

from app.errors import Refusal


class Unauthorized(Refusal):
    """No gateway token, or one that is unknown, expired or revoked: which of them is nobody's business."""

    slug: ClassVar[str] = "unauthorized"
    status: ClassVar[int] = 401


class OutOfScope(Refusal):
    """The token is good, and does not allow this."""

    slug: ClassVar[str] = "out-of-scope"
    status: ClassVar[int] = 403


class Suspended(Refusal):
    """The organization hands nothing in at the moment."""

    slug: ClassVar[str] = "organization-suspended"
    status: ClassVar[int] = 403


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
