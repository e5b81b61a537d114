"""`flask db`, `flask vault`: what has to be there before a gateway can start; `flask worker`, `flask sandbox`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from flask.cli import AppGroup
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from app.database import migrate
from app.tenants.vault import create_keyset

db = AppGroup("db", help="The database's tables.")
vault = AppGroup("vault", help="Where credentials live, encrypted.")


@db.command("upgrade")
def upgrade() -> None:
    """Bring the tables up to this version, as their owner (DATABASE_OWNER_URL)."""
    url = _needed("DATABASE_OWNER_URL", "PostgreSQL as the owner of the tables")
    try:
        migrate(SecretStr(url))
    except SQLAlchemyError as exc:
        raise click.ClickException(f"Nothing was changed: {exc}") from None
    click.echo("The tables are those of this version.")


@vault.command("create")
def create() -> None:
    """Make the master keyset at VAULT_KEYSET. Keep a copy where the database's copies are not."""
    path = Path(_needed("VAULT_KEYSET", "where the keyset is to be"))
    try:
        create_keyset(path)
    except FileExistsError:
        raise click.ClickException(
            f"{path} is there already and stays: what it encrypted could not be read without it."
        ) from None
    except OSError as exc:
        raise click.ClickException(f"{path} cannot be written: {exc.strerror}.") from None
    click.echo(f"Made {path}. Without it no credential can be read again: keep a copy apart from the database's.")


@click.command("sandbox")
def sandbox() -> None:
    """Run the simulated providers, on SANDBOX_PORT (8001) of this machine alone."""
    os.environ.setdefault("SANDBOX_PORT", "8001")
    os.environ.setdefault("SANDBOX_DIR", "instance/sandbox")
    os.execv(sys.executable, [sys.executable, "-m", "app.sandbox"])  # noqa: S606 - a stranger: nothing of ours stays


def _needed(variable: str, what: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise click.ClickException(f"{variable} is missing: {what}.")
    return value
