"""Who may come in, and to what; and what cannot be set up as it was asked for.

Refusal
├── LinkClosed ── LinkExpired, LinkUsedUp, LinkRevoked
├── WrongPassphrase, TooManyTries
└── NotAcceptable ── BadName, BadValue, NameTaken, NotLent
"""

from __future__ import annotations

from app.errors import Refusal


class LinkClosed(Refusal):
    """A personal link that leads nowhere any more."""

    status = 410


class LinkExpired(LinkClosed):
    """Its time is over."""

    slug = "link-expired"


class LinkUsedUp(LinkClosed):
    """It was used as often as it may be."""

    slug = "link-used-up"


class LinkRevoked(LinkClosed):
    """It was withdrawn."""

    slug = "link-revoked"


class WrongPassphrase(Refusal):
    """What was typed is not the link's passphrase."""

    slug = "passphrase"
    status = 403


class TooManyTries(Refusal):
    """The link's passphrase was tried so often that it has to cool off."""

    slug = "too-many-tries"
    status = 429


class NotAcceptable(Refusal):
    """Something cannot be set up as it was asked for."""

    status = 422


class BadName(NotAcceptable):
    """A name that stands in addresses has to be a plain one."""

    slug = "bad-name"


class BadValue(NotAcceptable):
    """A value that is none of those that can be."""

    slug = "bad-value"


class NameTaken(NotAcceptable):
    """The name is another's already."""

    slug = "name-taken"
    status = 409


class NotLent(NotAcceptable):
    """What the connection would borrow from is no house connection of its provider and environment."""

    slug = "not-lent"


class CredentialMissing(RuntimeError):  # noqa: N818 - says what is wrong
    """The connection has no credential, neither of its own nor lent."""
