"""Personal links: whoever has the token may come in, until it expires, is used up or is withdrawn.

A use counts when a hand-in is accepted (`reserve`), not when a page is looked at: mail scanners look at everything.
That it was looked at is counted beside it (`opened`), and is no more than that.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from app.database import Database
from app.tenants import names
from app.tenants.errors import LinkExpired, LinkRevoked, LinkUsedUp, TooManyTries, WrongPassphrase
from app.tenants.models import Form, Link

TOKEN_BYTES: Final = 24
MAX_TRIES: Final = 5
COOLING: Final = timedelta(minutes=15)
LONGEST_PASSPHRASE: Final = 200
#: What ends sooner than this ends soon.
SOON: Final = timedelta(days=7)


class Standing(StrEnum):
    """What a link can be asked for by; one may be several of them."""

    OPEN = "open"
    EXPIRING = "expiring"
    UNOPENED = "unopened"
    UNUSED = "unused"
    USED_UP = "used-up"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which links; what is None is not asked."""

    form_id: UUID | None = None
    standing: Standing | None = None
    #: A part of whom it is for.
    recipient: str | None = None


def _leads_in(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Link.revoked_at.is_(None), Link.expires_at > now, Link.uses < Link.max_uses


#: What the database is asked for each of them.
STANDINGS: Final[Mapping[Standing, Callable[[datetime], tuple[ColumnElement[bool], ...]]]] = {
    Standing.OPEN: _leads_in,
    Standing.EXPIRING: lambda now: (*_leads_in(now), Link.expires_at < now + SOON),
    Standing.UNOPENED: lambda now: (*_leads_in(now), Link.opened == 0),
    Standing.UNUSED: lambda now: (*_leads_in(now), Link.uses == 0),
    Standing.USED_UP: lambda _: (Link.uses >= Link.max_uses,),
    Standing.EXPIRED: lambda now: (Link.expires_at <= now, Link.revoked_at.is_(None), Link.uses < Link.max_uses),
    Standing.REVOKED: lambda _: (Link.revoked_at.is_not(None),),
}


def create(
    session: Session,
    *,
    form: Form,
    expires_at: datetime,
    max_uses: int = 1,
    passphrase: str | None = None,
    recipient: str | None = None,
    locale: str | None = None,
    token: str | None = None,
) -> tuple[Link, str]:
    """Make a link into `form`; returns it with its token, which is kept nowhere; raises BadValue.

    `token`: one that can be made again, by the demo and by notices; without, chance alone made it.
    """
    token = token or secrets.token_urlsafe(TOKEN_BYTES)
    link = Link(
        organization_id=form.organization_id,
        form_id=form.id,
        token_hash=token_hash(token),
        expires_at=expires_at,
        max_uses=names.count(max_uses, "max_uses"),
        passphrase_hash=generate_password_hash(passphrase) if passphrase else None,
        recipient=names.optional(recipient, "recipient", 200),
        locale=names.locale(locale) if locale else None,
    )
    session.add(link)
    session.flush()
    return link, token


def listing(session: Session, form_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Link]:
    """So many links into a form after one, as their ids were given."""
    wanted = select(Link).where(Link.form_id == form_id).order_by(Link.id).limit(limit)
    return session.scalars(wanted if after is None else wanted.where(Link.id > after)).all()


def search(session: Session, wanted: Wanted, now: datetime, *, before: UUID | None, limit: int) -> Sequence[Link]:
    """So many of the organization's links before one, the newest first."""
    query = select(Link).order_by(Link.id.desc()).limit(limit)
    if wanted.form_id is not None:
        query = query.where(Link.form_id == wanted.form_id)
    if wanted.recipient is not None:
        query = query.where(Link.recipient.icontains(wanted.recipient, autoescape=True))
    if wanted.standing is not None:
        query = query.where(*STANDINGS[wanted.standing](now))
    if before is not None:
        query = query.where(Link.id < before)
    return session.scalars(query).all()


def token_hash(token: str) -> bytes:
    """What is stored of a token; it is random and long, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def check(link: Link, now: datetime) -> None:
    """Raise LinkRevoked, LinkExpired or LinkUsedUp unless the link leads in."""
    if link.revoked_at is not None:
        raise LinkRevoked
    if link.expires_at <= now:
        raise LinkExpired(date=link.expires_at)
    if link.uses >= link.max_uses:
        raise LinkUsedUp


def reserve(session: Session, link: Link, now: datetime) -> None:
    """Count a use, of several at the same time only as many as are left; raises as `check` does."""
    current = session.get_one(Link, link.id, with_for_update=True, populate_existing=True)
    check(current, now)
    current.uses += 1
    current.last_used_at = now
    session.flush()


def opened(db: Database, link: Link, now: datetime) -> None:
    """Count that the page of a link was asked for."""
    with db.transaction(link.organization_id) as session:
        session.execute(
            update(Link)
            .where(Link.id == link.id)
            .values(
                opened=Link.opened + 1, first_opened_at=func.coalesce(Link.first_opened_at, now), last_opened_at=now
            )
            .execution_options(synchronize_session=False)
        )


def release(session: Session, link_id: UUID) -> None:
    """Give a use back: what it was counted for did not arrive, for sure."""
    session.execute(update(Link).where(Link.id == link_id, Link.uses > 0).values(uses=Link.uses - 1))


def revoke(session: Session, link_id: UUID, now: datetime) -> bool:
    """Withdraw a link; False if the organization has no such link, or it was withdrawn before."""
    revoked = session.scalar(
        update(Link).where(Link.id == link_id, Link.revoked_at.is_(None)).values(revoked_at=now).returning(Link.id)
    )
    return revoked is not None


def passphrase_ok(link: Link, text: str) -> bool:
    """Whether `text` is the link's passphrase. Takes its time on purpose; `unlock` also limits the tries."""
    if link.passphrase_hash is None:
        return True
    return len(text) <= LONGEST_PASSPHRASE and check_password_hash(link.passphrase_hash, text)


def unlock(db: Database, link: Link, text: str, now: datetime) -> None:
    """Raise WrongPassphrase or TooManyTries unless `text` is the link's passphrase.

    A try is counted, for good, before it is looked at: many at once gain nothing. No transaction is open meanwhile.
    """
    cooled = now - COOLING
    with db.transaction(link.organization_id) as session:
        counted = session.scalar(
            update(Link)
            .where(Link.id == link.id, or_(Link.tries < MAX_TRIES, Link.last_try_at <= cooled))
            .values(tries=case((Link.last_try_at <= cooled, 1), else_=Link.tries + 1), last_try_at=now)
            .returning(Link.id)
            .execution_options(synchronize_session=False)
        )
    if counted is None:
        raise TooManyTries(field="passphrase")
    if not passphrase_ok(link, text):
        raise WrongPassphrase(field="passphrase")
    with db.transaction(link.organization_id) as session:
        session.execute(update(Link).where(Link.id == link.id).values(tries=0))
