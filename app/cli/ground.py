"""`flask db`: what has to be there before a gateway can start; `flask sandbox`."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile

import click
from flask.cli import AppGroup
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database, migrate, utcnow
from app.records import restoring
from app.sandbox import example

db = AppGroup("db", help="The database's tables.")


@db.command("upgrade")
def upgrade() -> None:
    """Bring the tables up to this version. Done as their owner (DATABASE_OWNER_URL)."""
    url = needed("DATABASE_OWNER_URL", "PostgreSQL as the owner of the tables")
    try:
        migrate(SecretStr(url))
    except SQLAlchemyError as exc:
        raise click.ClickException(f"Nothing was changed: {exc}") from None
    click.echo("The tables are those of this version.")


@db.command("restored")
def restored() -> None:
    """Say that a backup was brought back. To be said before anything works with it (DATABASE_OWNER_URL).

    What had not ended when it was made may have arrived since: it is looked for, before it is sent again.
    """
    owner = Database(SecretStr(needed("DATABASE_OWNER_URL", "PostgreSQL as the owner of the tables")), pool=1)
    try:
        count = restoring.doubt(owner, utcnow())
    except SQLAlchemyError as exc:
        raise click.ClickException(f"The database did not do it ({type(exc).__name__}).") from None
    finally:
        owner.dispose()
    click.echo(f"{count} uploads had not ended. Each is looked for before it is sent again.")


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65_535), envvar="SANDBOX_PORT", default=8001, show_default=True)
@click.option(
    *("--store-port",),
    type=click.IntRange(0, 65_535),
    envvar="SANDBOX_STORE_PORT",
    default=8002,
    show_default=True,
    help="Of the bucket behind FormKiQ, which is another origin, as in life.",
)
@click.option(
    *("--seed", "seed"),
    type=click.Path(exists=True, dir_okay=False),
    envvar="SANDBOX_SEED",
    help="What the providers know from the start, as JSON; without it, an example account each.",
)
@click.option("--limits", is_flag=True, envvar="SANDBOX_LIMITS", help="Keep to the providers' rate limits.")
def sandbox(*, port: int, store_port: int, seed: str | None, limits: bool) -> None:
    """Run the simulated providers alone, until Ctrl-C. On this machine only, for tests of your own.

    Prints a line of JSON for each provider, with what its own client is given, once it takes connections. A port of 0
    takes a free one.
    """
    listeners = [_listen(one) for one in (port, store_port)]
    url = "http://{}:{}".format(*listeners[0].getsockname())
    for client in () if seed else example.CLIENTS:
        told = {"provider": client.provider, "base_url": url + client.path, "key": client.key, **client.ids}
        click.echo(json.dumps(told))
    click.echo(f"Requests are listed at {url}/_sandbox/ledger, and faults ordered at {url}/_sandbox/faults.", err=True)
    os.environ |= {"SANDBOX_FD": str(listeners[0].fileno()), "SANDBOX_STORE_FD": str(listeners[1].fileno())}
    os.environ |= {"SANDBOX_SEED": seed or "", "SANDBOX_LIMITS": str(int(limits))}
    os.environ.setdefault("SANDBOX_DIR", tempfile.mkdtemp(prefix="ventanilla-sandbox-"))
    sys.stdout.flush()  # nothing of this process is left to do it later
    os.execv(sys.executable, [sys.executable, "-m", "app.sandbox"])  # noqa: S606 - a stranger: nothing of ours stays


def _listen(port: int) -> socket.socket:
    """A socket that the next program finds open, so that whoever is told of it can connect at once."""
    try:
        listener = socket.create_server(("127.0.0.1", port), backlog=2_048)
    except OSError as exc:
        raise click.ClickException(f"Port {port} cannot be listened on: {os.strerror(exc.errno or 0)}.") from None
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.set_inheritable(True)
    return listener


def needed(variable: str, what: str) -> str:
    """The value of a variable; raises ClickException where there is none."""
    value = os.environ.get(variable)
    if not value:
        raise click.ClickException(f"{variable} is missing: {what}.")
    return value
