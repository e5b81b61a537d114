"""`flask receipt`: the signed proofs of what was delivered, and the keys that sign them.

Exit codes: 0, all is as it was signed; 1, something is not; 2, there was nothing that could be looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click

from app.cli import finding, reporting
from app.cli.finding import Commands
from app.database import Database
from app.records import chain, receipts, signing, verifying
from app.records.receipts import ReceiptRefused, Written
from app.records.signing import Keys
from app.services import services
from app.words import WORDS

receipt = Commands("receipt", help="Signed proofs of what was delivered.")

#: The keys as they are published.
KEYS_OPTION = click.option(
    "--keys",
    "keys_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The published keys, /.well-known/ventanilla-keys.json, as they were saved; without it, those kept here.",
)


@receipt.command("show")
@click.argument("org")
@click.argument("id", type=click.UUID)
def show(org: str, id: UUID) -> None:  # noqa: A002 - the argument's name on the command line
    """Write the file of a receipt of ORG. It is named by its own id or by its upload's."""
    with services().database.transaction(finding.organization(org)) as session:
        found = receipts.find(session, id) or receipts.of_upload(session, id)
    if found is None:
        raise click.ClickException(f"“{org}” has no such receipt. One is there a second after its upload arrived.")
    click.echo(receipts.file(found))


@receipt.command("export")
@click.argument("org")
def export(org: str) -> None:
    """Write every receipt of ORG, a line each. In their order: what `verify` takes, on any machine."""
    owner = finding.organization(org)
    with services().database.transaction(owner) as session:
        for one in verifying.receipts_of(session, owner):
            click.echo(receipts.file(one))


@receipt.command("keys")
def keys() -> None:
    """Write the keys as they are published."""
    with services().database.doors() as session:
        click.echo(json.dumps(Keys.load(session).published(), indent=2))


@receipt.command("verify")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--org", help="Look at the receipts that are kept here of this organization.")
@KEYS_OPTION
def verify(files: tuple[Path, ...], org: str | None, keys_file: Path | None) -> None:
    """Say whether receipts are what was signed. Exit code 1 if one is not.

    FILES, a receipt or an export each, need nothing but --keys: no gateway, no database, no network. Without FILES
    those that are kept here are looked at, as chains: ORG's, or everybody's.
    """
    if files and org:
        raise click.UsageError("FILES or --org, not both.")
    trusted = reporting.keys(keys_file)
    # A list, for each is to be looked at whatever the others are.
    good = [_verify_file(path, trusted) for path in files] if files else [*_verify_kept(org, trusted)]
    if not all(good):
        raise SystemExit(1)


@receipt.command("rotate-key")
@click.confirmation_option(prompt="A new key will sign from now on, and has to be published. Go on?")
def rotate_key() -> None:
    """Let a new key sign from now on. What the former ones signed stays good."""
    url = services().settings.database_worker_url
    if url is None:
        raise click.ClickException("DATABASE_WORKER_URL is missing: only the worker's role can make keys.")
    worker = Database(url, pool=1)
    try:
        with worker.doors() as session:
            kid = signing.rotate(session, services().vault, services().clock())
    finally:
        worker.dispose()
    click.echo(f"{kid} signs from now on. Save the published keys anew wherever they are kept.")


def _verify_file(path: Path, trusted: Keys) -> bool:
    lines = path.read_bytes().split(b"\n")
    lines = [line for line in lines if line.strip()] or [b""]
    if len(lines) == 1:
        return _verify_one(path, lines[0], trusted)
    links, good = [], True
    for number, line in enumerate(lines, start=1):
        try:
            links.append(Written.parse(line).link)
        except ReceiptRefused as refusal:
            good = False
            click.echo(f"{path}, line {number}: {WORDS[refusal.slug]}")
    looked = chain.verify(links, trusted, first=min((link.number for link in links), default=1))
    reporting.say(str(path), looked.count, looked.faults)
    return good and not looked.faults


def _verify_one(path: Path, data: bytes, trusted: Keys) -> bool:
    try:
        body = receipts.check(data, trusted)
    except ReceiptRefused as refusal:
        click.echo(f"{path}: {WORDS[refusal.slug]}")
        return False
    click.echo(
        f"{path}: genuine. {body['organization']['name']}, receipt {body['number']}, "
        f"delivered {body['delivery']['delivered_at']} to {body['delivery']['provider']}."
    )
    return True


def _verify_kept(org: str | None, trusted: Keys) -> Iterator[bool]:
    for owner, slug in reporting.chosen(org, house=False):
        assert owner is not None  # noqa: S101 - the house is handed nothing in
        with services().database.transaction(owner) as session:
            report = verifying.receipt_chain(session, owner, trusted)
        yield reporting.tell(slug, report)
