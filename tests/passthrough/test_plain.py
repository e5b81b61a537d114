"""Calls that hand nothing in: what the provider sees of them, and what comes back of its answers."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from urllib3.filepost import encode_multipart_formdata

from app.portal.headers import HEADERS
from app.records.states import State
from app.tenants import connections
from app.tenants.models import Environment
from tests.delivery.wire import Line, Played, playing
from tests.passthrough.desk import Answer, Desk
from tests.relay.files import csv

pytestmark = pytest.mark.live

SECONDS: Final = 10.0
KEY: Final = "sk_by_hand_0123456789"
BELOW: Final = "flatfile@stage/v1"
FILES: Final = "/files?spaceId=us_sp_1"

Play = Callable[..., contextlib.AbstractContextManager[Played]]


@pytest.fixture
def play(desk: Desk, stage: int) -> Play:
    """Play Flatfile by hand, behind a connection of its own."""
    house = desk.house
    with house.database.transaction(house.organization.id) as session:
        connections.add(
            session,
            desk.vault,
            organization_id=house.organization.id,
            provider="flatfile",
            name="stage",
            environment=Environment.SANDBOX,
            settings={
                "base_url": f"http://127.0.0.1:{stage}/v1",
                "environment_id": "us_env_1",
                "space_id": "us_sp_1",
            },
            credential={"key": SecretStr(KEY)},
        )
    return lambda *scripts: playing(*scripts, port=stage)


def answering(*heads: bytes) -> tuple[list[bytes], Callable[[Line], None]]:
    """A script that keeps what it was sent and answers with these bytes, one request after the other."""
    seen: list[bytes] = []

    def script(line: Line) -> None:
        for head in heads:
            asked, body = line.request()
            seen.append(asked + body)
            line.sock.sendall(head)

    return seen, script


def lines(request: bytes) -> dict[str, str]:
    """Headers of a request, by names in small letters."""
    head = request.partition(b"\r\n\r\n")[0].decode("latin-1")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}


OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_the_target_passes_to_the_letter(desk: Desk, play: Play) -> None:
    seen, script = answering(OK)
    target = "/files?spaceId=us_sp_1&x=%7Ea%2Fb+c&&y=%c3%b1&empty=&=z'%22"
    with play(script):
        assert desk.ask("GET", BELOW + target).status == 200
    assert seen[0].split(b"\r\n")[0].decode() == f"GET /v1{target} HTTP/1.1"


def test_headers_pass_but_those_of_a_hop_and_of_who_asks(desk: Desk, play: Play) -> None:
    seen, script = answering(OK)
    passed = {
        "User-Agent": "sdk/1.0",
        "Accept": "application/json;q=1, application/octet-stream;q=0",
        "Accept-Encoding": "gzip, br",
        "X-Disable-Hooks": "true",
        "Idempotency-Key": "k-1",
        "If-None-Match": '"a"',
        "Traceparent": "00-1-2-01",
    }
    dropped = {
        "Connection": "x-of-this-hop, keep-alive",
        "X-Of-This-Hop": "1",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Proxy-Authorization": "Basic eA==",
        "Cookie": "session=secret",
        "Forwarded": "for=192.0.2.1",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Host": "gateway",
        "X-Real-IP": "192.0.2.1",
        "Via": "1.1 somebody",
    }
    with play(script) as played:
        desk.ask("GET", BELOW + FILES, headers=passed | dropped)
    told = lines(seen[0])
    assert told.pop("host") == urlsplit(played.url).netloc
    assert told.pop("authorization") == f"Bearer {KEY}"
    assert told == {name.lower(): value for name, value in passed.items()}


def test_nothing_is_added_that_the_client_did_not_send(desk: Desk, play: Play) -> None:
    seen, script = answering(OK)
    with play(script):
        desk.ask("GET", BELOW + FILES)
    assert lines(seen[0]).keys() == {"host", "authorization"}


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 Fine\r\nContent-Type: application/json; charset=x\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 201 Created\r\nLocation: /v1/files/1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
        b"HTTP/1.1 422 Odd\r\nX-Two: a\r\nX-Two: b\r\nContent-Length: 3\r\n\r\nodd",
        b"HTTP/1.1 499 Gone Away\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 599 Who Knows\r\nContent-Type: text/html\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\n<p>",
    ],
)
def test_an_answer_comes_back_as_it_is(desk: Desk, play: Play, head: bytes) -> None:
    _, script = answering(head)
    with play(script):
        answer = desk.ask("GET", BELOW + FILES)
    status, *rest = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert answer.status == int(status.split()[1])
    assert answer.body == head.partition(b"\r\n\r\n")[2]
    theirs = [tuple(line.split(": ", 1)) for line in rest]
    # What is said to browsers of trust is said of everything that comes from this address, and each request has an id.
    ours = {"Server", "Date", "Connection", "X-Request-ID", *HEADERS}
    assert [pair for pair in answer.headers if pair[0] not in ours] == theirs


def test_what_is_of_a_hop_or_for_a_browser_does_not_come_back(desk: Desk, play: Play) -> None:
    _, script = answering(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Authenticate: Basic\r\nServer: theirs\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        b"X-Kept: 1\r\nContent-Length: 2\r\n\r\n{}"
    )
    with play(script):
        answer = desk.ask("GET", BELOW + FILES)
    names = [name.lower() for name, _ in answer.headers]
    assert {"set-cookie", "x-hop", "keep-alive", "proxy-authenticate"}.isdisjoint(names)
    assert (names.count("server"), names.count("date")) == (1, 1)
    assert answer.header("x-kept") == "1"


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"X-Folded: a\r\n b\r\nContent-Length: 4\r\n\r\nbody", {"x-folded": "a b"}),
        (b"X-Odd: a\x01b\r\nContent-Length: 4\r\n\r\nbody", {"x-odd": None}),
        (b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody", {}),
        (b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", {"content-length": None}),
        (b"X-Latin: \xe9\r\nContent-Length: 4\r\n\r\nbody", {"x-latin": "é"}),
    ],
)
def test_an_answer_that_is_oddly_written_comes_back_all_the_same(
    desk: Desk, play: Play, head: bytes, told: dict[str, str | None]
) -> None:
    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(b"HTTP/1.1 200 \xc3\x28\x7f\r\n" + head)
        line.sock.close()

    with play(script):
        answer = desk.ask("GET", BELOW + FILES)
    assert (answer.status, answer.body) == (200, b"body")
    assert {name: answer.header(name) for name in told} == told


def test_what_is_packed_stays_packed(desk: Desk, play: Play) -> None:
    packed = gzip.compress(b"a" * 10_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    _, script = answering(head + packed)
    with play(script):
        answer = desk.ask("GET", BELOW + FILES, headers={"Accept-Encoding": "gzip"})
    assert (answer.body, answer.header("content-encoding")) == (packed, "gzip")


def test_an_answer_in_chunks_comes_as_it_is_sent(desk: Desk, play: Play) -> None:
    heard = socket.socketpair()

    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        heard[1].settimeout(SECONDS)
        heard[1].recv(1)  # only now is there more
        line.sock.sendall(b"4\r\nlast\r\n0\r\n\r\n")

    with play(script), contextlib.closing(connected(desk)) as connection:
        begin(desk, connection)
        reply = connection.getresponse()
        assert reply.read1(100) == b"first"
        heard[0].send(b"x")
        assert reply.read() == b"last"
    for one in heard:
        one.close()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_an_answer_that_breaks_off_breaks_off(desk: Desk, play: Play, head: bytes) -> None:
    """It has begun, so nothing else can be said; whoever reads it must not take it for whole."""
    _, script = answering(head)

    def cut(line: Line) -> None:
        script(line)
        line.sock.close()

    with play(cut), contextlib.closing(connected(desk)) as connection:
        begin(desk, connection)
        reply = connection.getresponse()
        assert reply.status == 200
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            reply.read()


def test_bodies_pass_as_they_come(desk: Desk, play: Play) -> None:
    arrived = socket.socketpair()

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        while len(line.received) < 5:
            line._more()
        arrived[0].send(b"x")  # half of it is here
        while b"0\r\n\r\n" not in line.received and len(line.received) < 10:
            line._more()
        line.answer(bytes(line.received))

    path = BELOW + "/files/us_fl_1"
    with desk.house.database.transaction(desk.house.organization.id) as session:
        stage = connections.by_name(session, "stage")
        assert stage
        connections.open_calls(session, stage, ["PATCH /files/{file}"])
    with play(script), contextlib.closing(connected(desk)) as connection:
        connection.putrequest("PATCH", f"/proxy/{path}")
        connection.putheader("Authorization", f"Bearer {desk.token}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "10")
        connection.endheaders()
        connection.send(b'{"a":')
        arrived[1].settimeout(SECONDS)
        assert arrived[1].recv(1) == b"x"
        connection.send(b'"12"}')
        assert connection.getresponse().read() == b'{"a":"12"}'
    for one in arrived:
        one.close()


@pytest.mark.parametrize("answered", [False, True], ids=["before its answer", "in its midst"])
def test_who_leaves_ends_the_providers_side(desk: Desk, play: Play, answered: bool) -> None:
    began, left = socket.socketpair(), socket.socketpair()

    def script(line: Line) -> None:
        line.request()
        if answered:
            line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        began[0].send(b"x")
        line.gone()  # raises where nobody leaves in time
        left[0].send(b"x")

    with play(script):
        connection = connected(desk)
        begin(desk, connection)
        began[1].settimeout(SECONDS)
        began[1].recv(1)
        if answered:
            assert connection.getresponse().read1(10) == b"half"
        assert connection.sock is not None or answered
        connection.close()
        left[1].settimeout(2.0)  # sooner than the gateway would give the provider up
        assert left[1].recv(1) == b"x"
    for one in (*began, *left):
        one.close()


@pytest.mark.parametrize("size", [4_000, 4 << 20], ids=["small", "large"])
def test_an_upload_that_is_answered_before_its_end_is_answered_so(desk: Desk, play: Play, size: int) -> None:
    fields = {"spaceId": "us_sp_1", "environmentId": "us_env_1"}
    content, content_type = encode_multipart_formdata({**fields, "file": ("a.csv", csv(size), "text/csv")})

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.answer(b'{"errors": [{"message": "full"}]}', "400 Bad Request", "Content-Type: application/json")
        line.until(content[-8:])

    with play(script):
        answer = desk.ask("POST", BELOW + "/files", content, headers={"Content-Type": content_type})
    assert (answer.status, answer.json) == (400, {"errors": [{"message": "full"}]})
    (upload,) = desk.uploads()
    assert upload.state is State.FAILED


def test_a_provider_that_says_nothing_is_given_up(desk: Desk, play: Play) -> None:
    def script(line: Line) -> None:
        line.request()
        line.gone()

    with play(script):
        answer = desk.ask("GET", BELOW + FILES)
    assert answer.status >= 400
    assert refusal(answer)


def test_a_provider_that_dribbles_is_cut_off_by_no_less_than_silence(desk: Desk, play: Play) -> None:
    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        line.gone()

    with play(script), contextlib.closing(connected(desk)) as connection:
        begin(desk, connection)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            connection.getresponse().read()


def test_nobody_is_asked_twice(desk: Desk, play: Play) -> None:
    """A connection that its provider closes is not tried again, whatever was asked."""

    def script(line: Line) -> None:
        line.request()
        line.sock.close()

    with play(script):
        assert refusal(desk.ask("GET", BELOW + FILES))


def refusal(answer: Answer) -> Any:
    return answer.json["errors"]


def connected(desk: Desk) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(desk.house.gateway.url).netloc, timeout=SECONDS)


def begin(desk: Desk, connection: http.client.HTTPConnection) -> None:
    connection.request("GET", f"/proxy/{BELOW}{FILES}", headers={"Authorization": f"Bearer {desk.token}"})
