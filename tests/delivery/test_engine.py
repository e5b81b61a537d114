"""A generator's requests over a real socket: what goes out, when the mark is set, what comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.delivery.engine import Engine, SecondFile
from app.delivery.http import ANSWER_BLOCK, Http
from app.errors import Refusal
from app.intake import CollectedFile
from app.providers.wire import Answer, FilePart, Json, Multipart, NoAnswer, Outgoing, OutgoingPart, Raw, Reply
from tests.delivery.wire import Line, playing

SOURCE = CollectedFile(name="file", filename="f", content_type="a/b", content=b"abcd", sha256="")
FILE = FilePart(name="file", filename="año “1”.pdf", content_type="application/pdf", size=4, source=SOURCE)
BODY = Multipart(parts=(OutgoingPart(name="file", file=FILE),))
UPLOAD = Outgoing(method="PUT", path="/file", body=BODY, baseline={"seen": 1})

Steps = Generator[Outgoing, Answer, Any]
Make = Callable[..., Engine]


@pytest.fixture
def engine() -> Iterator[Make]:
    made: list[Http] = []

    def make(url: str, **more: Any) -> Engine:
        made.append(Http(Egress((url,))))
        return Engine(made[-1], f"{url}/v2", {"Authorization": "Bearer t"}, Deadlines(), clock=time.monotonic, **more)

    yield make
    for one in made:
        one.close()


def steps(*outgoing: Outgoing) -> Steps:
    """Ask for each in turn, and return the answers."""
    answers = []
    for one in outgoing:
        answers.append((yield one))  # noqa: PERF401 - a comprehension cannot yield
    return answers


def test_each_answer_goes_back_in(engine: Make) -> None:
    def script(line: Line) -> None:
        for number in (b"1", b"2"):
            head, _ = line.request()
            assert head.startswith(b"GET /v2/thing?n=" + number + b" HTTP/1.1\r\n")
            assert b"Authorization: Bearer t\r\n" in head
            line.answer(number)

    asked = (Outgoing(method="GET", path="/thing", query={"n": number}) for number in "12")
    with playing(script) as other:
        answers = engine(other.url).drive(steps(*asked))
    assert [one.json for one in answers] == [1, 2]


def test_json_goes_as_json(engine: Make) -> None:
    def script(line: Line) -> None:
        head, body = line.request()
        assert b"Content-Type: application/json\r\n" in head
        assert body == b'{"name": "A"}'
        line.answer()

    with playing(script) as other:
        engine(other.url).drive(steps(Outgoing(method="POST", path="/things", body=Json(value={"name": "A"}))))


def test_files_and_secrets_go_as_parts(engine: Make) -> None:
    parts = (
        OutgoingPart(name="file", file=FILE),
        OutgoingPart(name="named", file=FILE, filename="other.bin", content_type="application/octet-stream"),
        OutgoingPart(name="password", value=SecretStr("contraseña")),
        OutgoingPart(name="title", value="A"),
        OutgoingPart(name="nothing"),
    )
    got = b""

    def script(line: Line) -> None:
        nonlocal got
        got = line.request()[1]
        line.answer()

    with playing(script) as other:
        engine(other.url, mark=lambda _: None).drive(
            steps(Outgoing(method="PUT", path="/", body=Multipart(parts=parts)))
        )
    pieces = [piece.strip(b"\r\n") for piece in got.split(got.split(b"\r\n")[0])[1:-1]]
    assert pieces == [
        'Content-Disposition: form-data; name="file"; filename="año “1”.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\nabcd".encode(),
        (
            b'Content-Disposition: form-data; name="named"; filename="other.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\nabcd"
        ),
        'Content-Disposition: form-data; name="password"\r\n\r\ncontraseña'.encode(),
        b'Content-Disposition: form-data; name="title"\r\n\r\nA',
        b'Content-Disposition: form-data; name="nothing"',
    ]


def test_the_mark_is_set_once_before_any_of_the_file_leaves(engine: Make) -> None:
    marked: list[Outgoing] = []

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        assert b"abcd" not in line.received or marked
        line.until(b"--\r\n")
        line.answer()

    def mark(outgoing: Outgoing) -> None:
        assert not made.sent
        marked.append(outgoing)

    two = (OutgoingPart(name="file", file=FILE), OutgoingPart(name="second", file=FILE))
    with playing(script) as other:
        made = engine(other.url, mark=mark)
        made.drive(steps(Outgoing(method="PUT", path="/file", body=Multipart(parts=two), baseline={"seen": 1})))
        assert made.sent
    assert [one.baseline for one in marked] == [{"seen": 1}]


def test_a_mark_that_fails_keeps_the_file_from_leaving(engine: Make) -> None:
    closed: list[str] = []

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.gone()
        assert b"abcd" not in line.received

    def refuse(_outgoing: Outgoing) -> None:
        raise Refusal

    def closing() -> Steps:
        try:
            yield UPLOAD
        finally:
            closed.append("generator")

    generator = closing()
    with playing(script) as other, pytest.raises(Refusal):
        made = engine(other.url, mark=refuse)
        made.drive(generator)
    assert not made.sent
    assert closed == ["generator"]


def test_a_fault_before_the_mark_sets_none(engine: Make) -> None:
    marked: list[Outgoing] = []
    (answer,) = engine("http://127.0.0.1:9", mark=marked.append).drive(steps(UPLOAD))
    assert answer == NoAnswer(cause="connect", released=False)
    assert not marked


def test_a_file_goes_once(engine: Make) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer()

    with playing(script) as other, pytest.raises(SecondFile, match="/file"):
        engine(other.url, mark=lambda _: None).drive(steps(UPLOAD, UPLOAD))


def test_a_generator_that_looks_sends_no_file(engine: Make) -> None:
    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.gone()

    with playing(script) as other, pytest.raises(SecondFile, match="/file"):
        engine(other.url).drive(steps(UPLOAD))


def test_all_requests_share_one_deadline(engine: Make) -> None:
    now = [0.0]
    made = engine("http://127.0.0.1:9")
    made._clock, made._until = (lambda: now[0]), 60.0
    now[0] = 61.0
    assert made.drive(steps(Outgoing(method="GET", path="/"))) == [NoAnswer(cause="connect", released=False)]


def test_the_deadline_is_its_own_clocks(engine: Make) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer()

    with playing(script) as other:
        made = engine(other.url)
        made._clock, made._until = (lambda: 0.0), 1.0
        (answer,) = made.drive(steps(Outgoing(method="GET", path="/")))
    assert isinstance(answer, Reply)


def test_nothing_asked_is_nothing_sent(engine: Make) -> None:
    def nothing() -> Steps:
        return Reply(status=200, body=b"")
        yield

    assert engine("http://127.0.0.1:9").drive(nothing()).status == 200


# Whole addresses


TARGET = "/bucket/a%7eb~c%2Fd+e/%E2%82%ac%20x?X-Amz-Signature=a%2Bb+c%7E&empty=&X-Amz-Date=20260101T000000Z&q=%41"


@pytest.mark.parametrize("body", [None, Raw(file=FILE)])
def test_a_whole_address_is_asked_byte_for_byte_and_without_the_credential(engine: Make, body: Raw | None) -> None:
    got = b""

    def script(line: Line) -> None:
        nonlocal got
        got = line.request()[0]
        line.answer()

    with playing(script) as other:
        outgoing = Outgoing(method="PUT", url=other.url + TARGET, headers={"x-amz-meta": "1"}, body=body)
        (answer,) = engine(other.url, mark=lambda _: None).drive(steps(outgoing))
    assert isinstance(answer, Reply)
    assert got.startswith(b"PUT " + TARGET.encode() + b" HTTP/1.1\r\n")
    assert b"\r\nx-amz-meta: 1\r\n" in got
    assert b"authorization" not in got.lower()
    assert b"content-type" not in got.lower()
    assert got.lower().count(b"\r\nhost: 127.0.0.1:") == 1


@pytest.mark.parametrize(("written", "asked"), [("", b"/"), ("?a=b", b"/?a=b"), ("//x", b"//x")])
def test_an_address_without_a_path_has_one(engine: Make, written: str, asked: bytes) -> None:
    def script(line: Line) -> None:
        assert line.request()[0].startswith(b"GET " + asked + b" HTTP/1.1\r\n")
        line.answer()

    with playing(script) as other:
        assert isinstance(engine(other.url).drive(steps(Outgoing(method="GET", url=other.url + written)))[0], Reply)


def test_a_whole_address_leads_only_to_the_provider_s_stores(engine: Make) -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[Any]:
        asked.append(host)
        return []

    http = Http(Egress(resolve=resolve))
    made = Engine(http, "", {}, Deadlines(), stores=("*.store.example",), clock=time.monotonic)
    addresses = [
        "https://elsewhere.example/a",
        "https://store.example.evil.example/a",
        "http://b.store.example/a",
        "https://127.0.0.1/a",
        "https://b.store.example@evil.example/a",
        "https://evil.example\\.store.example/a",
        "https://evil.example%2f.store.example/a",
        "https://b.store.example/a#b",
        "ftp://b.store.example/a",
        "https://[b.store.example/a",
    ]
    answers = made.drive(steps(*(Outgoing(method="GET", url=url) for url in addresses)))
    assert answers == len(addresses) * [NoAnswer(cause="egress", released=False)]
    assert not asked
    (answer,) = made.drive(steps(Outgoing(method="GET", url="https://b.store.example/a")))
    assert (answer, asked) == (NoAnswer(cause="connect", released=False), ["b.store.example"])
    http.close()


def test_headers_of_a_request_are_sent_beside_ours(engine: Make) -> None:
    def script(line: Line) -> None:
        head, _ = line.request()
        assert b"\r\nAuthorization: Bearer t\r\n" in head
        assert b"\r\nX-Environment: dev\r\n" in head
        assert b"\r\nContent-Type: application/merge-patch+json\r\n" in head
        line.answer()

    headers = {"X-Environment": "dev", "Content-Type": "application/merge-patch+json"}
    with playing(script) as other:
        engine(other.url).drive(steps(Outgoing(method="POST", path="/", headers=headers, body=Json(value={}))))


# Limits, and time


def test_who_is_not_admitted_is_answered_here(engine: Make) -> None:
    limited = Reply(status=429, headers={"retry-after": "12"}, body=b"")
    asked: list[str] = []

    def admit(outgoing: Outgoing) -> Reply | None:
        asked.append(outgoing.path)
        return limited

    marked: list[Outgoing] = []
    made = engine("http://127.0.0.1:9", admit=admit, mark=marked.append)
    assert made.drive(steps(UPLOAD, UPLOAD)) == [limited, limited]
    assert asked == ["/file", "/file"]
    assert not marked
    assert not made.sent


def test_a_whole_address_needs_no_admission(engine: Make) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer()

    def admit(_outgoing: Outgoing) -> Reply | None:
        raise AssertionError

    with playing(script) as other:
        engine(other.url, admit=admit).drive(steps(Outgoing(method="GET", url=f"{other.url}/a")))


def test_a_look_waits_as_long_as_it_is_told(engine: Make) -> None:
    waited: list[float] = []

    def script(line: Line) -> None:
        assert waited
        line.request()
        line.answer()

    with playing(script) as other:
        made = engine(other.url, wait=waited.append)
        (answer,) = made.drive(steps(Outgoing(method="GET", path="/", after=2.5)))
    assert isinstance(answer, Reply)
    assert waited == [2.5]


def test_nobody_waits_beyond_the_deadline(engine: Make) -> None:
    waited: list[float] = []
    made = engine("http://127.0.0.1:9", wait=waited.append)
    answers = made.drive(steps(Outgoing(method="GET", path="/", after=Deadlines().total)))
    assert answers == [NoAnswer(cause="timeout", released=False)]
    assert not waited


# An operation without a file


WITHOUT_FILE = Outgoing(method="PUT", path="/legal", body=Json(value={"a": 1}), without_file=True)


def test_a_hand_in_without_a_file_is_marked_ahead_and_goes_once(engine: Make) -> None:
    marked: list[Outgoing] = []

    def script(line: Line) -> None:
        line.until(b"\r\n\r\n")
        assert marked == [WITHOUT_FILE]
        line.until(b"}")
        line.answer()

    with playing(script) as other:
        made = engine(other.url, mark=marked.append)
        with pytest.raises(SecondFile, match="/legal"):
            made.drive(steps(WITHOUT_FILE, WITHOUT_FILE))
        assert made.sent


def test_without_its_mark_it_does_not_go(engine: Make) -> None:
    def refuse(_outgoing: Outgoing) -> None:
        raise Refusal

    made = engine("http://127.0.0.1:9", mark=refuse)
    with pytest.raises(Refusal):
        made.drive(steps(WITHOUT_FILE))
    assert made.taken_back is None
    with pytest.raises(SecondFile):
        engine("http://127.0.0.1:9").drive(steps(WITHOUT_FILE))


def test_the_first_of_two_refusals_is_told(engine: Make) -> None:
    def refuse(outgoing: Outgoing) -> Reply | None:
        raise Refusal(path=outgoing.path)

    made = engine("http://127.0.0.1:9", admit=refuse)
    with pytest.raises(Refusal) as caught:
        made.drive(steps(UPLOAD, Outgoing(method="DELETE", path="/record")))
    assert caught.value.params == {"path": "/file"}


# Answers that are too long for memory


class Taken:
    def __init__(self) -> None:
        self.content = b""

    def feed(self, block: bytes) -> None:
        self.content += block


def test_a_good_answer_goes_into_the_sink(engine: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.delivery.http.ANSWER_BYTES", 1000)
    content, sink = 1000 * bytes(range(256)), Taken()

    def script(line: Line) -> None:
        line.request()
        line.answer(content)

    with playing(script) as other:
        (answer,) = engine(other.url).drive(steps(Outgoing(method="GET", path="/", sink=sink)))
    assert answer == Reply(status=200, headers={"content-length": "256000"}, body=b"")
    assert sink.content == content


def test_a_bad_answer_does_not(engine: Make) -> None:
    sink = Taken()

    def script(line: Line) -> None:
        line.request()
        line.answer(b"no", "404 Not Found")

    with playing(script) as other:
        (answer,) = engine(other.url).drive(steps(Outgoing(method="GET", path="/", sink=sink)))
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body, sink.content) == (404, b"no", b"")


def test_each_block_of_a_long_answer_has_the_time_of_one(engine: Make) -> None:
    """By a clock that goes on with each block: all together take longer than one answer may."""
    now = [0.0]
    fed = threading.Event()

    class Slow(Taken):
        def feed(self, block: bytes) -> None:
            super().feed(block)
            now[0] += 20.0  # of the 30 that an answer has
            fed.set()

    sink = Slow()

    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 * ANSWER_BLOCK))
        for letter in (b"a", b"b", b"c"):
            fed.clear()
            line.sock.sendall(ANSWER_BLOCK * letter)
            assert fed.wait(5)

    with playing(script) as other:
        made = engine(other.url)
        made._clock, made._until = (lambda: now[0]), 1000.0
        (answer,) = made.drive(steps(Outgoing(method="GET", path="/", sink=sink)))
    assert isinstance(answer, Reply)
    assert sink.content == ANSWER_BLOCK * b"a" + ANSWER_BLOCK * b"b" + ANSWER_BLOCK * b"c"
