"""A database as it is after a year: what the demo fills itself with, on a server of its own that tests only read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text

from app import create_app
from app.config import Settings
from app.database import Database, driver_url, migrate, utcnow
from app.local.postgres import Embedded
from app.records.tallying import tally

ORGANIZATIONS: Final = 200
UPLOADS: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The gateway on it."""

    app: Flask
    database: Database
    #: As the owner of its tables, for what nothing of the gateway writes alone.
    owner: Engine


@pytest.fixture(scope="session")
def filled(place: Path, settings: Settings) -> Iterator[Filled]:
    """So many organizations and uploads, counted, and known to the planner."""
    with Embedded(place / "filled", durable=False) as server:
        migrate(server.owner_url)
        its_own = {"database_url": server.app_url, "database_worker_url": server.worker_url}
        app = create_app(settings.model_copy(update=its_own))
        arguments = ["demo", "--organizations", str(ORGANIZATIONS), "--uploads", str(UPLOADS)]
        done = app.test_cli_runner().invoke(args=arguments)
        assert done.exit_code == 0, done.output
        worker = Database(server.worker_url, pool=1)
        tally(worker, utcnow())
        worker.dispose()
        owner = create_engine(driver_url(server.owner_url).replace("postgresql://", "postgresql+psycopg://", 1))
        with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        parts = app.extensions["ventanilla"]
        parts.process.stop()  # nothing is asked but what a test asks
        yield Filled(app=app, database=parts.database, owner=owner)
        owner.dispose()
        parts.process.stop()
        parts.deliverer.close()
        parts.database.dispose()
