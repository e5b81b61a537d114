"""`flask vault`: the master keyset is made, shown, rotated while everything runs, and wrapped by a KMS's key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from flask.cli import AppGroup
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from app.cli import finding
from app.cli.ground import needed
from app.config import ConfigurationError
from app.database import Database
from app.records import rotation
from app.records.rotation import AnotherRuns, Knowing, NotKnown, Step
from app.tenants.keyset import KeysetFile, create_keyset
from app.tenants.vault import VaultError

#: To be given again later (EX_TEMPFAIL).
LATER: Final = 75
STEPS: Final = {
    "added": "Key {keys} is added. It encrypts nothing yet.",
    "promoted": "Key {keys} encrypts from now on.",
    "rewrapped": "{rows} rows were put under it.",
    "retired": "Key {keys} is taken away: nothing lies under it any more. Backups of before need the keyset of before.",
}

vault = AppGroup("vault", help="Where credentials live, encrypted.")


@vault.command("create")
def create() -> None:
    """Make the master keyset at VAULT_KEYSET. Keep a copy where the database's copies are not."""
    file = _file()
    with _sentences(file.path):
        try:
            create_keyset(file.path, wrapped_by=file.wrapped_by)
        except FileExistsError:
            raise click.ClickException(
                f"{file.path} is there already and stays: what it encrypted could not be read without it."
            ) from None
    click.echo(f"Made {file.path}. Without it no credential can be read again: keep a copy apart from the database's.")


@vault.command("keys")
def keys() -> None:
    """Show the master keys and how much lies under each. Also which processes know them."""
    file = _file()
    with _sentences(file.path), _owner() as owner:
        keyset, under, processes = file.read(), rotation.standing(owner), rotation.knowing(owner)
    for number in keyset.numbers:
        what = "former" if number in keyset.former else "encrypts" if number == keyset.primary else "follows"
        knowing = sum(number in one.keys for one in processes)
        told = f"{under.get(number, 0)} rows under it, known to {knowing} of {len(processes)} processes"
        click.echo(f"{number:>10}  {what:<8}  {told}")
    for missing in under.keys() - set(keyset.numbers):
        click.echo(f"{missing or '?':>10}  missing   {under[missing]} rows under it, which nobody can open")


@vault.command("rotate")
@click.option("--wait", default=120.0, show_default=True, help="Seconds to wait for processes, at each step.")
@click.option("--finish", is_flag=True, help="Only end what was begun before.")
def rotate(*, wait: float, finish: bool) -> None:
    """Let a new master key take the place of the former. Everything runs meanwhile.

    Where a machine has a copy of the keyset of its own, bring the file there when this says that it waits, and give it
    again: it goes on where it is. So it does after it was killed. Exit code 75: not done yet.
    """
    file = _file()
    with _sentences(file.path), _owner() as owner:
        try:
            for step in rotation.rotate(file, owner, actor=finding.actor(), patience=wait, finish=finish):
                click.echo(_said(step))
        except NotKnown as exc:
            for one in exc.missing:
                click.echo(_missing(one), err=True)
            click.echo(f"It waits for them; bring {file.path} to their machines, and give this again.", err=True)
            raise SystemExit(LATER) from None
        except AnotherRuns:
            click.echo("Somebody else is rotating.", err=True)
            raise SystemExit(LATER) from None


@vault.command("wrap")
@click.option("--from", "former", default="", help="Address of the key that wraps it now; without it, none does.")
def wrap(*, former: str) -> None:
    """Write the keyset anew, wrapped by the key at VAULT_KMS. Without VAULT_KMS, unwrapped.

    The keys themselves stay: whoever has the file of before still has them. `flask vault rotate` ends that.
    """
    file = _file()
    with _sentences(file.path):
        file.replace(KeysetFile(path=file.path, wrapped_by=former or None).read())
    click.echo(f"{file.path} is wrapped by {file.wrapped_by}." if file.wrapped_by else f"{file.path} is not wrapped.")


def _said(step: Step) -> str:
    return STEPS[step.what].format(keys=", ".join(map(str, step.keys)), rows=step.rows)


def _missing(one: Knowing) -> str:
    why = "does not know the key yet" if one.keys else "is of a version that does not say which keys it knows"
    return f"{one.kind} {one.id} on {one.node or 'some machine'} {why}."


def _file() -> KeysetFile:
    path = Path(needed("VAULT_KEYSET", "where the keyset is to be"))
    return KeysetFile(path=path, wrapped_by=os.environ.get("VAULT_KMS") or None)


@contextmanager
def _owner() -> Iterator[Database]:
    owner = Database(SecretStr(needed("DATABASE_OWNER_URL", "PostgreSQL as the owner of the tables")), pool=2)
    try:
        yield owner
    finally:
        owner.dispose()


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """What goes wrong, as sentences."""
    try:
        yield
    except (ConfigurationError, VaultError) as exc:
        raise click.ClickException(str(exc)) from None
    except SQLAlchemyError as exc:
        raise click.ClickException(f"The database did not do it ({type(exc).__name__}).") from None
    except FileExistsError:
        raise
    except OSError as exc:
        raise click.ClickException(f"{path} cannot be written: {exc.strerror}.") from None
