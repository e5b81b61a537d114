"""The whole gateway on a socket, with a clock that can be set, in front of the sandbox."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine

from app.config import Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.sandbox.sat import Issued, issue
from app.tenants.vault import Vault
from tests.acceptance import beside
from tests.acceptance.browser import launch
from tests.acceptance.counter import Counter, World
from tests.servers import Sandbox, Server, environment_of
from tests.webhooks.receiver import Receiver, receiving

#: With a provider; no test waits for longer than it has to.
SHORT = {"CONNECT_SECONDS": "2", "ANSWER_SECONDS": "1.5", "TOTAL_SECONDS": "6"}


@pytest.fixture(scope="session")
def clock(place: Path) -> Path:
    """The file that says what time it is."""
    path = place / "clock"
    path.write_text("")
    return path


@contextmanager
def gateway_with_clock(
    name: str, place: Path, environment: dict[str, str], clock: Path, patience: Mapping[str, str] = SHORT
) -> Iterator[Server]:
    """The gateway with the Procfile's settings; its clock is ours, and its patience with a provider shorter."""
    line = processes.procfile(ROOT / "Procfile")["web"]
    command = [word.replace("wsgi:app", "tests.acceptance.clocked:app") for word in line]
    assert command != line
    own = {"PUBLIC_URL": "{url}", "TEST_CLOCK": str(clock), **patience}
    environment = {"TEST_OPENED": os.devnull} | environment | own
    with Server.running(name, [*command, "--bind", "fd://{fd}"], place, environment, ready="/readyz") as server:
        yield server


@pytest.fixture(scope="session")
def collector() -> Iterator[Receiver]:
    """Takes spans and webhooks."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def clocked(place: Path, settings: Settings, clock: Path, collector: Receiver) -> Iterator[Server]:
    """The gateway in front of the sandbox."""
    told = environment_of(settings) | beside.environment(collector, place)
    with gateway_with_clock("clocked", place, told, clock) as server:
        yield server


@pytest.fixture
def world(
    clean: None,
    clocked: Server,
    sandbox: Sandbox,
    database: Database,
    vault: Vault,
    owner_engine: Engine,
    clock: Path,
    collector: Receiver,
) -> Iterator[World]:
    """Everything running, nothing in it, and the right time."""
    sandbox.clear()
    collector.came.clear()
    made = World(
        gateway=clocked,
        sandbox=sandbox,
        database=database,
        vault=vault,
        owner=owner_engine,
        clock=clock,
        collector=collector,
    )
    made.set_clock(None)
    yield made
    made.set_clock(None)


@pytest.fixture
def open_counter(world: World) -> Callable[..., Counter]:
    """Opens a counter, and makes its account the provider's only one."""

    def open_counter(**options: Any) -> Counter:
        counter = Counter.open_for(world, **options)
        world.sandbox.seed(facturapi={"user_keys": [], "organizations": [counter.provider_entry]})
        return counter

    return open_counter


@pytest.fixture
def counter(open_counter: Callable[..., Counter]) -> Counter:
    """A counter of an organization that takes any RFC's certificate."""
    return open_counter()


@pytest.fixture(scope="session")
def nowhere(place: Path, settings: Settings, clock: Path) -> Iterator[Server]:
    """A gateway whose provider is not there: nothing listens at its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = "http://{}:{}".format(*listener.getsockname())
    environment = {"SANDBOX_URL": url, "EGRESS_ALLOW": url}
    with gateway_with_clock("nowhere", place, environment_of(settings) | environment, clock) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, for as long as a module's tests run: beyond it, its event loop would be in others' way."""
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="session")
def csd() -> Issued:
    """A certificate that is in order."""
    return issue()


@pytest.fixture
def paths(tmp_path: Path, csd: Issued) -> dict[str, Path]:
    """Files as they lie on somebody's phone."""
    written = {}
    for name, content in {"csd.cer": csd.cer, "csd.key": csd.key, "csd.zip": b"PK\x03\x04" + bytes(600)}.items():
        written[name] = tmp_path / name
        written[name].write_bytes(content)
    return written
