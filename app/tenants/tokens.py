"""Gateway tokens: shown once, stored hashed, and shaped so that a scanner recognizes one that leaked.

`vnt_live_` or `vnt_demo_`, 32 random characters, 6 of checksum: who finds one can tell it from noise without asking us.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_network
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.errors import Refusal
from app.tenants import names
from app.tenants.errors import AlreadyRotated, BadValue, Suspended, TokenRevoked
from app.tenants.models import ApiToken, Network


class Scope(StrEnum):
    """What a token can be allowed."""

    UPLOADS_WRITE = "uploads:write"
    UPLOADS_READ = "uploads:read"
    ORGANIZATIONS_READ = "organizations:read"
    ORGANIZATIONS_MANAGE = "organizations:manage"
    CONNECTIONS_READ = "connections:read"
    CONNECTIONS_MANAGE = "connections:manage"
    FORMS_MANAGE = "forms:manage"
    LINKS_MANAGE = "links:manage"
    RECEIPTS_READ = "receipts:read"
    #: What lies at the provider.
    FILES_READ = "files:read"
    FILES_DELETE = "files:delete"
    TOKENS_MANAGE = "tokens:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"
    AUDIT_READ = "audit:read"
    USAGE_READ = "usage:read"
    #: A provider's own API, through the passthrough.
    PROXY = "proxy"


#: The same as they are written, and the two that handing in asks for.
SCOPES: Final = tuple(scope.value for scope in Scope)
WRITE, READ = Scope.UPLOADS_WRITE, Scope.UPLOADS_READ

WITHDRAWN: Final = text("SELECT ventanilla_withdrawn(:id)")
#: What may come to light at the mark, as the database calls it.
NOT_ANY_MORE: Final[dict[str, type[Refusal]]] = {one.slug: one for one in (TokenRevoked, Suspended)}

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM: Final = 32
CHECKSUM: Final = 6
SHAPE: Final = re.compile(rf"vnt_(?:live|demo)_[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}", re.ASCII)


def create(
    session: Session,
    *,
    organization_id: UUID | None,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    networks: Sequence[str | Network] = (),
    token: str | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; returns its row and the token itself, which is kept nowhere. Raises BadValue.

    `networks`: from where alone it lets in, as CIDR blocks. `token` is the demo's alone.
    """
    token = token or generate()
    if not is_token(token):
        raise ValueError("Not a token: its shape or its checksum is wrong.")
    row = ApiToken(
        organization_id=organization_id,
        name=names.text(name, "name", 100),
        token_hash=token_hash(token),
        last_four=token[-4:],
        scopes=[str(scope) for scope in scopes],
        networks=[_network(network) for network in networks],
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, token


def generate(world: Literal["live", "demo"] = "live") -> str:
    """Return a new token, 190 random bits long."""
    body = f"vnt_{world}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return body + _checksum(body)


def is_token(text: str) -> bool:
    """Whether `text` has the shape and checksum of a token; says nothing about whether it is known."""
    return SHAPE.fullmatch(text) is not None and _checksum(text[:-CHECKSUM]) == text[-CHECKSUM:]


def token_hash(token: str) -> bytes:
    """What is stored of a token; it is random and long, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def actor(token_id: UUID) -> str:
    """Who came by a token, as the audit log names them."""
    return f"token:{token_id}"


def listing(session: Session) -> Sequence[ApiToken]:
    """All tokens of the organization, oldest first."""
    return session.scalars(select(ApiToken).order_by(ApiToken.created_at, ApiToken.id)).all()


def after(session: Session, token_id: UUID | None, limit: int) -> Sequence[ApiToken]:
    """So many tokens of the organization after one, as their ids were given."""
    wanted = select(ApiToken).order_by(ApiToken.id).limit(limit)
    return session.scalars(wanted if token_id is None else wanted.where(ApiToken.id > token_id)).all()


def revoke(session: Session, token_id: UUID, now: datetime) -> bool:
    """Withdraw a token; False if the organization has no such token, or it was withdrawn before."""
    revoked = session.scalar(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiToken.id)
    )
    return revoked is not None


def rotate(
    session: Session,
    token_id: UUID,
    *,
    overlap: timedelta,
    now: datetime,
    until: datetime | None = None,
    token: str | None = None,
) -> tuple[ApiToken, str]:
    """Make a token that takes the place of another, which lets in until the overlap is over; row and token as `create`.

    What it may do and from where is the former one's, and so is how long it is good for, from now on; but no longer
    than `until`. Raises NoResultFound, and AlreadyRotated where the former one has ended or was rotated before.
    """
    former = session.get_one(ApiToken, token_id, with_for_update=True, populate_existing=True)
    ended = former.expires_at is not None and former.expires_at <= now
    if ended or former.revoked_at is not None or former.rotated_at is not None:
        raise AlreadyRotated
    made = create(
        session,
        organization_id=former.organization_id,
        name=former.name,
        scopes=former.scopes,
        expires_at=_sooner(former.expires_at and now + (former.expires_at - former.created_at), until),
        networks=former.networks,
        token=token,
    )
    former.rotated_at = now
    former.expires_at = _sooner(former.expires_at, now + overlap)
    return made


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    """The first of two ends; None is no end."""
    return min((end for end in (one, other) if end is not None), default=None)


def check_not_withdrawn(session: Session, token_id: UUID | None) -> None:
    """Look once more at the organization, and at the token that something came by, if it did; it may be the house's.

    Raises TokenRevoked and Suspended.
    """
    if why := session.scalar(WITHDRAWN, {"id": token_id}):
        raise NOT_ANY_MORE[why]


def _network(written: str | Network) -> Network:
    """A CIDR block, or one address; raises BadValue."""
    try:
        found = ip_network(written)
    except ValueError:
        found = None
    if found is None or "%" in str(found):  # a zone is one machine's own
        raise BadValue(field="networks", name="network", value=str(written)[:80])
    return found


def _checksum(body: str) -> str:
    """CRC-32 in base 62: 62 to the 6th is more than 2 to the 32nd."""
    number = binascii.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
