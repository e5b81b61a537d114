"""What is said of chains that were looked at, by `flask receipt` and `flask audit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import click
from flask import current_app

from app.cli import finding
from app.cli.asking import shown
from app.cli.finding import HOUSE_SLUG
from app.database import HOUSE
from app.records.chain import Fault, Wrong
from app.records.signing import BadKeys, Keys
from app.records.verifying import Report
from app.services import services
from app.tenants import doors

#: Faults of one chain that are written out.
MOST: Final = 50

SENTENCES: Final = {
    Wrong.CHANGED: "{number}: changed: it is not what was signed ({name})",
    Wrong.MOVED: "{number}: moved: what stands here was signed for {belongs} ({name})",
    Wrong.INSERTED: "{number}: inserted: what stands here was never sealed ({name})",
    Wrong.MISSING: "{number}: missing",
    Wrong.CUT_OFF: "{number}: cut off: the chain has reached at least to here",
    Wrong.REPLACED: "{number}: replaced: another one stood here when what follows was sealed ({name})",
}


class NothingToLookAt(click.ClickException):
    """It can be said of nothing whether it is good."""

    exit_code = 2


def keys(path: Path | None) -> Keys:
    """The keys that signatures are checked with: of a file, or those that are kept here."""
    if path is not None:
        try:
            return Keys.parse(path.read_text(encoding="utf-8"))
        except (BadKeys, UnicodeDecodeError):
            raise NothingToLookAt(f"{path} does not hold published keys, or one under another's name.") from None
    if "ventanilla" not in current_app.extensions:
        raise NothingToLookAt("There is no gateway set up here; give the published keys with --keys.")
    with services().database.doors() as session:
        return Keys.load(session)


def chosen(org: str | None, *, house: bool) -> Iterator[tuple[UUID | None, str]]:
    """Whose chains are to be looked at: the one's that is named, or everybody's."""
    if "ventanilla" not in current_app.extensions:
        raise NothingToLookAt("There is no gateway set up here; give FILES.")
    if org is not None:
        yield (finding.organization_or_house(org) if house else finding.organization(org)), org
        return
    if house:
        yield HOUSE, HOUSE_SLUG
    for owner, slug, _ in doors.organizations(services().database):
        yield owner, slug


def tell(slug: str, report: Report) -> bool:
    """Say what a chain came to; whether it is whole."""
    looked = report.looked
    say(slug, looked.count, report.faults)
    if not report.head_is_sound:
        click.echo(f"{slug}: the head is missing or not what was signed: where the chain ends is not known")
    for upload in report.without_receipt:
        click.echo(f"{slug}: upload {upload} was delivered and has no receipt")
    if report.is_whole and looked.hash:
        click.echo(f"{slug}: ends with {looked.number}:{looked.hash.hex()}")
    if report.unsealed:
        click.echo(f"{slug}: {report.unsealed} not sealed yet, since {shown(report.since)}")
    return report.is_whole


def say(about: str, count: int, faults: Sequence[Fault]) -> None:
    """Say how many there are, and what is wrong, where."""
    click.echo(f"{about}: {count} looked at, {'all good' if not faults else f'{len(faults)} wrong'}")
    for fault in faults[:MOST]:
        sentence = SENTENCES[fault.wrong]
        click.echo(f"{about}: " + sentence.format(number=fault.number, name=fault.name, belongs=fault.belongs))
    if len(faults) > MOST:
        click.echo(f"{about}: … and {len(faults) - MOST} more")
