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
└── BadDurable         400    asked for a way that there never is
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
