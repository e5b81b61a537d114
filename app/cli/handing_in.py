"""`flask upload FILE… --to ORG/CONNECTION/OPERATION`: hands files in at a running gateway, from any machine.

Exit codes, the largest of what happened: 0, all were delivered, or are safe and on their way; 1, at least one was
refused or failed; 2, the command was wrong; 3, the gateway could not be reached or had no time, and the same command
goes on where this one stopped; 4, of at least one nobody knows whether it arrived; 130, it was interrupted, as after 3.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from app.cli import uploads
from app.cli.asking import Pair, secret
from app.cli.gateway import Code, Ended, Gateway, Stopped
from app.cli.pieces import Errand, HandingIn, Progress

TOKEN: Final = "VENTANILLA_TOKEN"  # noqa: S105 - the name of a variable
#: As after a signal: 128 and SIGINT.
INTERRUPTED: Final = 130
#: Seconds for what is on its way to end when it was interrupted.
LEAVING: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How files are handed in, whichever they are."""

    gateway: str
    token: SecretStr
    kept: Path
    wait: float
    patience: float


class Place(click.ParamType[tuple[str, str, str]]):
    """Where a file is to go, as `acme/codat/file`."""

    name = "org/connection/operation"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str, str]:
        if isinstance(value, tuple):
            return value
        parts = str(value).split("/")
        if len(parts) != 3 or not all(parts):
            self.fail(f"{value!r} is not of the form org/connection/operation, as acme/codat/file.", param, ctx)
        organization, connection, operation = parts
        return organization, connection, operation


class Address(click.ParamType[str]):
    """A gateway's own address, which nothing is added to."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        split = urlsplit(str(value).rstrip("/"))
        if split.scheme not in {"http", "https"} or not split.hostname or split.path or split.query or split.username:
            self.fail(f"{value!r} is not an address such as https://gateway.example.", param, ctx)
        return split.geturl()


@uploads.upload.command("hand-in", epilog="A file called as a command of this group is written ./retry.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
@click.option("--to", "place", type=Place(), required=True, help="Where they go: acme/codat/file.")
@click.option("--field", "fields", type=Pair(), multiple=True, metavar="NAME=VALUE", help="Repeat for each.")
@click.option(
    *("--gateway", "url"),
    type=Address(),
    envvar="VENTANILLA_URL",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="The gateway's address, or VENTANILLA_URL.",
)
@click.option("--token-env", metavar="VARIABLE", help=f"Variable that holds the token; without it, {TOKEN}.")
@click.option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help="Files at once.")
@click.option(
    "--wait", type=click.FloatRange(0), default=60, show_default=True, help="Seconds to wait for the delivery of each."
)
@click.option(
    *("--patience",),
    type=click.FloatRange(0),
    default=60,
    show_default=True,
    help="Seconds to go on trying where nothing gets further.",
)
def hand_in(
    *,
    files: tuple[Path, ...],
    place: tuple[str, str, str],
    fields: tuple[tuple[str, str], ...],
    url: str,
    token_env: str | None,
    parallel: int,
    wait: float,
    patience: float,
) -> None:
    """Hand FILES in, each on its own; “hand-in” may be left out.

    What breaks off goes on where it stopped, in this run or when the same command is given again. A line each says what
    became of it: state, upload and file, with a tab between them.
    """
    organization, connection, operation = place
    errands = [
        Errand(path=path, organization=organization, connection=connection, operation=operation, fields=dict(fields))
        for path in dict.fromkeys(files)
    ]
    how = How(
        gateway=url,
        token=secret("Token", token_env or (TOKEN if TOKEN in os.environ else None)),
        kept=Path(os.environ.get("VENTANILLA_STATE") or click.get_app_dir("ventanilla")) / "uploads",
        wait=wait,
        patience=patience,
    )
    code = Code.TAKEN
    with _bar(errands) as bar:
        for errand, ended in _all(errands, how, bar, min(parallel, len(errands))):
            bar.clear()
            click.echo(f"{ended.state}\t{ended.upload}\t{errand.path}")
            if ended.because:
                click.echo(f"{errand.path}: {ended.because}", err=True)
            code = max(code, ended.code)
    if code:
        raise SystemExit(code)


class _Bar:
    """One bar for all files, which several threads move."""

    def __init__(self, bar: Any, *, shown: bool) -> None:
        self._bar = bar
        self._shown = shown
        self._lock = threading.Lock()

    def progress(self) -> Progress:
        """For one file."""
        at = 0

        def moved(to: int) -> None:
            nonlocal at
            with self._lock:
                self._bar.update(to - at)
                at = to

        return moved

    def clear(self) -> None:
        """Make room for a line; the bar comes again below it."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)


@contextmanager
def _bar(errands: Sequence[Errand]) -> Iterator[_Bar]:
    total = sum(errand.path.stat().st_size for errand in errands)
    label = errands[0].path.name if len(errands) == 1 else f"{len(errands)} files"
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield _Bar(bar, shown=sys.stderr.isatty())


def _all(errands: Sequence[Errand], how: How, bar: _Bar, parallel: int) -> Iterator[tuple[Errand, Ended]]:
    """Hand them in, so many at once, each as it ends; where it is interrupted, end with its exit code."""
    stop = threading.Event()
    waiting: SimpleQueue[Errand] = SimpleQueue()
    ended: SimpleQueue[tuple[Errand, Ended | Exception]] = SimpleQueue()
    for errand in errands:
        waiting.put(errand)

    def work() -> None:
        gateway = Gateway(how.gateway, how.token, stop=stop)
        while True:
            try:
                errand = waiting.get_nowait()
            except Empty:
                return
            ended.put((errand, _one(gateway, errand, how, bar)))

    # As daemons: an answer that does not come keeps nobody from leaving.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(parallel)]
    for thread in threads:
        thread.start()
    try:
        for _ in errands:
            errand, result = ended.get()
            if isinstance(result, Exception):
                raise result
            yield errand, result
    except KeyboardInterrupt:
        stop.set()
        for thread in threads:
            thread.join(LEAVING)
        click.echo("\nInterrupted. The same command goes on where this one stopped.", err=True)
        raise SystemExit(INTERRUPTED) from None


def _one(gateway: Gateway, errand: Errand, how: How, bar: _Bar) -> Ended | Exception:
    try:
        return HandingIn(gateway, errand, how.kept, patience=how.patience, progress=bar.progress()).run(how.wait)
    except OSError as exc:
        return Ended(code=Code.REFUSED, because=f"It cannot be read: {exc.strerror}.")
    except Stopped:
        return Ended(code=Code.LATER, because="Interrupted.")
    except Exception as exc:  # noqa: BLE001 - a fault of ours, raised where it is seen
        return exc
