"""Tables: no cell is a formula, and what was written is what is read."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import spreadsheets

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(st.lists(CELLS, min_size=1), min_size=1))
def test_no_cell_is_a_formula(rows: list[list[str]]) -> None:
    read = csv.reader(io.StringIO(spreadsheets.written(rows), newline=""), strict=True)
    assert not [cell for row in read for cell in row if cell.startswith(spreadsheets.FORMULA)]


@given(CELLS)
def test_what_is_written_is_read(value: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(spreadsheets.written([[value]]), newline=""), strict=True)
    assert spreadsheets.plain(cell) == value.strip()


@pytest.mark.parametrize("value", ["'", "''", "'=1", "=1", " '=1", " =1", "\t", "plain"])
def test_apostrophes_survive(value: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(spreadsheets.written([[value]])))
    assert spreadsheets.plain(cell) == value.strip()


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (7, "7"),
        (-7, "'-7"),
        (datetime(2026, 11, 22, 5, tzinfo=UTC), "2026-11-22T05:00:00+00:00"),
        ({"años": [1]}, '{"años": [1]}'),
    ],
    ids=str,
)
def test_values_are_written_as_people_read_them(value: object, cell: str) -> None:
    assert next(csv.reader(io.StringIO(spreadsheets.written([[value]])))) == [cell]
