"""`flask demo`: fills the demo with many organizations and what was handed in for them, to try it as it is in life.

What it makes is told apart from what happened: nothing of it was ever sent anywhere, no receipt is made for it, and the
audit log says of each organization only that it was filled. Its connections hold no key that a provider takes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import click
from flask.cli import with_appcontext
from pydantic import SecretStr
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.cli import invented
from app.cli.finding import actor
from app.cli.invented import Business, Invented, Ways
from app.cli.vocabulary import KINDS
from app.providers import registry
from app.records import audit
from app.records.jsonable import jsonable
from app.services import services
from app.tenants import connections, doors, forms, links, organizations, tokens
from app.tenants.models import Connection, Environment, Link
from app.tenants.tokens import Scope

#: Rows of one statement.
BATCH: Final = 2_000
ROWS: Final = {
    table: text(f"INSERT INTO {table} SELECT r.* FROM jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb)) r")  # noqa: S608 - of the two below
    for table in ("uploads", "attempts")
}
#: Nobody is to try keys that open nothing.
NEVER: Final = timedelta(days=3650)
LINK_LIFE: Final = timedelta(days=180)
ABOUT_TO_END: Final = timedelta(days=2)


@click.command("demo")
@click.option("--organizations", "count", type=click.IntRange(1, 50_000), default=500, show_default=True)
@click.option("--uploads", type=click.IntRange(0, 5_000_000), default=100_000, show_default=True)
@click.option("--days", type=click.IntRange(1, 3_650), default=90, show_default=True, help="Handed in within those.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same makes the same; another adds others.")
@with_appcontext
def demo(count: int, uploads: int, days: int, seed: int) -> None:
    """Fill the demo with what looks as in life. Organizations, their forms and links, and uploads.

    What is there stays. Organizations of the same seed that are there already are left out, with their uploads.
    Nothing was sent anywhere: their connections have keys that no provider takes, what failed of theirs has no copy to
    be sent again, and there are no receipts. Charts follow within a minute, while a worker runs.
    """
    if not services().settings.demo:
        raise click.ClickException("This is not the demo (VENTANILLA_MODE): nothing made up belongs here.")
    now, made = services().clock(), 0
    about = invented.organizations(seed, count)
    shares = _shares(about, uploads)
    with click.progressbar(list(zip(about, shares, strict=True)), label="Filling", width=0) as filling:
        for one, share in filling:
            if doors.organization(services().database, one.slug) is None:
                _fill(one, share, seed, now, days)
                made += 1
    click.echo(f"{made} organizations were added, {count - made} were there.")


def _shares(about: Sequence[Invented], uploads: int) -> list[int]:
    """How many uploads each gets; together exactly so many."""
    whole = sum(one.weight for one in about)
    until = [round(uploads * part / whole) for part in itertools.accumulate(one.weight for one in about)]
    return [end - begin for begin, end in itertools.pairwise([0, *until])]


def _fill(about: Invented, share: int, seed: int, now: datetime, days: int) -> None:
    """Make an organization with all that is its: at once or not at all, once it is there."""
    organization = organizations.new(
        slug=about.slug,
        name=about.name,
        rfc=about.rfc,
        accent=about.accent,
        contact=f"ayuda@{about.slug}.example",
        notice_url=f"https://{about.slug}.example/privacidad",
        notice_version="2026-01",
    )
    with services().database.transaction(organization.id) as session:
        organizations.put(session, organization)
        ways = list(_ways(session, about, organization.id, now))
        business = Business(about, organization.id, seed, now, days)
        rows = business.rows(ways, share)
        while batch := list(itertools.islice(rows, BATCH)):
            _insert(session, "uploads", [upload for upload, _ in batch])
            _insert(session, "attempts", [attempt for _, attempts in batch for attempt in attempts])
        audit.write(
            session,
            organization_id=organization.id,
            actor=actor(),
            action="organization.filled",
            subject=organization,
            details={"uploads": share, "seed": seed},
            now=now,
        )


def _insert(session: Session, table: str, rows: Sequence[dict[str, Any]]) -> None:
    session.execute(ROWS[table], {"rows": json.dumps(jsonable(rows))})


def _ways(session: Session, about: Invented, organization_id: UUID, now: datetime) -> Iterator[Ways]:
    """Make its connections, and for each of its operations a form with a link or two."""
    token, _ = tokens.create(
        session, organization_id=organization_id, name="ERP", scopes=[Scope.UPLOADS_READ, Scope.UPLOADS_WRITE]
    )
    for provider in about.providers:
        connection = _connection(session, organization_id, provider)
        paused = provider == about.paused
        if paused:
            connections.pause(session, connection, "credential-refused", now - timedelta(days=2))
        for kind in KINDS[provider]:
            operation = registry.operation(kind.operation)
            form = forms.add(
                session,
                organization_id=organization_id,
                connection_id=connection.id,
                operation=operation.slug,
                open=True,
            )
            used, _ = links.create(
                session, form=form, expires_at=now + LINK_LIFE, max_uses=1_000, recipient=about.recipients[0]
            )
            session.execute(update(Link).where(Link.id == used.id).values(uses=1))
            if about.forgotten:
                links.create(session, form=form, expires_at=now + ABOUT_TO_END, recipient=about.recipients[1])
            yield Ways(
                connection_id=connection.id,
                kind=kind,
                form_id=form.id,
                link_id=used.id,
                token_id=token.id,
                paused=paused,
            )


def _connection(session: Session, organization_id: UUID, provider: str) -> Connection:
    adapter, sandbox = registry.provider(provider), services().settings.sandbox_url
    connection = connections.add(
        session,
        services().vault,
        organization_id=organization_id,
        provider=provider,
        name=provider,
        environment=Environment.SANDBOX,
        # Each installation of it has an address of its own; `flask doctor` would miss it.
        settings={"base_url": f"{sandbox}/formkiq"} if sandbox and provider == "formkiq" else {},
        credential={"key": SecretStr(f"made-up-{adapter.slug}")},
    )
    connection.next_check_at = services().clock() + NEVER
    connection.verified_at = services().clock()
    return connection
