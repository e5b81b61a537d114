"""Requests over real sockets: how each ending is called, and that every wait ends."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.delivery import http, sockets
from app.delivery.deadlines import Deadlines, Exchange
from app.delivery.egress import Address, Egress
from app.delivery.http import Http
from app.delivery.sockets import tls_context
from app.errors import Refusal
from app.providers.wire import Answer, Cause, NoAnswer, Reply
from tests.delivery.wire import Line, playing

#: Short enough for tests to end, long enough for a busy machine.
SHORT = 0.3


class Body:
    """A body of so many bytes, in blocks; calls back before each."""

    def __init__(self, size: int, before: Callable[[int], None] = lambda _left: None) -> None:
        self.len = size
        self._before = before

    def read(self, size: int = -1) -> bytes:
        count = min(self.len, size if size > 0 else self.len)
        if count:
            self._before(self.len)
        self.len -= count
        return count * b"x"


@pytest.fixture
def ask(opened: list[Http]) -> Callable[..., Answer]:
    """Send one request to an address that is allowed."""

    def send(url: str, method: str = "GET", **more: Any) -> Answer:
        deadlines = Deadlines(**{"connect": 5.0, "answer": 5.0, "total": 10.0} | more.pop("deadlines", {}))
        origin = "/".join(url.split("/")[:3])
        session = more.pop("http", None) or Http(Egress((origin,)), context=more.pop("context", None))
        opened.append(session)
        exchange = Exchange(deadlines=deadlines, until=time.monotonic() + deadlines.total)
        return session.ask(exchange, method, url, headers=more.pop("headers", {}), **more)

    return send


Ask = Callable[..., Answer]


def no(cause: Cause, *, released: bool) -> NoAnswer:
    return NoAnswer(cause=cause, released=released)


def test_an_answer_is_read_whole(ask: Ask) -> None:
    def script(line: Line) -> None:
        head, body = line.request()
        assert head.startswith(b"PUT /v2/thing?a=b HTTP/1.1\r\n")
        assert b"authorization: bearer t" in head.lower()
        assert b"accept-encoding: identity" in head.lower()
        assert b"\r\nuser-agent: ventanilla\r\n" in head.lower()
        assert b"\r\naccept: application/json\r\n" in head.lower()
        assert body == 5 * b"x"
        line.answer(b'{"id": 1}', "201 Created", "X-Log-Id: 7")

    with playing(script) as other:
        answer = ask(
            f"{other.url}/v2/thing", "PUT", query={"a": "b"}, headers={"Authorization": "Bearer t"}, body=Body(5)
        )
    assert isinstance(answer, Reply)
    assert (answer.status, answer.headers["x-log-id"], answer.json) == (201, "7", {"id": 1})


def test_nothing_of_the_environment_is_used(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `.netrc` would take the place of our Authorization, and a proxy would see it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    def script(line: Line) -> None:
        head, _ = line.request()
        assert b"Authorization: Bearer t\r\n" in head
        line.answer()

    with playing(script) as other:
        assert isinstance(ask(other.url, headers={"Authorization": "Bearer t"}), Reply)


def test_cookies_are_not_kept(ask: Ask) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer(b"{}", "200 OK", "Set-Cookie: a=b")
        head, _ = line.request()
        assert b"cookie" not in head.lower()
        line.answer()

    with playing(script) as other:
        session = Http(Egress((other.url,)))
        for _ in range(2):
            assert isinstance(ask(other.url, http=session), Reply)


@pytest.mark.attack("ways out", "a provider that redirects to elsewhere", "it is not followed")
def test_a_redirect_is_an_answer_and_not_followed(ask: Ask) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer(b"there", "307 Temporary Redirect", "Location: http://127.0.0.1:9/elsewhere")

    with playing(script) as other:
        answer = ask(other.url, "PUT", body=Body(5))
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body) == (307, b"there")


# No answer


@pytest.mark.attack("ways out", "a provider's address that leads inside", "nothing is connected to")
def test_an_address_that_egress_refuses_is_not_asked(ask: Ask) -> None:
    assert Http(Egress()).ask(
        Exchange(deadlines=Deadlines(), until=time.monotonic() + 1), "GET", "http://127.0.0.1/", headers={}
    ) == no("egress", released=False)


def test_an_address_with_a_password_in_it_is_not_asked() -> None:
    """requests would make an Authorization of it, in the place of ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        exchange = Exchange(deadlines=Deadlines(answer=SHORT), until=time.monotonic() + 1)
        answer = Http(Egress((f"http://{place}",))).ask(exchange, "GET", f"http://a:b@{place}/", headers={})
    assert answer == no("egress", released=False)


@pytest.mark.parametrize("value", ["Bearer t\r\nX: y", "Bearer t…"])
def test_a_header_that_cannot_be_sent_is_not_sent_nor_told(ask: Ask, value: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert ask(url, headers={"Authorization": value}) == no("egress", released=False)


def test_nobody_listens(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert ask(f"http://127.0.0.1:{port}", "PUT", body=Body(5)) == no("connect", released=False)


def test_a_name_that_is_nobodys(ask: Ask) -> None:
    assert ask("http://nobody.invalid") == no("connect", released=False)


def test_a_name_that_has_no_address(ask: Ask) -> None:
    url = "http://nowhere.example"
    assert ask(url, http=Http(Egress((url,), resolve=lambda _host, _port: []))) == no("connect", released=False)


def test_a_resolver_that_hangs_has_the_connections_time(ask: Ask) -> None:
    done = threading.Event()

    def hang(_host: str, _port: int) -> list[Address]:
        done.wait(10)
        return []

    url, began = "http://slow.example", time.monotonic()
    answer = ask(url, http=Http(Egress((url,), resolve=hang)), deadlines={"connect": SHORT})
    assert time.monotonic() - began < 5
    done.set()
    assert answer == no("connect", released=False)


def test_nobody_accepts(ask: Ask) -> None:
    """Its queue is full: the connection neither comes about nor fails."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        with socket.create_connection(deaf.getsockname()):
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            began = time.monotonic()
            assert ask(url, deadlines={"connect": SHORT}) == no("connect", released=False)
            assert time.monotonic() - began < 5


@pytest.mark.attack("ways out", "a provider that never agrees on TLS", "given up in time")
def test_tls_that_is_never_agreed_on_ends(ask: Ask) -> None:
    with playing(Line.gone) as other:
        url = other.url.replace("http:", "https:")
        assert ask(url, deadlines={"connect": SHORT}) == no("connect", released=False)


def test_silence_after_the_request(ask: Ask) -> None:
    def script(line: Line) -> None:
        line.request()
        line.gone()

    with playing(script) as other:
        assert ask(other.url, "PUT", body=Body(5), deadlines={"answer": SHORT}) == no("timeout", released=True)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"], ids=["head", "body"])
def test_a_provider_that_trickles_ends_all_the_same(ask: Ask, beginning: bytes) -> None:
    """Each byte would begin a socket's own timeout anew."""

    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(beginning or b"HTTP/1.1 200 OK\r\nX: ")
        with pytest.raises(OSError):
            while True:
                line.sock.sendall(b"x")
                time.sleep(SHORT / 10)

    with playing(script) as other:
        began = time.monotonic()
        answer = ask(other.url, deadlines={"answer": 2 * SHORT})
        assert time.monotonic() - began < 3
    assert answer == no("timeout", released=True)


def test_all_of_a_delivery_ends(ask: Ask) -> None:
    with playing(Line.gone) as other:
        began = time.monotonic()
        assert ask(other.url, deadlines={"total": SHORT}) == no("timeout", released=True)
        assert time.monotonic() - began < 3


def test_no_time_is_left_to_begin_with(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert ask(url, deadlines={"total": 0.0}) == no("connect", released=False)


def test_a_provider_that_takes_no_more_bytes(ask: Ask) -> None:
    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        done.wait()

    done = threading.Event()
    with playing(script) as other:
        answer = ask(other.url, "PUT", body=Body(64 << 20), deadlines={"answer": SHORT})
        done.set()
    assert answer == no("timeout", released=False)


def test_a_reset_before_the_last_byte(ask: Ask) -> None:
    closed = threading.Event()

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.reset()
        closed.set()

    with playing(script) as other:
        answer = ask(other.url, "PUT", body=Body(5, lambda _left: wait_for(closed)))
    assert answer == no("reset", released=False)


def wait_for(event: threading.Event) -> None:
    assert event.wait(5)


def test_a_reset_after_the_last_byte(ask: Ask) -> None:
    def script(line: Line) -> None:
        line.request()
        line.reset()

    with playing(script) as other:
        assert ask(other.url, "PUT", body=Body(5)) == no("reset", released=True)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "truncated"),
        (b"SSH-2.0-OpenSSH\r\n", "reset"),
        (b"HTTP/1.1 200 OK\r\n" + 200 * b"X: y\r\n" + b"\r\n", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "truncated"),
    ],
)
def test_half_an_answer_is_none(ask: Ask, answer: bytes, cause: Cause) -> None:
    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(answer)
        line.sock.close()

    with playing(script) as other:
        assert ask(other.url, "PUT", body=Body(5)) == no(cause, released=True)


def test_an_answer_without_end_is_none(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_BYTES", 1000)

    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + 200_000 * b"x")
        line.gone()

    with playing(script) as other:
        assert ask(other.url) == no("truncated", released=True)


def test_an_answer_of_the_very_limit_is_read_whole(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 1000
    monkeypatch.setattr(http, "ANSWER_BYTES", len(content))

    def script(line: Line) -> None:
        line.request()
        line.answer(content)

    with playing(script) as other:
        answer = ask(other.url)
    assert isinstance(answer, Reply)
    assert answer.body == content


def test_an_early_refusal_is_heard(ask: Ask) -> None:
    """It answers without having read the body, and closes: sending fails, the answer is there all the same."""

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.answer(b"{}", "413 Content Too Large", "Connection: close")
        line.sock.shutdown(socket.SHUT_WR)
        line.gone()

    with playing(script) as other:
        answer = ask(other.url, "PUT", body=Body(5))
    assert isinstance(answer, Reply)
    assert answer.status == 413


def test_an_early_refusal_is_heard_behind_a_reset(ask: Ask) -> None:
    """It answers and closes with something unread, which resets what is still being sent."""
    closed = threading.Event()

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        assert line.sock.recv(1, socket.MSG_PEEK)
        line.answer(b'{"message": "too large"}', "413 Content Too Large", "Connection: close")
        line.sock.close()
        closed.set()

    def before(left: int) -> None:
        if left < 2 << 20:
            wait_for(closed)

    with playing(script) as other:
        answer = ask(other.url, "PUT", body=Body(2 << 20, before))
    assert isinstance(answer, Reply)
    assert (answer.status, answer.json) == (413, {"message": "too large"})


@pytest.mark.parametrize(("status", "heard"), [("200 OK", False), ("503 Service Unavailable", True)])
def test_a_yes_to_half_a_request_is_no_answer(ask: Ask, status: str, heard: bool) -> None:
    closed = threading.Event()

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.answer(b"{}", status, "Connection: close")
        line.sock.shutdown(socket.SHUT_RDWR)
        line.sock.close()
        closed.set()

    with playing(script) as other:
        answer = ask(other.url, "PUT", body=Body(32 << 20, lambda _left: wait_for(closed)))
    if heard and isinstance(answer, Reply):
        assert answer.status == 503
    else:  # a reset may have overtaken the answer
        assert answer == no("reset", released=False)


def test_what_our_own_reader_raises_is_raised_here(ask: Ask) -> None:
    """Never taken for the provider's failure; and the provider has no complete request."""

    def refuse(_left: int) -> None:
        raise Refusal

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.gone()
        assert not line.received

    with playing(script) as other, pytest.raises(Refusal):
        ask(other.url, "PUT", body=Body(5, refuse))


# Connections that are used again


def two(line: Line) -> None:
    line.request()
    line.answer()
    line.request()
    line.answer()


def one(line: Line) -> None:
    line.request()
    line.answer()
    line.gone()


def test_a_session_keeps_as_many_as_it_says_and_sends_large_blocks() -> None:
    session = Http(Egress())
    kept = session._adapter.poolmanager.connection_pool_kw
    assert (kept["maxsize"], kept["blocksize"]) == (http.POOL, http.SOCKET_BLOCK)
    session.close()


def test_a_warm_connection_is_used_again(ask: Ask) -> None:
    with playing(two) as other:
        session = Http(Egress((other.url,)))
        answers = [ask(other.url, http=session) for _ in range(2)]
    assert all(isinstance(answer, Reply) for answer in answers)


def test_one_that_may_be_stale_is_not(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "FRESH_SECONDS", 0.0)
    with playing(one, one) as other:
        session = Http(Egress((other.url,)))
        answers = [ask(other.url, http=session) for _ in range(2)]
        session.close()
    assert all(isinstance(answer, Reply) for answer in answers)
    assert len(other.lines) == 2


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of a server at 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_carries_it_whole_and_keeps_the_deadlines(ask: Ask, certificate: Path, server_side: ssl.SSLContext) -> None:
    def script(line: Line) -> None:
        _, body = line.request()
        assert len(body) == 3 << 20
        line.answer()
        line.request()
        line.gone()

    with playing(script, context=server_side) as other:
        session = Http(Egress((other.url,)), context=tls_context(str(certificate)))
        assert isinstance(ask(other.url, "PUT", body=Body(3 << 20), http=session), Reply)
        began = time.monotonic()
        assert ask(other.url, http=session, deadlines={"answer": SHORT}) == no("timeout", released=True)
        assert time.monotonic() - began < 5


def test_a_certificate_that_nobody_vouches_for_is_no_connection(ask: Ask, server_side: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLError), playing(Line.gone, context=server_side) as other:
        assert ask(other.url) == no("connect", released=False)
