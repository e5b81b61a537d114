"""A generator's requests over a real socket: what goes out, when the mark is set, what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.delivery.engine import Engine, SecondFile
from app.delivery.http import Http
from app.errors import Refusal
from app.intake import CollectedFile
from app.providers.wire import Answer, FilePart, Json, Multipart, NoAnswer, Outgoing, OutgoingPart, Reply
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
