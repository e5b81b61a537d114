"""What organizations have set up, all of them together: forms, tokens, endpoints; the newest first.

Each is one question in a transaction of `Database.overview`, which may be asked for columns alone and for none that is
secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.tenants.models import ApiToken, Connection, Form, Organization, WebhookEndpoint

TOKEN: Final = (
    ApiToken.id,
    ApiToken.name,
    ApiToken.last_four,
    ApiToken.scopes,
    ApiToken.expires_at,
    ApiToken.revoked_at,
    ApiToken.rotated_at,
    ApiToken.last_used_at,
    ApiToken.created_at,
)
ENDPOINT: Final = (
    WebhookEndpoint.id,
    WebhookEndpoint.url,
    WebhookEndpoint.events,
    WebhookEndpoint.failing_since,
    WebhookEndpoint.delivered_at,
    WebhookEndpoint.disabled_at,
    WebhookEndpoint.disabled_because,
)
FORM: Final = (Form.id, Form.operation, Form.public_id, Form.open, Form.link_only, Form.settings, Form.created_at)
#: Whose it is; nobody's is the house's.
WHOSE: Final = (Organization.slug.label("organization"), Organization.name.label("organization_name"))


def tokens(session: Session, words: str | None, *, house: bool, before: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Tokens by their name, their last four characters or whose they are; the house's only where that is said."""
    wanted = select(*TOKEN, *WHOSE).join(Organization, ApiToken.organization_id == Organization.id, isouter=True)
    found = [ApiToken.name, ApiToken.last_four, Organization.name, Organization.slug]
    wanted = wanted if house else wanted.where(ApiToken.organization_id.is_not(None))
    return _page(session, wanted, key=ApiToken.id, named=_named(found, words), before=before, limit=limit)


def endpoints(
    session: Session, words: str | None, *, house: bool, before: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Endpoints by where they are or whose they are, likewise."""
    wanted = select(*ENDPOINT, *WHOSE).join(
        Organization, WebhookEndpoint.organization_id == Organization.id, isouter=True
    )
    found = [WebhookEndpoint.url, Organization.name, Organization.slug]
    wanted = wanted if house else wanted.where(WebhookEndpoint.organization_id.is_not(None))
    return _page(session, wanted, key=WebhookEndpoint.id, named=_named(found, words), before=before, limit=limit)


def forms(
    session: Session, words: str | None, *, operation: str | None, before: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Forms by whose they are or the end of their address."""
    wanted = (
        select(*FORM, *WHOSE, Connection.name.label("connection"))
        .join(Organization, Form.organization_id == Organization.id)
        .join(Connection, Form.connection_id == Connection.id)
    )
    wanted = wanted if operation is None else wanted.where(Form.operation == operation)
    found = [Organization.name, Organization.slug, Form.public_id, Connection.name]
    return _page(session, wanted, key=Form.id, named=_named(found, words), before=before, limit=limit)


def _named(columns: Sequence[InstrumentedAttribute[str]], words: str | None) -> ColumnElement[bool] | None:
    return or_(*(column.icontains(words, autoescape=True) for column in columns)) if words else None


def _page(
    session: Session,
    wanted: Select[*tuple[Any, ...]],
    *,
    key: InstrumentedAttribute[UUID],
    named: ColumnElement[bool] | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    wanted = wanted.order_by(key.desc()).limit(limit)
    wanted = wanted if named is None else wanted.where(named)
    return session.execute(wanted if before is None else wanted.where(key < before)).all()
