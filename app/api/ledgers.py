"""What is written down: receipts, the audit log, and how much was handed in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from flask.typing import ResponseReturnValue
from pydantic import AwareDatetime, Field

from app.api import places
from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.paging import Page, Paging, page
from app.api.receipts import FILE, given
from app.api.resources import Resource
from app.api.schemas import Model
from app.records import models, receipts, searching, usage
from app.records.searching import Entries
from app.records.states import State
from app.services import services
from app.tenants.tokens import Scope

resource = Resource("Records", "What is written down: receipts, the audit log, and how much was handed in.")

RECEIPTS: Final = "/organizations/<organization>/receipts"
#: Months that are counted where nobody says which.
MONTHS: Final = 12

Month = Annotated[str | None, Field(pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])]


class Receipt(Model):
    """The signed proof that an upload was delivered, by what it says."""

    id: UUID
    number: Annotated[int, Field(description="Its place in the organization's chain, from 1.")]
    upload: UUID
    connection: str
    operation: str
    reference: Annotated[str | None, Field(description="What the provider calls it.")]
    handed_in_at: datetime
    delivered_at: datetime
    hash: Annotated[str, Field(description="SHA-256 of what is signed.")]

    @classmethod
    def of(cls, row: models.Receipt) -> Self:
        """Show a row."""
        says = receipts.told(row)
        delivery = says["delivery"]
        return cls.model_validate(
            {
                "id": row.id,
                "number": row.number,
                "upload": row.upload_id,
                **{name: delivery[name] for name in ("connection", "operation", "reference", "delivered_at")},
                "handed_in_at": says["upload"]["handed_in_at"],
                "hash": row.hash.hex(),
            }
        )


class ReceiptPage(Page[Receipt]):
    """Receipts, the newest first."""


class Entry(Model):
    """Who did what to what, and when."""

    id: UUID
    number: Annotated[int | None, Field(description="Its place in the signed chain; null for a second or so.")]
    at: datetime
    actor: Annotated[str, Field(examples=["token:0199…", "cli:ana", "system"])]
    action: Annotated[str, Field(examples=["upload.delivered"])]
    subject_type: Annotated[str, Field(examples=["upload"])]
    subject_id: UUID
    details: dict[str, Any]

    @classmethod
    def of(cls, row: models.AuditEntry) -> Self:
        """Show a row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class EntryPage(Page[Entry]):
    """Entries, the newest first."""


class Narrowed(Model):
    """Which entries of the log are meant."""

    action: Annotated[
        str | None, Field(max_length=60, description="Whole, or its beginning as `upload.*`.", examples=["upload.*"])
    ] = None
    actor: Annotated[str | None, Field(max_length=100)] = None
    subject_type: Annotated[str | None, Field(max_length=40)] = None
    subject_id: UUID | None = None
    since: Annotated[AwareDatetime | None, Field(description="Written from then on.")] = None
    until: Annotated[AwareDatetime | None, Field(description="Written before then.")] = None

    @property
    def wanted(self) -> Entries:
        """The same, as the log is asked."""
        return Entries(**{name: getattr(self, name) for name in Narrowed.model_fields})


class EntryQuery(Narrowed, Paging):
    """Which entries are listed."""


class Used(Model):
    """How many uploads of one organization, month, operation and state, and how large their files were together."""

    organization: str
    month: Annotated[str, Field(examples=["2026-11"])]
    operation: str
    state: State
    uploads: int
    bytes: int


class Usage(Model):
    """What was handed in. Months are those of each organization's own zone."""

    items: list[Used]


class UsageQuery(Model):
    """Which months are counted."""

    since: Annotated[Month, Field(description=f"The first month; without it, {MONTHS} of them.")] = None
    until: Annotated[Month, Field(description="The last month; without it, this one.")] = None


@resource.route("GET", RECEIPTS, scope=Scope.RECEIPTS_READ, query=Paging, shows=ReceiptPage)
def list_receipts(asker: Asker, query: Paging) -> ReceiptPage:
    """List an organization's receipts, the newest first."""
    before = int(query.after) if query.after else None
    with asker.transaction() as session:
        found = searching.receipts(session, before=before, limit=query.limit + 1)
    return page(ReceiptPage, found, query, key=lambda one: str(one.number), show=Receipt.of)


@resource.route("GET", f"{RECEIPTS}/<uuid:receipt_id>", scope=Scope.RECEIPTS_READ, besides=FILE)
def give_receipt(asker: Asker, receipt_id: UUID) -> ResponseReturnValue:
    """Give the file of a receipt, to the byte as it can be checked anywhere."""
    with asker.transaction() as session:
        found = receipts.find(session, receipt_id)
    if found is None:
        raise NothingHere
    return given(found)


@resource.route(
    "GET",
    "/organizations/<organization>/audit",
    scope=Scope.AUDIT_READ,
    query=EntryQuery,
    shows=EntryPage,
    house=True,
)
def list_audit(asker: Asker, query: EntryQuery) -> EntryPage:
    """List what the audit log says of an organization, or of the house; the newest first."""
    with asker.transaction() as session:
        found = searching.entries(session, query.wanted, after=places.read(query.after), limit=query.limit + 1)
    return page(EntryPage, found, query, key=lambda one: places.written((one.at, one.id)), show=Entry.of)


@resource.route("GET", "/usage", scope=Scope.USAGE_READ, query=UsageQuery, shows=Usage)
def list_usage(asker: Asker, query: UsageQuery) -> Usage:
    """Count what was handed in, for every organization that the token sees."""
    return _used(query, asker.organization_id)


@resource.route("GET", "/organizations/<organization>/usage", scope=Scope.USAGE_READ, query=UsageQuery, shows=Usage)
def show_usage(asker: Asker, query: UsageQuery) -> Usage:
    """Count what was handed in, by month, operation and what became of it."""
    return _used(query, asker.the_organization)


def _used(query: UsageQuery, only_of: UUID | None) -> Usage:
    """`only_of` None: of all."""
    parts = services()
    last = _month(query.until or f"{parts.clock():%Y-%m}")
    first = _month(query.since) if query.since else last - MONTHS + 1
    # Without an end it is a month more: somewhere it may have begun already.
    end = last + 1 if query.until else last + 2
    found = usage.by_month(parts.database, since=_begin(first), until=_begin(end), only_of=only_of)
    return Usage.model_validate({"items": found}, from_attributes=True)


def _month(written: str) -> int:
    """Months since the year 0."""
    year, month = written.split("-")
    return int(year) * 12 + int(month) - 1


def _begin(month: int) -> datetime:
    """Its first moment, wherever that is."""
    return datetime(month // 12, month % 12 + 1, 1)  # noqa: DTZ001 - of the organization's own zone
