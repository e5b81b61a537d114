"""Whom something is mailed to that concerns an organization: itself, else its managers, else those of the house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.tenants import names
from app.tenants.models import Organization

STEWARDS: Final = text("SELECT id, email, locale, house FROM ventanilla_stewards(:of)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steward:
    """Somebody who sees to an organization, and the language to write to them in."""

    #: None: the organization's own address.
    user_id: UUID | None = None
    email: str = field(repr=False)
    locale: str
    #: Of the house: the organization has nobody.
    house: bool = False


def of(session: Session, organization: Organization) -> Sequence[Steward]:
    """Those who are told. `session` is the worker's, who has no other way to people."""
    contact = organization.contact or ""
    if names.EMAIL.fullmatch(contact):
        return (Steward(email=contact, locale=organization.locale),)
    return [
        Steward(user_id=row.id, email=row.email, locale=row.locale, house=row.house)
        for row in session.execute(STEWARDS, {"of": organization.id})
    ]
