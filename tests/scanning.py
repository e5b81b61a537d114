"""ClamAV's daemon as its package brings it, with signatures of the tests' own; and one that is played."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.checks.patterns import EICAR
from app.local.place import ROOT
from app.local.processes import wait_until

CONFIG: Final = ROOT / "ops" / "clamav" / "clamd.conf"
#: What the tests' signature finds; nothing that the gateway's own checks know.
HARMFUL: Final = b"VENTANILLA-" + b"TEST-SIGNATURE"
FOUND: Final = "Ventanilla.Test.UNOFFICIAL"
SECONDS: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """It runs; files are in the clear below `folder` while it looks at them."""

    folder: Path
    child: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/clamd.ctl"

    def held(self) -> bytes:
        """What lies in its folder for temporary files."""
        return b"".join(one.read_bytes() for one in self.folder.glob("clamav-*.tmp") if one.is_file())


@contextmanager
def short() -> Iterator[Path]:
    """A folder of its own; pytest's are too deep for sockets."""
    with tempfile.TemporaryDirectory(prefix="ventanilla-") as folder:
        yield Path(folder)


@contextmanager
def clamd(folder: Path, **changes: str) -> Iterator[Daemon]:
    """Run it in a folder as `ops/clamav/clamd.conf` has it, but for places, users and `changes`."""
    program = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "clamd is missing: make clamav"
    (folder / "test.ndb").write_text(f"Ventanilla.Test:0:*:{HARMFUL.hex()}\nEicar:0:0:{EICAR.hex()}\n")
    told = CONFIG.read_text().replace("/run/clamav", str(folder)).splitlines()
    told = [line for line in told if line.partition(" ")[0] not in {"User", "LocalSocketGroup", *changes}]
    told += [f"DatabaseDirectory {folder}", *(f"{name} {value}" for name, value in changes.items())]
    if os.getuid() == 0:
        told.append("User root")  # as what is under test does, which else could not be reached
    (folder / "clamd.conf").write_text("\n".join(told) + "\n")
    with (folder / "clamd.log").open("wb") as log:
        child = subprocess.Popen([program, "--config-file", folder / "clamd.conf"], stdout=log, stderr=log)
    try:
        there = wait_until(lambda: (folder / "clamd.ctl").exists() or child.poll() is not None, SECONDS)
        assert there, "clamd does not start"
        assert child.poll() is None, (folder / "clamd.log").read_text()
        yield Daemon(folder=folder, child=child)
    finally:
        child.kill()
        child.wait()
        (folder / "clamd.ctl").unlink()


@contextmanager
def played(play: Callable[[socket.socket], object], *, tcp: bool = False) -> Iterator[str]:
    """A daemon that does with each connection what `play` does, and then hangs up; its address."""
    with short() as folder, socket.socket(socket.AF_INET if tcp else socket.AF_UNIX) as listener:
        listener.bind(("127.0.0.1", 0) if tcp else str(folder / "daemon"))
        listener.listen(16)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with suppress(OSError), listener.accept()[0] as one:
                    play(one)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield "tcp://{}:{}".format(*listener.getsockname()) if tcp else f"unix://{folder}/daemon"
        finally:
            ended.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # ends its wait
            thread.join(SECONDS)
            assert not thread.is_alive()
