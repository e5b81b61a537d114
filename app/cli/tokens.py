"""`flask token`: what internal services show to be let in."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import click
from sqlalchemy.orm import Session

from app.cli import finding
from app.cli.asking import Span, shown, table
from app.cli.finding import Commands, written
from app.services import services
from app.tenants import tokens
from app.tenants.models import ApiToken

token = Commands("token", help="Gateway tokens for internal services. ORG “house” is the house.")


@token.command("add")
@click.argument("org")
@click.argument("name")
@click.option(
    "--scope", "scopes", type=click.Choice(tokens.SCOPES), multiple=True, required=True, help="Repeat for each."
)
@click.option("--expires", type=Span(), help="How long it is good for: 12h, 30d, 4w; without it, until it is revoked.")
@click.option("--network", "networks", multiple=True, help="From there alone, as 192.0.2.0/24; repeat for each.")
def add(org: str, name: str, scopes: tuple[str, ...], expires: timedelta | None, networks: tuple[str, ...]) -> None:
    """Make a token called NAME. It is shown once and stored hashed."""
    organization = finding.organization_or_house(org)
    with services().database.transaction(organization) as session:
        made, text = tokens.create(
            session,
            organization_id=organization,
            name=name,
            scopes=sorted(set(scopes)),
            expires_at=services().clock() + expires if expires else None,
            networks=networks,
            token=_of_the_demo(),
        )
        told = {"name": name, "scopes": made.scopes, "networks": [str(network) for network in made.networks]}
        written(session, organization, "api_token.added", made, **told)
    _show(made, text)


@token.command("list")
@click.argument("org")
def list_(org: str) -> None:
    """List the tokens of ORG by what may be shown of them."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        rows = [
            (
                str(one.id),
                one.name,
                f"…{one.last_four}",
                " ".join(one.scopes),
                " ".join(map(str, one.networks)) or "anywhere",
                shown(one.last_used_at),
                shown(one.expires_at),
                shown(one.revoked_at),
            )
            for one in tokens.listing(session)
        ]
    table(rows, "ID", "NAME", "ENDS IN", "SCOPES", "FROM", "LAST USED", "EXPIRES", "REVOKED")


@token.command("rotate")
@click.argument("org")
@click.argument("id", type=click.UUID)
@click.option(
    "--overlap",
    type=Span(),
    default="24h",
    show_default=True,
    help="How long the former one is good yet: 12h, 30d, 4w.",
)
def rotate(org: str, id: UUID, overlap: timedelta) -> None:  # noqa: A002 - the argument's name on the command line
    """Make a token that takes the place of another of ORG. It is shown once and stored hashed."""
    organization = finding.organization_or_house(org)
    with services().database.transaction(organization) as session:
        former = _found(session, org, id)
        made, text = tokens.rotate(session, id, overlap=overlap, now=services().clock(), token=_of_the_demo())
        written(session, organization, "api_token.rotated", former, successor=str(made.id))
        written(session, organization, "api_token.added", made, name=made.name, scopes=made.scopes)
    _show(made, text)
    click.echo(f"The former one ends on {shown(former.expires_at)}.", err=True)


@token.command("revoke")
@click.argument("org")
@click.argument("id", type=click.UUID)
def revoke(org: str, id: UUID) -> None:  # noqa: A002 - the argument's name on the command line
    """Withdraw a token of ORG. From now on it lets nobody in, and what is arriving by it is not taken."""
    organization = finding.organization_or_house(org)
    with services().database.transaction(organization) as session:
        found = _found(session, org, id)
        if not tokens.revoke(session, id, services().clock()):
            raise click.ClickException("That token was revoked before.")
        written(session, organization, "api_token.revoked", found)
    click.echo("Revoked.")


def _found(session: Session, org: str, token_id: UUID) -> ApiToken:
    found = session.get(ApiToken, token_id)
    if found is None:
        raise click.ClickException(f"“{org}” has no such token.")
    return found


def _of_the_demo() -> str | None:
    return tokens.generate("demo") if services().settings.demo else None


def _show(made: ApiToken, text: str) -> None:
    click.echo(text)
    click.echo(f"Shown this once. Its id is {made.id}.", err=True)
