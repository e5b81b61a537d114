"""Passkeys: a device proves that it holds somebody's key, for this site alone, after it knew its owner.

Because the device has to know its owner (a finger, a face, a PIN), a passkey is password and second factor in one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.tenants import factors, names
from app.tenants.user_errors import WrongPasskey
from app.tenants.user_models import Passkey, User

CHALLENGE_BYTES: Final = 32
NAME: Final = "Ventanilla"
TRANSPORTS: Final = frozenset(one.value for one in AuthenticatorTransport)
OWNER_KNOWN: Final = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """For which site a passkey is good, and from which origin of it something comes."""

    origin: str

    @property
    def id(self) -> str:
        return urlsplit(self.origin).hostname or ""


def challenge() -> bytes:
    """Something that no passkey has signed yet."""
    return secrets.token_bytes(CHALLENGE_BYTES)


def to_register(session: Session, site: Site, user: User, asked: bytes) -> dict[str, Any]:
    """What the browser is told to make a passkey by."""
    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=NAME,
        user_name=user.email,
        user_id=user.handle,
        user_display_name=user.name,
        challenge=asked,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=OWNER_KNOWN
        ),
        exclude_credentials=[_described(one) for one in of(session, user.id)],
    )
    return _plain(webauthn.options_to_json(options))


def to_sign_in(site: Site, asked: bytes, known: Sequence[Passkey] = ()) -> dict[str, Any]:
    """What the browser is told to use one by: one of those that are known, or whichever its owner chooses."""
    options = webauthn.generate_authentication_options(
        rp_id=site.id,
        challenge=asked,
        user_verification=OWNER_KNOWN,
        allow_credentials=[_described(one) for one in known],
    )
    return _plain(webauthn.options_to_json(options))


def register(
    session: Session, site: Site, user: User, *, asked: bytes, answer: str, name: str, now: datetime
) -> Passkey:
    """Keep a passkey that the browser has just made; raises WrongPasskey, BadValue."""
    name = names.text(name.strip() or "Passkey", "name", 100)
    with _understood():
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=asked,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == made.credential_id)):
        raise WrongPasskey
    key = Passkey(
        user_id=user.id,
        name=name,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        signatures=made.sign_count,
        transports=_transports(answer),
        created_at=now,
    )
    session.add(key)
    session.flush()
    return key


def sign_in(session: Session, site: Site, *, asked: bytes, answer: str, now: datetime) -> User:
    """Whose passkey has answered; raises WrongPasskey."""
    with _understood():
        said = json.loads(answer)
        credential_id, handle = base64url_to_bytes(said["id"]), said["response"].get("userHandle")
        whose = base64url_to_bytes(handle) if handle else None
    wanted = select(Passkey, User).join(User, User.id == Passkey.user_id).where(Passkey.credential_id == credential_id)
    row = session.execute(wanted.with_for_update(of=Passkey)).one_or_none()
    if row is None or row.User.disabled_at is not None or whose not in {None, row.User.handle}:
        raise WrongPasskey
    key, user = row
    with _understood():
        seen = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=asked,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.signatures,
            require_user_verification=True,
        )
    key.signatures, key.used_at = seen.new_sign_count, now
    found: User = user
    return found


def of(session: Session, user_id: UUID) -> Sequence[Passkey]:
    """Somebody's passkeys, as they were made."""
    return session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)).all()


def remove(session: Session, user: User, key_id: UUID) -> Passkey | None:
    """Take one of somebody's passkeys away; None if they have no such."""
    key = session.get(Passkey, key_id)
    if key is None or key.user_id != user.id:
        return None
    session.delete(key)
    factors.tidy(session, user)
    return key


@contextmanager
def _understood() -> Iterator[None]:
    """What the browser sent is anybody's: whatever is wrong with it is one refusal."""
    try:
        yield
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError):
        wrong = True
    else:
        wrong = False
    if wrong:  # raised out here, because the library's exceptions quote what was sent
        raise WrongPasskey


def _described(key: Passkey) -> PublicKeyCredentialDescriptor:
    known = [AuthenticatorTransport(one) for one in key.transports]
    return PublicKeyCredentialDescriptor(id=key.credential_id, transports=known or None)


def _transports(answer: str) -> list[str]:
    said = json.loads(answer)["response"].get("transports") or []
    return sorted({one for one in said if isinstance(one, str)} & TRANSPORTS) if isinstance(said, list) else []


def _plain(written: str) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(written)
    return options
