"""Who asks, as the gateway sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.api.asking import Asker
from app.api.limits import CALLS, SECONDS, UPLOADS
from app.api.resources import Resource
from app.api.schemas import Model
from app.services import services
from app.tenants import organizations
from app.tenants.models import ApiToken
from app.tenants.tokens import Scope

resource = Resource("Me", "Who asks, as the gateway sees it.")


class Limit(Model):
    """So many in so many seconds, of each process."""

    policy: Annotated[str, Field(description="As `RateLimit-Policy` names it.")]
    quota: int
    seconds: int


class MyToken(Model):
    """The token that was sent, by what may be shown of it."""

    id: UUID
    name: str
    last_four: str
    scopes: list[Scope]
    networks: Annotated[list[str], Field(description="From where alone it lets in; empty: from anywhere.")]
    expires_at: datetime | None


class MyOrganization(Model):
    """Whose the token is."""

    slug: str
    name: str


class Me(Model):
    """Who asks."""

    token: MyToken
    organization: Annotated[MyOrganization | None, Field(description="Null: the house's, good for all of them.")]
    limits: list[Limit]


@resource.route("GET", "/me", scope=None, shows=Me)
def me(asker: Asker) -> Me:
    """Show the token, what it may do, whose it is, and what its limits are."""
    with asker.transaction() as session:
        token = session.get_one(ApiToken, asker.id)
        mine = None if asker.organization_id is None else organizations.get(session, asker.organization_id)
    shedding = services().shedding
    return Me(
        token=MyToken(
            id=token.id,
            name=token.name,
            last_four=token.last_four,
            scopes=[Scope(scope) for scope in token.scopes if scope in set(Scope)],
            networks=[str(network) for network in token.networks],
            expires_at=token.expires_at,
        ),
        organization=MyOrganization(slug=mine.slug, name=mine.name) if mine else None,
        limits=[
            Limit(policy=name, quota=pace.a_minute, seconds=SECONDS)
            for name, pace in ((CALLS, shedding.calls), (UPLOADS, shedding.uploads))
        ],
    )
