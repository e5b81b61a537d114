"""A server of its own for what changes tables and roles under other tests' feet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from app.database import driver_url
from app.local.postgres import Embedded


@pytest.fixture(scope="package")
def fresh(place: Path) -> Iterator[Embedded]:
    """A server without tables; each test leaves it so."""
    with Embedded(place / "fresh", durable=False) as server:
        yield server


@pytest.fixture
def owner(fresh: Embedded) -> Iterator[Engine]:
    """Its owner."""
    engine = create_engine(driver_url(fresh.owner_url).replace("postgresql://", "postgresql+psycopg://", 1))
    yield engine
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine.dispose()
