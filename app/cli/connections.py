"""`flask connection`: an organization's ways to its providers, and the house's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import click
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from app.cli import choosing, finding
from app.cli.asking import Pair, optional_secret, secret, shown, table
from app.cli.finding import Commands, written
from app.delivery import retrying
from app.passthrough.faces import FACES
from app.passthrough.rules import Rules, Verdict
from app.providers import registry
from app.providers.base import Provider
from app.services import services
from app.tenants import connections
from app.tenants.models import Connection, Credential, Environment

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
@click.option("--pick", "picked", multiple=True, metavar="SETTING", help="Choose it from what the provider has.")
@click.option("--make", "made_anew", type=Pair(), multiple=True, metavar="SETTING=NAME", help="Make it there, new.")
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
    picked: tuple[str, ...],
    made_anew: tuple[tuple[str, str], ...],
    no_verify: bool,
) -> None:
    """Add a connection. Its credential is asked for, read from a pipe, or taken from the environment."""
    adapter = _provider(provider)
    organization = finding.organization_or_house(org)
    if organization is None and lent_by:
        raise click.UsageError("The house does not borrow from itself.")
    given: dict[str, Any] = dict(settings)
    later = bool(picked or made_anew)
    if organization is None and later:
        raise click.UsageError("A house connection has no settings to pick or make.")
    if not later:
        given = _settings(adapter, given, of_house=organization is None)
    variables = _variables(adapter, given, secret_env)
    if environment == Environment.SANDBOX and services().settings.sandbox_url is None:
        raise click.UsageError("SANDBOX_URL is not set: a connection for the sandbox would lead nowhere.")
    lender = _house_connection(lent_by) if lent_by else None
    credential = None if lender else _credential(adapter, given, variables)
    if later:
        draft = choosing.draft(organization, provider, Environment(environment), given)
        given = choosing.settle(draft, credential or _lent(lender), picked=picked, made=made_anew)
        given = _settings(adapter, given, of_house=False)
    with services().database.transaction(organization) as session:
        made = connections.add(
            session,
            services().vault,
            organization_id=organization,
            provider=provider,
            name=name or provider,
            environment=Environment(environment),
            settings=given,
            credential=credential,
            house_connection_id=lender,
        )
        written(session, organization, "connection.added", made, provider=provider, environment=environment)
    click.echo(f"Added {org}/{made.name}.")
    if not no_verify:
        _verify(made)


@connection.command("replace")
@click.argument("org")
@click.argument("name")
@click.option(
    "--secret-env", type=Pair(), multiple=True, metavar="FIELD=VARIABLE", help="Variable that holds a secret field."
)
@click.option("--no-verify", is_flag=True, help="Do not try the credential; a paused connection stays paused.")
def replace(*, org: str, name: str, secret_env: tuple[tuple[str, str], ...], no_verify: bool) -> None:
    """Put a new credential in the place of the former. A paused connection that works with it is used again."""
    organization = finding.organization_or_house(org)
    with services().database.transaction(organization) as session:
        found = finding.connection(session, org, name)
    if found.house_connection_id is not None:
        raise click.ClickException(f"{org}/{name} borrows its credential: replace that of the house.")
    adapter = registry.provider(found.provider)
    credential = _credential(adapter, found.settings, _variables(adapter, found.settings, secret_env))
    with services().database.transaction(organization) as session:
        connections.set_credential(session, services().vault, found, credential)
        session.get_one(Connection, found.id).credential_ends_at = None  # of the former
        written(session, organization, "connection.credential_replaced", found)
        kept = " ".join(_print(one) for one in connections.credentials(session, found))
    click.echo(f"Replaced the credential of {org}/{name}: {kept}.")
    if organization is None:
        click.echo("Those that borrow it use it from now on; try one that is paused: flask connection test ORG NAME")
    if not no_verify:
        _verify(found)


@connection.command("list")
@click.argument("org")
def list_(org: str) -> None:
    """List the connections of ORG."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        rows = [
            (
                one.name,
                one.provider,
                one.environment.value,
                " ".join(_print(credential) for credential in connections.credentials(session, one)),
                shown(one.verified_at),
                one.paused_because or "in use",
            )
            for one in connections.listing(session)
        ]
    table(rows, "NAME", "PROVIDER", "ENVIRONMENT", "CREDENTIAL", "VERIFIED", "STATE")


@connection.command("test")
@click.argument("org")
@click.argument("name")
def test(org: str, name: str) -> None:
    """Try the credential by a call that changes nothing. A paused connection that works is used again."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        found = finding.connection(session, org, name)
    _verify(found)


@connection.command("calls")
@click.argument("org")
@click.argument("name")
def calls(org: str, name: str) -> None:
    """List the calls of a connection's provider. Also which of them are passed on through the gateway."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        found = finding.connection(session, org, name)
    rows = [
        (
            row.call,
            "opened" if row.call in found.opened_calls and row.verdict is Verdict.ASK else row.verdict.value,
            row.reason,
        )
        for row in _rules(found.provider)
        if row.borrowed or found.house_connection_id is None
    ]
    table(rows, "CALL", "PASSED ON", "WHY")


@connection.command("allow")
@click.argument("org")
@click.argument("name")
@click.argument("call")
def allow(org: str, name: str, call: str) -> None:
    """Have CALL, one that has to be asked for, passed on. It is spelled as `flask connection calls` spells it."""
    _open(org, name, call, "connection.call_opened", lambda opened: opened | {call})
    click.echo(f"Passed on from now on: {call}")


@connection.command("disallow")
@click.argument("org")
@click.argument("name")
@click.argument("call")
def disallow(org: str, name: str, call: str) -> None:
    """Have CALL passed on no longer."""
    _open(org, name, call, "connection.call_closed", lambda opened: opened - {call})
    click.echo(f"Not passed on any longer: {call}")


def _open(org: str, name: str, call: str, action: str, change: Callable[[set[str]], set[str]]) -> None:
    """Change which calls are passed on, and write it down."""
    organization = finding.organization_or_house(org)
    with services().database.transaction(organization) as session:
        found = finding.connection(session, org, name)
        row = _rules(found.provider).by_call(call)
        if row is None or row.verdict is not Verdict.ASK:
            raise click.ClickException(
                f"“{call}” is none that has to be asked for. `flask connection calls {org} {name}` lists them."
            )
        if found.house_connection_id is not None and not row.borrowed:
            raise click.ClickException(f"{org}/{name} borrows its credential: “{call}” would be about others, too.")
        connections.open_calls(session, found, change(set(found.opened_calls)))
        written(session, organization, action, found, call=call)


def _rules(provider: str) -> Rules:
    if provider not in FACES:
        raise click.ClickException(f"No calls of {provider} are passed on.")
    return FACES[provider].rules


def _verify(tried: Connection) -> None:
    """Try the credential; where it works, remember that and let a paused connection be used again."""
    verdict = services().deliverer.verify(tried.organization_id, tried.id)
    if not verdict.ok:
        raise click.ClickException(f"The provider does not take it: {verdict.detail}")
    with services().database.transaction(tried.organization_id) as session:
        if retrying.verified(session, tried, verdict, services().clock()):
            written(session, tried.organization_id, "connection.resumed", tried)
    click.echo(f"It works: {verdict.detail}")
    if verdict.ends_at:
        click.echo(f"It ends by itself on {shown(verdict.ends_at)}, and nothing renews it.")


def _print(credential: Credential) -> str:
    """What may be shown of a secret: enough to tell it from another."""
    return f"{credential.field} …{credential.last_four} ({credential.fingerprint[:8]})"


def _variables(provider: Provider, settings: Mapping[str, Any], given: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Variables that hold secret fields, by field."""
    variables = dict(given)
    if unknown := variables.keys() - set(_fields(provider, settings)):
        known = ", ".join(_fields(provider, settings))
        raise click.UsageError(f"{provider.slug} has no secret “{min(unknown)}”; it has: {known}.")
    return variables


def _credential(provider: Provider, settings: Mapping[str, Any], variables: dict[str, str]) -> dict[str, SecretStr]:
    given: dict[str, SecretStr] = {}
    for field in provider.credentials(settings):
        ask = secret if field.required else optional_secret
        label = f"{provider.title} {field.name}" + ("" if field.required else " (may be left empty)")
        if value := ask(label, variables.get(field.name)):
            given[field.name] = value
    return given


def _lent(lender: UUID | None) -> Mapping[str, SecretStr]:
    """The house's credential, for asking with it before there is a connection that borrows it."""
    with services().database.transaction(None) as session:
        return connections.credential(session, services().vault, session.get_one(Connection, lender))


def _fields(provider: Provider, settings: Mapping[str, Any]) -> list[str]:
    return [field.name for field in provider.credentials(settings)]


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
