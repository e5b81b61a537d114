"""A real gunicorn with the project's settings, and a client that knows every byte it sends."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return self.headers["connection"] == "close"


class Client:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._held = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def answer(self) -> Answer:
        while b"\r\n\r\n" not in self._held:
            self._more()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._held) < length:
            self._more()
        body, self._held = self._held[:length], self._held[length:]
        return Answer(int(status.split()[1]), headers, body)

    def is_closed(self) -> bool:
        """Whether the server has nothing more to say; waits for it to say either."""
        try:
            return not self._held and not self.sock.recv(1)
        except ConnectionResetError:
            return True

    def _more(self) -> None:
        block = self.sock.recv(65536)
        if not block:
            raise EOFError(self._held)
        self._held += block


class Gateway:
    """gunicorn with gunicorn.conf.py before `counter.py`."""

    def __init__(
        self, folder: Path, *, threads: int = 8, grace: float = 0.5, tls: tuple[Path, Path] | None = None
    ) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        self._log = folder / "stderr"
        self._tls = tls
        options = ["--certfile", str(tls[0]), "--keyfile", str(tls[1])] if tls else []
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gunicorn",
                    "-c",
                    "gunicorn.conf.py",
                    "--pythonpath",
                    "tests/intake",
                    *options,
                    "counter:app",
                ],
                cwd=ROOT,
                env=os.environ
                | {"PORT": str(self.port), "WEB_CONCURRENCY": "1", "THREADS": str(threads), "GRACE": str(grace)},
                stderr=log,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def log(self) -> str:
        return self._log.read_text()

    def wait_for_log(self, text: str, times: int = 1) -> None:
        until = time.monotonic() + PATIENCE
        while self.log().count(text) < times:
            assert time.monotonic() < until, f"{text!r} is not in the log:\n{self.log()}"
            time.sleep(0.01)  # a file has no event to wait for

    @contextmanager
    def connect(self) -> Iterator[Client]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as plain:
            if self._tls is None:
                yield Client(plain)
                return
            context = ssl.create_default_context(cafile=self._tls[0])
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                yield Client(secure)

    def ask(self, data: bytes) -> Answer:
        with self.connect() as client:
            client.send(data)
            return client.answer()

    def wait_until_ready(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                assert self.ask(b"GET /ignore HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").status == 200
            except OSError:
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < until, self.log()
                time.sleep(0.02)  # nor has a port that is not open yet
            else:
                return

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    try:
        gateway.wait_until_ready()
        yield gateway
    finally:
        gateway.stop()


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(pem, pkcs8, plain))
    return files
