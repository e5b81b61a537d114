"""Somebody else's call over real sockets: made as it is, answered as it comes, and over when nobody wants it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.delivery.calls import Answered, Call, CutOff, Whole
from app.delivery.deadlines import Deadlines, Exchange
from app.delivery.egress import Egress
from app.delivery.http import Given, Handed, Http
from app.delivery.sockets import tls_context
from app.intake.errors import ClientGone
from app.providers.wire import NoAnswer
from tests.delivery.test_http import SHORT, Body, certificate, no, server_side
from tests.delivery.wire import Line, playing

__all__ = ["certificate", "server_side"]  # fixtures

Make = Callable[..., Handed]


@pytest.fixture
def make(opened: list[Http]) -> Make:
    """Make a call below an address that is allowed."""

    def make(url: str, method: str = "GET", target: str = "/v2/thing?a=%7Eb", **more: Any) -> Handed:
        deadlines = Deadlines(**{"connect": 5.0, "answer": 5.0, "total": 10.0} | more.pop("deadlines", {}))
        http = more.pop("http", None) or Http(Egress((url,)))
        opened.append(http)
        call = Call(method=method, target=target, headers=more.pop("headers", ()), body=more.pop("body", None))
        clock = more.pop("clock", time.monotonic)
        exchange = Exchange(
            deadlines=deadlines, until=clock() + deadlines.total, clock=clock, asker=more.pop("asker", None)
        )
        return http.hand_on(exchange, call, url, {"Authorization": "Bearer t"}, **more)

    return make


def body(answer: Answered) -> bytes:
    return b"".join(answer.blocks())


def given(handed: Handed) -> Given:
    assert isinstance(handed, Given)
    return handed


def test_a_call_is_made_to_the_letter_and_nothing_is_added(make: Make) -> None:
    def script(line: Line) -> None:
        head, sent = line.request()
        assert head.split(b"\r\n")[0] == b"PATCH /v2/thing?a=%7Eb HTTP/1.1"
        names = {one.split(b":")[0].lower() for one in head.strip().split(b"\r\n")[1:]}
        assert names == {b"host", b"authorization", b"x-one", b"content-length"}
        assert sent == b"xxxxx"
        line.answer(b"told", "418 Tea", "X-Two: a", "X-Two: b")

    with playing(script) as other:
        headers = [("X-One", "1"), ("Content-Length", "5")]
        answer = given(make(other.url, "PATCH", headers=headers, body=Body(5)))
        assert (answer.status, answer.reason) == (418, "Tea")
        assert [pair for pair in answer.headers if pair[0] == "X-Two"] == [("X-Two", "a"), ("X-Two", "b")]
        assert body(answer) == b"told"


@pytest.mark.parametrize("target", ["/a b", "/a\\b", "/\x01"])
def test_a_target_that_is_odd_is_not_asked_for(make: Make, target: str) -> None:
    assert make("http://127.0.0.1:9", target=target) == no("egress", released=False)


def test_a_yes_to_what_it_cannot_have_seen_is_none(make: Make) -> None:
    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.answer()
        line.gone()

    def gone(left: int) -> None:
        if left < 30 << 20:
            raise BrokenPipeError  # as of a socket that the provider has closed: urllib3 goes on to its answer

    with playing(script) as other:
        headers = [("Content-Length", str(32 << 20))]
        assert make(other.url, "POST", headers=headers, body=Body(32 << 20, gone)) == no("reset", released=False)


def test_a_connection_is_used_again_only_after_an_answer_was_read(make: Make) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer(b"one")
        line.request()
        line.answer(b"two")
        line.gone()

    def another(line: Line) -> None:
        line.request()
        line.answer(b"three")

    with playing(script, another) as other:
        http = Http(Egress((other.url,)))
        assert body(given(make(other.url, http=http))) == b"one"
        given(make(other.url, http=http)).close()
        assert body(given(make(other.url, http=http))) == b"three"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_cut_off(make: Make, head: bytes) -> None:
    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(head)
        line.sock.close()

    with playing(script) as other:
        blocks = given(make(other.url)).blocks()
        assert next(blocks) == b"half"
        with pytest.raises(CutOff):
            next(blocks)


def test_an_answer_has_its_time_for_each_block(make: Make) -> None:
    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        line.gone()

    with playing(script) as other:
        blocks = given(make(other.url, deadlines={"answer": SHORT})).blocks()
        assert next(blocks) == b"half"
        with pytest.raises(CutOff, match="timeout"):
            next(blocks)


def test_and_so_much_time_in_all(make: Make) -> None:
    now = [0.0]

    def script(line: Line) -> None:
        line.request()
        line.answer(b"never read")
        line.gone()

    with playing(script) as other:
        answer = given(make(other.url, clock=lambda: now[0]))
        now[0] = 10.0
        with pytest.raises(CutOff, match="timeout"):
            next(answer.blocks())


@pytest.mark.parametrize("answered", [False, True])
def test_who_leaves_is_not_waited_for(make: Make, answered: bool) -> None:
    asker, client = socket.socketpair()

    def script(line: Line) -> None:
        line.request()
        if answered:
            line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        else:
            client.close()
        line.gone()

    with playing(script) as other, asker, client:
        if answered:
            blocks = given(make(other.url, asker=asker)).blocks()
            assert next(blocks) == b"half"
            client.close()
            with pytest.raises(ClientGone):
                next(blocks)
        else:
            with pytest.raises(ClientGone):
                make(other.url, asker=asker)


def test_who_stays_is_waited_for_as_long_as_it_takes(make: Make) -> None:
    asker, client = socket.socketpair()

    def script(line: Line) -> None:
        line.request()
        line.gone()

    with playing(script) as other, asker, client:
        assert make(other.url, asker=asker, deadlines={"answer": SHORT}) == no("timeout", released=True)


def test_what_tls_has_unpacked_already_is_not_waited_for(
    make: Make, certificate: Path, server_side: ssl.SSLContext
) -> None:
    asker, client = socket.socketpair()

    def script(line: Line) -> None:
        line.request()
        line.answer(b"x" * 200_000)
        line.gone()

    with playing(script, context=server_side) as other, asker, client:
        http = Http(Egress((other.url,)), context=tls_context(str(certificate)))
        assert body(given(make(other.url, http=http, asker=asker))) == b"x" * 200_000
        http.close()


def test_an_answer_in_memory_is_read_like_any_other() -> None:
    whole = Whole(status=201, reason="", headers=[("X-One", "1")], content=b'{"a": 1}')
    assert (body(whole), whole.reply.status, whole.reply.headers, whole.reply.json) == (
        b'{"a": 1}',
        201,
        {"x-one": "1"},
        {"a": 1},
    )
    whole.close()
    assert not isinstance(whole, NoAnswer)
