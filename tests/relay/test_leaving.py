"""A client that leaves ends what was begun for it, at once; one that has sent all is free to go.

And what is left behind: the connection that it came by, and the personal link that it came through.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self
from urllib.parse import urlsplit

import pytest

from app.database import Database, utcnow
from app.local.processes import wait_until
from app.providers.operation import MIB
from app.tenants import forms, links
from app.tenants.models import Form, Link
from app.tenants.vault import Vault
from tests.acceptance.customer import Customer
from tests.relay.ending import (
    KINDS,
    LARGE,
    WAYS,
    audited,
    became,
    never_whole,
    order,
    taken,
    taken_back,
    under_way,
    unread,
    upload_of,
)
from tests.relay.files import SPOILT
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION
from tests.relay.sending import Sending, ask
from tests.servers import Sandbox, Server

pytestmark = pytest.mark.live

#: At once: the provider could be waited for for 30 seconds, and the client for 20.
AT_ONCE: Final = 5.0
PIECE: Final = 1 << 16


def resets(sending: Sending) -> None:
    """What it has not sent is never sent."""
    sending.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sending.connection.close()


def finishes(sending: Sending) -> None:
    """It says that nothing more will come, and is still there to listen."""
    sending.socket.shutdown(socket.SHUT_WR)


Leave = pytest.mark.parametrize("leave", [resets, finishes])


@pytest.fixture
def patient(gateway: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    """A house behind a gateway that waits as long as it does in life."""
    sandbox.clear()
    yield House.build(gateway, sandbox, database, vault)
    sandbox.clear()


# In the middle


@Leave
@pytest.mark.parametrize("way", WAYS)
def test_while_it_is_sending(patient: House, way: str, leave: Callable[[Sending], None]) -> None:
    house, sample = patient, WAYS[way]
    before = under_way(house, sample)
    with sample.sending(house) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: any(one["bytes"] for one in sample.arrivals(house)), AT_ONCE)
        carries = under_way(house, sample) - before
        leave(sending)
        assert wait_until(lambda: bool(carries - under_way(house, sample)), AT_ONCE)
        assert became(house, "cancelled", AT_ONCE)
    assert never_whole(house, sample)
    if way == "presigned":
        assert taken_back(house)


@Leave
@pytest.mark.parametrize("way", LARGE)
def test_while_the_provider_takes_nothing(patient: House, way: str, leave: Callable[[Sending], None]) -> None:
    """Nothing more is read of it then. (A FIN comes behind all that was sent: room has to be left for it.)"""
    house, sample = patient, WAYS[way]
    house.sandbox.fault(**order(house, sample), action="stall", after_bytes=1000)
    before = under_way(house, sample)
    with sample.sending(house) as sending:
        sending.give(2 * PIECE)
        assert wait_until(lambda: any(one["bytes"] == 1000 for one in sample.arrivals(house)), AT_ONCE)
        while unread(sending) < PIECE // 2:
            assert sending.sent < len(sending.body), "the network took all of it"
            sending.give(min(sending.sent + PIECE, len(sending.body)))
            assert taken(sending.socket)
        carries = under_way(house, sample) - before
        leave(sending)
        assert wait_until(lambda: bool(carries - under_way(house, sample)), AT_ONCE)
        assert became(house, "cancelled", AT_ONCE)
    assert never_whole(house, sample)
    if way == "presigned":
        assert taken_back(house)


@Leave
def test_while_the_provider_says_where_to(patient: House, leave: Callable[[Sending], None]) -> None:
    """That is waited for: else nobody knew whether there is a record, to take it back. The file does not go there."""
    house, sample = patient, WAYS["presigned"]
    house.sandbox.fault(
        provider="formkiq", method="POST", path="/formkiq/documents/upload", action="delay", seconds=1.0
    )
    with sample.sending(house) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: bool(house.sandbox.ledger("formkiq", complete=True)), AT_ONCE)
        leave(sending)
        assert became(house, "cancelled", 1.0 + AT_ONCE)
    assert sample.arrivals(house, complete=True) == []
    assert taken_back(house)
    assert audited(house).count("upload.empty_record_deleted") == 1


# After its last byte


@Leave
@pytest.mark.parametrize("way", WAYS)
def test_after_its_last_byte(patient: House, way: str, leave: Callable[[Sending], None]) -> None:
    """The provider is still at work on it."""
    house, sample = patient, WAYS[way]
    house.sandbox.fault(**order(house, sample), action="delay", seconds=0.5)
    with sample.sending(house) as sending:
        sending.give()
        assert taken(sending.socket)
        leave(sending)
        assert became(house, "delivered")
    assert len(sample.arrivals(house, complete=True)) == 1


@pytest.mark.parametrize("way", KINDS)
def test_one_that_only_finishes_is_told(patient: House, way: str) -> None:
    house, sample = patient, WAYS[way]
    with sample.sending(house) as sending:
        sending.give()
        finishes(sending)
        answer = sending.answer()
    assert (answer.status, answer.body["id"]) == (201, str(upload_of(house).id))


# The connection that it came by


def small(house: House) -> bytes:
    """A whole request that hands something small in."""
    return whole(Sending(house, "flatfile/file", files={"file": ("a.csv", "text/csv", b"a,b\n1,2\n")}))


def whole(sending: Sending) -> bytes:
    """A request as it is on the wire."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "gateway", **sending._headers}.items())
    return f"POST {sending._path} HTTP/1.1\r\n{headers}\r\n".encode() + sending.body


@dataclass(kw_only=True)
class Wire:
    """A client that sends what it likes and reads one answer after the other."""

    sock: socket.socket
    held: bytes = b""

    @classmethod
    def to(cls, house: House) -> Self:
        at = urlsplit(house.gateway.url)
        return cls(sock=socket.create_connection((at.hostname or "", at.port or 80), timeout=30))

    def answer(self) -> tuple[int, bool] | None:
        """The next answer's status, and whether the connection is closed behind it; None where there is none."""
        while b"\r\n\r\n" not in self.held:
            if not self._more():
                return None
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while len(self.held) < int(headers["content-length"]):
            assert self._more()
        self.held = self.held[int(headers["content-length"]) :]
        return int(lines[0].split()[1]), headers.get("connection") == "close"

    def _more(self) -> bool:
        try:
            block = self.sock.recv(PIECE)
        except ConnectionResetError:
            block = b""
        self.held += block
        return bool(block)


def spoilt(house: House, size: int) -> Sending:
    filename, content_type, content = BY_OPERATION["flatfile/file"].file(size)
    files = {"file": (filename, content_type, SPOILT["csv"](content))}
    return Sending(house, "flatfile/file", files=files)


def of_another_type(house: House, size: int) -> Sending:
    """Refused for its first bytes."""
    files = {"file": ("a.csv", "text/csv", b"\x89PNG\r\n\x1a\n" + bytes(size))}
    return Sending(house, "flatfile/file", files=files)


def to_nowhere(house: House, size: int) -> Sending:
    """Refused for its headers."""
    return Sending(house, "flatfile/nothing", files={"file": ("a.csv", "text/csv", size * b"a")})


REFUSED: Final[tuple[tuple[Callable[[House, int], Sending], int], ...]] = (
    (spoilt, 422),
    (of_another_type, 415),
    (to_nowhere, 404),
)


@pytest.mark.parametrize("size", [5000, 8 * MIB])
@pytest.mark.parametrize(("refused", "status"), REFUSED, ids=lambda one: getattr(one, "__name__", one))
def test_after_a_refusal_the_next_request_is_read_right_or_not_at_all(
    patient: House, refused: Callable[[House, int], Sending], status: int, size: int
) -> None:
    house = patient
    wire = Wire.to(house)
    wire.sock.sendall(whole(refused(house, size)))
    answer = wire.answer()
    assert answer
    assert answer[0] == status
    if answer[1]:
        assert wire.answer() is None
    else:
        wire.sock.sendall(small(house))
        assert wire.answer() == (201, False)
    wire.sock.close()


def test_what_follows_a_whole_upload_on_its_connection_is_the_next_request(patient: House) -> None:
    """It is there already while the file is still on its way, in one piece with its end."""
    house = patient
    wire = Wire.to(house)
    large = whole(Sending(house, "flatfile/file", files={"file": BY_OPERATION["flatfile/file"].file(3 * MIB)}))
    wire.sock.sendall(large + small(house) + b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
    assert [wire.answer() for _ in range(3)] == [(201, False), (201, False), (200, False)]
    wire.sock.close()
    arrivals = BY_OPERATION["flatfile/file"].arrivals(house, complete=True)
    assert len(arrivals) == 2


# The personal link that it came through


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A link into a form for a file that is sent on while it arrives."""

    house: House
    link: Link
    address: str

    @classmethod
    def open_at(cls, house: House) -> Self:
        with house.database.transaction(house.organization.id) as session:
            form: Form = forms.add(
                session,
                organization_id=house.organization.id,
                connection_id=house.connections["flatfile"].id,
                operation="flatfile/file",
                open=True,
                settings={"durable": False},
            )
            link, token = links.create(session, form=form, expires_at=utcnow() + timedelta(hours=1))
        return cls(house=house, link=link, address=f"{house.gateway.url}/l/{token}")

    def sending(self, content: bytes) -> Sending:
        """Open the page and begin to send it."""
        house = self.house
        customer = Customer(origin=house.gateway.url)
        customer.session.trust_env = False
        page = customer.open(self.address)
        cookies = "; ".join(f"{one.name}={one.value}" for one in customer.session.cookies)
        headers = {"Cookie": cookies, "Origin": house.gateway.url, "Sec-Fetch-Site": "same-origin"}
        files = {"file": ("tabla.csv", "text/csv", content)}
        at = urlsplit(page.address).path
        return Sending(house, "flatfile/file", files=files, fields=page.hidden(), at=at, headers=headers)

    @property
    def uses(self) -> int:
        with self.house.database.transaction(self.house.organization.id) as session:
            return session.get_one(Link, self.link.id).uses


@pytest.fixture
def counter(patient: House) -> Counter:
    return Counter.open_at(patient)


def status_of(sending: Sending) -> int:
    response: http.client.HTTPResponse = sending.connection.getresponse()
    response.read()
    return response.status


def test_a_use_counts_when_the_file_arrived(patient: House, counter: Counter) -> None:
    with counter.sending(BY_OPERATION["flatfile/file"].file()[2]) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: counter.uses == 1, AT_ONCE), "while it is on its way, nobody else may have it"
        assert status_of(sending.give()) == 303
    assert became(patient, "delivered")
    assert counter.uses == 1


@Leave
def test_a_client_that_left_has_not_used_it(patient: House, counter: Counter, leave: Callable[[Sending], None]) -> None:
    with counter.sending(BY_OPERATION["flatfile/file"].file()[2]) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: counter.uses == 1, AT_ONCE)
        leave(sending)
        assert became(patient, "cancelled", AT_ONCE)
    assert counter.uses == 0


ENDINGS: Final[tuple[tuple[str, dict[str, Any], int], ...]] = (
    ("failed", {"action": "status", "status": 429}, 0),
    ("failed", {"action": "reset", "after_bytes": 1000}, 0),
    ("unknown", {"action": "stall", "after_bytes": 1 << 40}, 1),
)


@pytest.mark.parametrize(("state", "fault", "uses"), ENDINGS, ids=["429", "reset", "no answer"])
def test_a_use_is_given_back_unless_something_may_have_arrived(
    house: House, state: str, fault: dict[str, Any], uses: int
) -> None:
    counter = Counter.open_at(house)
    house.sandbox.fault(**order(house, WAYS["flatfile"]), **fault)
    with counter.sending(BY_OPERATION["flatfile/file"].file()[2]) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: any(one["bytes"] >= 1000 for one in WAYS["flatfile"].arrivals(house)), AT_ONCE)
        status_of(sending.give())
    assert became(house, state)
    assert counter.uses == uses


def test_what_is_refused_at_its_end_has_not_used_it(patient: House, counter: Counter) -> None:
    content = SPOILT["csv"](BY_OPERATION["flatfile/file"].file()[2])
    with counter.sending(content) as sending:
        assert status_of(sending.give()) == 422
    assert became(patient, "rejected")
    assert counter.uses == 0


def test_the_record_tells_who_asks_for_it(patient: House) -> None:
    """Who left can find out later what became of it."""
    house, sample = patient, WAYS["flatfile"]
    with sample.sending(house) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: bool(sample.arrivals(house)), AT_ONCE)
        resets(sending)
    assert became(house, "cancelled", AT_ONCE)
    shown = ask(house, "GET", f"/api/v1/uploads/{upload_of(house).id}").body
    assert (shown["state"], shown["attempts"][0]["problem"]) == ("cancelled", "client-gone")
