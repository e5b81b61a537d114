"""Tries at a sign-in are counted, and rest when there were too many; nobody can make somebody else's rest.

What is counted for a browser that somebody has signed in with before is counted for it alone: whatever strangers try on
that account, it keeps its way in. A stranger's tries count for the account from that address, for the address, and, far
above, for the account from anywhere: then strangers wait, and whoever owns the account uses a browser that is known or
a mailed link.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import case, delete, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.tenants.user_models import SignInTry

QUARTER: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)
#: Longer than any span that is counted.
LONGEST: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What is counted, and how much of it there may be in which time."""

    what: str
    most: int
    span: timedelta

    @property
    def key(self) -> bytes:
        return hashlib.sha256(f"ventanilla/sign-in/1|{self.what}".encode()).digest()


def signing_in(email: str, address: str, browser: str | None) -> tuple[Count, ...]:
    """What a try at an account counts for; `browser`: the known one that it comes from."""
    if browser is not None:
        return (Count(what=f"browser|{browser}", most=10, span=QUARTER),)
    return (
        Count(what=f"account from|{email}|{address}", most=5, span=QUARTER),
        Count(what=f"address|{address}", most=50, span=QUARTER),
        Count(what=f"account|{email}", most=100, span=HOUR),
    )


def proving(user_id: UUID) -> tuple[Count, ...]:
    """What a try at a second factor, or at proving oneself, counts for: whoever makes one has the password already."""
    return (Count(what=f"factor|{user_id}", most=10, span=QUARTER),)


def telling(user_id: UUID) -> tuple[Count, ...]:
    """What a mail about codes that were used twice counts for: one an hour says it."""
    return (Count(what=f"told of codes|{user_id}", most=1, span=HOUR),)


def resetting(email: str, address: str) -> tuple[Count, ...]:
    """What asking for a new password counts for: mails to one mailbox, and questions from one address."""
    return (
        Count(what=f"reset from|{address}", most=10, span=HOUR),
        Count(what=f"reset of|{email}", most=3, span=HOUR),
    )


def count(session: Session, counts: Sequence[Count], now: datetime) -> Count | None:
    """Count a try, for good, before it is looked at: many at once gain nothing. What there was too much of, if any."""
    over = None
    for one in sorted(counts, key=lambda one: one.key):  # in one order, so that nobody waits crosswise
        begun = SignInTry.since <= now - one.span
        row = insert(SignInTry).values(id=uuid7(), key=one.key, tries=1, since=now)
        counted = row.on_conflict_do_update(
            index_elements=[SignInTry.key],
            set_={
                "tries": case((begun, 1), else_=SignInTry.tries + 1),
                "since": case((begun, literal(now)), else_=SignInTry.since),
            },
        ).returning(SignInTry.tries)
        if session.execute(counted).scalar_one() > one.most:
            over = one if over is None or one.span > over.span else over
    return over


def clear(session: Session, counts: Sequence[Count], now: datetime) -> None:
    """Forget what was counted, of those who turned out to be who they said; and what is over anyway."""
    keys = [one.key for one in counts]
    session.execute(delete(SignInTry).where(SignInTry.key.in_(keys) | (SignInTry.since <= now - LONGEST)))
