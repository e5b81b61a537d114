"""Rows that are made without SQLAlchemy's constructor are what it would have made."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

from app.database import Base, copied, new
from app.records.models import Attempt, AuditEntry, Upload


@pytest.mark.parametrize("kind", [Upload, Attempt, AuditEntry])
def test_a_new_row_has_every_column_and_is_in_no_session(kind: type[Base]) -> None:
    made = new(kind)
    assert {one.key for one in inspect(kind).column_attrs} <= vars(made).keys()
    assert inspect(made).transient
    assert made.id != new(kind).id


def test_a_new_row_shares_no_default_with_another() -> None:
    first, second = new(Upload), new(Upload)
    assert first.facts == {}
    assert first.facts is not second.facts


def test_a_new_row_takes_its_columns_alone() -> None:
    with pytest.raises(TypeError, match="no color"):
        new(Attempt, color="red")


def test_a_copied_row_is_another_with_the_changes() -> None:
    row = new(Attempt, number=1, outcome="unknown")
    changed = copied(row, outcome="delivered")
    assert (row.outcome, changed.outcome, changed.number, changed.id) == ("unknown", "delivered", 1, row.id)
