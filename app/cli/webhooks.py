"""`flask webhook`: where an organization's own services are told of what happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import click
from sqlalchemy.orm import Session

from app.cli import finding
from app.cli.asking import Span, shown, table
from app.cli.finding import Commands
from app.delivery.egress import Egress
from app.providers.wire import Reply
from app.records.events import EVENTS
from app.records.models import WebhookDelivery
from app.services import services
from app.tenants.models import WebhookEndpoint
from app.webhooks import endpoints
from app.webhooks.endpoints import Because
from app.webhooks.sending import Messenger, told

webhook = Commands(
    "webhook", help="Endpoints that are told of what happens. ORG “house” is the house, told of all organizations."
)
OF = click.argument("org")
ENDPOINT = click.argument("endpoint", type=click.UUID)


@webhook.command("add")
@OF
@click.argument("url")
@click.option("--event", "events", type=click.Choice(EVENTS), multiple=True, help="Repeat for each; without, of all.")
def add(org: str, url: str, events: tuple[str, ...]) -> None:
    """Tell URL of what happens from now on. The secret that webhooks are signed with is shown once."""
    organization = finding.organization_or_house(org)
    parts = services()
    with parts.database.transaction(organization) as session:
        made, secret = endpoints.add(
            session,
            parts.vault,
            Egress(parts.settings.egress_allow),
            organization_id=organization,
            url=url,
            events=events,
            actor=finding.actor(),
            now=parts.clock(),
        )
    click.echo(secret.get_secret_value())
    click.echo(f"Shown this once. The endpoint's id is {made.id}.", err=True)


@webhook.command("list")
@OF
def list_(org: str) -> None:
    """List the endpoints of ORG."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        rows = [
            (str(one.id), one.url, " ".join(one.events) or "everything", shown(one.delivered_at), _standing(one))
            for one in endpoints.listing(session)
        ]
    table(rows, "ID", "URL", "TOLD OF", "LAST ARRIVED", "STATE")


@webhook.command("test")
@OF
@ENDPOINT
def test(org: str, endpoint: UUID) -> None:
    """Send a webhook that tells of nothing. What is answered is said."""
    parts, organization = services(), finding.organization_or_house(org)
    with _endpoint(org, endpoint):
        pass
    messenger = Messenger.from_settings(parts.database, parts.vault, parts.settings, parts.clock)
    answer = messenger.try_out(organization, endpoint, actor=finding.actor())
    if not (isinstance(answer, Reply) and answer.ok):
        raise click.ClickException(f"It did not arrive: {told(answer)}.")
    click.echo(f"It arrived: {told(answer)}.")


@webhook.command("disable")
@OF
@ENDPOINT
def disable(org: str, endpoint: UUID) -> None:
    """Send nothing more there. What was still to be sent has failed."""
    with _endpoint(org, endpoint) as (session, found, now):
        if not endpoints.disable(session, found, Because.OPERATOR, actor=finding.actor(), now=now):
            raise click.ClickException("It was disabled before.")
    click.echo("Disabled.")


@webhook.command("enable")
@OF
@ENDPOINT
def enable(org: str, endpoint: UUID) -> None:
    """Tell it again of what happens from now on. What it missed is sent by `redeliver`."""
    with _endpoint(org, endpoint) as (session, found, now):
        if not endpoints.enable(session, found, actor=finding.actor(), now=now):
            raise click.ClickException("It is not disabled.")
    click.echo("Enabled.")


@webhook.command("deliveries")
@OF
@ENDPOINT
@click.option("--failed", is_flag=True, help="Only those that were tried for long enough.")
def deliveries(org: str, endpoint: UUID, *, failed: bool) -> None:
    """List what was sent there and is to be sent, newest first."""
    with _endpoint(org, endpoint) as (session, found, _):
        rows = [
            (str(one.id), one.event, shown(one.created_at), _state(one), str(one.tries), one.answer or "-")
            for one in endpoints.deliveries(session, found, failed=failed)
        ]
    table(rows, "ID", "EVENT", "WRITTEN", "STATE", "TRIES", "LAST ANSWER")


@webhook.command("redeliver")
@OF
@ENDPOINT
@click.argument("delivery", type=click.UUID, required=False)
@click.option("--failed", is_flag=True, help="All that failed, in place of one.")
def redeliver(org: str, endpoint: UUID, delivery: UUID | None, *, failed: bool) -> None:
    """Send DELIVERY once more, under the same webhook-id."""
    if (delivery is None) != failed:
        raise click.UsageError("Name one delivery, or say --failed.")
    with _endpoint(org, endpoint) as (session, found, now):
        count = endpoints.redeliver(session, found, delivery_id=delivery, actor=finding.actor(), now=now)
        if delivery is not None and not count:
            raise click.ClickException("The endpoint has no such delivery.")
    click.echo(f"{count} will be sent again.")


@webhook.command("rotate-secret")
@OF
@ENDPOINT
@click.option("--overlap", type=Span(), default="24h", help="How long the former signs too: 12h, 30d, 4w.")
def rotate_secret(org: str, endpoint: UUID, overlap: timedelta) -> None:
    """Sign with a new secret, which is shown once."""
    with _endpoint(org, endpoint) as (session, found, now):
        secret = endpoints.rotate_secret(
            session, services().vault, found, actor=finding.actor(), now=now, overlap=overlap
        )
    click.echo(secret.get_secret_value())
    click.echo(f"Shown this once. The former signs too until {shown(now + overlap)}.", err=True)


@contextmanager
def _endpoint(org: str, endpoint_id: UUID) -> Iterator[tuple[Session, WebhookEndpoint, datetime]]:
    """A transaction, and in it the endpoint of ORG."""
    with services().database.transaction(finding.organization_or_house(org)) as session:
        found = endpoints.find(session, endpoint_id)
        if found is None:
            raise click.ClickException(f"“{org}” has no such endpoint. `flask webhook list {org}` shows what it has.")
        yield session, found, services().clock()


def _standing(endpoint: WebhookEndpoint) -> str:
    if endpoint.disabled_at:
        return f"disabled {shown(endpoint.disabled_at)}: {endpoint.disabled_because}"
    return f"failing since {shown(endpoint.failing_since)}" if endpoint.failing_since else "in use"


def _state(delivery: WebhookDelivery) -> str:
    if delivery.ended_at is None:
        return f"due {shown(delivery.due_at)}"
    return f"{'arrived' if delivery.arrived else 'failed'} {shown(delivery.ended_at)}"
