"""Requests that two servers in a row could take for one and for two: the gateway takes them for none."""

from __future__ import annotations

import pytest

from tests.security.framings import CHUNKED, CHUNKS, FRAMINGS, HIDDEN, LINES, ZERO, first, in_chunks
from tests.security.wire import say
from tests.servers import Server

pytestmark = pytest.mark.live


def is_refused(gateway: Server, sent: bytes) -> None:
    """One answer at most, and no good one; then the connection is closed."""
    heard = say(gateway.url, sent)
    assert heard.closed, heard.content
    assert len(heard.statuses) <= 1, heard.content
    assert all(400 <= status < 500 or status == 501 for status in heard.statuses), heard.content


@pytest.mark.attack(
    "framing",
    "a request that says its body's end twice, or in a way to be read otherwise",
    "refused and closed; what is behind it is not read",
)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_whose_end_is_doubtful(gateway: Server, framing: str) -> None:
    is_refused(gateway, FRAMINGS[framing])


@pytest.mark.attack(
    "framing", "chunks that are not what they say", "refused and closed; what is behind them is not read"
)
@pytest.mark.parametrize("chunks", CHUNKS)
def test_chunks_that_are_doubtful(gateway: Server, chunks: str) -> None:
    is_refused(gateway, in_chunks(chunks))


@pytest.mark.attack("framing", "a request line that is none, or of another protocol", "refused and closed")
@pytest.mark.parametrize("line", LINES)
def test_lines_that_are_doubtful(gateway: Server, line: str) -> None:
    is_refused(gateway, LINES[line])


def test_two_good_requests_are_answered_twice(gateway: Server) -> None:
    for good in (first(b"Content-Length: 3", body=b"abc"), first(CHUNKED, body=b"3\r\nabc\r\n" + ZERO)):
        heard = say(gateway.url, good + HIDDEN)
        assert heard.statuses[-1] in {200, 415, 404}, gateway.log()[-3000:]


@pytest.mark.attack("framing", "trailers that would be headers", "they are none")
def test_trailers_are_no_headers(gateway: Server) -> None:
    trailers = b"0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 203.0.113.7\r\nContent-Length: 5\r\n\r\n"
    heard = say(gateway.url, first(CHUNKED, path=b"/api/v1/uploads", body=b"3\r\nabc\r\n" + trailers) + HIDDEN)
    assert heard.statuses[0] in {400, 401, 404, 405}


@pytest.mark.attack("framing", "an upgrade to another protocol", "none is spoken")
@pytest.mark.parametrize(("protocol", "status"), [(b"h2c", 200), (b"websocket", 400), (b"TLS/1.0", 200)])
def test_no_other_protocol_is_spoken(gateway: Server, protocol: bytes, status: int) -> None:
    """Whatever is behind is read as before."""
    asked = first(
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: " + protocol,
        b"HTTP2-Settings: AAMAAABkAAQAAP__",
        method=b"GET",
        path=b"/healthz",
    )
    assert say(gateway.url, asked + HIDDEN).statuses == [status, 200]
