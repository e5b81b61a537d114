"""Where a worker, which serves nobody, says how it does: its health and what it counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app import health, scraping
from app.services import Services

log = structlog.get_logger("ventanilla.worker")

#: Whoever is slower than that to ask, or to take the answer, is not waited for.
SECONDS: Final = 5.0


class _Quiet(WSGIRequestHandler):
    """Writes no line for each look."""

    timeout = SECONDS

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Nothing."""


@contextmanager
def listening(services: Services) -> Iterator[None]:
    """Answer at WORKER_LISTEN, where that is set, for as long as this lasts."""
    where = services.settings.worker_listen
    if where is None:
        yield
        return
    host, _, port = where.rpartition(":")
    app = Flask("worker", static_folder=None)
    app.extensions["ventanilla"] = services
    health.init_app(app)
    scraping.init_app(app)
    server = make_server(host.strip("[]"), int(port), app, threaded=True, request_handler=_Quiet)
    answering = threading.Thread(target=server.serve_forever, name="listening", daemon=True)
    answering.start()
    log.info("the worker can be asked", at=f"{host}:{server.server_port}")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        answering.join()
