"""The ledger and every fault, on real sockets against the real server."""

from __future__ import annotations

import http.client
import io
import socket
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.facturapi.conftest import ACME, LIVE, SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Sandbox

pytestmark = pytest.mark.live

ME = "/facturapi/v2/organizations/me"
PATH = ME + "/logo"
CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
BODY = (
    b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a b.png"\r\nContent-Type: image/png\r\n\r\n'
    + CONTENT
    + b"\r\n--b--\r\n"
)
HEAD = (
    f"PUT {PATH}?x=%7e HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {LIVE}\r\n"
    "Content-Type: multipart/form-data; boundary=b\r\n"
).encode()
SIZED = HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Kept(io.BufferedReader):
    """A reader that an answer's end does not close."""

    def close(self) -> None:
        """The socket is closed by its owner."""


class Raw:
    """A connection whose every byte is ours."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=20)
        self._reader = Kept(socket.SocketIO(self.socket, "r"))

    def makefile(self, _mode: str) -> Kept:
        """The one reader of all answers: what it read ahead of one belongs to the next."""
        return self._reader

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self) -> http.client.HTTPResponse:
        """The next answer's status and headers; raises what the connection ends with."""
        reading = http.client.HTTPResponse(self)  # type: ignore[arg-type] # it needs nothing but `makefile`
        reading.begin()
        return reading

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def raw(running: Sandbox) -> Iterator[Raw]:
    running.seed(**SEED)
    connection = Raw(running.url)
    yield connection
    connection.close()


def entry(running: Sandbox, holds: Callable[[dict[str, Any]], object] = lambda _: True) -> dict[str, Any]:
    """The one entry of the ledger, once that holds for it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        entries = [one for one in running.ledger("facturapi") if one["path"] != ME]
        if len(entries) == 1 and holds(entries[0]):
            return entries[0]
        time.sleep(0.005)
    raise AssertionError(running.ledger("facturapi"))


def everyone(running: Sandbox, count: int) -> None:
    """Wait until that many requests have come."""
    deadline = time.monotonic() + 20
    while len(running.ledger("facturapi")) < count:
        assert time.monotonic() < deadline


def logo(running: Sandbox) -> bool:
    """Whether the logo was stored."""
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=20)
    connection.request("GET", ME, headers={"Authorization": f"Bearer {LIVE}"})
    stored = b'"has_logo":true' in connection.getresponse().read()
    connection.close()
    return stored


def test_the_ledger_shows_a_request_as_it_came(running: Sandbox, raw: Raw) -> None:
    before = time.time()
    raw.send(SIZED, BODY)
    answer = raw.answer()
    assert answer.status == 200
    shown = entry(running, lambda one: one["status"])
    first, last = shown.pop("first_byte_at"), shown.pop("last_byte_at")
    assert before < first <= last < time.time()
    assert shown == {
        "provider": "facturapi",
        "method": "PUT",
        "path": PATH,
        "query": "x=%7e",
        "authorization": f"Bearer {LIVE}",
        "headers": {
            "Host": "sandbox",
            "Authorization": f"Bearer {LIVE}",
            "Content-Type": "multipart/form-data; boundary=b",
            "Content-Length": str(len(BODY)),
        },
        "complete": True,
        "bytes": len(BODY),
        "sha256": sha256(BODY).hexdigest(),
        "parts": [
            {
                "name": "note",
                "filename": None,
                "content_type": None,
                "size": 5,
                "sha256": sha256(b"hello").hexdigest(),
            },
            {
                "name": "file",
                "filename": "a b.png",
                "content_type": "image/png",
                "size": len(CONTENT),
                "sha256": sha256(CONTENT).hexdigest(),
            },
        ],
        "status": 200,
    }


def test_a_request_without_a_body_is_complete_at_once(running: Sandbox, raw: Raw) -> None:
    raw.send(f"GET /facturapi/v2/organizations/{ACME} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert raw.answer().status == 401
    shown = entry(running, lambda one: one["status"])
    assert (shown["complete"], shown["bytes"], shown["authorization"]) == (True, 0, None)
    assert shown["sha256"] == sha256(b"").hexdigest()
    assert shown["first_byte_at"] == shown["last_byte_at"]


@pytest.mark.parametrize("chunked", [False, True])
def test_the_first_byte_is_seen_when_it_comes(running: Sandbox, raw: Raw, chunked: bool) -> None:
    raw.send(CHUNKED + b"3\r\n--b\r\n" if chunked else SIZED + BODY[:3])
    early = entry(running, lambda one: one["bytes"])
    assert (early["bytes"], early["complete"], early["sha256"], early["status"]) == (3, False, None, None)
    raw.send(f"{len(BODY) - 3:x}\r\n".encode() + BODY[3:] + b"\r\n0\r\n\r\n" if chunked else BODY[3:])
    assert raw.answer().status == 200
    late = entry(running, lambda one: one["status"])
    assert (late["complete"], late["sha256"]) == (True, sha256(BODY).hexdigest())
    assert late["first_byte_at"] == early["first_byte_at"] < late["last_byte_at"]


@pytest.mark.parametrize("head", [SIZED, CHUNKED])
def test_a_client_that_leaves_is_listed_as_incomplete(running: Sandbox, raw: Raw, head: bytes) -> None:
    piece = BODY[:1000]
    raw.send(head, f"{len(BODY):x}\r\n".encode() + piece if head is CHUNKED else piece)
    entry(running, lambda one: one["bytes"] == 1000)
    raw.close()
    running.control("PUT", "/limits", {"on": False})
    shown = entry(running)
    assert (shown["complete"], shown["bytes"], shown["sha256"], shown["status"]) == (False, 1000, None, None)
    assert [part["name"] for part in shown["parts"]] == ["note"]
    assert not logo(running)


def test_the_second_and_a_pipelined_request_of_a_connection_are_whole(running: Sandbox, raw: Raw) -> None:
    raw.send(SIZED + BODY + SIZED + BODY)
    for _ in range(2):
        answer = raw.answer()
        assert answer.status == 200
        answer.read()
    raw.send(SIZED, BODY)
    assert raw.answer().status == 200
    assert [one["sha256"] for one in running.ledger("facturapi")] == [sha256(BODY).hexdigest()] * 3


def test_small_requests_that_come_in_one_piece_are_told_apart(running: Sandbox, raw: Raw) -> None:
    bodies = [b'{"color": "00000%d"}' % number for number in range(3)]
    head = f"PUT {ME}/customization HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LIVE}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(bodies[0])}\r\n\r\n"
    raw.send(b"".join(head.encode() + body for body in bodies))
    for number in range(3):
        assert f'"color":"00000{number}"'.encode() in raw.answer().read()
    assert [one["sha256"] for one in running.ledger("facturapi")] == [sha256(body).hexdigest() for body in bodies]


def test_a_status_comes_before_anything_is_stored(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="status", status=503, headers={"Retry-After": "7"}, body={"why": "año"})
    raw.send(SIZED, BODY)
    answer = raw.answer()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.read() == '{"why": "año"}'.encode()
    shown = entry(running)
    assert (shown["complete"], shown["status"], shown["sha256"]) == (True, 503, sha256(BODY).hexdigest())
    assert not logo(running)


def test_a_status_can_come_in_the_middle_of_the_body(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="status", status=413, after_bytes=100)
    raw.send(SIZED, BODY[:200])
    assert raw.answer().status == 413
    shown = entry(running)
    assert (shown["complete"], shown["bytes"], shown["status"]) == (False, 100, 413)


def test_a_delay_comes_before_storing_and_then_all_goes_on(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="delay", seconds=0.5)
    raw.send(SIZED, BODY)
    entry(running, lambda one: one["complete"])
    assert not logo(running)
    assert raw.answer().status == 200
    assert logo(running)


@pytest.mark.parametrize("after", [None, 0, 1000, len(BODY), len(BODY) + 1])
def test_a_reset_comes_after_so_many_bytes(running: Sandbox, raw: Raw, after: int | None) -> None:
    running.fault(provider="facturapi", action="reset", after_bytes=after)
    with pytest.raises(ConnectionResetError):
        raw.send(SIZED, BODY)
        raw.answer()
    shown = entry(running)
    assert shown["bytes"] == min(after or 0, len(BODY))
    assert (shown["complete"], shown["status"]) == (shown["bytes"] == len(BODY), None)
    assert not logo(running)


def test_a_reset_is_no_orderly_end(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="reset", after_bytes=10)
    raw.send(SIZED, BODY[:10])
    with pytest.raises(ConnectionResetError):
        raw.socket.recv(1)


def test_a_stall_stops_reading_and_goes_on_after_its_time(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="stall", after_bytes=1000, seconds=0.5)
    raw.send(SIZED, BODY)
    assert entry(running, lambda one: one["bytes"] == 1000)["complete"] is False
    assert not logo(running)
    assert raw.answer().status == 200
    shown = entry(running, lambda one: one["status"])
    assert shown["sha256"] == sha256(BODY).hexdigest()
    assert shown["last_byte_at"] - shown["first_byte_at"] >= 0.5


def test_a_stall_without_a_time_lasts_until_the_client_leaves(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="stall", after_bytes=1000)
    raw.send(SIZED, BODY)
    entry(running, lambda one: one["bytes"] == 1000)
    raw.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        raw.answer()
    raw.close()
    shown = entry(running)
    assert (shown["complete"], shown["bytes"], shown["status"]) == (False, 1000, None)
    assert not logo(running)


def test_a_stalled_provider_takes_no_more_than_the_sockets_hold(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="stall")
    raw.socket.settimeout(1)
    raw.send(HEAD + b"Content-Length: 1000000000\r\n\r\n")
    with pytest.raises(TimeoutError):
        raw.send(*[bytes(1 << 20)] * 900)


@pytest.mark.parametrize("after", [None, 0, 10, 1_000_000])
def test_a_truncated_answer_is_stored_announced_whole_and_cut(running: Sandbox, raw: Raw, after: int | None) -> None:
    running.fault(provider="facturapi", action="truncate", after_bytes=after)
    raw.send(SIZED, BODY)
    answer = raw.answer()
    whole = int(answer.headers["Content-Length"])
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert len(cut.value.partial) == (whole // 2 if after is None else min(after, whole - 1))
    assert (answer.status, entry(running)["status"]) == (200, 200)
    assert logo(running)


@pytest.mark.parametrize("seconds", [None, 0.3])
def test_a_dropped_answer_is_stored_and_the_connection_closed_in_order(
    running: Sandbox, raw: Raw, seconds: float | None
) -> None:
    running.fault(provider="facturapi", action="drop_answer", seconds=seconds)
    raw.send(SIZED, BODY)
    assert raw.socket.recv(1) == b""
    assert entry(running)["status"] == 200
    assert logo(running)


def test_clients_that_do_not_close_hold_nobody_up(running: Sandbox, raw: Raw) -> None:
    waiting = [Raw(running.url) for _ in range(8)]
    started = time.monotonic()
    for one in waiting:
        running.fault(provider="facturapi", action="drop_answer")
        one.send(SIZED, BODY)
        assert one.socket.recv(1) == b""
    assert logo(running)
    # The server by itself waits two seconds for each of them, one after the other.
    assert time.monotonic() - started < 8
    for one in waiting:
        one.close()


def test_faults_are_taken_in_order_as_often_as_they_say_where_they_match(running: Sandbox, raw: Raw) -> None:
    running.fault(provider="facturapi", action="status", status=500, method="DELETE")
    running.fault(provider="facturapi", action="status", status=501, path="/v2/organizations/me/logo", times=2)
    running.fault(provider="facturapi", action="status", status=502, path=PATH[:20])
    seen = []
    for _ in range(4):
        raw.send(SIZED, BODY)
        answer = raw.answer()
        answer.read()
        seen.append(answer.status)
    assert seen == [501, 501, 502, 200]
    assert [fault["method"] for fault in running.control("GET", "/faults")["faults"]] == ["DELETE"]


def test_the_server_takes_hundreds_of_requests_at_once(running: Sandbox, raw: Raw) -> None:
    waiting = [Raw(running.url) for _ in range(300)]
    for one in waiting:
        one.send(SIZED, BODY[:1000])
    entry_count = 0
    deadline = time.monotonic() + 20
    while entry_count < 300 and time.monotonic() < deadline:
        entry_count = sum(one["bytes"] == 1000 for one in running.ledger("facturapi"))
    raw.send(SIZED, BODY)
    assert (entry_count, raw.answer().status) == (300, 200)
    for one in waiting:
        one.send(BODY[1000:])
        assert one.answer().status == 200
        one.close()


def test_nothing_of_all_this_is_an_error_to_the_server(running: Sandbox, raw: Raw) -> None:
    for head in (SIZED, CHUNKED + b"fff\r\n", CHUNKED + b"no chunk"):
        connection = Raw(running.url)
        connection.send(head, BODY[:100])
        connection.close()
    everyone(running, 3)
    for action in ("reset", "truncate", "drop_answer"):
        running.fault(provider="facturapi", action=action)
        connection = Raw(running.url)
        try:
            connection.send(SIZED, BODY)
            while connection.socket.recv(65536):
                pass
        except ConnectionResetError:
            assert action == "reset"
        connection.close()
    assert running.log() == ""
