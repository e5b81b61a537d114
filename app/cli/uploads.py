"""`flask upload`: what became of hand-ins."""

from __future__ import annotations

import getpass
from uuid import UUID

import click
from sqlalchemy.exc import NoResultFound

from app.cli import finding, visits
from app.cli.finding import Commands
from app.services import services

upload = Commands("upload", help="Hand-ins and what became of them.")


@upload.command("check-again")
@click.argument("org")
@click.argument("id", type=click.UUID)
def check_again(org: str, id: UUID) -> None:  # noqa: A002 - the argument's name on the command line
    """Ask the provider whether an unconfirmed upload arrived; any other is told as it is."""
    organization = finding.organization(org)
    try:
        result = services().deliverer.check_again(organization, id, actor=f"cli:{getpass.getuser()}")
    except NoResultFound:
        raise click.ClickException(f"“{org}” has no such upload.") from None
    outcome = result.outcome
    click.echo(f"{result.state.value} {outcome.reference or ''}".rstrip())
    if outcome.problem:
        click.echo(visits.sentence(outcome), err=True)
