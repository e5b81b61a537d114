from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask

from app.seeing import ids

HEX = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def lines(app: Flask) -> Iterator[io.StringIO]:
    """What the gateway logs."""
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    former = handler.setStream(written := io.StringIO())
    yield written
    handler.setStream(former)
    ids.end()


@pytest.mark.parametrize(
    ("said", "believed"),
    [
        (HEX, True),
        ("0198f0c2-5b1a-7c3e-8f00-aabbccddeeff", True),
        (None, False),
        ("", False),
        ("short", False),
        ("vnt_0123456789abcdef0123", False),
        (HEX + "\nrequest=forged", False),
        ("a" * 65, False),
    ],
)
def test_what_a_request_is_known_as(said: str | None, believed: bool) -> None:
    known = ids.known_as(said)
    assert (known == said) is believed
    assert believed or UUID(known).version == 7


def test_each_request_gets_an_id_of_its_own_and_gives_it_back(app: Flask) -> None:
    client = app.test_client()
    first, second = (client.get("/healthz").headers["X-Request-ID"] for _ in range(2))
    assert UUID(first).version == UUID(second).version == 7
    assert first != second


@pytest.mark.attack("ways in", "a request id of the client's own making", "not taken")
@pytest.mark.parametrize(("peer", "believed"), [("127.0.0.1", True), ("203.0.113.9", False), ("", True)])
def test_an_id_is_taken_from_our_own_proxies_alone(app: Flask, peer: str, believed: bool) -> None:
    answer = app.test_client().get("/healthz", headers={"X-Request-ID": HEX}, environ_base={"REMOTE_ADDR": peer})
    assert (answer.headers["X-Request-ID"] == HEX) is believed


def test_all_lines_of_a_request_have_its_id(app: Flask, lines: io.StringIO) -> None:
    """Also where it breaks."""

    @app.get("/breaks")
    def breaks() -> str:
        logging.getLogger("library").warning("in the middle")
        raise RuntimeError("of ours")

    app.test_client().get("/breaks", headers={"X-Request-ID": HEX}).close()
    logging.getLogger("library").warning("after it")

    written = lines.getvalue()  # for people, as in the demo
    told = [line for line in written.splitlines() if "in the middle" in line or "request failed" in line]
    told += [line for line in written.splitlines() if "rule=/breaks" in line]
    assert len(told) >= 3
    assert all(f"request={HEX}" in line for line in told)
    (after,) = (line for line in written.splitlines() if "after it" in line)
    assert HEX not in after


def test_what_is_bound_ends() -> None:
    ids.begin(HEX)
    with ids.bound(upload="u1", job=7):
        assert ids.current() == {"request": HEX, "upload": "u1", "job": "7"}
    ids.bind(organization=None, upload="u2")
    assert (ids.current(), ids.request_id()) == ({"request": HEX, "upload": "u2"}, HEX)
    ids.end()
    assert (ids.current(), ids.request_id()) == ({}, None)
