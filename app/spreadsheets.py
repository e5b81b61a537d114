"""Tables for spreadsheets: comma-separated, a line each, and no cell that would be worked out as a formula.

A cell that looks like one begins with an apostrophe, which is taken away again where a table is read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final

APOSTROPHE: Final = "'"
#: What a spreadsheet takes for the beginning of a formula; tabs and returns too, which it passes over.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: What an apostrophe is put in front of: its own too, so that what is read is what was written.
GUARDED: Final = (*FORMULA, APOSTROPHE)


def written(rows: Iterable[Iterable[object]]) -> str:
    """Write rows of values; None is an empty cell, moments are ISO 8601, mappings are JSON."""
    table = io.StringIO()
    csv.writer(table).writerows([_cell(value) for value in row] for row in rows)
    return table.getvalue()


def plain(cell: str) -> str:
    """Read what a cell says, without spaces around it and the apostrophe that kept it from being a formula."""
    guarded = cell.startswith(APOSTROPHE) and _needs_guard(cell[1:])
    return (cell[1:] if guarded else cell).strip()


def _cell(value: object) -> str:
    text = _text(value)
    return APOSTROPHE + text if _needs_guard(text) else text


def _needs_guard(text: str) -> bool:
    return text.startswith(GUARDED) or text.lstrip().startswith(GUARDED)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat()
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
