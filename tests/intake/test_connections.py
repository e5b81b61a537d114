"""How connections begin, are waited for, and end: real sockets against gunicorn with gunicorn.conf.py."""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.intake.forms import CER, body, chunked, named, part, post
from tests.intake.serving import Answer, Client, Gateway, running

pytestmark = pytest.mark.live

GOOD = body(part(b"yes"), part(b"file", CER), part(b"secret", named("password")))
TAKEN = {"fields": {"notice": "yes"}, "files": {"cer": hashlib.sha256(b"file").hexdigest()}, "secrets": {"password": 6}}
GET = b"GET /ignore HTTP/1.1\r\nHost: localhost\r\n\r\n"


def assert_next_behaves(client: Client, answer: Answer) -> None:
    """A connection that is kept answers the next request; one that is not has said so, and says nothing more."""
    if answer.closes:
        assert client.is_closed()
    else:
        client.send(GET)
        assert client.answer().json == "/ignore"


# What is read, and through what.


def test_a_form_is_taken(counter: Gateway) -> None:
    assert counter.ask(post("/collect", GOOD)).json == TAKEN


def test_a_form_that_arrives_byte_by_byte_is_taken(counter: Gateway) -> None:
    with counter.connect() as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post("/collect", GOOD):
            client.send(bytes([byte]))
        assert client.answer().json == TAKEN


def test_a_large_body_comes_in_growing_blocks_from_the_socket(counter: Gateway) -> None:
    content = bytes(16_000_000)
    blocks = counter.ask(post("/blocks", content)).json
    assert sum(blocks) == len(content)
    assert max(blocks) > 1 << 17
    assert len(blocks) < len(content) >> 16


def test_a_chunked_form_is_taken(counter: Gateway) -> None:
    assert counter.ask(chunked("/collect", [GOOD[:20], GOOD[20:]])).json == TAKEN


def test_a_chunked_form_above_the_limit_is_refused(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(chunked("/collect", [body(part(b"x" * 100_000, CER))]))
        answer = client.answer()
        assert (answer.status, answer.closes) == (413, True)


@pytest.mark.parametrize("framing", [post, lambda path, content: chunked(path, [content])])
def test_tls_is_read_through_the_server(tls_counter: Gateway, framing: object) -> None:
    assert tls_counter.ask(framing("/collect", GOOD)).json == TAKEN  # type: ignore[operator]


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
def test_a_file_is_streamed_and_the_connection_kept(counter: Gateway, tls_counter: Gateway, size: int) -> None:
    content = bytes(range(250)) * (size // 250)
    sent = post("/stream", body(part(b"yes"), part(content, CER)))
    expected = {"fields": {"notice": "yes"}, "size": size, "sha256": hashlib.sha256(content).hexdigest()}
    for gateway in (counter, tls_counter):
        with gateway.connect() as client:
            for _ in range(2):
                client.send(sent)
                answer = client.answer()
                assert answer.json == expected
            assert_next_behaves(client, answer)
            assert not answer.closes


def test_a_file_without_a_length_is_not_streamed(counter: Gateway) -> None:
    answer = counter.ask(chunked("/stream", [GOOD]))
    assert (answer.status, answer.json["slug"]) == (411, "length-required")


def test_a_refusal_in_the_middle_of_a_file_reaches_a_client_that_goes_on_sending(counter: Gateway) -> None:
    rest = bytes(800_000)
    with counter.connect() as client:
        client.send(post("/stream", body(part(b"REFUSE" + rest, CER)))[: -len(rest)])
        assert client.sock.recv(1, socket.MSG_PEEK)  # it is answered
        client.send(rest)
        answer = client.answer()
        assert (answer.status, answer.json["slug"], answer.closes) == (400, "bad-file-name", True)
        assert client.is_closed()


def test_a_stalled_client_over_tls_gets_its_408(tls_counter: Gateway) -> None:
    assert tls_counter.ask(post("/collect", GOOD, length=len(GOOD) + 1)).status == 408


def test_the_server_itself_answers_100_continue(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(post("/collect", b"", b"Expect: 100-continue", length=len(GOOD)))
        assert client.answer().status == 100
        client.send(GOOD)
        assert client.answer().json == TAKEN


def test_a_refusal_at_the_headers_needs_no_body(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(post("/collect", b"", length=1 << 30))
        answer = client.answer()
        assert (answer.status, answer.json) == (413, {"slug": "body-too-large", "field": None, "limit": 65536})
        assert answer.closes


def test_no_length_is_refused(counter: Gateway) -> None:
    whole = post("/collect", GOOD).replace(f"Content-Length: {len(GOOD)}\r\n".encode(), b"")
    assert counter.ask(whole).status == 411


# A length that is wrong.


def test_a_length_too_long_by_a_few_bytes_is_waited_for_and_refused(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(post("/collect", GOOD, length=len(GOOD) + 10))
        answer = client.answer()
        assert (answer.status, answer.json["slug"], answer.closes) == (408, "client-too-slow", True)


def test_a_length_too_long_from_a_client_that_has_finished_is_refused(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(post("/collect", GOOD, length=len(GOOD) + 10))
        client.finish()
        answer = client.answer()
        assert (answer.status, answer.json["slug"], answer.closes) == (400, "truncated", True)


@pytest.mark.attack("framing", "a length that takes in the next request", "400")
def test_a_length_that_takes_in_the_next_request_is_refused(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(post("/collect", GOOD, length=len(GOOD) + len(GET)) + GET)
        answer = client.answer()
        assert (answer.status, answer.json["slug"]) == (400, "malformed")
        assert_next_behaves(client, answer)


@pytest.mark.attack(
    "framing", "a length that is too short, with a request behind it", "400 and closed; the rest is no request"
)
@pytest.mark.parametrize("short", [3, 4, 20, len(GOOD) - 1])
def test_a_length_too_short_is_refused_and_the_rest_is_no_request(counter: Gateway, short: int) -> None:
    with counter.connect() as client:
        client.send(post("/collect", GOOD, length=len(GOOD) - short) + GET)
        answer = client.answer()
        assert (answer.status, answer.json["slug"], answer.closes) == (400, "truncated", True)
        assert client.is_closed()


# The next request on the same connection.


@pytest.mark.attack(
    "framing",
    "requests behind bodies that were read, half read, ignored or too large",
    "each is answered as itself, or the connection is closed",
)
@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/collect", GOOD, 200),
        ("/collect", body(part(b"x", named("other"))), 400),
        ("/collect", b"x" * 1000, 400),
        ("/collect", body(part(b"x" * 5000)), 413),
        ("/collect", body(part(b"x" * 60_000, CER)), 413),
        ("/read", b"x" * 100, 200),
        ("/half", b"x" * 100, 200),
        ("/half", b"x" * 100_000, 200),
        ("/ignore", b"", 200),
        ("/ignore", b"x" * 100, 200),
        ("/ignore", b"x" * 100_000, 200),
    ],
)
def test_a_second_and_a_pipelined_request_behave(counter: Gateway, path: str, content: bytes, status: int) -> None:
    for framed in (post(path, content), chunked(path, [content] if content else [])):
        with counter.connect() as client:
            client.send(framed)
            answer = client.answer()
            assert answer.status == status
            assert_next_behaves(client, answer)
        with counter.connect() as client:
            client.send(framed + GET)
            answer = client.answer()
            assert answer.status == status
            if answer.closes:
                assert client.is_closed()
            else:
                assert client.answer().json == "/ignore"
                client.send(framed)
                assert client.answer().status == status


def test_what_was_read_to_its_end_keeps_the_connection(counter: Gateway) -> None:
    with counter.connect() as client:
        for content, status in [(GOOD, 200), (body(part(b"x", named("other"))), 400), (GOOD, 200)]:
            client.send(post("/collect", content))
            answer = client.answer()
            assert (answer.status, answer.closes) == (status, False)


def test_many_pipelined_forms_are_each_taken_whole(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(b"".join(post("/collect", body(part(b"x" * n))) for n in range(0, 4000, 200)))
        for _ in range(0, 4000, 200):
            assert client.answer().status == 200


def test_after_a_client_s_abort_the_server_serves_on(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(GET + post("/collect", GOOD[:50], length=len(GOOD)))
        assert client.answer().json == "/ignore"
        client.finish()
        answer = client.answer()
        assert (answer.status, answer.json["slug"], answer.closes) == (400, "truncated", True)
        assert client.is_closed()
    assert counter.ask(GET).status == 200


def test_a_reset_is_our_own_refusal_and_no_error(counter: Gateway) -> None:
    before = counter.log().count("client-gone")
    with counter.connect() as client:
        client.send(post("/collect", GOOD[:50], length=len(GOOD)))
        counter.ask(GET)  # by now the first bytes are being read
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    counter.wait_for_log("client-gone", before + 1)
    assert "ConnectionResetError" not in counter.log()


# A client that is still sending.


@pytest.mark.parametrize("path", ["/collect", "/ignore"])
def test_a_refusal_reaches_a_client_that_sends_everything_first(counter: Gateway, path: str) -> None:
    with counter.connect() as client:
        client.send(post(path, b"x" * 1_000_000))
        answer = client.answer()
        assert (answer.status, answer.closes) == (413 if path == "/collect" else 200, True)
        assert client.is_closed()


def test_a_client_that_goes_on_sending_after_its_refusal_can_finish_and_read_it(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(post("/collect", b"x" * 10_000, length=910_000))
        assert client.sock.recv(1, socket.MSG_PEEK) == b"H"  # the answer is there, the larger part of the body is not
        for _ in range(9):
            client.send(b"x" * 100_000)
            time.sleep(0.03)  # a server that had closed would break the next piece; that it has not is no event
        assert client.answer().status == 413
        assert client.is_closed()


def test_a_refusal_reaches_requests(counter: Gateway) -> None:
    with requests.Session() as session:
        for _ in range(2):
            answer = session.post(f"{counter.url}/collect", files={"cer": ("a.cer", b"x" * 900_000)}, timeout=15)
            assert (answer.status_code, answer.json()["slug"]) == (413, "body-too-large")
        good = session.post(
            f"{counter.url}/collect", files={"cer": ("a.cer", b"file")}, data={"password": "x"}, timeout=15
        )
        assert good.json()["secrets"] == {"password": 1}


@pytest.mark.attack("waiting", "a client that never stops sending after its refusal", "closed")
def test_a_client_that_never_stops_sending_is_closed(counter: Gateway) -> None:
    with counter.connect() as client:
        client.send(post("/ignore", b"", length=1 << 40))
        assert client.answer().closes
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while True:
                client.send(bytes(1 << 16))


# Slow clients.


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with seven threads and more patience."""
    with running(Gateway(tmp_path_factory.mktemp("narrow"), threads=7, grace=2.0)) as gateway:
        yield gateway


def prompt(gateway: Gateway) -> float:
    """Seconds that an ordinary request takes."""
    began = time.monotonic()
    assert gateway.ask(GET).status == 200
    return time.monotonic() - began


STALLED = {
    "before the first byte": post("/collect", b"", length=len(GOOD)),
    "in the middle": post("/collect", GOOD[:50], length=len(GOOD)),
    "before the last byte": post("/collect", GOOD[:-1], length=len(GOOD)),
    "in a chunk": chunked("/collect", [GOOD[:50]], end=b"5\r\nhe"),
    "between chunks": chunked("/collect", [GOOD[:50]], end=b""),
    "in a view that reads by itself": post("/read", b"x" * 10, length=20),
}


@pytest.mark.attack(
    "waiting", "bodies that stop, before, within and after chunks", "408 and closed; others are answered"
)
def test_a_client_that_stalls_gets_408_and_costs_one_thread_only(narrow: Gateway) -> None:
    with ExitStack() as stack:
        stalled = [stack.enter_context(narrow.connect()) for _ in STALLED]
        for client, sent in zip(stalled, STALLED.values(), strict=True):
            client.send(sent)
        assert prompt(narrow) < 1.5  # of the 2 s that the others are waited for, with the one thread that is left
        for client in stalled:
            answer = client.answer()
            assert (answer.status, answer.json["slug"], answer.closes) == (408, "client-too-slow", True)
            assert client.is_closed()


@pytest.mark.attack("waiting", "a body that comes a byte at a time", "408")
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_client_that_dribbles_gets_408(counter: Gateway, framing: str) -> None:
    with counter.connect() as client:
        if framing == "length":
            client.send(post("/collect", b"", length=len(GOOD)))
            drops = [GOOD[n : n + 1] for n in range(len(GOOD))]
        else:
            client.send(chunked("/collect", [], end=b""))
            drops = [b"1\r\n" + GOOD[n : n + 1] + b"\r\n" for n in range(len(GOOD))]
        client.sock.settimeout(0.05)
        began = time.monotonic()
        for drop in drops:
            client.send(drop)
            try:
                answer = client.answer()
            except TimeoutError:
                continue
            break
        assert answer.status == 408
        assert time.monotonic() - began < 2.0


@pytest.mark.attack(
    "waiting",
    "more heads of requests that never end than there are threads (slowloris)",
    "each is closed after its time; others are answered",
)
def test_a_head_that_does_not_come_costs_a_thread_for_a_while_only(narrow: Gateway) -> None:
    with ExitStack() as stack:
        stalled = [stack.enter_context(narrow.connect()) for _ in range(7)]
        for client in stalled:
            client.send(b"GET /ignore HT")
        assert prompt(narrow) < 3.0
        assert all(client.is_closed() for client in stalled)


@pytest.mark.attack(
    "waiting", "answers that nobody takes (slow read), as many as there are threads", "let go; others are answered"
)
def test_a_client_that_does_not_take_its_answer_is_let_go(narrow: Gateway) -> None:
    with ExitStack() as stack:
        for _ in range(7):
            client = stack.enter_context(narrow.connect())
            client.send(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.sock.recv(1)
        assert prompt(narrow) < 10.0


@pytest.mark.attack("waiting", "connections that their clients never close", "nobody waits for them")
def test_a_client_that_does_not_close_after_the_last_answer_keeps_nobody_waiting(narrow: Gateway) -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with ExitStack() as stack:
        for sent in (last, b"not a request\r\n\r\n", last):
            client = stack.enter_context(narrow.connect())
            client.send(sent)
            client.answer()
        assert prompt(narrow) < 1.5  # gunicorn's own worker would wait 2 s for each, in the loop that accepts


# What the server says and logs.


def test_the_server_does_not_name_its_software(counter: Gateway) -> None:
    answer = counter.ask(GET)
    assert answer.headers["server"] == "ventanilla"
    assert "gunicorn" not in str(answer)


@pytest.mark.attack(
    "secrets", "a broken request with a key in its line, its headers or its query", "not logged, nor said back"
)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /l/canary canary HTTP/1.1\r\n\r\n", 400),
        (b"GET /l/canary HTTP/1.1\r\nAuthorization Bearer canary\r\n\r\n", 400),
        (b"GET /l/canary HTTP/1.1\r\nX_Forwarded_For: canary\r\n\r\n", 400),
        (b"GET /l/canary HTTP/1.1\r\nHost: localhost\r\nSCRIPT_NAME: /elsewhere\r\n\r\n", 400),
        (b"GET /l/canary HTTP/1.1\r\nHost: localhost\r\nPATH_INFO: /canary\r\n\r\n", 400),
        (b"GET /l/" + b"canary" * 1000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /l/canary HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"canary" * 2000 + b"\r\n\r\n", 431),
        (b"GET /l/canary HTTP/1.1\r\nHost: localhost\r\nExpect: canary\r\n\r\n", 417),
        (b"POST /l/canary HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: canary\r\n\r\n", 501),
        (b"POST /l/canary HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /broken?canary=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 500),
    ],
)
def test_what_a_client_wrote_is_not_logged(counter: Gateway, sent: bytes, status: int) -> None:
    answer = counter.ask(sent)
    assert (answer.status, answer.closes) == (status, True)
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
    assert b"canary" not in answer.body
    assert "canary" not in counter.log()


def test_what_breaks_is_a_500_and_logged(counter: Gateway) -> None:
    assert counter.ask(post("/broken", GOOD)).status == 500
    counter.wait_for_log("RuntimeError: broken on purpose")


def test_a_wrong_answer_of_the_application_is_a_500(counter: Gateway) -> None:
    assert counter.ask(GET.replace(b"/ignore", b"/header")).status == 500


def test_it_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with running(Gateway(tmp_path)) as gateway, gateway.connect() as client:
        client.send(GET)
        client.answer()
    assert gateway.returncode == 0
