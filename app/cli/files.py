"""`flask connection files|fetch|remove-file|choices`: what lies at a provider."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import IO

import click

from app.cli import choosing, visits
from app.cli.asking import shown, table
from app.cli.connections import connection
from app.cli.finding import written
from app.providers.base import Account, Deletes, Downloads, Ending, Lists, Look, Unavailable
from app.providers.outcomes import by_cause, by_status
from app.providers.wire import NoAnswer
from app.services import services


@connection.command("choices")
@click.argument("org")
@click.argument("name")
@click.argument("setting")
def choices(org: str, name: str, setting: str) -> None:
    """List what SETTING of a connection may be. It is the provider that tells."""
    found = visits.found(org, name)
    chooser = choosing.chooser_of(found, setting)
    with visits.told():
        items = services().deliverer.visit(found, lambda account: choosing.listing(chooser, account, setting))
    choosing.show(items)


@connection.command("files")
@click.argument("org")
@click.argument("name")
@click.option("--after", "cursor", help="Where the former list ended, as it said.")
def files(org: str, name: str, cursor: str | None) -> None:
    """List what lies at the provider."""
    found = visits.found(org, name)
    lister = visits.able(found.provider, Lists, "list what it has")  # type: ignore[type-abstract]
    with visits.told():
        page = services().deliverer.visit(found, lambda account: lister.list(account, cursor))
    rows = [
        (
            one.id,
            one.name,
            "-" if one.size is None else str(one.size),
            one.content_type or "-",
            shown(one.created_at),
            one.status or "-",
        )
        for one in page.items
    ]
    table(rows, "ID", "NAME", "BYTES", "TYPE", "CREATED", "STATUS")
    if page.next:
        click.echo(f"There is more: --after {page.next}", err=True)


@connection.command("fetch")
@click.argument("org")
@click.argument("name")
@click.argument("id")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write it to.")
def fetch(org: str, name: str, id: str, output: Path) -> None:  # noqa: A002 - the provider's id
    """Download one thing. It is written as it comes, and has its name once it is whole."""
    found = visits.found(org, name)
    giver = visits.able(found.provider, Downloads, "give files back")  # type: ignore[type-abstract]
    if output.exists():
        raise click.ClickException(f"{output} is there already.")
    part = output.with_name(output.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file, visits.told():
            services().deliverer.visit(found, lambda account: _fetching(giver, account, id, file))
        part.rename(output)
    except OSError as exc:
        raise click.ClickException(f"{output} cannot be written: {exc.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{output}: {output.stat().st_size} bytes")


@connection.command("remove-file")
@click.argument("org")
@click.argument("name")
@click.argument("id")
@click.confirmation_option(prompt="It will be gone at the provider. Go on?")
def remove_file(org: str, name: str, id: str) -> None:  # noqa: A002 - the provider's id
    """Delete one thing at the provider."""
    found = visits.found(org, name)
    remover = visits.able(found.provider, Deletes, "delete files")  # type: ignore[type-abstract]
    with visits.told():
        outcome = services().deliverer.visit(found, lambda account: remover.delete(account, id))
    if outcome.ending is not Ending.DELIVERED:
        raise click.ClickException(visits.sentence(outcome))
    with services().database.transaction(found.organization_id) as session:
        written(session, found.organization_id, "connection.file_deleted", found, reference=id)
    click.echo("Deleted.")


class _Writer:
    """Takes an answer's body into a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def feed(self, block: bytes, /) -> None:
        self._file.write(block)


def _fetching(giver: Downloads, account: Account, id: str, file: IO[bytes]) -> Look[None]:  # noqa: A002
    outgoing = yield from giver.content(account, id)
    answer = yield replace(outgoing, sink=_Writer(file))
    if isinstance(answer, NoAnswer):
        raise Unavailable(by_cause(answer))
    if not answer.ok:
        raise Unavailable(by_status(answer))
