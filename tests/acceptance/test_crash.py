"""A process is killed while a certificate is on its way: what is not known is called unknown, and can be found out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from app.config import Settings
from app.database import utcnow
from app.delivery import Deliverer
from app.intake.spool import Spool
from app.local import processes
from app.local.place import ROOT
from app.records.models import Attempt, Upload
from app.records.processes import Work
from app.sandbox.sat import issue
from tests.acceptance.conftest import gateway_with_clock
from tests.acceptance.counter import Counter, World
from tests.acceptance.customer import Page
from tests.servers import Server, environment_of
from tests.tenancy import becomes

pytestmark = pytest.mark.live

Open = Callable[..., Counter]
#: From the end of a process to the end of what it had in hand.
TAKEN_UP_SECONDS = 20.0
#: Longest that the provider keeps a request waiting here; each test ends it long before.
STALL_SECONDS = 60


@pytest.fixture
def apart(place: Path) -> Path:
    """A folder for processes that end with a test: all of a folder's are ended together."""
    folder = place / "mortal"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def mortal(apart: Path, settings: Settings, clock: Path) -> Iterator[Server]:
    """A gateway of one worker, with all the patience it has in life, to be killed."""
    environment = environment_of(settings) | {"WEB_CONCURRENCY": "1"}
    patience = {"CONNECT_SECONDS": "5", "ANSWER_SECONDS": "30", "TOTAL_SECONDS": "60"}
    with gateway_with_clock("mortal", apart, environment, clock, patience) as server:
        yield server


@pytest.fixture
def sweeping(apart: Path, settings: Settings) -> Iterator[None]:
    """The worker of the Procfile."""
    with (apart / "worker.log").open("wb") as log:
        child = processes.start(
            "worker", processes.procfile(ROOT / "Procfile")["worker"], apart, environment_of(settings), output=log
        )
        yield
        processes.stop([child], apart)


def kill_worker(server: Server) -> None:
    """Kill -9 the process that serves; gunicorn's master starts another."""
    (worker,) = psutil.Process(server.child.process.pid).children()
    worker.kill()
    worker.wait(10)


@pytest.fixture
def handing_in(open_counter: Open, mortal: Server) -> Iterator[tuple[Counter, Callable[[], Future[Page]]]]:
    """A counter at that gateway, and how to hand in there without waiting for the page."""
    one = issue()
    counter = open_counter()
    address = f"{mortal.url}/f/{counter.form.public_id}"

    def hand_in() -> Page:
        customer = counter.customer()
        customer.origin = mortal.url
        files = {"cer": one.cer, "key": one.key}
        return customer.hand_in(address, files=files, fields={"password": one.password})

    with ThreadPoolExecutor(1) as threads:
        yield counter, lambda: threads.submit(hand_in)


def test_killed_after_the_mark_it_is_unknown_and_a_look_tells(
    world: World,
    sweeping: None,
    mortal: Server,
    handing_in: tuple[Counter, Callable[[], Future[Page]]],
    settings: Settings,
) -> None:
    counter, hand_in = handing_in
    world.sandbox.fault(action="delay", method="PUT", seconds=2)  # it is stored all the same, after its sender's end
    page = hand_in()
    assert becomes(lambda: any(attempt.completing_at for attempt in world.rows(Attempt)))
    assert becomes(lambda: any(entry["complete"] for entry in counter.puts))
    assert counter.upload.state == "delivering"
    kill_worker(mortal)
    killed = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        page.result(30)
    assert becomes(lambda: counter.upload.state == "unknown", TAKEN_UP_SECONDS)
    assert time.monotonic() - killed < TAKEN_UP_SECONDS
    assert counter.upload.problem == "unconfirmed"
    assert [attempt.outcome for attempt in counter.attempts] == ["unknown"]
    assert becomes(lambda: mortal.answers("/readyz")), "gunicorn started another"

    deliverer = Deliverer(world.database, world.vault, Spool.from_settings(settings), settings, utcnow, Work())
    result = deliverer.check_again(counter.organization.id, counter.upload.id, actor="operator")
    deliverer.close()
    assert (result.state, counter.upload.state) == ("delivered", "delivered")
    assert len(counter.puts) == 1, "nothing was sent again"


def test_killed_before_the_mark_the_provider_has_nothing_and_nothing_is_claimed(
    world: World, sweeping: None, mortal: Server, handing_in: tuple[Counter, Callable[[], Future[Page]]]
) -> None:
    counter, hand_in = handing_in
    world.sandbox.fault(action="stall", method="GET", seconds=STALL_SECONDS)
    page = hand_in()
    assert becomes(lambda: bool(world.sandbox.ledger("facturapi")))
    kill_worker(mortal)
    with pytest.raises(requests.ConnectionError):
        page.result(30)
    assert not world.rows(Upload)
    assert not counter.puts
    assert becomes(lambda: mortal.answers("/readyz"))
    world.sandbox.clear()
    again = hand_in().result(30)
    assert "/o/" in again.address
    assert counter.upload.state == "delivered"
