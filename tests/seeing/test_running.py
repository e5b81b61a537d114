"""Real servers and a worker: one request's id in all of them, counts of all processes together, and how they leave."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from app.config import Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.seeing import sharing
from app.tenants.vault import Vault
from tests.relay.ending import order
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION
from tests.relay.sending import ask
from tests.servers import Sandbox, Server, environment_of
from tests.tenancy import becomes
from tests.test_scraping import values

pytestmark = pytest.mark.live

PATIENT_SECONDS = 60.0
SAMPLE = BY_OPERATION["codat/file"]
LEAVING_SECONDS = 3


@contextmanager
def serving(name: str, place: Path, settings: Settings, **more: str) -> Iterator[Server]:
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}"]
    own = {"PUBLIC_URL": "{url}", "SPOOL_URL": str(place / "seen.spool"), "WEB_CONCURRENCY": "2", **more}
    with Server.running(name, command, place, environment_of(settings) | own, ready="/readyz") as server:
        yield server


@dataclass(frozen=True, kw_only=True)
class AtWork:
    """A worker: where it can be asked, and what it writes."""

    url: str
    log: Path
    pid: int


@pytest.fixture(scope="module")
def seen(place: Path, settings: Settings) -> Iterator[Server]:
    """A gateway of two processes."""
    with serving("seen", place, settings) as server:
        yield server


@pytest.fixture(scope="module")
def at_work(place: Path, settings: Settings) -> Iterator[AtWork]:
    """A worker that can be asked."""
    folder = place / f"seen-worker-{secrets.token_hex(4)}"
    folder.mkdir()
    own = {"SPOOL_URL": str(place / "seen.spool"), "WORKER_LISTEN": "127.0.0.1:0"}
    path = folder / "worker.log"
    with path.open("wb") as log:
        command = processes.procfile(ROOT / "Procfile")["worker"]
        child = processes.start("worker", command, folder, environment_of(settings) | own | PATHS, output=log)
    try:
        assert becomes(lambda: "the worker can be asked" in path.read_text(), PATIENT_SECONDS), path.read_text()
        found = re.search(r"at=(127\.0\.0\.1:\d+)", path.read_text())
        assert found
        yield AtWork(url=f"http://{found[1]}", log=path, pid=child.process.pid)
    finally:
        processes.stop([child], folder)


PATHS = {"PATH": os.environ["PATH"]}


@pytest.fixture
def house(seen: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    sandbox.clear()
    yield House.build(seen, sandbox, database, vault)
    sandbox.clear()


def lines_with(text: str, *wanted: str) -> list[str]:
    return [line for line in text.splitlines() if all(one in line for one in wanted)]


def test_one_id_from_the_request_to_the_worker(house: House, at_work: AtWork) -> None:
    house.sandbox.fault(**order(house, SAMPLE), action="status", status=429, headers={"Retry-After": "0"})
    request_id = secrets.token_hex(16)
    filename, content_type, content = SAMPLE.file(4000)
    path = f"/api/v1/organizations/{house.organization.slug}/codat/file"
    answer = requests.post(
        house.gateway.url + path,
        files={"file": (filename, content, content_type)},
        headers={"Authorization": f"Bearer {house.token}", "X-Request-ID": request_id},
        timeout=30,
    )
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (202, request_id), answer.text
    upload = answer.json()["id"]

    assert becomes(lambda: ask(house, "GET", f"/api/v1/uploads/{upload}").body["state"] == "delivered", PATIENT_SECONDS)

    whole = (f"request={request_id}", f"upload={upload}", f"organization={house.organization.id}")
    assert lines_with(house.gateway.log(), *whole, "status=202")
    written = at_work.log.read_text()
    assert lines_with(written, *whole, "taken up", "job=", "task=deliver")
    assert lines_with(written, *whole, "left")


def test_processes_of_a_server_count_together(seen: Server) -> None:
    def counted() -> float:
        found = values(requests.get(f"{seen.url}/metrics", timeout=30).text)
        return found.get("ventanilla_requests_total{'face': 'api', 'method': 'GET', 'status': '401'}", 0.0)

    before = counted()
    with ThreadPoolExecutor(16) as pool:  # more than one process takes them
        asked = [pool.submit(requests.get, f"{seen.url}/api/v1/me", timeout=30) for _ in range(40)]
        assert {one.result().status_code for one in asked} == {401}
    assert counted() == before + 40


def test_no_process_may_be_dumped(seen: Server, at_work: AtWork) -> None:
    first = [psutil.Process(pid) for pid in (at_work.pid, seen.child.process.pid)]
    family = [*first, *(member for one in first for member in one.children(recursive=True))]
    limits = [Path(f"/proc/{member.pid}/limits").read_text() for member in family]
    assert len(limits) >= 4  # of the gateway its first process and two others, and the worker
    assert all(re.search(r"^Max core file size +0 +0 ", one, re.MULTILINE) for one in limits)


def test_a_worker_says_how_it_does_and_what_it_did(house: House, at_work: AtWork) -> None:
    url = at_work.url
    assert requests.get(f"{url}/healthz", timeout=30).json() == {"status": "ok"}
    assert requests.get(f"{url}/readyz", timeout=30).json()["database"] is True

    def kicks() -> float:
        text = requests.get(f"{url}/metrics", timeout=30).text
        return values(text).get("ventanilla_jobs_total{'outcome': 'done', 'task': 'kick'}", 0.0)

    assert becomes(lambda: kicks() > 0, PATIENT_SECONDS)
    assert requests.get(f"{url}/admin", timeout=30).status_code == 404


def test_who_is_told_to_end_says_so_first_and_takes_what_comes_meanwhile(place: Path, settings: Settings) -> None:
    with serving("leaving", place, settings, LEAVING_SECONDS=str(LEAVING_SECONDS), WEB_CONCURRENCY="1") as server:
        mine = folder_of(server)
        os.kill(server.child.process.pid, signal.SIGTERM)
        assert becomes(lambda: server.ask("GET", "/readyz") == (503, {"status": "leaving"}))
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        connection.request("GET", "/healthz")  # on a connection that is new
        assert connection.getresponse().status == 200
        connection.close()
        assert server.child.process.wait(PATIENT_SECONDS) == 0
    assert not mine.exists()


def test_a_server_that_was_killed_leaves_nothing_for_long(place: Path, settings: Settings, seen: Server) -> None:
    """What it counted lies in memory until the next server is started, which removes it."""
    with serving("killed", place, settings, WEB_CONCURRENCY="1") as server:
        mine = folder_of(server)
        leader = psutil.Process(server.child.process.pid)
        for member in (leader, *leader.children(recursive=True)):
            member.kill()
        server.child.process.wait(PATIENT_SECONDS)
    assert mine.is_dir()
    sharing.remove(sharing.share(sharing.MEMORY))
    assert not mine.exists()
    assert folder_of(seen).is_dir()


def folder_of(server: Server) -> Path:
    """Where its processes count: they hold it open."""
    family = psutil.Process(server.child.process.pid).children(recursive=True)
    held = (one.readlink() for member in family for one in Path(f"/proc/{member.pid}/fd").iterdir())
    return next(one for one in held if one.name.startswith(sharing.PREFIX))
