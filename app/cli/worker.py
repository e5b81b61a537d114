"""`flask worker`: takes jobs from the queue, and ends what dead processes left."""

from __future__ import annotations

import signal
import sys

import click
from flask.cli import with_appcontext

from app import queue
from app.database import Database
from app.records.processes import Heartbeat
from app.services import services


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Work on jobs until told to stop."""
    url = services().settings.database_worker_url
    if url is None:
        raise click.ClickException("DATABASE_WORKER_URL is missing: PostgreSQL as the role ventanilla_worker.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the queue takes them, for an end in good order
    database = Database(url, pool=4)
    heartbeat = Heartbeat(database, "worker")
    heartbeat.start()
    try:
        queue.run_worker(url, database)
    finally:
        heartbeat.stop()
        database.dispose()
