"""`/healthz`: this process is alive. `/readyz`: it can work, because all that it stands on is there."""

from __future__ import annotations

from flask import Blueprint, Flask, jsonify
from flask.typing import ResponseReturnValue

from app import database
from app.checks import Scanner
from app.services import services
from app.tenants.vault import Vault

health = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    """Add both addresses."""
    app.register_blueprint(health)


@health.get("/healthz")
def alive() -> ResponseReturnValue:
    """Answer, which is all there is to show."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> ResponseReturnValue:
    """Say of each thing whether it is there: 200 if all are, 503 if not. Why not is for `flask doctor` to say."""
    reachable = database.is_reachable(services().database)
    found = {
        "database": reachable,
        "migrations": reachable and database.is_migrated(services().database),
        "vault": _vault_opens(),
    }
    scanner = Scanner.from_settings(services().settings)
    if scanner and scanner.required:
        found["antivirus"] = scanner.answers()
    good = all(found.values())
    return jsonify(status="ok" if good else "not ready", **found), 200 if good else 503


def _vault_opens() -> bool:
    try:
        Vault.load(services().settings.vault_keyset)
    except ConfigurationError:
        return False
    return True
