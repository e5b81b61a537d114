"""The providers, simulated faithfully as an application of their own; a stranger to the gateway and its mistakes."""

from __future__ import annotations

from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, current_app, request
from werkzeug.exceptions import HTTPException

from app.sandbox import control
from app.sandbox.clock import Clock
from app.sandbox.codat import Codat
from app.sandbox.factify import Factify
from app.sandbox.facturapi import Facturapi
from app.sandbox.faults import Faults
from app.sandbox.files import Files
from app.sandbox.flatfile import Flatfile
from app.sandbox.formkiq import Formkiq
from app.sandbox.ledger import Ledger
from app.sandbox.provider import Provider, World
from app.sandbox.state import Sandbox, sandbox
from app.sandbox.store import Store
from app.sandbox.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flask import Response

PROVIDERS: Final[tuple[type[Provider], ...]] = (Codat, Facturapi, Factify, Flatfile, Formkiq)
#: The store's origin, for whoever has no second socket.
STORE_ORIGIN: Final = "http://localhost:8002"


def create_sandbox(
    folder: Path, seed: Mapping[str, Any] | None = None, *, limits: bool = False, store_origin: str = STORE_ORIGIN
) -> Flask:
    """Make the application. `folder` is its own: emptied now, and again by whoever runs it, at the end.

    `seed` holds what each provider is to know from the start, by slug. Whatever comes to the port of `store_origin` is
    the store's. Raises BadSeed.
    """
    clock, files = Clock(), Files(folder)
    world = World(clock=clock, files=files, store=Store(store_origin, clock=clock, files=files), limits=limits)
    providers = {provider.slug: provider(world) for provider in PROVIDERS}
    made = Sandbox(ledger=Ledger(), faults=Faults(), world=world, providers=providers)
    made.seed({} if seed is None else seed)
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.extensions["sandbox"] = made
    app.register_blueprint(control.bp)
    for provider in providers.values():
        app.register_blueprint(provider.blueprint)
        app.register_blueprint(
            provider.control, url_prefix=f"/_sandbox/{provider.slug}", name=f"{provider.slug}_control"
        )
    app.register_error_handler(Exception, _failed)
    wire = Wire(
        app.wsgi_app, ledger=made.ledger, faults=made.faults, providers=providers, store=world.store, folder=folder
    )
    app.wsgi_app = wire  # type: ignore[method-assign]
    return app


def _failed(error: Exception) -> Response:
    """A provider's own words for an unknown address, and for a mistake in the sandbox itself."""
    provider = sandbox().providers.get(request.path.split("/")[1])
    status = error.code or 500 if isinstance(error, HTTPException) else 500
    answer = provider.failure(status) if provider else control.refusal(error)
    if answer.status_code >= 500:
        # Where, and of what kind: an exception's text may quote what was sent.
        frame = extract_tb(error.__traceback__)[-1]
        current_app.logger.error("%s in %s, line %s", type(error).__name__, frame.filename, frame.lineno)
    return answer
