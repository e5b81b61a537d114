"""How commands find what they are about, and what they say when it is not there."""

from __future__ import annotations

import getpass
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.database import Base
from app.errors import Refusal
from app.records import audit
from app.services import services
from app.tenants import connections, doors, names
from app.tenants.models import Connection
from app.words import WORDS

#: Where an organization is asked for, this stands for the house.
HOUSE_SLUG = names.HOUSE


class Commands(AppGroup):
    """A group of commands whose refusals are sentences, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(WORDS[refusal.slug] % refusal.params) from None
        except OperationalError:
            raise click.ClickException("The database does not answer; `flask doctor` says why.") from None


def organization(slug: str) -> UUID:
    """The organization of that slug."""
    found = doors.organization(services().database, slug)
    if found is None:
        raise click.ClickException(f"There is no organization “{slug}”. `flask org list` shows them.")
    return found


def organization_or_house(slug: str) -> UUID | None:
    """The same, where the house may be meant too."""
    return None if slug == HOUSE_SLUG else organization(slug)


def connection(session: Session, slug: str, name: str) -> Connection:
    """A connection by its name."""
    found = connections.by_name(session, name)
    if found is None:
        raise click.ClickException(
            f"“{slug}” has no connection “{name}”. `flask connection list {slug}` shows what it has."
        )
    return found


def actor() -> str:
    """Who is at the keyboard, as the audit log names them."""
    return f"cli:{getpass.getuser()}"


def written(session: Session, organization_id: UUID | None, action: str, subject: Base, **details: Any) -> None:
    """Write in the audit log what the operator at the keyboard did."""
    audit.write(
        session,
        organization_id=organization_id,
        actor=actor(),
        action=action,
        subject=subject,
        now=services().clock(),
        details=details,
    )
