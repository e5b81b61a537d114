"""The gateway's parts, put together."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

import structlog
from apiflask import APIFlask
from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app import (
    api,
    checks,
    cli,
    config,
    dashboard,
    guessing,
    health,
    intake,
    logs,
    mail,
    passthrough,
    portal,
    resumable,
    scraping,
)
from app.config import Settings
from app.database import Database, utcnow
from app.delivery import Deliverer
from app.errors import Refusal
from app.intake.addresses import is_from_proxy
from app.intake.shedding import QueueAge, Shedding
from app.intake.spool import Shares, Spool
from app.records.processes import Heartbeat
from app.seeing import metrics, spans
from app.seeing.requests import SPAN, Identified, method_of
from app.services import Services
from app.tenants.vault import Vault
from app.words import WORDS

log = structlog.get_logger("ventanilla")

ExcInfo = tuple[type, BaseException, TracebackType] | tuple[None, None, None]


class Gateway(APIFlask):
    """A Flask that can write down its API, and whose own lines name a request by its rule: some addresses are keys."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Take it as it is: nothing here is asynchronous, and Flask would ask a dozen times a request."""
        return func

    def handle_user_exception(self, e: Exception) -> HTTPException | ResponseReturnValue:
        """Count what is refused, whoever spells the refusal out."""
        if isinstance(e, Refusal):
            metrics.REFUSALS.labels(_face(), e.slug if e.slug in WORDS else metrics.OTHER).inc()
        return super().handle_user_exception(e)

    def log_exception(self, exc_info: ExcInfo) -> None:
        log.error("request failed", method=request.method, rule=_rule(), exc_info=exc_info)


def preflight() -> None:
    """Raise ConfigurationError where the gateway could not be made for what the environment says; makes nothing."""
    if os.environ.get("PYTHONHASHSEED", "random") != "random":  # who knows it knows names that fall into one slot
        raise config.ConfigurationError(["PYTHONHASHSEED is set: leave it to chance, as Python does by itself"])
    _vault(config.load())


def assemble(settings: Settings | None, clock: Callable[[], datetime] | None) -> Flask:
    """Make the application and everything it works with; nothing is connected to and no thread runs yet."""
    settings = settings or config.load()
    logs.configure(settings.log_level, console=settings.demo)
    spans.configure(settings.traces_url, settings.traces_share)
    vault = _vault(settings)
    clock = clock or utcnow
    database = Database(settings.database_url, pool=settings.database_pool)
    checks.INSPECTIONS.limit = settings.inspection_bytes
    process = Heartbeat(database, "web", vault)
    most = settings.spool_share_bytes
    spool = Spool.from_settings(settings, Shares(database, most, process.work.process_id) if most else None)
    behind = QueueAge(database, timedelta(seconds=settings.queue_age_seconds), clock)
    nothing: Any = None
    app = Gateway("app", json_errors=False, enable_openapi=False, static_folder=nothing, template_folder=nothing)
    app.url_map.merge_slashes = False  # it would redirect, to whatever host the request named
    app.config["SECRET_KEY"] = settings.secret_key.get_secret_value()
    app.extensions["ventanilla"] = Services(
        settings=settings,
        database=database,
        vault=vault,
        spool=spool,
        deliverer=Deliverer(database, vault, spool, settings, clock, process.work),
        shedding=Shedding.from_settings(settings, behind, spool.check_room),
        mailer=mail.mailer(settings),
        clock=clock,
        process=process,
    )
    _log_requests(app)
    _beat_when_working(app, process)
    guessing.init_app(app)
    health.init_app(app)
    scraping.init_app(app)
    portal.init_app(app, settings)
    api.init_app(app)
    dashboard.init_app(app)
    passthrough.init_app(app)
    resumable.init_app(app)
    cli.init_app(app)
    deadlines = intake.Deadlines.from_settings(settings)
    identified = Identified(app.wsgi_app, lambda environ: is_from_proxy(environ, settings.forwarded_allow_ips))
    app.wsgi_app = intake.KnownEnd(identified, deadlines)  # type: ignore[method-assign] # how Flask has it wrapped
    return app


def _vault(settings: Settings) -> Vault:
    """Open the vault's keyset; raises ConfigurationError where there is none, or the demo's in production."""
    vault = Vault.load(settings.vault_keyset, settings.vault_kms)
    if vault.demo and not settings.demo:
        raise config.ConfigurationError(["VAULT_KEYSET is the demo's; make your own: flask vault create"])
    return vault


def _beat_when_working(app: Flask, process: Heartbeat) -> None:
    """Begin to beat with the first request that may change something: after every fork, and never for a command."""
    starting = threading.Lock()

    @app.before_request
    def start() -> None:
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            with starting:
                process.start()  # does nothing the second time

    atexit.register(process.stop)  # nor does this where it was never started


def _log_requests(app: Flask) -> None:
    """A line for each request: what it was, never what its address or body said."""

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def end(response: Response) -> Response:
        quiet = response.status_code < 400 and (request.endpoint or "").startswith(("static", "health"))
        took = time.monotonic() - g.get("began", time.monotonic())
        line = log.debug if quiet else log.info
        line("request", method=request.method, rule=_rule(), status=response.status_code, ms=round(took * 1000))
        _see(response, took)
        return response


def _see(response: Response, took: float) -> None:
    """Count the request and end its span's description, by words of ours alone."""
    face, method = _face(), method_of(request.environ)
    metrics.REQUESTS.labels(face, method, str(response.status_code)).inc()
    metrics.REQUEST_SECONDS.labels(face).observe(took)
    request.environ[SPAN].tell(face=face, rule=_rule(), status=response.status_code)


def _face() -> str:
    return request.blueprint or "none"


def _rule() -> str:
    return request.url_rule.rule if request.url_rule else "(none)"
