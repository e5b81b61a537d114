"""`flask token`: what internal services show to be let in."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import click

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
def add(org: str, name: str, scopes: tuple[str, ...], expires: timedelta | None) -> None:
    """Make a token called NAME. It is shown once and stored hashed."""
    organization = finding.organization_or_house(org)
    with services().database.transaction(organization) as session:
        made, text = tokens.create(
            session,
            organization_id=organization,
            name=name,
            scopes=sorted(set(scopes)),
            expires_at=services().clock() + expires if expires else None,
            token=tokens.generate("demo") if services().settings.demo else None,
        )
        written(session, organization, "api_token.added", made, name=name, scopes=made.scopes)
    click.echo(text)
    click.echo(f"Shown this once. Its id is {made.id}.", err=True)


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
                shown(one.expires_at),
                shown(one.revoked_at),
            )
            for one in tokens.listing(session)
        ]
    table(rows, "ID", "NAME", "ENDS IN", "SCOPES", "EXPIRES", "REVOKED")


@token.command("revoke")
@click.argument("org")
@click.argument("id", type=click.UUID)
def revoke(org: str, id: UUID) -> None:  # noqa: A002 - the argument's name on the command line
    """Withdraw a token of ORG; from now on it lets nobody in."""
    organization = finding.organization_or_house(org)
    with services().database.transaction(organization) as session:
        found = session.get(ApiToken, id)
        if found is None:
            raise click.ClickException(f"“{org}” has no such token.")
        if not tokens.revoke(session, id, services().clock()):
            raise click.ClickException("That token was revoked before.")
        written(session, organization, "api_token.revoked", found)
    click.echo("Revoked.")
