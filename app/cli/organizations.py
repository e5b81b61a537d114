"""`flask org`: the organizations that hand in."""

from __future__ import annotations

import click

from app.cli import finding
from app.cli.asking import table
from app.cli.finding import HOUSE_SLUG, Commands, written
from app.services import services
from app.tenants import doors, organizations

org = Commands("org", help="Organizations.")


@org.command("add")
@click.argument("slug")
@click.option("--name", required=True, help="What people read.")
@click.option("--rfc", help="Taxpayer's RFC; certificates of another are refused.")
@click.option("--locale", type=click.Choice(["es", "en"]), default="es", show_default=True)
@click.option("--timezone", default="America/Mexico_City", show_default=True, help="Zone of the dates on its pages.")
@click.option("--accent", default="#1f6f5c", show_default=True, help="Colour of its pages.")
@click.option("--contact", help="Whom its customers ask: an address or a telephone number.")
@click.option("--notice-url", help="Where its privacy notice is read.")
@click.option("--notice-version", help="The version in force, recorded with what is handed in.")
def add(slug: str, **about: str) -> None:
    """Add an organization; SLUG is its name in addresses and commands."""
    if slug == HOUSE_SLUG:
        raise click.ClickException(f"“{HOUSE_SLUG}” stands for the house, which lends its credentials. Choose another.")
    if bool(about["notice_url"]) != bool(about["notice_version"]):
        raise click.UsageError("--notice-url and --notice-version go together.")
    made = organizations.add(services().database, slug=slug, **about)
    with services().database.transaction(made.id) as session:
        written(session, made.id, "organization.added", made)
    click.echo(f"Added {made.slug}. Next: flask connection add {made.slug} PROVIDER")


@org.command("set")
@click.argument("slug")
@click.option(
    "--keep-delivered-days",
    type=click.IntRange(0, organizations.MOST_DAYS),
    required=True,
    help="How long copies of what was delivered are kept, encrypted; 0: not at all.",
)
def set_(slug: str, keep_delivered_days: int) -> None:
    """Change how an organization's files are kept. It counts for what is delivered from now on."""
    organization_id = finding.organization(slug)
    with services().database.transaction(organization_id) as session:
        found = organizations.get(session, organization_id)
        found.keep_delivered_days = keep_delivered_days
        written(session, organization_id, "organization.changed", found, keep_delivered_days=keep_delivered_days)
    click.echo(f"Copies of what {slug} hands in are kept for {keep_delivered_days} days after they are delivered.")


@org.command("list")
def list_() -> None:
    """List every organization."""
    table([(slug, name) for _, slug, name in doors.organizations(services().database)], "SLUG", "NAME")
