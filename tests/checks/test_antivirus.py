"""What is made of what ClamAV's daemon says of a file, and of all the ways in which it says nothing."""

from __future__ import annotations

import gc
import itertools
import select
import socket
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from app.checks import Rejected, Scanner, ScannerAway, Watch, run
from app.checks.clamd import Beyond, NoVerdict, Stream, signed_at
from app.config import Settings
from app.intake import Collected
from app.local.processes import wait_until
from app.providers.facturapi import CERTIFICATE
from app.sandbox import sat
from app.seeing.metrics import REGISTRY
from app.words import WORDS
from tests.checks.documents import PDF, begun
from tests.checks.hand_ins import NOW, file
from tests.scanning import CONFIG, FOUND, HARMFUL, Daemon, clamd, played, short

#: Of the daemon's settings.
SIZES: Final = ("StreamMaxLength", "MaxFileSize", "MaxScanSize")
TEXT: Final = b"nothing but text, " * 100
Play = Callable[[socket.socket], object]


def scanner(url: str, **changes: Any) -> Scanner:
    given: dict[str, Any] = {"connect_seconds": 5.0, "seconds": 30.0, "most_bytes": 1 << 20, "required": True}
    return Scanner(**{"url": url, **given, **changes})


def passed(asked: Scanner, *blocks: bytes, size: int | None = None) -> Watch:
    """A text that the watch is shown as a file on its way shows itself."""
    content = b"".join(blocks)
    watching = begun("notes.txt", content, size=len(content) if size is None else size, scanner=asked)
    for block in blocks:
        watching.feed(block)
        watching.scan(block)
    watching.finish()
    return watching


def said(watching: Watch) -> str:
    return str(watching.facts["file"]["antivirus"])


# --- the real one -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with short() as folder, clamd(folder, StreamMaxLength="2M", MaxFileSize="1M") as running:
        yield running


@pytest.mark.live
def test_a_clean_file_passes_and_its_facts_say_so(daemon: Daemon) -> None:
    assert said(passed(scanner(daemon.url), TEXT, TEXT)) == "clean"
    assert scanner(daemon.url).answers()
    assert scanner(daemon.url).version().startswith("ClamAV 1.")


@pytest.mark.attack("files", "a file that the antivirus knows", "refused; the provider has nothing whole")
@pytest.mark.live
@pytest.mark.attack(
    "files", "A file that only an antivirus knows, cut anywhere", "refused before its last block leaves"
)
@pytest.mark.parametrize("cut", [1, len(TEXT) - 1, len(TEXT) + 3, len(TEXT) + len(HARMFUL)])
@pytest.mark.parametrize("required", [True, False])
def test_what_it_finds_is_refused(daemon: Daemon, cut: int, required: bool) -> None:
    content = TEXT + HARMFUL + b"\n"
    with pytest.raises(Rejected) as refusal:
        passed(scanner(daemon.url, required=required), content[:cut], content[cut:])
    assert (refusal.value.slug, refusal.value.status, refusal.value.field) == ("infected", 422, "file")
    assert FOUND in WORDS["infected"] % refusal.value.params


@pytest.mark.live
@pytest.mark.parametrize("size", [(1 << 20) + 1, (2 << 20) + 1], ids=["than it looks through", "than it takes"])
def test_a_file_that_is_more_than_it_was_set_up_for_is_not_clean(daemon: Daemon, size: int) -> None:
    """It would say OK of the first, if it were not told to say so; and hangs up on the second."""
    blocks = [b"a" * 65_536] * (size // 65_536) + [b"a"]
    generous = scanner(daemon.url, most_bytes=1 << 30)
    with pytest.raises(Rejected) as refusal:
        passed(generous, *blocks)
    assert (refusal.value.slug, refusal.value.status) == ("not-scannable", 413)
    assert said(passed(scanner(daemon.url, most_bytes=1 << 30, required=False), *blocks)) == "not-scannable"


@pytest.mark.live
def test_what_it_is_shown_lies_in_its_folder_in_the_clear_until_it_has_judged_it(daemon: Daemon) -> None:
    """Which is why that folder has to be memory, and why keys are not shown to it."""
    stream = Stream(scanner(daemon.url))
    stream.feed(TEXT)
    stream.feed(b"its end")
    assert wait_until(lambda: daemon.held().endswith(b"its end"), 10)
    assert stream.verdict() == ""
    assert wait_until(lambda: not daemon.held(), 10)


@pytest.mark.live
def test_a_certificate_is_shown_to_it_and_its_key_is_not(daemon: Daemon) -> None:
    asked = scanner(daemon.url)
    collected = certificate("ACME SA DE CV")
    facts = run(CERTIFICATE, collected, secrets=collected.secrets, expected_rfc=None, now=NOW, scanner=asked).facts
    assert facts["antivirus"] == {"cer": "clean"}
    assert facts["kind"] == "csd"
    infected = certificate(HARMFUL.decode())
    with pytest.raises(Rejected) as refusal:
        run(CERTIFICATE, infected, secrets=infected.secrets, expected_rfc=None, now=NOW, scanner=asked)
    assert (refusal.value.slug, refusal.value.field) == ("infected", "cer")


def test_a_certificate_that_nobody_can_judge_is_not_handed_in() -> None:
    collected = certificate("ACME SA DE CV")
    asked = scanner("unix:///nowhere/at/all")
    with pytest.raises(ScannerAway) as refusal:
        run(CERTIFICATE, collected, secrets=collected.secrets, expected_rfc=None, now=NOW, scanner=asked)
    assert refusal.value.field == "cer"
    asked = replace(asked, required=False)
    facts = run(CERTIFICATE, collected, secrets=collected.secrets, expected_rfc=None, now=NOW, scanner=asked).facts
    assert facts["antivirus"] == {"cer": "scanner-away"}


@pytest.mark.live
def test_a_daemon_that_dies_in_the_middle_said_nothing() -> None:
    with short() as folder, clamd(folder) as dying:
        watching = begun("notes.txt", TEXT, size=2 * len(TEXT), scanner=scanner(dying.url))
        watching.scan(TEXT)
        dying.child.kill()
        dying.child.wait()
        with pytest.raises(ScannerAway):
            watching.scan(TEXT)
        assert not scanner(dying.url).answers()


# --- one that is played -----------------------------------------------------------------------------------------------


def heard(connection: socket.socket) -> bytes:
    """All that comes until the empty block."""
    content = b""
    with connection.makefile("rb") as stream:
        assert stream.read(10) == b"zINSTREAM\0"
        while size := struct.unpack("!L", stream.read(4))[0]:
            content += stream.read(size)
    return content


def answering(answer: bytes) -> Play:
    def play(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(answer)

    return play


def saying(answer: bytes, heard: list[bytes]) -> Play:
    """Answers a command that is nothing but a line."""

    def play(connection: socket.socket) -> None:
        heard.append(connection.recv(64))
        connection.sendall(answer)

    return play


def drained(connection: socket.socket) -> bool:
    """Whether anything came before the other side hung up."""
    with connection.makefile("rb") as stream:
        return bool(stream.read())


def deaf(connection: socket.socket) -> None:
    """Reads next to nothing until the other side hangs up."""
    connection.recv(1)
    poll = select.poll()
    poll.register(connection, 0)  # nothing but that
    poll.poll(10_000)


def silent(connection: socket.socket) -> None:
    """Hears everything, and says nothing."""
    while connection.recv(1 << 16):
        pass


ENOUGH: Final = b"INSTREAM size limit exceeded. ERROR\0"
HUNG_UP: Final = "pipe|reset|ended in the middle"
AWAY: Final[dict[str, tuple[Play, str]]] = {
    "hangs up at once": (lambda _: None, HUNG_UP),
    "hangs up in the middle": (lambda connection: connection.recv(12), HUNG_UP),
    "hangs up before its verdict": (heard, HUNG_UP),
    "says nothing": (silent, "too slow"),
    "takes nothing": (deaf, "too slow"),
    "says half a line": (answering(b"stream: O"), "ended in the middle"),
    "says OK of half of it": (lambda connection: (connection.recv(12), connection.send(b"stream: OK\0")), HUNG_UP),
    "says too much": (answering(b"stream: " + b"O" * 5000), "it says"),
    "says something else": (answering(b"UNKNOWN COMMAND\0"), "UNKNOWN"),
    "says that it failed": (answering(b"stream: Can't allocate memory ERROR\0"), "allocate"),
    "says OK of something else": (answering(b"/etc/passwd: OK\0"), "passwd"),
    "says more than OK": (answering(b"stream: OK\nstream: OK\0"), "it says"),
    "answers in other letters": (answering(b"\xff\xfe\0"), "it says"),
}


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (b"stream: Win.Test.EICAR_HDB-1 FOUND\0", "Win.Test.EICAR_HDB-1"),
        (b"stream: {HEX}php.base64.v23au.185.UNOFFICIAL FOUND\0", "{HEX}php.base64.v23au.185.UNOFFICIAL"),
        (b"stream: A name <b>of</b> others\n FOUND\0", "A_name_b_of_/b_others_"),
        (b"stream: \xff FOUND\0", "_"),
        (b"stream:  FOUND\0", "?"),
        (b"stream: " + b"x" * 900 + b" FOUND\0", "x" * 200),
    ],
)
def test_what_is_found_is_found_whatever_it_is_called(answer: bytes, name: str) -> None:
    """By whom it is only asked, too: an odd name must not let the file through."""
    with played(answering(answer)) as url:
        with pytest.raises(Rejected) as refusal:
            passed(scanner(url, required=False), TEXT)
        assert (refusal.value.slug, refusal.value.params) == ("infected", {"name": name})


@pytest.mark.attack("files", "An antivirus that fails in every way there is", "never taken for a verdict")
@pytest.mark.parametrize(("play", "why"), AWAY.values(), ids=AWAY)
def test_whatever_is_no_verdict_is_none(play: Play, why: str) -> None:
    blocks = [b"a" * 65_536] * 64  # more than any socket takes that nobody reads from
    seconds = 0.3 if play in {silent, deaf} else 60.0  # those would be waited for whatever the time is
    with played(play) as url:
        strict = scanner(url, seconds=seconds, most_bytes=1 << 30)
        with pytest.raises(ScannerAway) as refusal:
            passed(strict, *blocks)
        assert (refusal.value.slug, refusal.value.status, refusal.value.field) == ("scanner-away", 503, "file")
        lenient = replace(strict, required=False)
        assert said(passed(lenient, *blocks)) == "scanner-away"
        with pytest.raises(NoVerdict, match=why):
            strict.look(*blocks)


@pytest.mark.parametrize("url", ["unix:///nowhere/at/all", "tcp://127.0.0.1:1", "tcp://no.such.name.invalid:3310"])
def test_where_there_is_no_daemon_nothing_is_begun(url: str) -> None:
    with pytest.raises(ScannerAway) as refusal:
        begun("a.pdf", PDF, scanner=scanner(url))
    assert refusal.value.field == "file"
    assert said(passed(scanner(url, required=False), TEXT)) == "scanner-away"
    assert not scanner(url).answers()


@pytest.mark.parametrize(
    ("answer", "there"), [(b"PONG\0", True), (b"pong\0", False), (b"UNKNOWN COMMAND\0", False), (b"PONG", False)]
)
def test_it_is_there_where_it_says_that_it_is(answer: bytes, there: bool) -> None:
    heard: list[bytes] = []
    with played(saying(answer, heard)) as url:
        assert scanner(url).answers() is there
    assert heard == [b"zPING\0"]


def test_whether_it_is_there_has_to_be_said_as_soon_as_a_connection_is_made() -> None:
    """A file may wait for it much longer."""
    ticking = itertools.count(step=4)
    with played(saying(b"PONG\0", [])) as url:
        late = scanner(url, connect_seconds=5.0, seconds=60.0, clock=lambda: float(next(ticking)))
        assert not late.answers()
        assert replace(late, connect_seconds=60.0).answers()


def test_its_version_tells_how_old_its_signatures_are() -> None:
    heard: list[bytes] = []
    with played(saying(b"ClamAV 1.4.6/27810/Sat Nov 21 09:12:44 2026\0", heard)) as url:
        version = scanner(url).version()
    assert (version, heard) == ("ClamAV 1.4.6/27810/Sat Nov 21 09:12:44 2026", [b"zVERSION\0"])
    assert signed_at(version) == datetime(2026, 11, 21, 9, 12, 44, tzinfo=UTC)


@pytest.mark.parametrize("version", ["", "ClamAV 1.4.6", "ClamAV 1.4.6/27810/of late"])
def test_a_version_need_not_tell(version: str) -> None:
    assert signed_at(version) is None


BEYOND: Final[dict[str, tuple[Play, str]]] = {
    "says so when it has enough, and hangs up": (
        lambda connection: (connection.recv(100), connection.send(ENOUGH)),
        "size",
    ),
    "says so at the end": (answering(ENOUGH), "size"),
    "looked through a part of it": (
        answering(b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"),
        "did not look through all of it: Heuristics.Limits.Exceeded.MaxFileSize",
    ),
}


@pytest.mark.parametrize(("play", "why"), BEYOND.values(), ids=BEYOND)
def test_a_file_that_it_has_not_looked_through_is_not_clean(play: Play, why: str) -> None:
    blocks = [b"a" * 65_536] * 64
    with played(play) as url:
        strict = scanner(url, most_bytes=1 << 30)
        with pytest.raises(Rejected) as refusal:
            passed(strict, *blocks)
        assert (refusal.value.slug, refusal.value.status) == ("not-scannable", 413)
        assert said(passed(replace(strict, required=False), *blocks)) == "not-scannable"
        with pytest.raises(Beyond, match=why):
            strict.look(*blocks)


@pytest.mark.parametrize(
    ("answer", "problem", "logged"),
    [
        (b"stream: OK\0", "", None),
        (b"stream: Bad FOUND\0", "infected", {"event": "infected file refused", "signature": "Bad"}),
        (
            b"stream: Heuristics.Limits.Exceeded FOUND\0",
            "not-scannable",
            {
                "event": "file could not be scanned",
                "because": "not-scannable",
                "detail": "it did not look through all of it: Heuristics.Limits.Exceeded",
            },
        ),
        (
            b"ERROR\0",
            "scanner-away",
            {"event": "file could not be scanned", "because": "scanner-away", "detail": "it says 'ERROR'"},
        ),
    ],
)
def test_what_came_of_a_file_is_counted_and_logged(
    answer: bytes, problem: str, logged: dict[str, object] | None
) -> None:
    def counted() -> dict[str, float]:
        return {name: scanned(name) for name in ("", "infected", "not-scannable", "scanner-away")}

    before = counted()
    with played(answering(answer)) as url, capture_logs() as lines, suppress(Rejected):
        passed(scanner(url, required=False), TEXT)
    assert counted() == before | {problem: before[problem] + 1}
    assert lines == ([{**logged, "log_level": "warning"}] if logged else [])


def scanned(problem: str) -> float:
    return REGISTRY.get_sample_value("ventanilla_scans_total", {"problem": problem}) or 0.0


def test_it_waits_no_longer_to_connect_than_for_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[tuple[str, int], float]] = []

    def connect(where: tuple[str, int], timeout: float) -> None:
        waited.append((where, timeout))
        raise TimeoutError

    monkeypatch.setattr("app.checks.clamd.socket.create_connection", connect)
    for connecting, seconds in ((2.0, 30.0), (5.0, 3.0)):
        with pytest.raises(NoVerdict, match="too slow"):
            scanner("tcp://clamav:3310", connect_seconds=connecting, seconds=seconds).look(TEXT)
    assert waited == [(("clamav", 3310), 2.0), (("clamav", 3310), 3.0)]


def test_a_daemon_that_lets_nobody_in_is_away() -> None:
    with short() as folder, socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as waiting:
        full.bind(str(folder / "daemon"))
        full.listen(0)
        waiting.connect(str(folder / "daemon"))
        assert not scanner(f"unix://{folder}/daemon", connect_seconds=0.1).answers()


def test_all_waits_for_one_file_add_up() -> None:
    """A daemon that is a little late each time is late."""
    ticking = itertools.count(step=4)
    with played(silent) as url:
        stream = Stream(scanner(url, seconds=30.0, clock=lambda: float(next(ticking))))
        with pytest.raises(NoVerdict, match="too slow"):
            for _ in range(10):
                stream.feed(b"a")


@pytest.mark.parametrize("tcp", [False, True])
def test_it_is_shown_each_byte_once_and_in_order(tcp: bool) -> None:
    contents: list[bytes] = []

    def play(connection: socket.socket) -> None:
        contents.append(heard(connection))
        connection.sendall(b"stream: OK\0")

    with played(play, tcp=tcp) as url:
        assert scanner(url).look(b"one ", b"", memoryview(b"two "), b"three") == ""
    assert contents == [b"one two three"]


def test_a_file_that_is_too_large_is_not_shown_to_it() -> None:
    asked = scanner("unix:///nowhere/at/all", most_bytes=len(TEXT) - 1)
    with pytest.raises(Rejected) as refusal:
        begun("notes.txt", TEXT, scanner=asked)
    assert (refusal.value.slug, refusal.value.status, refusal.value.field) == ("not-scannable", 413, "file")
    lenient = scanner("unix:///nowhere/at/all", most_bytes=len(TEXT) - 1, required=False)
    with capture_logs() as lines:
        assert said(passed(lenient, TEXT)) == "not-scannable"
    assert [line["detail"] for line in lines] == [f"{len(TEXT)} bytes are more than ANTIVIRUS_MAX_BYTES"]
    with played(answering(b"stream: OK\0")) as url:
        assert said(passed(scanner(url, most_bytes=len(TEXT)), TEXT)) == "clean"


def test_a_file_that_is_given_up_gives_its_connection_back() -> None:
    gone: list[bool] = []
    with played(lambda connection: gone.append(drained(connection))) as url:
        watching = begun("notes.txt", TEXT, size=2 * len(TEXT), scanner=scanner(url))
        watching.scan(TEXT)
        del watching
        gc.collect()
        assert wait_until(lambda: gone == [True], 10)


def test_memory_does_not_grow_with_what_it_is_shown() -> None:
    block = bytes(1 << 20)
    with played(silent) as url:
        stream = Stream(scanner(url, most_bytes=1 << 30))
        tracemalloc.start()
        for _ in range(64):
            stream.feed(block)
        assert tracemalloc.get_traced_memory()[1] < len(block) // 4
        tracemalloc.stop()
        del stream  # hangs up


def settings(**changes: Any) -> Settings:
    needed = {"secret_key": "k" * 32, "database_url": "postgresql://db/ventanilla", "vault_keyset": "keyset.json"}
    return Settings.model_validate(needed | changes)


def test_what_the_settings_say() -> None:
    assert Scanner.from_settings(settings(antivirus="off")) is None
    told = {
        "antivirus_url": "tcp://clamav:3310",
        "antivirus_seconds": 7.0,
        "antivirus_max_bytes": 99,
        "connect_seconds": 3.0,
    }
    asked = Scanner.from_settings(settings(antivirus="required", **told))
    assert asked is not None
    assert (asked.url, asked.connect_seconds, asked.seconds) == ("tcp://clamav:3310", 3.0, 7.0)
    assert (asked.most_bytes, asked.required) == (99, True)
    lenient = Scanner.from_settings(settings(antivirus="when-available"))
    assert lenient is not None
    assert not lenient.required


def test_the_daemons_own_settings_go_with_the_gateways() -> None:
    said = dict(line.split(" ", 1) for line in CONFIG.read_text().splitlines() if line and not line.startswith("#"))
    ours, sizes = settings(), {name: int(said[name].removesuffix("M")) << 20 for name in SIZES}
    assert ours.antivirus_url == f"unix://{said['LocalSocket']}"
    assert min(sizes.values()) >= ours.antivirus_max_bytes
    assert said["AlertExceedsMax"] == "yes"
    assert int(said["MaxQueue"]) >= 2 * ours.uploads_in_flight
    assert int(said["ReadTimeout"]) > ours.idle_seconds
    assert int(said["MaxScanTime"]) < 1000 * ours.antivirus_seconds
    assert said["TemporaryDirectory"].startswith("/run/")


@pytest.mark.parametrize(
    "url", ["", "/run/clamd.ctl", "unix://run/clamd.ctl", "unix://", "tcp://host", "tcp://:3310", "tcp://host:1/x"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be unix:///path or tcp://host:port"):
        settings(antivirus_url=url)


def test_without_one_nothing_is_said_of_it() -> None:
    watching = begun("notes.txt", TEXT)
    watching.feed(TEXT)
    watching.scan(TEXT)
    assert "antivirus" not in watching.finish()["file"]


def certificate(name: str) -> Collected:
    issued = sat.issue(name=name)
    files = {one.name: one for one in (file("cer", issued.cer), file("key", issued.key))}
    return Collected(fields={}, secrets={"password": SecretStr(issued.password)}, files=files)
