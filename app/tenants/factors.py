"""Second factors that are typed: codes of an authenticator, and recovery codes for when it is lost.

What an authenticator's codes are made from is sealed under the house's data key; of recovery codes a hash is kept. A
code is good once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

import tink
from flask_security.totp import Totp
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.database import HOUSE
from app.tenants.user_errors import UsedCode, WrongCode
from app.tenants.user_models import Passkey, User
from app.tenants.vault import Vault, VaultError

if TYPE_CHECKING:
    from flask_security import UserMixin

ISSUER: Final = "Ventanilla"
#: A code is taken for so many seconds before and after its time: clocks differ.
WINDOW: Final = 30
CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)
RECOVERY_CODES: Final = 10
#: 80 bits each, so that a fast hash is enough.
RECOVERY_BYTES: Final = 10
RECOVERY: Final = re.compile(r"[a-z2-7]{16}", re.ASCII)


class _Codes(Totp):
    """Flask-Security's codes by the gateway's clock, and never the same one twice."""

    def __init__(self, now: datetime, last: int | None = None) -> None:
        super().__init__({"1": secrets.token_hex()}, ISSUER)  # it seals nothing: the vault does
        self._totp = self._totp.using(now=now.timestamp)
        #: Which code was the last that was taken.
        self.last = last

    def new_uri(self, email: str) -> str:
        written: str = self._totp.new().to_uri(label=email)
        return written

    def get_last_counter(self, user: object) -> int | None:
        del user  # whose they are is known
        return self.last

    def set_last_counter(self, user: object, tmatch: Any) -> None:
        del user
        self.last = tmatch.counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An authenticator's secret that is shown to be set up, and not in force yet."""

    #: `otpauth://…`, as a picture tells it to an authenticator.
    uri: str
    #: The same to be typed.
    key: str
    #: The same sealed, for the page to bring back.
    sealed: str


def offer(session: Session, vault: Vault, user: User, now: datetime) -> Offer:
    """Make a secret for somebody's authenticator."""
    codes = _Codes(now)
    uri = codes.new_uri(user.email)
    sealed = vault.cipher(session, HOUSE).encrypt(uri.encode(), _place(user, "offer"))
    return Offer(uri=uri, key=codes.get_totp_pretty_key(uri), sealed=base64.urlsafe_b64encode(sealed).decode())


def offered(session: Session, vault: Vault, user: User, sealed: str, now: datetime) -> Offer:
    """The same offer once more, of the page that brings it back; raises WrongCode."""
    try:
        uri = _open(session, vault, user, base64.urlsafe_b64decode(sealed.encode()), "offer")
    except (VaultError, binascii.Error, UnicodeEncodeError):
        uri = ""
    if not uri:
        raise WrongCode(field="code")
    return Offer(uri=uri, key=_Codes(now).get_totp_pretty_key(uri), sealed=sealed)


def accept(session: Session, vault: Vault, user: User, offer: Offer, *, code: str, now: datetime) -> None:
    """Let the authenticator be somebody's second factor, once it has shown that it works; raises WrongCode."""
    user.totp_counter = None
    if not _is_of_now(user, offer.uri, "".join(code.split()), now):
        raise WrongCode(field="code")
    user.totp = vault.cipher(session, HOUSE).encrypt(offer.uri.encode(), _place(user, "kept"))


def check(session: Session, vault: Vault, user: User, said: str, now: datetime) -> str:
    """Take a code, of the authenticator or for recovery, which is then used up; raises WrongCode, or UsedCode.

    `user` is locked: of two that bring the same code at once, one is let in. Returns which of the two it was.
    """
    if user.totp is not None and CODE.fullmatch(bare := "".join(said.split())):
        uri = _open(session, vault, user, user.totp, "kept")
        if _is_of_now(user, uri, bare, now):
            return "code"
        if _was_used(user, uri, bare, now):
            raise UsedCode(field="code")
    else:
        used = _recovery_hash(said)
        if used in user.recovery:
            user.recovery = [one for one in user.recovery if one != used]
            return "recovery code"
    raise WrongCode(field="code")


def new_recovery(user: User) -> list[str]:
    """Make somebody's recovery codes anew; they are shown this once."""
    made = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    codes = ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in made]
    user.recovery = [_recovery_hash(code) for code in codes]
    return codes


def has_one(session: Session, user: User) -> bool:
    """Whether somebody has a second factor; recovery codes alone are none."""
    return user.totp is not None or passkeys(session, user) > 0


def passkeys(session: Session, user: User) -> int:
    """How many passkeys somebody has."""
    return session.scalar(select(func.count()).where(Passkey.user_id == user.id)) or 0


def drop_authenticator(session: Session, user: User) -> None:
    """Take the authenticator away, and with the last factor the recovery codes."""
    user.totp, user.totp_counter = None, None
    tidy(session, user)


def tidy(session: Session, user: User) -> None:
    """Recovery codes end with what they stand in for."""
    session.flush()
    if not has_one(session, user):
        user.recovery = []


def _is_of_now(user: User, uri: str, code: str, now: datetime) -> bool:
    codes, nobody = _Codes(now, user.totp_counter), cast("UserMixin", None)
    good = bool(CODE.fullmatch(code)) and codes.verify_totp(code, uri, nobody, window=WINDOW)
    user.totp_counter = codes.last
    return good


def _was_used(user: User, uri: str, code: str, now: datetime) -> bool:
    """Whether it is a code of now that is no good because it, or one behind it, was taken already."""
    codes, nobody = _Codes(now), cast("UserMixin", None)
    if user.totp_counter is None or not codes.verify_totp(code, uri, nobody, window=WINDOW) or codes.last is None:
        return False
    return codes.last <= user.totp_counter


def _open(session: Session, vault: Vault, user: User, sealed: bytes, use: str) -> str:
    try:
        plain: bytes = vault.cipher(session, HOUSE).decrypt(sealed, _place(user, use))
    except tink.TinkError:
        raise VaultError(f"The authenticator of user {user.id} does not open.") from None
    return plain.decode()


def _place(user: User, use: str) -> bytes:
    """What a sealed secret is bound to; an offer also to the time since which nothing else changed."""
    since = f"|{user.secured_at.timestamp()}" if use == "offer" else ""
    return f"ventanilla/authenticator/1|{user.id}|{use}{since}".encode()


def _recovery_hash(said: str) -> bytes:
    return hashlib.sha256("".join(said.split()).replace("-", "").lower().encode()).digest()
