"""Gateway tokens: what services show to be let in. No token makes one that reaches further than it does itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Self
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.paging import Page, Paging, page
from app.api.resources import Resource
from app.api.schemas import Model
from app.services import services
from app.tenants import models, tokens
from app.tenants.errors import BadValue, OutOfScope
from app.tenants.models import Network
from app.tenants.tokens import Scope

resource = Resource(
    "Tokens", "What services show to be let in; under “house”, the house's, good for every organization."
)

#: How long a token that another takes the place of is good yet.
OVERLAP: Final = timedelta(days=1)
LONGEST_OVERLAP: Final = timedelta(days=30)

Name = Annotated[str, Field(description="For its makers to read.", min_length=1, max_length=100)]
Scopes = Annotated[list[Scope], Field(description="What it may do.", min_length=1)]
Networks = Annotated[
    list[str], Field(description="From where alone it lets in, as CIDR blocks; empty: from anywhere.", max_length=50)
]


class Token(Model):
    """A gateway token, by what may be shown of it."""

    id: UUID
    name: Name
    last_four: str
    scopes: list[Scope]
    networks: Networks
    expires_at: datetime | None
    revoked_at: datetime | None
    rotated_at: Annotated[datetime | None, Field(description="When another was made to take its place.")]
    last_used_at: Annotated[datetime | None, Field(description="When it last let somebody in, to the minute.")]
    created_at: datetime

    @classmethod
    def of(cls, row: models.ApiToken) -> Self:
        """Show a row."""
        own = {name: getattr(row, name) for name in cls.model_fields}
        known = [scope for scope in row.scopes if scope in set(Scope)]
        return cls.model_validate({**own, "scopes": known, "networks": [str(one) for one in row.networks]})


class TokenPage(Page[Token]):
    """Tokens, oldest first."""


class NewToken(Model):
    """A token that is to be made."""

    name: Name
    scopes: Scopes
    networks: Networks = Field(default_factory=list)
    expires_at: Annotated[AwareDatetime | None, Field(description="Until when it is good; null: until revoked.")] = None


class Rotation(Model):
    """How one token takes the place of another."""

    overlap_seconds: Annotated[
        int,
        Field(description="How long the former is good yet.", ge=0, le=int(LONGEST_OVERLAP.total_seconds())),
    ] = int(OVERLAP.total_seconds())


class MadeToken(Model):
    """A token that was just made."""

    token: Token
    secret: Annotated[str, Field(description="The token itself; shown this once, and kept nowhere.")]


COLLECTION: Final = "/organizations/<organization>/tokens"
ONE: Final = f"{COLLECTION}/<uuid:token_id>"


@resource.route("GET", COLLECTION, scope=Scope.TOKENS_MANAGE, query=Paging, shows=TokenPage, house=True)
def list_tokens(asker: Asker, query: Paging) -> TokenPage:
    """List the tokens of an organization."""
    with asker.transaction() as session:
        found = tokens.after(session, query.after_id, query.limit + 1)
    return page(TokenPage, found, query, key=lambda one: str(one.id), show=Token.of)


@resource.route("POST", COLLECTION, scope=Scope.TOKENS_MANAGE, takes=NewToken, shows=MadeToken, status=201, house=True)
def create_token(asker: Asker, body: NewToken) -> tuple[MadeToken, dict[str, str]]:
    """Make a token. It is shown once.

    It reaches no further than the one that makes it: in scopes, in networks, in time.
    """
    if body.expires_at is not None and body.expires_at <= services().clock():
        raise BadValue(field="expires_at", name="expires_at", value=body.expires_at.isoformat())
    with asker.transaction() as session:
        made, text = tokens.create(
            session,
            organization_id=asker.organization_id,
            name=body.name,
            scopes=sorted(set(body.scopes)),
            expires_at=body.expires_at,
            networks=body.networks,
            token=_of_the_demo(),
        )
        _check_reach(asker, made.scopes, made.networks)
        end = asker.ends_at
        if end is not None and (made.expires_at is None or made.expires_at > end):
            raise OutOfScope(field="expires_at")
        told = {"name": made.name, "scopes": made.scopes, "networks": [str(network) for network in made.networks]}
        asker.written(session, "api_token.added", made, **told)
    return _made(asker, made, text)


@resource.route("GET", ONE, scope=Scope.TOKENS_MANAGE, shows=Token, house=True)
def show_token(asker: Asker, token_id: UUID) -> Token:
    """Show a token."""
    with asker.transaction() as session:
        return Token.of(_find(session, token_id))


@resource.route(
    "POST",
    f"{ONE}/rotate",
    scope=Scope.TOKENS_MANAGE,
    takes=Rotation,
    shows=MadeToken,
    status=201,
    problems=(409,),
    house=True,
)
def rotate_token(asker: Asker, token_id: UUID, body: Rotation) -> tuple[MadeToken, dict[str, str]]:
    """Make a token that takes the place of another, which is good for a while yet. It is shown once.

    It is good for as long as the former one was made for, and for no longer than the token that asks.
    """
    with asker.transaction() as session:
        former = _find(session, token_id)
        _check_reach(asker, former.scopes, former.networks)
        overlap = timedelta(seconds=body.overlap_seconds)
        made, text = tokens.rotate(
            session,
            token_id,
            overlap=overlap,
            now=services().clock(),
            until=asker.ends_at,
            token=_of_the_demo(),
        )
        asker.written(session, "api_token.rotated", former, successor=str(made.id))
        asker.written(session, "api_token.added", made, name=made.name, scopes=made.scopes)
    return _made(asker, made, text)


@resource.route("POST", f"{ONE}/revoke", scope=Scope.TOKENS_MANAGE, shows=Token, house=True)
def revoke_token(asker: Asker, token_id: UUID) -> Token:
    """Withdraw a token; what is arriving by it is not taken. One that was withdrawn stays as it is."""
    with asker.transaction() as session:
        found = _find(session, token_id)
        if tokens.revoke(session, token_id, services().clock()):
            asker.written(session, "api_token.revoked", found)
        session.flush()
        session.refresh(found)
        return Token.of(found)


def _made(asker: Asker, made: models.ApiToken, text: str) -> tuple[MadeToken, dict[str, str]]:
    where = url_for("api.show_token", organization=asker.slug, token_id=made.id)
    return MadeToken(token=Token.of(made), secret=text), {"Location": where}


def _find(session: Session, token_id: UUID) -> models.ApiToken:
    found = session.get(models.ApiToken, token_id)
    if found is None:
        raise NothingHere
    return found


def _check_reach(asker: Asker, scopes: Sequence[str], networks: Sequence[Network]) -> None:
    """Raise OutOfScope for a token that would do more than the one that asks, or from elsewhere."""
    if not set(scopes) <= asker.scopes:
        raise OutOfScope(field="scopes")
    bounds = asker.networks
    if bounds and not (networks and all(any(_within(one, bound) for bound in bounds) for one in networks)):
        raise OutOfScope(field="networks")


def _within(one: Network, bound: Network) -> bool:
    return one.version == bound.version and one.subnet_of(bound)  # type: ignore[arg-type] # of one version


def _of_the_demo() -> str | None:
    return tokens.generate("demo") if services().settings.demo else None
