"""`/metrics`: what was counted, and what stands in the tables, for Prometheus; for whom the settings allow it alone."""

from __future__ import annotations

import hmac
import math
import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Final

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database
from app.intake.addresses import client
from app.intake.spool import Spool, SpoolAway
from app.records import needs
from app.records.needs import Kind
from app.seeing import metrics
from app.services import services

log = structlog.get_logger("ventanilla.scraping")

#: What stands in the tables is looked at no more often than that, however many ask.
LOOK_SECONDS: Final = 5.0

scraping = Blueprint("scraping", __name__)

Families = Collection[GaugeMetricFamily]


def init_app(app: Flask) -> None:
    """Add the address."""
    parts = app.extensions["ventanilla"]
    standing = Standing(parts.database, parts.spool, parts.clock)
    app.extensions["ventanilla standing"] = standing
    app.register_blueprint(scraping)


@scraping.get("/metrics")
def scrape() -> ResponseReturnValue:
    """Write everything down that Prometheus takes."""
    if not _may_see():
        abort(403)
    registry = CollectorRegistry()
    registry.register(_standing())
    text = generate_latest(metrics.counted()) + generate_latest(registry)
    return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _standing() -> Standing:
    standing: Standing = current_app.extensions["ventanilla standing"]
    return standing


def _may_see() -> bool:
    """By where it is asked from, as our own proxies saw it, or by the token."""
    settings = services().settings
    asked_from = client(request.environ, settings.forwarded_allow_ips)
    if asked_from is not None and any(asked_from in network for network in settings.metrics_allow):
        return True
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.metrics_token
    if wanted is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(token.strip().encode(), wanted.get_secret_value().encode())


class Standing(Collector):
    """What stands in the tables and in the spool, the same whichever node is asked."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._spool = spool
        self._now = now
        self._clock = clock
        self._next = -math.inf
        self._found: Families = ()
        self._looking = threading.Lock()

    def describe(self) -> Families:
        """Nothing, so that being registered asks for nothing."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What was found a moment ago, or now."""
        with self._looking:
            if self._clock() >= self._next:
                self._found = [*self._of_database(), *self._of_spool()]
                self._next = self._clock() + LOOK_SECONDS
        yield from self._found

    def _of_database(self) -> Families:
        answers = GaugeMetricFamily("ventanilla_database_up", "Whether the database answers.")
        try:
            found = self._looked()
        except SQLAlchemyError as exc:
            log.warning("the database cannot be looked at", cause=type(exc).__name__)
            answers.add_metric([], 0)
            return [answers]
        answers.add_metric([], 1)
        return [answers, *found]

    def _looked(self) -> Families:
        now = self._now()
        wanted = GaugeMetricFamily(
            "ventanilla_needs", f"What needs a person now, at most {needs.MOST} of a kind.", labels=["kind"]
        )
        age = GaugeMetricFamily(
            "ventanilla_queue_age_seconds", "For how long the upload that waits longest should have been taken."
        )
        stored = GaugeMetricFamily("ventanilla_spool_stored_bytes", "Bytes that copies take up in the spool.")
        with self._database.overview() as session:
            found = {need.kind: need for need in needs.needs(session, now)}
            away = needs.worker_away(session, now)
            stored.add_metric([], needs.stored(session))
        for kind in Kind:
            here = away if kind is Kind.WORKER else found.get(kind)
            wanted.add_metric([kind.value], here.count if here else 0)
        overdue = found.get(Kind.OVERDUE)
        age.add_metric([], (now - overdue.cases[0].at).total_seconds() if overdue else 0)
        return [wanted, age, stored]

    def _of_spool(self) -> Families:
        takes = GaugeMetricFamily("ventanilla_spool_up", "Whether the spool can be reached.")
        free = GaugeMetricFamily("ventanilla_spool_free_bytes", "Bytes that are free on the spool folder's disk.")
        try:
            volume = self._spool.place.volume()
        except SpoolAway:
            takes.add_metric([], 0)
            return [takes]
        takes.add_metric([], 1)
        if volume is not None:
            free.add_metric([], volume.free)
        return [takes, free]
