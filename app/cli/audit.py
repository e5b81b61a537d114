"""`flask audit`: whether the log of who did what is what was written.

Exit codes: 0, all is as it was signed; 1, something is not; 2, there was nothing that could be looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli import finding, reporting
from app.cli.finding import Commands
from app.cli.receipts import KEYS_OPTION
from app.records import log_uses, verifying
from app.services import services

audit = Commands("audit", help="The log of who did what, when.")

HASH_DIGITS = 64


class Known(click.ParamType[tuple[int, bytes]]):
    """An entry's number and hash, as a former look said them: `120:9f86d0…`."""

    name = "number:hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, bytes]:
        if isinstance(value, tuple):
            return value
        number, _, digits = str(value).partition(":")
        try:
            told = int(number), bytes.fromhex(digits)
        except ValueError:
            told = 0, b""
        if told[0] < 1 or len(digits) != HASH_DIGITS:
            self.fail("has to be as `flask audit verify` writes it, the number and the whole hash", param, ctx)
        return told


@audit.command("verify")
@click.option("--org", help="Of this organization, or “house”; without it, of everybody and the house.")
@click.option("--known", type=Known(), help="How it ended when it was looked at before; needs --org.")
@KEYS_OPTION
def verify(org: str | None, known: tuple[int, bytes] | None, keys_file: Path | None) -> None:
    """Say whether the audit log is what was signed. Of what is not, where it stands; exit code 1 if any is not."""
    if known and not org:
        raise click.UsageError("--known needs --org.")
    trusted, good = reporting.keys(keys_file), True
    for owner, slug in reporting.chosen(org, house=True):
        with services().database.transaction(owner) as session:
            report = verifying.audit_log(session, owner, trusted, known=dict([known]) if known else None)
            log_uses.write(
                session,
                organization_id=owner,
                actor=finding.actor(),
                action=log_uses.VERIFIED,
                now=services().clock(),
                details={"whole": report.is_whole, "number": report.looked.number},
            )
        good = reporting.tell(slug, report) and good
    if not good:
        raise SystemExit(1)
