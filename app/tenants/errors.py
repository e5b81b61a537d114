"""Who may come in, and to what; and what cannot be set up as it was asked for.

Refusal
├── Unauthorized ── TokenRevoked
├── WrongAddress, OutOfScope
├── Suspended
├── LinkClosed ── LinkExpired, LinkUsedUp, LinkRevoked
├── WrongPassphrase, TooManyTries
└── NotAcceptable ── BadName, BadValue, BadEmail, NoMail, NameTaken, NotLent, AlreadyRotated, CredentialEnds,
                      Deleting
"""

from __future__ import annotations

from app.errors import Refusal


class Unauthorized(Refusal):
    """No gateway token, or one that is unknown, expired or revoked: which of them is nobody's business."""

    slug = "unauthorized"
    status = 401


class TokenRevoked(Unauthorized):
    """The token was good when a file began to arrive by it, and is not any more."""

    slug = "token-revoked"


class WrongAddress(Refusal):
    """The token is good, but not from where it is shown. Another one would be no better: it is no matter of who."""

    slug = "wrong-address"
    status = 403


class OutOfScope(Refusal):
    """The token is good, and does not allow this."""

    slug = "out-of-scope"
    status = 403


class Suspended(Refusal):
    """The organization hands nothing in at the moment, nor is it let go what began to arrive before."""

    slug = "organization-suspended"
    status = 403


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


class BadEmail(NotAcceptable):
    """What was given is no e-mail address."""

    slug = "bad-email"


class NoMail(NotAcceptable):
    """Somebody was to get a mail, and none can be sent from here."""

    slug = "no-mail"


class NameTaken(NotAcceptable):
    """The name is another's already."""

    slug = "name-taken"
    status = 409


class NotLent(NotAcceptable):
    """What the connection would borrow from is no house connection of its provider and environment."""

    slug = "not-lent"


class AlreadyRotated(NotAcceptable):
    """The token has ended, or another has taken its place: there is nothing to hand over."""

    slug = "already-rotated"
    status = 409


class CredentialEnds(NotAcceptable):
    """The connection's credential ends by itself, and a form would stop with it, if nobody attends to that."""

    slug = "credential-ends"


class Deleting(NotAcceptable):
    """The organization is about to be deleted: it stays suspended, unless that is taken back."""

    slug = "organization-deleting"
    status = 409


class CredentialMissing(RuntimeError):  # noqa: N818 - says what is wrong
    """The connection has no credential, neither of its own nor lent."""
