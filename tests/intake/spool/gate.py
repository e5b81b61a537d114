"""A bucket that speaks S3 (moto's server, in a process of its own) behind a gate that sees, refuses and cuts off."""

from __future__ import annotations

import http.client
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Final

MOTO: Final = Path(__file__).parents[2] / "vendors" / "moto" / ".venv" / "bin" / "python"
#: Moto asks everybody for a signature, and believes any.
KNOWN: Final = {"Authorization": "AWS somebody:signature"}
HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, as it came to the gate."""

    method: str
    target: str
    body: bytes

    @property
    def what(self) -> str:
        """What S3 calls it."""
        if "uploadId=" in self.target:
            return {"PUT": "part", "POST": "complete", "DELETE": "abort"}[self.method]
        return "create" if "uploads" in self.target else self.method


#: What becomes of a request: a status instead of an answer, or None to let it through. It may wait, or raise Cut.
Fault = Callable[[Asked], int | None]


class Cut(Exception):  # noqa: N818 - what is done
    """Break the connection."""


def nothing(asked: Asked) -> None:
    """Let everything through."""


class Gate(ThreadingHTTPServer):
    """Passes requests on to the bucket and remembers them."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = behind
        self.fault: Fault = nothing
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, what: str) -> int:
        return sum(one.what == what for one in self.asked)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """What is in the bucket, whatever the gate lets through."""
        listed = _ask(self.behind, "GET", f"/{bucket}?list-type=2", KNOWN, b"")[2].decode()
        keys = re.findall("<Key>([^<]+)</Key>", listed)
        return {key: _ask(self.behind, "GET", f"/{bucket}/{key}", KNOWN, b"")[2] for key in keys}

    def put(self, bucket: str, key: str, body: bytes) -> None:
        _ask(self.behind, "PUT", f"/{bucket}/{key}", KNOWN, body)

    def begun(self, bucket: str) -> int:
        """How many uploads in parts were neither completed nor aborted."""
        return _ask(self.behind, "GET", f"/{bucket}?uploads", KNOWN, b"")[2].count(b"<UploadId>")

    def make(self, bucket: str) -> None:
        _ask(self.behind, "PUT", f"/{bucket}", KNOWN, b"")


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(method=self.command, target=self.path, body=body)
        self.server.asked.append(asked)
        try:
            status = self.server.fault(asked)
        except Cut:
            self.close_connection = True
            self.connection.close()
            return
        if status is None:
            told = _ask(self.server.behind, self.command, self.path, dict(self.headers), body)
        else:
            told = status, {}, b""
        self._tell(*told)

    def _tell(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in HOP:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - as the library wants them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _ask(
    port: int, method: str, target: str, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request(method, target, body, {name: headers[name] for name in headers if name.lower() not in HOP})
        reply = connection.getresponse()
        return reply.status, dict(reply.headers), reply.read()
    finally:
        connection.close()


@contextmanager
def serving() -> Iterator[Gate]:
    """A bucket's server and a gate before it."""
    command = [str(MOTO), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        port = _port(process.stdout)
        swallowing = threading.Thread(target=process.stdout.read, daemon=True)  # else its pipe would fill up
        swallowing.start()
        gate = Gate(port)
        thread = threading.Thread(target=gate.serve_forever, daemon=True)
        thread.start()
        try:
            yield gate
        finally:
            gate.shutdown()
            gate.server_close()
            process.terminate()
            swallowing.join()


def _port(said: IO[str]) -> int:
    """Wait for the line in which the server says where it is."""
    for line in said:
        if found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError("The bucket's server did not start.")
