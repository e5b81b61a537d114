"""`flask demo`: fills with what looks like life, adds to what is there, and pretends to nothing that can be checked."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from app.cli import invented
from app.config import Settings
from tests.cli.conftest import Run

COUNTS = {
    table: text(f"SELECT count(*) FROM {table}")  # noqa: S608 - of the line below
    for table in ("organizations", "uploads", "attempts", "receipts", "copies", "credentials")
}


def counts(owner_engine: Engine) -> Mapping[str, int]:
    with owner_engine.connect() as connection:
        return {table: connection.scalar(count) or 0 for table, count in COUNTS.items()}


def test_it_fills(run: Run, owner_engine: Engine) -> None:
    done = run("demo", "--organizations", "8", "--uploads", "120", "--days", "30")
    assert "8 organizations were added" in done.output, done.output
    found = counts(owner_engine)
    assert (found["organizations"], found["uploads"]) == (8, 120)
    assert found["attempts"] > 90
    assert found["receipts"] == found["copies"] == 0
    with owner_engine.connect() as connection:
        assert connection.scalar(text("SELECT min(created_at) > now() - interval '35 days' FROM uploads"))
        assert connection.scalar(text("SELECT max(updated_at) <= now() FROM uploads"))
        actions = connection.scalars(text("SELECT DISTINCT action FROM audit_entries")).all()
        assert actions == ["organization.filled"]
        moving = "SELECT count(*) FROM uploads WHERE state IN ('receiving', 'delivering')"  # a sweeper's
        assert connection.scalar(text(moving)) == 0
        tried = "SELECT count(*) FROM connections WHERE next_check_at < now() + interval '1 year'"
        assert connection.scalar(text(tried)) == 0


def test_again_adds_what_is_not_there_and_nothing_else(run: Run, acme: str, owner_engine: Engine) -> None:
    run("demo", "--organizations", "3", "--uploads", "10")
    first = counts(owner_engine)
    done = run("demo", "--organizations", "3", "--uploads", "10")
    assert "0 organizations were added, 3 were there" in done.output
    assert counts(owner_engine) == first
    run("demo", "--organizations", "3", "--uploads", "10", "--seed", "2")
    assert counts(owner_engine)["uploads"] == 20
    assert counts(owner_engine)["organizations"] == 7


def test_the_same_seed_makes_the_same() -> None:
    assert invented.organizations(5, 20) == invented.organizations(5, 20)
    assert invented.organizations(5, 20) == invented.organizations(5, 30)[:20]
    assert invented.organizations(5, 20) != invented.organizations(6, 20)
    assert len({one.slug for one in invented.organizations(1, 2_000)}) == 2_000


def test_nothing_made_up_in_production(app: Flask, settings: Settings, run: Run, owner_engine: Engine) -> None:
    parts = app.extensions["ventanilla"]
    object.__setattr__(parts, "settings", settings.model_copy(update={"ventanilla_mode": "production"}))
    done = run("demo", "--organizations", "1")
    assert done.exit_code == 1
    assert "not the demo" in done.output
    assert counts(owner_engine)["organizations"] == 0


@pytest.mark.parametrize("count", ["0", "50001"])
def test_so_many_and_no_more(run: Run, count: str) -> None:
    assert run("demo", "--organizations", count).exit_code == 2
