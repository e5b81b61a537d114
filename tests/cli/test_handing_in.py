"""Files are handed in from a machine that has nothing but the command, an address and a token."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from sqlalchemy import select

from app.cli import without_gateway
from app.cli.gateway import Code, Ended, Later, Settled, meaning
from app.config import Settings
from app.database import Database, utcnow
from app.delivery.redelivery import Redeliverer
from app.intake.spool import Spool
from app.local.place import ROOT
from app.records.models import Upload
from app.records.processes import Work
from app.tenants.vault import Vault
from tests.delivery.test_deliverer import png
from tests.relay.files import csv, pdf
from tests.relay.house import House
from tests.relay.link import throttled
from tests.resumable.splitter import CUT_AFTER, Splitter
from tests.servers import Sandbox, Server
from tests.tenancy import becomes

pytestmark = pytest.mark.live

FLASK: Final = str(Path(sys.executable).parent / "flask")
#: Longer than any of it takes on a machine that is busy.
PATIENCE: Final = 180
#: Several times what a line that breaks carries at once.
SIZE: Final = 1 << 20


@pytest.fixture
def house(gateway: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    sandbox.clear()
    yield House.build(gateway, sandbox, database, vault)
    sandbox.clear()


class Desk:
    """A machine of somebody's."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.folder = folder
        self.state = folder / "state"
        #: What `flask` finds there: nothing describes a gateway.
        self.flask = without_gateway(SystemExit("There is no gateway here.")).test_cli_runner()

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def told(self, url: str | None) -> dict[str, str]:
        """What is set there: nothing but a token, and where to."""
        return {
            "VENTANILLA_TOKEN": self.house.token,
            "VENTANILLA_URL": url or self.house.gateway.url,
            "VENTANILLA_STATE": str(self.state),
        }

    def start(self, *arguments: str, to: str = "flatfile/file", url: str | None = None) -> subprocess.Popen[str]:
        """Type `flask upload`."""
        environment = {"PATH": os.environ["PATH"], "FLASK_APP": str(ROOT / "wsgi.py"), **self.told(url)}
        command = [FLASK, "upload", *arguments, "--to", f"{self.house.organization.slug}/{to}"]
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def type(self, *arguments: str, **more: Any) -> tuple[int, list[list[str]], str]:
        """The same to its end: exit code, lines, and what it complains of."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err, err
        return self._read(process.returncode, out, err)

    def run(
        self, *arguments: str, to: str = "flatfile/file", url: str | None = None
    ) -> tuple[int, list[list[str]], str]:
        """The same without a process of its own, which takes longer to start than most files do."""
        command = ["upload", *arguments, "--to", f"{self.house.organization.slug}/{to}"]
        with chdir(self.folder):
            done = self.flask.invoke(args=command, env=self.told(url))
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return self._read(done.exit_code, done.stdout, done.stderr)

    def _read(self, code: int, out: str, err: str) -> tuple[int, list[list[str]], str]:
        assert self.house.token not in out + err
        return code, [line.split("\t") for line in out.splitlines()], err

    def upload(self, id_: str) -> Upload:
        with self.house.database.transaction(self.house.organization.id) as session:
            return session.scalars(select(Upload).where(Upload.id == id_)).one()

    def kept(self) -> list[Path]:
        return [*(self.state / "uploads").glob("*")]


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    return Desk(house, tmp_path)


def test_a_file_is_safe_and_then_delivered(desk: Desk, worker: Database, vault: Vault, settings: Settings) -> None:
    content = csv(4_000)
    desk.write("orders.csv", content)
    code, (line,), _ = desk.run("orders.csv", "--wait", "0", "--field", "mode=export", "--field", "external_id=7")
    assert (code, line[0], line[2]) == (0, "waiting", "orders.csv")
    made = desk.upload(line[1])
    assert made.parts[0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert made.external_id == "7"
    assert desk.kept() == []

    process = desk.start("orders.csv")
    redeliverer = Redeliverer(worker, vault, Spool.from_settings(settings), settings, clock=utcnow, work=Work())
    try:
        assert becomes(
            lambda: not redeliverer.next(desk.house.organization.id) and process.poll() is not None, PATIENCE
        )
    finally:
        redeliverer.close()
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.split("\t")[0] == "delivered"


def test_a_line_that_breaks_is_come_back_to(desk: Desk) -> None:
    content = csv(SIZE)
    desk.write("large.csv", content)
    with Splitter.before(desk.house.gateway.url) as splitter:
        code, (line,), err = desk.run("large.csv", "--wait", "0", url=splitter.url)
    assert code == 0, err
    assert splitter.cuts >= SIZE // CUT_AFTER
    assert desk.upload(line[1]).parts[0]["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_same_command_goes_on_where_the_last_one_stopped(desk: Desk) -> None:
    content = csv(SIZE)
    desk.write("large.csv", content)
    with Splitter.before(desk.house.gateway.url) as splitter:
        code, (line,), err = desk.type("large.csv", "--patience", "0", url=splitter.url)
        assert (code, line[:2]) == (3, ["-", "-"])
        assert "did not answer" in err
        (kept,) = desk.kept()
        assert content[:64] not in kept.read_bytes()
        code, (line,), err = desk.type("large.csv", "--wait", "0", url=splitter.url)
        assert splitter.carried < SIZE + 4 * CUT_AFTER
    assert code == 0, err
    assert desk.upload(line[1]).parts[0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert desk.kept() == []


def test_a_token_that_is_no_good_loses_nothing(desk: Desk) -> None:
    content = csv(SIZE)
    desk.write("large.csv", content)
    with Splitter.before(desk.house.gateway.url) as splitter:
        assert desk.run("large.csv", "--patience", "0", url=splitter.url)[0] == 3
        code, _, err = desk.run("large.csv", "--token-env", "PATH", url=splitter.url)
        assert (code, len(desk.kept())) == (1, 1)
        assert "(unauthorized)" in err
        assert desk.run("large.csv", "--wait", "0", url=splitter.url)[0] == 0
        assert splitter.carried < SIZE + 4 * CUT_AFTER


def test_what_changed_meanwhile_is_another_file(desk: Desk) -> None:
    desk.write("large.csv", csv(SIZE))
    with Splitter.before(desk.house.gateway.url) as splitter:
        assert desk.run("large.csv", "--patience", "0", url=splitter.url)[0] == 3
        content = csv(SIZE + 1000)
        desk.write("large.csv", content)
        code, (line,), err = desk.run("large.csv", "--wait", "0", url=splitter.url)
    assert code == 0, err
    assert desk.upload(line[1]).parts[0]["sha256"] == hashlib.sha256(content).hexdigest()


def test_an_interruption_leaves_what_the_same_command_goes_on_with(desk: Desk) -> None:
    content = csv(SIZE)
    desk.write("large.csv", content)
    with Splitter.before(desk.house.gateway.url) as splitter, throttled(splitter.url, 200_000) as slow:
        process = desk.start("large.csv", url=slow)
        assert splitter.wait_for(50_000)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "goes on where this one stopped" in err
        assert "Traceback" not in err
        assert len(desk.kept()) == 1


def test_each_file_has_its_own_end(desk: Desk) -> None:
    names = [desk.write(f"{number}.csv", csv(4_000 + number)) for number in range(6)]
    names.append(desk.write("wrong.csv", pdf(4_000)))
    code, lines, err = desk.run(*names, "--wait", "0", "--parallel", "3")
    assert code == 1
    states = {name: state for state, _, name in lines}
    assert states == {**dict.fromkeys(names[:6], "waiting"), "wrong.csv": "rejected"}
    assert "wrong.csv: The file is named as CSV" in err
    assert "(other-content)" in err
    assert desk.kept() == []


def test_what_is_never_kept_is_sent_whole(desk: Desk) -> None:
    desk.write("logo.png", png())
    code, (line,), err = desk.run("logo.png", to="facturapi/logo")
    assert (code, line[0]) == (0, "delivered"), err
    assert desk.upload(line[1]).state == "delivered"


def test_what_needs_several_files_is_refused_in_words(desk: Desk) -> None:
    desk.write("mine.cer", b"x")
    code, _, err = desk.run("mine.cer", to="facturapi/certificate")
    assert code == 1
    assert "(method-not-allowed)" in err


@pytest.mark.parametrize(
    ("arguments", "to", "slug"),
    [
        (["--field", "colour=red"], "flatfile/file", "unknown-part"),
        (["--field", "mode=sideways"], "flatfile/file", "not-a-choice"),
        ([], "nowhere/file", "not-found"),
    ],
)
def test_a_refusal_is_told_in_words(desk: Desk, arguments: list[str], to: str, slug: str) -> None:
    desk.write("a.csv", csv(100))
    code, (line,), err = desk.run("a.csv", *arguments, to=to)
    assert (code, line) == (1, ["-", "-", "a.csv"])
    assert f"({slug})" in err


def test_nobody_there_is_for_later(desk: Desk) -> None:
    desk.write("a.csv", csv(100))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = "http://{}:{}".format(*listener.getsockname())
    code, _, err = desk.run("a.csv", "--patience", "0.5", url=url)
    assert code == 3
    assert "The gateway did not answer (ConnectionError)." in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.csv", "--token-env", "NONE"], "There is no variable NONE"),
        (["a.csv", "--to", "acme/file"], "is not of the form org/connection/operation"),
        (["a.csv", "--gateway", "ftp://x"], "is not an address"),
        (["a.csv", "--gateway", "https://x/api"], "is not an address"),
        (["b.csv"], "does not exist"),
        ([], "Missing argument 'FILES...'"),
    ],
)
def test_a_wrong_command_does_nothing(desk: Desk, arguments: list[str], said: str) -> None:
    desk.write("a.csv", csv(100))
    code, _, err = desk.run(*arguments, to="x" if "--to" in arguments else "flatfile/file")
    assert code in {1, 2}
    assert said in err


def answer(status: int, body: bytes = b"", **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


PROBLEM: Final = {"Content_Type": "application/problem+json"}


def test_what_nobody_knows_has_a_code_of_its_own() -> None:
    body = b'{"type": "/docs/problems#unconfirmed", "detail": "Nobody knows.", "upload": "7"}'
    found = meaning(answer(504, body, Ventanilla_State="unknown", **PROBLEM))
    assert isinstance(found, Settled)
    assert found.ended == Ended(
        code=Code.UNCONFIRMED, state="unknown", upload="7", because="Nobody knows. (unconfirmed)"
    )


@pytest.mark.parametrize(
    ("status", "headers", "seconds"), [(503, {"Retry_After": "7"}, 7.0), (429, {}, 0), (423, {}, 0)]
)
def test_what_may_pass_is_waited_for(status: int, headers: dict[str, str], seconds: float) -> None:
    found = meaning(answer(status, b"{}", **PROBLEM, **headers))
    assert isinstance(found, Later)
    assert found.seconds == seconds


@pytest.mark.parametrize("body", [b"<html>", b"[]"])
def test_an_answer_that_is_no_problem_of_ours_is_told_by_its_status(body: bytes) -> None:
    found = meaning(answer(404, body, **PROBLEM))
    assert isinstance(found, Settled)
    assert found.ended.because == "The gateway answered 404 without saying why."
