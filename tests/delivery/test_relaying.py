"""From a client's socket to a provider's, byte by byte: what arrives, when, and what never does."""

from __future__ import annotations

import fcntl
import hashlib
import socket
import sys
import termios
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import pytest

from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.delivery.engine import Engine
from app.delivery.errors import HeldUp, TookTooLong
from app.delivery.http import Http
from app.delivery.passing import Passing
from app.errors import Refusal
from app.intake import Arriving
from app.intake.errors import ClientGone, TooSlow, Truncated
from app.intake.pace import Deadlines as Patience
from app.providers.base import Ending, Outcome
from app.providers.wire import (
    Answer,
    Body,
    FilePart,
    JsonWithFile,
    Multipart,
    NoAnswer,
    Outgoing,
    OutgoingPart,
    Raw,
    Reply,
)
from tests.delivery.arriving import HEAD, SECONDS, TAIL, Client, Watch, arriving, part
from tests.delivery.wire import Line, playing

LARGE = bytes(range(256)) * 1024
HUGE = 64 << 20
PIECE = 1 << 17

Make = Callable[..., Engine]
Steps = Generator[Outgoing, Answer, Any]


def as_multipart(file: FilePart) -> Body:
    return Multipart(parts=(OutgoingPart(name="title", value="A"), OutgoingPart(name="file", file=file)))


def as_json(file: FilePart) -> Body:
    return JsonWithFile(value={"path": "a"}, member="content", file=file)


def as_raw(file: FilePart) -> Body:
    return Raw(file=file)


KINDS = pytest.mark.parametrize("kind", [as_multipart, as_json, as_raw])


@pytest.fixture
def engine() -> Iterator[Make]:
    made: list[Http] = []

    def make(url: str, **more: Any) -> Engine:
        made.append(Http(Egress((url,))))
        deadlines = Deadlines(**{"connect": 5.0, "answer": 10.0, "total": 60.0} | more.pop("deadlines", {}))
        return Engine(made[-1], url, {}, deadlines, **{"mark": lambda _: None, "clock": time.monotonic} | more)

    yield make
    for one in made:
        one.close()


def upload(body: Body) -> Steps:
    return (yield Outgoing(method="POST", path="/files", body=body))


def passing(file: Arriving, watch: Watch | None = None) -> FilePart:
    return part(Passing(file, watch or Watch()), file.size)


def told_gone(line: Line) -> None:
    """Take what comes until the gateway leaves; it said how much it would be."""
    head = line.until(b"\r\n\r\n")
    length = next(int(one.split(b":")[1]) for one in head.lower().split(b"\r\n") if b"content-length" in one)
    line.gone()
    assert len(line.received) < length


@KINDS
def test_a_file_arrives_while_the_client_is_still_sending(engine: Make, kind: Callable[[FilePart], Body]) -> None:
    """The client sends its second half only when the provider has seen of the first."""
    half = len(LARGE) // 2
    seen = threading.Event()
    got = b""

    def script(line: Line) -> None:
        nonlocal got
        line.until(b"\r\n\r\n")
        line.until(b64encode(LARGE[:3]) if kind is as_json else LARGE[:4])
        seen.set()
        line.until(b64encode(LARGE[-4:-1])[-3:] if kind is as_json else LARGE[-4:])
        if kind is not as_raw:
            got = line.until(b'"}' if kind is as_json else b"--\r\n")
        line.answer()

    watch = Watch()
    with playing(script) as other, arriving(len(LARGE)) as (file, client):
        assert not file.whole
        client.send(LARGE[:half])

        def go_on() -> None:
            assert seen.wait(5)
            client.send(LARGE[half:] + TAIL)

        client.pour(b"", go_on)
        answer = engine(other.url).drive(upload(kind(passing(file, watch))))
    assert isinstance(answer, Reply)
    assert watch.seen == LARGE


@KINDS
@pytest.mark.parametrize("size", [1, 2, 3, 1000, len(LARGE)])
def test_the_provider_gets_the_very_bytes(engine: Make, kind: Callable[[FilePart], Body], size: int) -> None:
    content = LARGE[:size]
    got = b""

    def script(line: Line) -> None:
        nonlocal got
        got = line.request()[1]
        line.answer()

    with playing(script) as other, arriving(size) as (file, client):
        client.pour(content + TAIL)
        source = Passing(file, Watch())
        engine(other.url).drive(upload(kind(part(source, file.size))))
        assert source.sha256 == hashlib.sha256(content).hexdigest()
        assert source.facts == {"bytes": size}
    if kind is as_raw:
        assert got == content
    elif kind is as_json:
        assert got == b'{"path": "a", "content": "' + b64encode(content) + b'"}'
    else:
        boundary = got.partition(b"\r\n")[0]
        assert got == (
            boundary + b'\r\nContent-Disposition: form-data; name="title"\r\n\r\nA\r\n' + boundary + b"\r\n"
            b'Content-Disposition: form-data; name="file"; filename="f.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n" + boundary + b"--\r\n"
        )


def refusing_mark(_outgoing: Outgoing) -> None:
    raise Refusal


#: What can be wrong at the very end: what is sent as the last bytes, the watch, the mark.
ENDINGS: dict[str, tuple[bytes, dict[str, Any], dict[str, Any]]] = {
    "a check at the last byte": (TAIL, {"refuse_at": len(LARGE)}, {}),
    "a check of the whole": (TAIL, {"refuse_at_end": True}, {}),
    "the mark": (TAIL, {}, {"mark": refusing_mark}),
    "a body without its end": (b"\r\n--Bxxxx", {}, {}),
    "another part": (b"\r\n--B\r\n" + HEAD[5:] + b"x" + TAIL, {}, {}),
    "a missing line break": (TAIL[:-2], {}, {}),
}


@KINDS
@pytest.mark.parametrize(("tail", "watch", "more"), ENDINGS.values(), ids=ENDINGS)
def test_what_is_refused_at_the_last_byte_is_never_complete(
    engine: Make, kind: Callable[[FilePart], Body], tail: bytes, watch: dict[str, Any], more: dict[str, Any]
) -> None:
    told: list[Answer] = []

    def deliver(body: Body) -> Steps:
        told.append((yield Outgoing(method="POST", path="/files", body=body)))
        return Outcome(ending=Ending.FAILED)

    with playing(told_gone) as other, arriving(len(LARGE), tail=tail) as (file, client):
        client.pour(LARGE + tail)
        made = engine(other.url, **more)
        with pytest.raises(Refusal):
            made.drive(deliver(kind(passing(file, Watch(**watch)))))
        assert not made.sent
        assert made.taken_back == Outcome(ending=Ending.FAILED)
    assert told == [NoAnswer(cause="withdrawn", released=False)]


@KINDS
@pytest.mark.parametrize("leave", [Client.finish, Client.reset], ids=["FIN", "RST"])
def test_a_client_that_leaves_before_its_last_byte_completes_nothing(
    engine: Make, kind: Callable[[FilePart], Body], leave: Callable[[Client], None]
) -> None:
    with playing(told_gone) as other, arriving(len(LARGE)) as (file, client):
        client.pour(LARGE + TAIL[:-1], lambda: leave(client))
        with pytest.raises(Refusal):
            engine(other.url).drive(upload(kind(passing(file))))


def test_a_client_that_is_too_slow_ends_the_request(engine: Make) -> None:
    with (
        playing(told_gone) as other,
        arriving(len(LARGE), deadlines=Patience(idle=0.05, grace=0.05)) as (file, client),
    ):
        client.send(LARGE[:-1])
        with pytest.raises(TooSlow):
            engine(other.url).drive(upload(as_raw(passing(file))))


# A provider that does not read


def deaf(done: threading.Event, begun: threading.Event | None = None) -> Callable[[Line], None]:
    """Take the head and not another byte, until `done`."""

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        if begun:
            begun.set()
        assert done.wait(10)

    return script


def test_a_provider_that_takes_no_byte_ends_as_timeout_before_the_tail(engine: Make) -> None:
    done = threading.Event()
    with playing(deaf(done)) as other, arriving(HUGE) as (file, client):
        client.pour(HUGE * b"x" + TAIL)
        answer = engine(other.url, deadlines={"answer": 0.3}).drive(upload(as_multipart(passing(file))))
        # The client was held up: kernels keep some, we at most two blocks of it.
        assert client.sent < HUGE // 2
        done.set()
    assert answer == NoAnswer(cause="timeout", released=False)


def count(sock: socket.socket, which: int) -> int:
    """Bytes that the kernel holds for a socket: to be read, or not yet taken by the other side."""
    return int.from_bytes(fcntl.ioctl(sock, which, bytes(4)), sys.byteorder)


@pytest.mark.parametrize("leave", [Client.finish, Client.reset], ids=["FIN", "RST"])
def test_a_client_that_leaves_while_the_provider_is_waited_for_is_noticed_at_once(
    engine: Make, leave: Callable[[Client], None]
) -> None:
    """It sends until the gateway takes no more. (A FIN comes after all that was sent: some room has to be left.)

    Where the kernels had room for that much after all, it is the reading that comes upon the end, and as soon.
    """
    done = threading.Event()

    def script(line: Line) -> None:
        deaf(done)(line)
        line.gone()
        assert len(line.received) < HUGE

    def fill_and_leave(client: Client, ours: socket.socket) -> None:
        until = time.monotonic() + SECONDS
        while count(ours, termios.FIONREAD) < PIECE // 2:
            client.send(PIECE * b"x")
            while count(client.sock, termios.TIOCOUTQ):
                assert time.monotonic() < until
                time.sleep(0.001)  # the kernel has no event for it
        leave(client)

    with playing(script) as other, arriving(HUGE) as (file, client):
        assert file.body.connection
        client.pour(b"", partial(fill_and_leave, client, file.body.connection))
        began = time.monotonic()
        with pytest.raises((ClientGone, Truncated)):
            engine(other.url, deadlines={"answer": 60.0}).drive(upload(as_raw(passing(file))))
        assert time.monotonic() - began < SECONDS
        done.set()


def test_all_of_the_time_ends_in_waiting_for_the_provider(engine: Make) -> None:
    """It has less of it than the provider has for the next byte."""
    done = threading.Event()
    with playing(deaf(done)) as other, arriving(HUGE) as (file, client):
        client.pour(HUGE * b"x" + TAIL)
        with pytest.raises(HeldUp):
            engine(other.url, deadlines={"total": 0.3}).drive(upload(as_multipart(passing(file))))
        done.set()


def test_all_of_the_time_ends_in_waiting_for_the_client(engine: Make) -> None:
    """What it then sends is not passed on any more, be it the end; what was begun can still be taken back."""
    now = [1000.0]

    def first(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.until(LARGE[:4])
        now[0] += 61.0
        client.send(LARGE[len(LARGE) // 2 :] + TAIL)
        line.gone()
        assert len(line.received) < len(LARGE)

    def second(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.answer()

    def deliver(body: Body) -> Steps:
        answer = yield Outgoing(method="PUT", path="/file", body=body)
        assert answer == NoAnswer(cause="withdrawn", released=False)
        gone = yield Outgoing(method="DELETE", path="/records/1")
        assert isinstance(gone, Reply)
        return Outcome(ending=Ending.FAILED, empty_record="deleted")

    with playing(first, second) as other, arriving(len(LARGE)) as (file, client):
        client.send(LARGE[: len(LARGE) // 2])
        made = engine(other.url, clock=lambda: now[0])
        with pytest.raises(TookTooLong) as caught:
            made.drive(deliver(as_raw(passing(file))))
    assert type(caught.value) is TookTooLong
    assert made.taken_back


def test_what_was_all_sent_in_time_can_be_looked_for_afterwards(engine: Make) -> None:
    now = [1000.0]

    def late(line: Line) -> None:
        line.until(b"\r\n\r\n")
        while len(line.received) < len(LARGE):
            line._more()
        now[0] += 61.0  # more than there is in all; fewer than there are for an answer
        line.answer()
        line.until(b"GET /file")
        line.answer()

    def deliver(body: Body) -> Steps:
        first = yield Outgoing(method="PUT", path="/file", body=body)
        return first, (yield Outgoing(method="GET", path="/file"))

    with playing(late) as other, arriving(len(LARGE)) as (file, client):
        client.pour(LARGE + TAIL)
        made = engine(other.url, clock=lambda: now[0], deadlines={"answer": 100.0})
        answers = made.drive(deliver(as_raw(passing(file))))
    assert all(isinstance(answer, Reply) for answer in answers)


def test_a_client_that_has_sent_all_is_free_to_go(engine: Make) -> None:
    """Its end of the connection is closed before the provider has read anything."""
    size = 4 << 20
    begun, left = threading.Event(), threading.Event()
    got = 0

    def script(line: Line) -> None:
        nonlocal got
        line.until(b"\r\n\r\n")
        begun.set()
        assert left.wait(10)
        while len(line.received) < size:
            line._more()
        got = len(line.received)
        line.answer()

    def leave(client: Client) -> None:
        client.finish()
        left.set()

    with playing(script) as other, arriving(size) as (file, client):
        client.pour(size * b"x" + TAIL, lambda: leave(client))
        answer = engine(other.url).drive(upload(as_raw(passing(file))))
    assert isinstance(answer, Reply)
    assert got == size


# What is called when


def test_before_comes_first_and_the_mark_before_the_last_block(engine: Make) -> None:
    told: list[str] = []
    marked = threading.Event()

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        told.append("head")
        while len(line.received) < len(LARGE) - 1:
            line._more()
        told.append("all but the last")
        assert not marked.is_set()
        finish.set()
        line.until(LARGE[-8:])
        line.answer()

    def mark(_outgoing: Outgoing) -> None:
        told.append("mark")
        marked.set()

    finish = threading.Event()

    def go_on() -> None:
        assert finish.wait(5)
        client.send(LARGE[-1:] + TAIL)

    with playing(script) as other, arriving(len(LARGE)) as (file, client):
        client.pour(LARGE[:-1], go_on)
        made = engine(other.url, before=lambda _: told.append("before"), mark=mark)
        made.drive(upload(as_raw(passing(file))))
    assert told == ["before", "head", "all but the last", "mark"]


def test_a_file_that_is_whole_has_its_mark_alone(engine: Make) -> None:
    told: list[str] = []

    def script(line: Line) -> None:
        line.request()
        line.answer()

    with playing(script) as other, arriving(5) as (file, client):
        client.send(b"small" + TAIL)
        made = engine(other.url, before=lambda _: told.append("before"), mark=lambda _: told.append("mark"))
        made.drive(upload(as_raw(passing(file))))
    assert told == ["mark"]


def test_what_was_begun_is_taken_back(engine: Make) -> None:
    """The generator is told, may clean up, and what it returns is kept beside the refusal."""
    asked: list[bytes] = []

    def first(line: Line) -> None:
        asked.append(line.request()[0])
        line.answer()
        told_gone(line)

    def second(line: Line) -> None:
        asked.append(line.request()[0])
        line.answer()

    def deliver(body: Body) -> Steps:
        yield Outgoing(method="POST", path="/records")
        answer = yield Outgoing(method="PUT", path="/file", body=body)
        assert answer == NoAnswer(cause="withdrawn", released=False)
        gone = yield Outgoing(method="DELETE", path="/records/1")
        assert isinstance(gone, Reply)
        return Outcome(ending=Ending.FAILED, empty_record="deleted")

    now = [1000.0]

    def clock() -> float:
        return now[0]

    def late(_outgoing: Outgoing) -> None:
        now[0] += 59.9  # there is hardly any time left, but to clean up there is
        raise Refusal

    with playing(first, second) as other, arriving(len(LARGE)) as (file, client):
        client.pour(LARGE + TAIL)
        made = engine(other.url, mark=late, clock=clock)
        with pytest.raises(Refusal):
            made.drive(deliver(as_raw(passing(file))))
        assert made._until > 1060.0
    assert made.taken_back == Outcome(ending=Ending.FAILED, empty_record="deleted")
    assert [head.split(b" ")[0] for head in asked] == [b"POST", b"DELETE"]
