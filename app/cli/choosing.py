"""Settings that the provider itself can name: picked from its list, or made anew there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import click
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from app.cli import visits
from app.cli.asking import table
from app.providers.base import Account, Chooses, Listed, Look, Page
from app.services import services
from app.tenants.models import Connection, Environment

#: Most pages of choices that are asked for.
MOST_PAGES = 20


def draft(organization: UUID | None, provider: str, environment: Environment, settings: dict[str, Any]) -> Connection:
    """A connection that is not kept yet, to ask through."""
    return Connection(
        id=uuid7(), organization_id=organization, provider=provider, environment=environment, settings=settings
    )


def settle(
    connection: Connection,
    credential: Mapping[str, SecretStr],
    *,
    picked: tuple[str, ...],
    made: tuple[tuple[str, str], ...],
) -> dict[str, Any]:
    """The connection's settings with those that were picked or made, in that order; it need not be kept yet."""
    settings = dict(connection.settings)
    for setting, name in [*((one, None) for one in picked), *made]:
        chooser = _chooser(connection.provider, setting, makes=name is not None)
        connection.settings = settings
        with visits.told():
            answer = services().deliverer.try_out(connection, credential, _asking(chooser, setting, name))
        if isinstance(answer, Listed):
            click.echo(f"Made {answer.name}: {setting}={answer.id}")
            settings[setting] = answer.id
        else:
            settings[setting] = _asked(setting, answer)
    return settings


def listing(chooser: Chooses, account: Account, setting: str) -> Look[list[Listed]]:
    """Every value that a setting may have, as far as a person would read."""
    items: list[Listed] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page: Page = yield from chooser.choices(account, setting, cursor)
        items += page.items
        if (cursor := page.next) is None:
            break
    return items


def show(items: list[Listed]) -> None:
    """Print choices as a table."""
    table([(str(at), one.id, one.name, one.status or "") for at, one in enumerate(items, 1)], "", "ID", "NAME", "KIND")


def chooser_of(connection: Connection, setting: str) -> Chooses:
    """The connection's provider, where it can name values of that setting."""
    return _chooser(connection.provider, setting, makes=False)


def _chooser(slug: str, setting: str, *, makes: bool) -> Chooses:
    chooser = visits.able(slug, Chooses, "say what a setting may be")  # type: ignore[type-abstract]
    fit = [name for name, makeable in chooser.choosable.items() if makeable or not makes]
    if setting not in fit:
        verb = "make" if makes else "name values of"
        raise click.UsageError(f"{slug} cannot {verb} “{setting}”; it can: {', '.join(fit) or 'none'}.")
    return chooser


def _asking(chooser: Chooses, setting: str, name: str | None) -> Callable[[Account], Look[Listed | list[Listed]]]:
    if name is None:
        return lambda account: listing(chooser, account, setting)
    return lambda account: chooser.make(account, setting, name)


def _asked(setting: str, items: list[Listed]) -> str:
    if not items:
        raise click.ClickException(f"The provider has nothing that {setting} could be.")
    show(items)
    at = click.prompt(f"Which is the {setting}?", type=click.IntRange(1, len(items)), err=True)
    return items[at - 1].id
