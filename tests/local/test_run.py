"""`make run`'s process, for real: started, looked at, interrupted, and killed piece by piece."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import psutil
import pytest
import requests
from bs4 import BeautifulSoup

from app.local import processes
from app.local.place import ROOT
from app.local.processes import wait_until
from app.passthrough.faces import FACES
from app.providers import registry
from app.tenants import tokens

pytestmark = [pytest.mark.live]

STOP_SECONDS = 20.0
PATIENCE = 60.0


class Installation:
    """A folder and three ports, and whoever runs them."""

    def __init__(self, instance: Path) -> None:
        self.instance = instance
        self.port = free_ports()
        self.process: subprocess.Popen[bytes] | None = None
        self.output = instance.parent / "output.txt"
        self._said_before = 0
        self._started: set[psutil.Process] = set()

    def launch(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start it and wait for nothing."""
        told = {"INSTANCE_DIR": str(self.instance), "PORT": str(self.port), **environment}
        outside = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
        with self.output.open("ab") as output:
            self._said_before = output.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.local"], cwd=ROOT, env=outside | told, stdout=output, stderr=output
            )
        return self.process

    def start(self) -> dict[str, Any]:
        """Start it; what `demo.json` says once it is ready."""
        process = self.launch()
        path = self.instance / "demo.json"
        former = path.stat().st_ino if path.exists() else None  # what a killed one left

        def ended() -> bool:
            return process.poll() is not None or (path.exists() and path.stat().st_ino != former)

        assert wait_until(ended, PATIENCE), self.said()
        assert process.poll() is None, self.said()
        self._started |= set(psutil.Process(process.pid).children(recursive=True))
        return described(self)

    def stop(self, signum: int = signal.SIGINT) -> int:
        """Ask it to stop, and wait until it has."""
        assert self.process
        self.process.send_signal(signum)
        return self.process.wait(STOP_SECONDS)

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def says_where(self) -> bool:
        return self.runs and (self.instance / "demo.json").exists()

    def said(self) -> str:
        """All since it was last started."""
        return self.output.read_bytes()[self._said_before :].decode(errors="replace")

    def left(self) -> list[psutil.Process]:
        """Everything of it that still runs: what it had started when it was ready, and whatever works in its folder."""
        everything = {
            *self._started,
            *processes.belonging_to(self.instance),
            *filter(self._works_here, psutil.process_iter()),
        }
        return [process for process in everything if lives(process)]

    def _works_here(self, process: psutil.Process) -> bool:
        try:
            return process.cwd().startswith(str(self.instance))
        except (psutil.Error, OSError):
            return False


@contextmanager
def in_a_folder() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-test-"))
    made = Installation(folder / "instance")
    yield made
    if made.runs:
        made.stop(signal.SIGTERM)
    shutil.rmtree(folder)


@pytest.fixture
def installation() -> Iterator[Installation]:
    """One that never ran."""
    with in_a_folder() as made:
        yield made


@pytest.fixture(scope="module")
def former() -> Iterator[Installation]:
    """One for several tests: making its database and the demo takes longer than all that they do."""
    with in_a_folder() as made:
        yield made
        if made.runs:
            made.stop()
        assert made.left() == []


@pytest.fixture
def running(former: Installation) -> Installation:
    """One that runs, which a test may end in any way: then the next has to start it again."""
    if not former.says_where:
        if former.runs:  # a test that failed left it half way
            former.stop(signal.SIGTERM)
        former.start()
    return former


def described(installation: Installation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((installation.instance / "demo.json").read_text())
    return found


def free_ports() -> int:
    """A port that nobody uses, and nobody the next two."""
    for _ in range(100):
        port = 20_000 + secrets.randbelow(10_000)
        try:
            with ExitStack() as held:
                for one in range(port, port + 3):
                    held.enter_context(socket.create_server(("127.0.0.1", one)))
                return port
        except OSError:
            continue
    raise AssertionError("No three free ports side by side.")


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one whose end nobody has noted does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


#: A call of each provider's API that shows something, below its base URL.
ASKED = {
    "facturapi": "/organizations/{organization_id}",
    "codat": "/companies/{company_id}/files",
    "factify": "/v1beta/documents",
    "flatfile": "/files?spaceId={space_id}",
    "formkiq": "/documents?siteId={site_id}",
}


def ask(given: dict[str, str], path: str) -> tuple[int, bytes]:
    """Make a call as a vendor's client does that was given this address and key."""
    key, parts = given["key"], urlsplit(given["base_url"] + path)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        bare = key.startswith("Basic ") or "/formkiq" in given["base_url"]
        authorization = key if bare else f"Bearer {key}"
        connection.request(
            "GET", parts._replace(scheme="", netloc="").geturl(), headers={"Authorization": authorization}
        )
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def get(url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", parts.path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def test_it_becomes_ready_says_where_to_go_and_leaves_nothing(running: Installation) -> None:
    installation, first = running, described(running)

    path = installation.instance / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    base, sandbox = first["base_url"], first["sandbox_url"]
    assert (base, sandbox) == (f"http://127.0.0.1:{installation.port}", f"http://127.0.0.1:{installation.port + 1}")
    assert first.keys() == {"base_url", "sandbox_url", "admin", "organizations"}
    assert [one["rfc"] for one in first["organizations"]] == ["EKU9003173C9", "CACX7605101P8"]
    assert get(f"{base}/readyz")[0] == get(f"{base}/healthz")[0] == 200
    for one in first["organizations"]:
        look_at(one, base, sandbox)
    assert first["admin"]["url"] == f"http://localhost:{installation.port}/admin"
    assert signs_in(**first["admin"])
    said = installation.said()
    assert all(value in said for value in first["admin"].values())
    for one in first["organizations"]:
        for expected in (one["certificate"]["cer"], one["certificate"]["password"], one["forms"][0]["link"]):
            assert expected in said

    variables = installation.instance / "demo.env"
    assert stat.S_IMODE(variables.stat().st_mode) == 0o600
    assert "2 organizations were added, 0 were there." in told(
        variables, "demo", "--organizations", "2", "--uploads", "5"
    )
    assert "is taken away: nothing lies under it any more" in told(variables, "vault", "rotate")

    assert installation.stop() == 0
    assert installation.left() == []
    assert not path.exists()
    assert not variables.exists()
    assert not (installation.instance / "sandbox").exists()

    assert installation.start() == first
    assert installation.stop(signal.SIGTERM) == 0
    assert installation.left() == []


def told(variables: Path, *command: str) -> str:
    """What a command says that is given those settings and nothing else."""
    command = ("flask", "--env-file", str(variables), *command)
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout


def signs_in(*, url: str, email: str, password: str) -> bool:
    """Whether the page at that address, filled in and sent, lets in."""
    with requests.Session() as browser:
        page = BeautifulSoup(browser.get(url).text, "html.parser")
        form = page.select_one("form:has(input[type=password])")
        assert form
        filled = {str(one["name"]): str(one.get("value") or "") for one in form.select("input[name]")}
        filled |= {"email": email, "password": password}
        done = browser.post(urljoin(url, str(form["action"])), filled, headers={"Origin": url.removesuffix("/admin")})
        return done.status_code == 200 and done.url.rstrip("/") == url


def look_at(one: dict[str, Any], base: str, sandbox: str) -> None:
    """Everything that `demo.json` says of an organization is there."""
    assert one.keys() == {"slug", "name", "rfc", "api_token", "connections", "forms", "certificate"}
    assert tokens.is_token(one["api_token"])
    held = {connection["provider"]: connection for connection in one["connections"]}
    assert list(held) == list(registry.PROVIDERS)
    for slug, connection in held.items():
        assert connection.keys() - {"proxy"} == {"provider", "name", "settings", "sandbox"}
        assert ("proxy" in connection) is (slug in FACES)
        assert connection["sandbox"]["base_url"].startswith(f"{sandbox}/{slug}")
        registry.provider(slug).settings.model_validate(connection["settings"])
        if slug in ASKED:
            path = ASKED[slug].format_map(connection["settings"])
            direct, through = (ask(connection[way], path) for way in ("sandbox", "proxy"))
            assert through == direct
            assert through[0] == 200
    assert re.fullmatch("sk_(user|live)_[0-9a-f]+", held["facturapi"]["sandbox"]["key"])
    forms = {form["operation"]: form for form in one["forms"]}
    assert forms.keys() == registry.OPERATIONS.keys()
    for operation in registry.operations():
        assert ("link" in forms[operation.slug]) is operation.open
        for address in (forms[operation.slug]["url"], forms[operation.slug]["link"]) if operation.open else ():
            assert address.startswith(base)
            status, page = get(address)
            assert status == 200
            assert one["name"] in page
    assert get(forms["facturapi/fiel"]["url"])[0] == 403
    for name in ("cer", "key"):
        assert stat.S_IMODE(Path(one["certificate"][name]).stat().st_mode) == 0o600


def test_no_process_shows_a_key_or_a_password(running: Installation) -> None:
    demo = described(running)
    hidden = [held["sandbox"]["key"] for one in demo["organizations"] for held in one["connections"]]
    hidden += [one["api_token"] for one in demo["organizations"]]
    hidden += [one["certificate"]["password"] for one in demo["organizations"]]
    hidden += [demo["admin"]["password"]]
    hidden += [form["link"].rpartition("/")[2] for one in demo["organizations"] for form in one["forms"][:1]]
    shown = b""
    for process in processes.belonging_to(running.instance):
        shown += Path(f"/proc/{process.pid}/environ").read_bytes() + Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"wsgi" in shown
    assert not [secret for secret in hidden if secret.encode() in shown]


@pytest.mark.parametrize("victim", ["web", "worker", "sandbox", "postgres"])
def test_after_kill_9_of_a_process_the_rest_stops_and_the_next_start_works(running: Installation, victim: str) -> None:
    installation, first = running, described(running)
    assert installation.process
    names = {"web": "[wsgi:app]", "worker": "worker", "sandbox": "[ventanilla-sandbox]", "postgres": "/postgres"}
    (found,) = [
        child
        for child in psutil.Process(installation.process.pid).children()
        if any(word.endswith(names[victim]) for word in child.cmdline())
    ]
    found.kill()
    assert installation.process.wait(STOP_SECONDS) == 1
    assert "ended by itself (killed by SIGKILL)" in installation.said()
    assert installation.left() == []
    assert not (installation.instance / "demo.json").exists()
    assert installation.start() == first


def test_after_kill_9_of_the_supervisor_the_next_start_works_at_once(running: Installation) -> None:
    first, its = described(running), running.left()
    assert running.process
    running.process.kill()
    running.process.wait()
    assert running.start() == first
    assert not [process for process in its if lives(process)]


def test_everything_ends_when_the_supervisor_is_killed_even_without_a_next_start(running: Installation) -> None:
    assert running.process
    running.process.kill()
    running.process.wait()
    assert wait_until(lambda: running.left() == [], STOP_SECONDS), running.left()


def test_interrupted_while_it_starts_it_leaves_nothing_either(installation: Installation) -> None:
    process = installation.launch()
    assert wait_until((installation.instance / "postgres").exists, PATIENCE)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert installation.left() == []
    assert not (installation.instance / "demo.json").exists()
    assert installation.start()


def test_a_port_in_use_is_one_clear_line_and_changes_nothing(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", installation.port + 1)):
        assert installation.launch().wait(PATIENCE) == 1
    assert installation.said() == (
        f"Port {installation.port + 1} cannot be used (Address already in use). "
        "Stop what listens there, or choose others: make run PORT=8100\n"
    )
    assert installation.left() == []


def test_a_second_start_beside_the_first_is_refused_and_disturbs_nothing(running: Installation) -> None:
    first, process = described(running), running.process
    assert process
    assert running.launch().wait(PATIENCE) == 1
    running.process = process
    assert f"is already being run by process {process.pid}" in running.said()
    assert described(running) == first
    assert get(f"{first['base_url']}/readyz")[0] == 200


def test_a_wrong_setting_stops_the_start_with_a_line_that_names_it(installation: Installation) -> None:
    assert installation.launch(LOG_LEVEL="loud").wait(PATIENCE) == 1
    assert "LOG_LEVEL" in installation.said()
    assert installation.left() == []
