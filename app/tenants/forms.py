"""Forms: published pages at addresses that say nothing about whose they are."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.tenants.models import Connection, Form


def add(
    session: Session,
    *,
    organization_id: UUID,
    connection_id: UUID,
    operation: str,
    open: bool,  # noqa: A002 - the column's name
    link_only: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Form:
    """Make a form; `open` as the operation says, for some wait until an operator opens them.

    `settings`: what it presets and what it takes, as `Form.settings` has it; judged before.
    """
    form = Form(
        organization_id=organization_id,
        connection_id=connection_id,
        operation=operation,
        public_id=_public_id(),
        open=open,
        link_only=link_only,
        settings=dict(settings or {}),
    )
    session.add(form)
    session.flush()
    return form


def _public_id() -> str:
    """What its address ends with. A dash at its beginning would make an option of it where it is typed."""
    made = secrets.token_urlsafe(16)
    while made.startswith("-"):
        made = secrets.token_urlsafe(16)
    return made


def listing(session: Session) -> Sequence[Form]:
    """All forms of the organization, oldest first."""
    return session.scalars(select(Form).order_by(Form.created_at, Form.id)).all()


def after(session: Session, form_id: UUID | None, limit: int) -> Sequence[tuple[Form, str]]:
    """So many forms of the organization after one, as their ids were given, each with its connection's name."""
    wanted = select(Form, Connection.name).join(Connection, Connection.id == Form.connection_id).order_by(Form.id)
    if form_id is not None:
        wanted = wanted.where(Form.id > form_id)
    return [(row.Form, row.name) for row in session.execute(wanted.limit(limit))]


def published(session: Session, connection_id: UUID, operation: str) -> Form | None:
    """The first open form for an operation of a connection."""
    wanted = select(Form).where(Form.connection_id == connection_id, Form.operation == operation, Form.open)
    return session.scalars(wanted.order_by(Form.created_at, Form.id).limit(1)).one_or_none()


def presets(form: Form) -> dict[str, str]:
    """Fields whose value the operator gave, by name."""
    return dict((form.settings or {}).get("presets", {}))


def frame_origins(form: Form) -> tuple[str, ...]:
    """Origins whose pages may show the form inside them; empty: none may."""
    return tuple((form.settings or {}).get("frame_origins", ()))


def own_words(form: Form, name: str, locale: str) -> str | None:
    """What the form itself says in a language, as its `title` or `explanation`; None: as its operation does."""
    said: str | None = (form.settings or {}).get("texts", {}).get(locale, {}).get(name)
    return said


def set_open(session: Session, form_id: UUID, *, open: bool) -> bool:  # noqa: A002 - the column's name
    """Open or close a form; False if the organization has no such form."""
    changed = session.scalar(update(Form).where(Form.id == form_id).values(open=open).returning(Form.id))
    return changed is not None


def change(session: Session, form_id: UUID, settings: Mapping[str, Any]) -> bool:
    """Give a form other settings; False if the organization has no such form."""
    wanted = update(Form).where(Form.id == form_id).values(settings=dict(settings)).returning(Form.id)
    return session.scalar(wanted) is not None
