"""A gateway that was told to end: what has begun is brought to its end, and nobody else is kept waiting for that."""

from __future__ import annotations

import http.client
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from app.config import Settings
from app.database import Database
from app.intake import worker
from app.tenants.vault import Vault
from tests.ops.proxies import standing_alone
from tests.relay.house import House
from tests.relay.samples import SAMPLES
from tests.servers import Sandbox, Server
from tests.tenancy import becomes

pytestmark = pytest.mark.live

FILE: Final = next(one for one in SAMPLES if one.operation == "flatfile/file")


@pytest.fixture
def leaving(place: Path, settings: Settings, tmp_path: Path) -> Iterator[Server]:
    """One that nobody else listens for: its port is closed when it closes it."""
    with standing_alone("leaving", tmp_path, settings, "http://localhost") as server:
        yield server


def refuses(server: Server) -> bool:
    target = urlsplit(server.url)
    try:
        socket.create_connection((target.hostname or "", target.port or 0), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_what_has_begun_ends_well_and_who_comes_later_goes_elsewhere_at_once(
    leaving: Server, sandbox: Sandbox, database: Database, vault: Vault
) -> None:
    house = House.build(leaving, sandbox, database, vault)
    kept = http.client.HTTPConnection(urlsplit(leaving.url).netloc, timeout=30)
    kept.request("GET", "/healthz")
    assert kept.getresponse().read()
    with FILE.sending(house) as sending:
        sending.give_share(0.5)
        leaving.child.process.terminate()
        assert becomes(lambda: leaving.ask("GET", "/readyz")[0] == 503)
        kept.request("GET", "/healthz")  # on a connection that a proxy would have kept
        last = kept.getresponse()
        assert (last.status, last.headers["Connection"]) == (200, "close")
        kept.close()
        assert becomes(lambda: refuses(leaving))
        assert leaving.child.process.poll() is None
        answer = sending.give().answer()
    assert answer.status == 201, answer.body
    assert leaving.child.process.wait(60) == 0


def test_who_is_told_twice_has_no_less_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    told.set()
    monkeypatch.setattr(worker, "LEAVING", told)
    leaving = object.__new__(worker.Worker)
    leaving.alive = True
    leaving.handle_exit(signal.SIGTERM, None)
    assert leaving.alive
    assert not leaving._leaves_at
