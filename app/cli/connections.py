"""`flask connection`: an organization's ways to its providers, and the house's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.cli import finding
from app.cli.asking import Pair, secret, shown, table
from app.cli.finding import Commands, written
from app.providers import registry
from app.providers.base import Provider
from app.services import services
from app.tenants import connections
from app.tenants.models import Connection, Environment

connection = Commands("connection", help="Connections of organizations to providers. ORG “house” is the house.")


@connection.command("add")
@click.argument("org")
@click.argument("provider")
@click.option("--name", help="Its name in commands and addresses; without it, the provider's.")
@click.option("--environment", type=click.Choice([one.value for one in Environment]), required=True)
@click.option("--setting", "settings", type=Pair(), multiple=True, metavar="NAME=VALUE", help="Repeat for each.")
@click.option("--lent-by", metavar="NAME", help="House connection whose credential it uses in place of its own.")
@click.option(
    "--secret-env", type=Pair(), multiple=True, metavar="FIELD=VARIABLE", help="Variable that holds a secret field."
)
@click.option("--no-verify", is_flag=True, help="Do not try the credential.")
def add(
    *,
    org: str,
    provider: str,
    name: str | None,
    environment: str,
    settings: tuple[tuple[str, str], ...],
    lent_by: str | None,
    secret_env: tuple[tuple[str, str], ...],
    no_verify: bool,
) -> None:
    """Add a connection; its credential is asked for, read from a pipe, or taken from the environment."""
    adapter = _provider(provider)
    organization = finding.organization_or_house(org)
    if organization is None and lent_by:
        raise click.UsageError("The house does not borrow from itself.")
    valid = _settings(adapter, dict(settings), of_house=organization is None)
    variables = dict(secret_env)
    if unknown := variables.keys() - set(adapter.credentials):
        raise click.UsageError(f"{provider} has no secret “{min(unknown)}”; it has: {', '.join(adapter.credentials)}.")
    lender = _house_connection(lent_by) if lent_by else None
    credential = (
        None
        if lender
        else {field: secret(f"{adapter.title} {field}", variables.get(field)) for field in adapter.credentials}
    )
    with services().database.transaction(organization) as session:
        made = connections.add(
            session,
            services().vault,
            organization_id=organization,
            provider=provider,
            name=name or provider,
            environment=Environment(environment),
            settings=valid,
            credential=credential,
            house_connection_id=lender,
        )
        written(session, organization, "connection.added", made, provider=provider, environment=environment)
    click.echo(f"Added {org}/{made.name}.")
    if not no_verify and organization is not None:
        _verify(made)


@connection.command("list")
@click.argument("org")
def list_(org: str) -> None:
    """List the connections of ORG."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        found = connections.listing(session)
    rows = [
        (one.name, one.provider, one.environment.value, shown(one.verified_at), one.paused_because or "in use")
        for one in found
    ]
    table(rows, "NAME", "PROVIDER", "ENVIRONMENT", "VERIFIED", "STATE")


@connection.command("test")
@click.argument("org")
@click.argument("name")
def test(org: str, name: str) -> None:
    """Try the credential by a call that changes nothing; a paused connection that works is used again."""
    organization = finding.organization(org)
    with services().database.transaction(organization) as session:
        found = finding.connection(session, org, name)
    _verify(found)


def _verify(tried: Connection) -> None:
    assert tried.organization_id  # noqa: S101 - the callers' business
    verdict = services().deliverer.verify(tried.organization_id, tried.id)
    if not verdict.ok:
        raise click.ClickException(f"The provider does not take it: {verdict.detail}")
    with services().database.transaction(tried.organization_id) as session:
        connections.verified(session, tried, services().clock())
        connections.resume(session, tried)
    click.echo(f"It works: {verdict.detail}")


def _provider(slug: str) -> Provider:
    known = sorted({operation.provider for operation in registry.operations()})
    if slug not in known:
        raise click.UsageError(f"There is no provider “{slug}”; there is: {', '.join(known)}.")
    return registry.provider(slug)


def _settings(provider: Provider, given: dict[str, str], *, of_house: bool) -> dict[str, Any]:
    """Validate settings by the provider's schema; a house connection only lends, and has none."""
    if of_house:
        if given:
            raise click.UsageError("A house connection has no settings: they belong to those that borrow from it.")
        return {}
    try:
        return provider.settings.model_validate(given).model_dump(mode="json")
    except ValidationError as exc:
        lines = [_fault(error) for error in exc.errors(include_url=False, include_input=False)]
        raise click.UsageError("\n".join(lines)) from None


def _fault(error: ErrorDetails) -> str:
    return f"--setting {'.'.join(map(str, error['loc']))}=…: {error['msg'].lower()}"


def _house_connection(name: str) -> UUID:
    with services().database.transaction(None) as session:
        return finding.connection(session, finding.HOUSE_SLUG, name).id
