"""Why somebody does not get in, or people cannot be set up as it was asked for.

Refusal
├── WrongSignIn ── WrongCode, WrongPasskey
├── TooManySignIns, SignInAgain
├── WayClosed ── InvitationClosed, ResetClosed
└── NotAcceptable ── WeakPassword, WrongPassword, EmailTaken, LastOwner, FactorNeeded
"""

from __future__ import annotations

from app.errors import Refusal
from app.tenants.errors import NotAcceptable


class WrongSignIn(Refusal):
    """The e-mail address or the password is not right, or nobody may sign in with them: which is nobody's business."""

    slug = "sign-in"
    status = 403


class WrongCode(WrongSignIn):
    """The code is not the authenticator's of now, was used before, or is no recovery code that is left."""

    slug = "wrong-code"


class UsedCode(WrongCode):
    """The code is one of now, and was used: somebody has seen it. Whoever brings it is told no more than of any."""


class WrongPasskey(WrongSignIn):
    """The passkey is not one of theirs, or did not answer to what it was asked."""

    slug = "wrong-passkey"


class TooManySignIns(Refusal):
    """It was tried so often, from here or on this account, that it has to rest."""

    slug = "too-many-sign-ins"
    status = 429


class SignInAgain(Refusal):
    """What was begun with the password took too long, or was begun before something of theirs changed."""

    slug = "sign-in-again"
    status = 403


class WayClosed(Refusal):
    """A way in that was sent to somebody, and leads nowhere any more."""

    status = 410


class InvitationClosed(WayClosed):
    """It was accepted, withdrawn, replaced, or its time is over."""

    slug = "invitation-closed"


class ResetClosed(WayClosed):
    """It was used, replaced, or its time is over."""

    slug = "reset-closed"


class WeakPassword(NotAcceptable):
    """A password that is too short, or all too easy to guess."""

    slug = "weak-password"


class WrongPassword(NotAcceptable):
    """What was typed is not the password that they have."""

    slug = "wrong-password"


class EmailTaken(NotAcceptable):
    """Somebody has this address already."""

    slug = "email-taken"
    status = 409


class LastOwner(NotAcceptable):
    """Without this one there would be no owner left who can sign in."""

    slug = "last-owner"
    status = 409


class FactorNeeded(NotAcceptable):
    """A role that needs a second factor cannot be without one."""

    slug = "factor-needed"
    status = 409
