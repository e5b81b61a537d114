"""The uploads that are measured, and how."""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final, Self

from bench.contestants import Contestant

BOUNDARY: Final = "ventanilla-bench-0123456789abcdef"
MIB: Final = 1 << 20
#: Lines of a table that no compression makes small.
PIECE: Final = b"".join(base64.b64encode(os.urandom(57)) + b"\n" for _ in range(MIB // 77 + 1))[:MIB]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """So many uploads of a size, so many at once."""

    title: str
    size: int
    at_once: int
    uploads: int
    #: What is compared: bytes a second, or uploads a second.
    by_bytes: bool
    #: Kept in the spool on its way, and compared with that alone.
    durable: bool = False

    def rate(self, seconds: float) -> float:
        return self.uploads * (self.size if self.by_bytes else 1) / seconds


def opening(to: Contestant, size: int) -> bytes:
    """Everything of a request that comes before the file's bytes."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="bench.csv"\r\n'
    part += "Content-Type: text/csv\r\n\r\n"
    length = len(part) + size + len(closing())
    head = f"POST {to.path} HTTP/1.1\r\nHost: 127.0.0.1:{to.port}\r\nContent-Length: {length}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in to.headers.items())
    return f"{head}\r\n{part}".encode()


def closing() -> bytes:
    """Everything that comes after them."""
    return f"\r\n--{BOUNDARY}--\r\n".encode()


def pieces(size: int) -> Iterator[bytes]:
    """A file's bytes."""
    while size > 0:
        yield PIECE[:size]
        size -= len(PIECE)


def time_once(folder: Path, to: Contestant, job: Job) -> float:
    """Do the job; its rate."""
    request = Path("/dev/shm" if Path("/dev/shm").is_dir() else folder) / f"ventanilla-bench-{os.getpid()}"  # noqa: S108
    try:
        with request.open("wb") as file:
            file.write(opening(to, job.size))
            file.writelines(pieces(job.size))
            file.write(closing())
        command = [str(folder / "load"), str(to.port), str(job.at_once), str(job.uploads), str(request)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        request.unlink(missing_ok=True)
    result = json.loads(done.stdout)
    if result["failed"]:
        raise SystemExit(f"{to.name}, {job.title}: {result['failed']} failed:\n{done.stderr}")
    return job.rate(result["seconds"])


def spool_once(folder: Path, job: Job) -> float:
    """Write what a job has into a spool and nowhere else; the rate."""
    command = [sys.executable, "-m", "bench.spool", str(folder / "spool-alone"), str(job.size), str(job.uploads)]
    return job.rate(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


class Watching:
    """Samples something as long as it is entered."""

    def __init__(self, sample: Callable[[], float], every: float) -> None:
        self.samples: list[float] = []
        self._sample = sample
        self._every = every
        self._over = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            self.samples.append(self._sample())


def send(to: Contestant, size: int) -> None:
    """Send one upload as fast as it is taken, and wait for its answer."""
    with socket.create_connection(("127.0.0.1", to.port)) as client:
        client.sendall(opening(to, size))
        for piece in pieces(size):
            client.sendall(piece)
        client.sendall(closing())
        _expect(client, to)


def _warm_up(to: Contestant) -> None:
    """Have everything set up that each process sets up once.

    The uploads are of another size than the sink says it holds, and spoilt at their last byte: they are refused before
    the provider could say anything. So many at once reach every process.
    """
    size = MIB
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", to.port))) for _ in range(32)]
        for client in clients:
            client.sendall(opening(to, size))
        for client in clients:
            client.sendall(PIECE[: size - 1])
        for client in clients:
            client.sendall(b"\0" + closing())
        for client in clients:
            _expect(client, to, b"HTTP/1.1 422")
    time.sleep(1.0)


def growth(to: Contestant, size: int) -> float:
    """Most bytes of memory above idle while one upload passes."""
    _warm_up(to)
    idle = to.memory()
    with Watching(lambda: float(to.memory()), 0.05) as watching:
        send(to, size)
    return max(watching.samples) - idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What many slow uploads cost."""

    bytes_each: float
    #: Seconds of a health check meanwhile.
    p50: float
    p99: float


def crowd(to: Contestant, many: int, *, size: int = 256 << 10, seconds: float = 10.0) -> Crowd:
    """Hold many uploads under way for a while, each dribbling, and bring all to their end."""
    _warm_up(to)
    idle = to.memory()
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", to.port))) for _ in range(many)]
        data = b"".join(pieces(size))
        for client in clients:
            client.sendall(opening(to, size) + data[: 64 << 10])
        at, until = 64 << 10, time.monotonic() + seconds
        with Watching(lambda: _health(to), 0.02) as health:
            while time.monotonic() < until:
                for number, client in enumerate(clients):
                    client.sendall(data[at : at + 1024])
                    if number % 10 == 0:  # they have nothing to do with each other
                        time.sleep(0.005)
                at += 1024
        held = to.memory()  # not before: whoever counts a process's pages holds it up
        for client in clients:
            client.sendall(data[at:] + closing())
        for client in clients:
            _expect(client, to)
    quantiles = statistics.quantiles(health.samples, n=100)
    return Crowd(bytes_each=(held - idle) / many, p50=quantiles[49], p99=quantiles[98])


def first_byte(to: Contestant, at: Contestant, size: int) -> float:
    """How much of an upload its sender had given when the provider had the first byte: a share of its size."""
    with socket.create_connection(("127.0.0.1", to.port)) as client:
        client.sendall(opening(to, size))
        sent = 0
        while not _first(at):
            client.sendall(PIECE[: 16 << 10])
            sent += 16 << 10
            until = time.monotonic() + 0.5
            while not _first(at) and time.monotonic() < until:
                time.sleep(0.01)
        return sent / size


def _first(at: Contestant) -> float:
    with socket.create_connection(("127.0.0.1", at.port)) as client:
        client.sendall(b"GET /_first HTTP/1.1\r\n\r\n")
        answer = client.recv(4096)
    told: float = json.loads(answer.partition(b"\r\n\r\n")[2])["first"]
    return told


def _health(to: Contestant) -> float:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", to.port), timeout=30) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        while client.recv(4096):
            pass
    return time.monotonic() - began


def _expect(client: socket.socket, to: Contestant, start: bytes = b"HTTP/1.1 2") -> None:
    client.settimeout(60)
    answer = client.recv(65536)
    if not answer.startswith(start):
        raise SystemExit(f"{to.name} answered: {answer[:400]!r}")
