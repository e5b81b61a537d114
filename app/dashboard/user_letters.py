"""What people are mailed: an invitation, a way to a new password, and that something of theirs changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from flask import url_for
from uuid_utils.compat import uuid7

from app.api import letters
from app.api.letters import BESIDE, beside, send, send_later
from app.dashboard import ceremony
from app.errors import N_
from app.mail import Message
from app.services import services
from app.tenants.user_models import Invitation, User

__all__ = [
    "BESIDE",
    "beside",
    "changed",
    "factors_changed",
    "invitation",
    "reset",
    "send",
    "send_later",
    "tell_of_factors",
    "tell_of_used_code",
    "where",
]

INVITED: Final = N_("You are invited to %(place)s")
INVITES: Final = N_("%(inviter)s invites you to sign in at %(place)s. Choose your name and a password here:")
RESET: Final = N_("A new password for %(place)s")
RESETS: Final = N_("Somebody, you we hope, asked for a new password for %(place)s. Choose it here:")
UNTIL: Final = N_("The link is good once, until %(until)s. Whoever has it can use it, so pass it on to nobody.")
IGNORE: Final = N_("If you did not expect this, do nothing: nothing changes without the link.")
CHANGED: Final = N_("Your password for %(place)s was changed")
CHANGES: Final = N_(
    "The password with which you sign in at %(place)s was changed just now, and every session was ended."
)
FACTORS: Final = N_("Your second factors for %(place)s were changed")
FACTORS_CHANGED: Final = N_(
    "A second factor with which you sign in at %(place)s was added, taken away or made anew just now."
)
USED_CODE: Final = N_("A code of yours for %(place)s was used twice")
CODE_USED: Final = N_(
    "A code of your authenticator that had been used at %(place)s already was typed again just now. It was refused."
)
NOT_TWICE: Final = N_(
    "If you typed it twice yourself, do nothing. If not, somebody has your password and saw the code: change your "
    "password at once, and tell an owner of %(place)s."
)
NOT_YOU: Final = N_("If that was not you, ask for a new password at once, and tell an owner of %(place)s.")


def where(endpoint: str, token: str) -> str:
    """The whole address of a way in: at the origin that this browser uses, if it is one of ours."""
    here = ceremony.site()
    return (here.origin if here else services().settings.public_url) + url_for(endpoint, token=token)


def invitation(invited: Invitation, address: str, inviter: str) -> Message:
    """Bring somebody their invitation."""
    said = [INVITES, address, UNTIL, IGNORE]
    return _letter(invited.id, invited.email, invited.locale, INVITED, said, until=invited.expires_at, inviter=inviter)


def reset(user: User, address: str, until: datetime, token_id: UUID) -> Message:
    """Bring somebody the way to a new password."""
    return _letter(token_id, user.email, user.locale, RESET, [RESETS, address, UNTIL, IGNORE], until=until, of=user)


def changed(user: User, event_id: UUID) -> Message:
    """Tell somebody that their password is another now."""
    return _letter(event_id, user.email, user.locale, CHANGED, [CHANGES, NOT_YOU], until=services().clock(), of=user)


def factors_changed(user: User) -> Message:
    """Tell somebody that what they sign in with beside their password is another now."""
    said = [FACTORS_CHANGED, NOT_YOU]
    return _letter(uuid7(), user.email, user.locale, FACTORS, said, until=services().clock(), of=user)


def tell_of_factors(user: User) -> None:
    """Tell them so beside the answer."""
    send_later(factors_changed(user))


def tell_of_used_code(user: User) -> None:
    """Tell somebody, beside the answer, that a code of theirs was brought a second time."""
    said = [CODE_USED, NOT_TWICE]
    send_later(_letter(uuid7(), user.email, user.locale, USED_CODE, said, until=services().clock(), of=user))


def _letter(
    number: UUID,
    to: str,
    locale: str,
    subject: str,
    said: Sequence[str],
    *,
    until: datetime,
    of: User | None = None,
    inviter: str = "",
) -> Message:
    zone = of.timezone if of else services().settings.default_timezone
    return letters.letter(number, to, locale, subject, said, until=until, zone=zone, inviter=inviter)
