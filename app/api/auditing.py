"""The audit log as a whole: taken out as a file, and whether it is what was signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any, Final

from flask import Response, stream_with_context
from flask.typing import ResponseReturnValue
from pydantic import Field

from app import spreadsheets
from app.api.asking import Asker
from app.api.ledgers import Entry, Narrowed, resource
from app.api.schemas import Model
from app.records import log_uses, searching, verifying
from app.records.chain import Wrong
from app.records.models import AuditEntry
from app.records.signing import Keys
from app.services import services
from app.tenants.tokens import Scope

#: Entries that are read, and held, at once.
AT_ONCE: Final = 1_000
#: Faults that are told one by one.
MOST: Final = 200

EXPORT: Final = "/organizations/<organization>/audit/export"
VERIFY: Final = "/organizations/<organization>/audit/verify"


class Kind(StrEnum):
    """How a log is written out."""

    JSONL = "jsonl"
    CSV = "csv"


class ExportQuery(Narrowed):
    """Which entries are written out, and how."""

    format: Annotated[Kind, Field(description="JSON Lines, or comma-separated values with a heading.")] = Kind.JSONL


class VerifyQuery(Model):
    """What is known from elsewhere."""

    known: Annotated[
        str | None,
        Field(
            pattern="^[1-9][0-9]{0,17}:[0-9a-f]{64}$",
            description="How the log ended when it was looked at before: number and hash.",
        ),
    ] = None


class Fault(Model):
    """Something that is not as it was signed."""

    wrong: Wrong
    number: Annotated[int, Field(description="The place in the chain.")]
    entry: Annotated[str | None, Field(description="Id of what stands there; null: nothing does.")]
    belongs: Annotated[int | None, Field(description="The place that it was signed for, where it stands at another.")]


class Verification(Model):
    """What looking at all of a log came to."""

    whole: Annotated[bool, Field(description="Whether all of it is as it was signed, to its end.")]
    entries: Annotated[int, Field(description="Sealed ones that are there.")]
    number: Annotated[int, Field(description="Place of the last sound one.")]
    hash: Annotated[
        str | None, Field(description="Its hash: kept elsewhere it is what a later look is given as known.")
    ]
    head_is_sound: Annotated[bool, Field(description="Whether it is known where the log ends.")]
    faults: Annotated[list[Fault], Field(description=f"The first {MOST}, by their places.")]
    fault_count: int
    unsealed: Annotated[int, Field(description="Entries that are in no chain yet, as those of the last second.")]
    unsealed_since: datetime | None


#: What the document says of a log that is written out.
FILE: Final = {
    "responses": {
        "200": {
            "description": "The log, the newest first, as long as it is.",
            "content": {
                "application/jsonl": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    }
}


@resource.route("GET", EXPORT, scope=Scope.AUDIT_READ, query=ExportQuery, besides=FILE, house=True)
def export_audit(asker: Asker, query: ExportQuery) -> ResponseReturnValue:
    """Write out what the audit log says of an organization, or of the house; the newest first.

    It is read and sent some entries at a time, so it may be of any length. That it was, is an entry of it: the first.
    """
    write, media_type = WRITERS[query.format]
    narrowed = {name: getattr(query, name) for name in Narrowed.model_fields if getattr(query, name) is not None}
    _used(asker, log_uses.EXPORTED, {"format": query.format, **narrowed})
    pages = _pages(asker, query)
    first = next(pages)  # what is wrong with the database is said before the answer has begun
    lines = (write(rows) for rows in chain([first], pages))
    heading = [spreadsheets.written([Entry.model_fields])] if query.format is Kind.CSV else []
    response = Response(stream_with_context(chain(heading, lines)), content_type=media_type)
    name = f"audit-{asker.slug or 'house'}-{services().clock():%Y-%m-%d}.{query.format}"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@resource.route("GET", VERIFY, scope=Scope.AUDIT_READ, query=VerifyQuery, shows=Verification, house=True)
def verify_audit(asker: Asker, query: VerifyQuery) -> Verification:
    """Look at every entry of an audit log: whether it is what was signed, in its place, and none is missing.

    What was found is an entry of it, too.
    """
    services().shedding.wishes.count([f"audit:{asker.organization_id}"])
    with services().database.doors() as session:
        keys = Keys.load(session)
    with asker.transaction() as session:
        report = verifying.audit_log(session, asker.organization_id, keys, known=_known(query.known))
    looked = report.looked
    _used(asker, log_uses.VERIFIED, {"whole": report.is_whole, "number": looked.number})
    faults = [
        Fault(wrong=one.wrong, number=one.number, entry=one.name, belongs=one.belongs) for one in report.faults[:MOST]
    ]
    return Verification(
        whole=report.is_whole,
        entries=looked.count,
        number=looked.number,
        hash=looked.hash.hex() if looked.hash else None,
        head_is_sound=report.head_is_sound,
        faults=faults,
        fault_count=len(report.faults),
        unsealed=report.unsealed,
        unsealed_since=report.since,
    )


def _used(asker: Asker, action: str, details: Mapping[str, Any]) -> None:
    """Write in the log that it was taken out, or verified."""
    with asker.transaction() as session:
        log_uses.write(
            session,
            organization_id=asker.organization_id,
            actor=asker.actor,
            action=action,
            now=services().clock(),
            details=details,
        )


def _known(said: str | None) -> dict[int, bytes]:
    number, _, digits = (said or "").partition(":")
    return {int(number): bytes.fromhex(digits)} if digits else {}


def _pages(asker: Asker, narrowed: Narrowed) -> Iterator[Sequence[AuditEntry]]:
    """The entries, some at a time, each time in a transaction of its own: none is held while they are sent."""
    place, more = None, True
    while more:
        with asker.transaction() as session:
            rows = searching.entries(session, narrowed.wanted, after=place, limit=AT_ONCE)
        yield rows
        more = len(rows) == AT_ONCE
        place = (rows[-1].at, rows[-1].id) if rows else None


def _json_lines(rows: Sequence[AuditEntry]) -> str:
    return "".join(f"{Entry.of(row).model_dump_json()}\n" for row in rows)


def _values(rows: Sequence[AuditEntry]) -> str:
    return spreadsheets.written(Entry.of(row).model_dump(mode="json").values() for row in rows)


#: By how a log is written out.
WRITERS: Final[Mapping[Kind, tuple[Callable[[Sequence[AuditEntry]], str], str]]] = {
    Kind.JSONL: (_json_lines, "application/jsonl"),
    Kind.CSV: (_values, "text/csv; charset=utf-8"),
}
