"""`/healthz`: this process is alive. `/readyz`: whoever sends it requests should go on doing so.

What a node alone lacks takes it out of service, for others have it: its spool's folder. What all lack takes them all
out only where nothing can be done without: the database, its tables, the keys. The rest is told and takes nobody out:
a queue that falls behind or a spool without room is refused at the door, file by file, and pages go on answering.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from flask import Blueprint, Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from app import database
from app.checks import Scanner
from app.intake.spool import CopyLost, SpoolAway, SpoolFull
from app.records import needs
from app.seeing.leaving import LEAVING
from app.services import Services

log = structlog.get_logger("ventanilla.health")

health = Blueprint("health", __name__)

EXTENSION: Final = "ventanilla readiness"
#: To see whether the spool takes something, something is kept there: no more often than that.
PROBE_SECONDS: Final = 10.0


def init_app(app: Flask) -> None:
    """Add both addresses."""
    app.extensions[EXTENSION] = Readiness(app.extensions["ventanilla"])
    app.register_blueprint(health)


@health.get("/healthz")
def alive() -> ResponseReturnValue:
    """Answer, which is all there is to show."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> ResponseReturnValue:
    """Say of each thing whether it is there: 200 if all that count are, else 503. Why not, `flask doctor` says."""
    if LEAVING.is_set():
        return jsonify(status="leaving"), 503
    readiness: Readiness = current_app.extensions[EXTENSION]
    found = readiness.look()
    if missing := [name for name, there in found.items() if not there and PARTS[name].counts(readiness.services)]:
        log.warning("not ready", missing=missing)
        return jsonify(status="not ready", **found), 503
    return jsonify(status="ok" if all(found.values()) else "degraded", **found)


class Readiness:
    """Looks at all that a gateway stands on."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self.services: Final = services
        self._clock = clock
        self._probe_at = -math.inf
        self._probing = threading.Lock()
        self._takes = self._has_room = True

    def look(self) -> dict[str, bool]:
        """What is there, by name; without what there is none of here. Nothing is asked of a database that is away."""
        found: dict[str, bool] = {}
        for name, part in PARTS.items():
            there = False if part.in_database and not found["database"] else part.look(self)
            if there is not None:
                found[name] = there
        return found

    def spool(self) -> tuple[bool, bool]:
        """Whether the spool takes what it is given and keeps it sealed, and whether it has room, as of a moment ago."""
        if self._clock() >= self._probe_at and self._probing.acquire(blocking=False):
            try:
                self._takes, self._has_room = self._probed()
            finally:
                self._probe_at = self._clock() + PROBE_SECONDS
                self._probing.release()
        return self._takes, self._has_room

    def _probed(self) -> tuple[bool, bool]:
        try:
            self.services.spool.probe()
        except SpoolFull:
            return self._takes, False
        except (SpoolAway, CopyLost):
            return False, self._has_room
        return True, True

    def worker(self) -> bool:
        """Whether somebody is there to deliver what waits."""
        try:
            with self.services.database.overview() as session:
                return needs.worker_away(session, self.services.clock()) is None
        except SQLAlchemyError:
            return False

    def antivirus(self) -> bool | None:
        """Whether the scanner answers, where nothing is handed in without its verdict."""
        scanner = Scanner.from_settings(self.services.settings)
        return scanner.answers() if scanner and scanner.required else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a gateway stands on."""

    #: Whether it is there; None where there is no such thing here.
    look: Callable[[Readiness], bool | None]
    #: Whether a node without it should be sent nothing.
    counts: Callable[[Services], bool]
    in_database: bool = False


def _always(_: Services) -> bool:
    return True


def _never(_: Services) -> bool:
    return False


def _own(services: Services) -> bool:
    """A folder is this node's, and a bucket everybody's."""
    return "://" not in services.settings.spool_url


PARTS: Final[Mapping[str, Part]] = {
    "database": Part(look=lambda on: database.is_reachable(on.services.database), counts=_always),
    "migrations": Part(look=lambda on: database.is_migrated(on.services.database), counts=_always, in_database=True),
    "vault": Part(look=lambda on: on.services.vault.refresh(), counts=_always),
    "spool": Part(look=lambda on: on.spool()[0], counts=_own),
    "room": Part(look=lambda on: on.spool()[1], counts=_never),
    "antivirus": Part(look=lambda on: on.antivirus(), counts=_always),
    "worker": Part(look=lambda on: on.worker(), counts=_never, in_database=True),
    "queue": Part(look=lambda on: not on.services.shedding.behind, counts=_never, in_database=True),
}
