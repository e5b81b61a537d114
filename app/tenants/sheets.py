"""Organizations in a table, as spreadsheets read and write it: comma-separated, a line each, a heading above.

What is read is judged line by line, and nothing is written here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import spreadsheets
from app.errors import Refusal
from app.tenants import names, organizations
from app.tenants.errors import BadValue, NameTaken, NotAcceptable
from app.tenants.models import Organization

#: In the order in which they are written. Of what is read, `slug` has to be there, and `name` for a new one; a column
#: that is not there changes nothing, an empty cell takes away what may be missing.
COLUMNS: Final = ("slug", *organizations.CAN_BE)
NEEDED: Final = ("slug",)
#: What an empty cell leaves as it is, for it cannot be missing.
ALWAYS: Final = frozenset({"name", "locale", "timezone", "accent", "keep_delivered_days"})
MOST_LINES: Final = 5_000
LONGEST: Final = 2_000


class BadSheet(Refusal):
    """What was sent is no such table."""

    slug: ClassVar[str] = "bad-sheet"
    status: ClassVar[int] = 422


class SheetTooLong(Refusal):
    """The table has more lines than are looked at together."""

    slug: ClassVar[str] = "sheet-too-long"
    status: ClassVar[int] = 413


class Verdict(StrEnum):
    """What a line would do."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, and what it would do."""

    #: In the file, from 1 on; the heading is the first.
    number: int
    slug: str
    verdict: Verdict
    #: What it says that is not so already, by column.
    values: Mapping[str, Any] = field(default_factory=dict)
    #: Of a line that is wrong: why.
    refusal: Refusal | None = None
    #: Of one that is there.
    organization_id: UUID | None = None


def write(rows: Iterable[Organization]) -> str:
    """The table."""
    return spreadsheets.written(chain([COLUMNS], ([getattr(row, name) for name in COLUMNS] for row in rows)))


def read(text: str) -> Sequence[tuple[int, Mapping[str, str]]]:
    """Lines with their numbers, by column; raises BadSheet and SheetTooLong. Empty lines are passed over."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=_delimiter(text), strict=True)
    lines: list[tuple[int, Mapping[str, str]]] = []
    try:
        heading = [name.strip().lower() for name in next(reader, [])]
        _check_heading(heading)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((reader.line_num, _cells(heading, cells, reader.line_num)))
            if len(lines) > MOST_LINES:
                raise SheetTooLong(field="sheet", limit=MOST_LINES)
    except csv.Error:
        lines = []
    if not lines:
        raise BadSheet(field="sheet", name=", ".join(COLUMNS))
    return lines


def judge(session: Session, lines: Sequence[tuple[int, Mapping[str, str]]]) -> Sequence[Line]:
    """Say of each line what it would do; each is judged alone. `session` sees all organizations."""
    slugs = {cells["slug"] for _, cells in lines}
    found = {one.slug: one for one in session.scalars(select(Organization).where(Organization.slug.in_(slugs)))}
    seen: set[str] = set()
    judged = []
    for number, cells in lines:
        slug = cells["slug"]
        try:
            if slug in seen:
                raise NameTaken(field="slug", name=slug)
            judged.append(_judged(number, cells, found.get(slug)))
        except NotAcceptable as refusal:
            judged.append(Line(number=number, slug=slug[:80], verdict=Verdict.WRONG, refusal=refusal))
        seen.add(slug)
    return judged


def _judged(number: int, cells: Mapping[str, str], found: Organization | None) -> Line:
    values = _values(cells)
    if found is None:
        if "name" not in values:
            raise BadValue(field="name", name="name", value="")
        organizations.new(slug=cells["slug"], **values)
        return Line(number=number, slug=cells["slug"], verdict=Verdict.NEW, values=values)
    if found.deleted_at is not None:
        raise NameTaken(field="slug", name=found.slug)
    before = {name: getattr(found, name) for name in organizations.CAN_BE}
    tried = Organization(**before)
    organizations.edit(tried, **values)
    changed = {name: getattr(tried, name) for name in values if getattr(tried, name) != before[name]}
    verdict = Verdict.CHANGED if changed else Verdict.SAME
    return Line(number=number, slug=found.slug, verdict=verdict, values=changed, organization_id=found.id)


def _values(cells: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, cell in cells.items():
        if name == "slug" or (not cell and name in ALWAYS):
            continue
        values[name] = (_number(name, cell) if name == "keep_delivered_days" else cell) if cell else None
    return values


def _number(name: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < len(str(names.MOST))):
        raise BadValue(field=name, name=name, value=cell[:80])
    return int(cell)


def _cells(heading: Sequence[str], cells: Sequence[str], number: int) -> Mapping[str, str]:
    if len(cells) > len(heading) or any(len(cell) > LONGEST for cell in cells):
        raise BadSheet(field="sheet", name=", ".join(COLUMNS), line=number)
    named = zip(heading, cells, strict=False)
    return dict.fromkeys(heading, "") | {name: spreadsheets.plain(cell) for name, cell in named}


def _check_heading(heading: Sequence[str]) -> None:
    known = set(heading) <= set(COLUMNS) and len(set(heading)) == len(heading)
    if not known or not set(NEEDED) <= set(heading):
        raise BadSheet(field="sheet", name=", ".join(COLUMNS))


def _delimiter(text: str) -> str:
    """Spreadsheets in Spanish separate by semicolons."""
    heading, *_ = text.partition("\n")
    return ";" if heading.count(";") > heading.count(",") else ","
