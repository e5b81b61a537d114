"""The same key sent to two nodes, again and again, also after one has died: it is delivered once."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import psutil
import pytest
import requests

from app.config import Settings
from app.database import Database, utcnow
from app.records import sweeper
from app.records.processes import DEAD_AFTER
from tests.durable.conftest import keeping
from tests.durable.test_first_pass import whole
from tests.relay.ending import became, order, upload_of
from tests.relay.files import csv
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION
from tests.relay.sending import Sending
from tests.servers import Server
from tests.tenancy import becomes

pytestmark = pytest.mark.live

SAMPLE: Final = BY_OPERATION["codat/file"]
#: By how it travels: with a copy, and without.
QUERIES: Final = pytest.mark.parametrize("query", ["", "?durable=0"], ids=["durable", "relay"])
SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One organization, as two nodes know it."""

    here: House
    there: House


@pytest.fixture(scope="module")
def neighbour(place: Path, settings: Settings) -> Iterator[Server]:
    """A second node, which shares database and spool with the first."""
    with keeping("neighbour", place, settings, SPOOL_URL=str(place / "patient.spool")) as server:
        yield server


@pytest.fixture
def pair(neighbour: Server, house: House) -> Pair:
    return Pair(here=replace(house, gateway=neighbour), there=house)


@pytest.fixture
def doomed(place: Path, settings: Settings, house: House) -> Iterator[Pair]:
    """Here is the test's to kill."""
    with keeping("mortal", place, settings, SPOOL_URL=str(place / "patient.spool")) as mortal:
        yield Pair(here=replace(house, gateway=mortal), there=house)


def post(house: House, key: str, query: str, content: bytes) -> requests.Response:
    """As any service does it: each call has a boundary of its own."""
    return requests.post(
        f"{house.gateway.url}/api/v1/organizations/{house.organization.slug}/{SAMPLE.operation}{query}",
        headers={"Authorization": f"Bearer {house.token}", "Idempotency-Key": f'"{key}"'},
        files={"file": ("tabla.csv", content, "text/csv")},
        timeout=SECONDS,
    )


def sending(house: House, key: str, query: str, content: bytes) -> Sending:
    """The same, byte by byte."""
    headers = {"Authorization": f"Bearer {house.token}", "Idempotency-Key": key}
    files = {"file": ("tabla.csv", "text/csv", content)}
    path = f"/api/v1/organizations/{house.organization.slug}/{SAMPLE.operation}{query}"
    return Sending(house, SAMPLE.operation, files=files, at=path, headers=headers)


def kill(server: Server) -> None:
    """All of its processes, at once."""
    master = psutil.Process(server.child.process.pid)
    for process in [*master.children(recursive=True), master]:
        process.send_signal(signal.SIGKILL)
    server.child.process.wait()


def sweep(worker: Database) -> None:
    """What a worker does within 20 seconds; here nothing is waited for."""
    sweeper.sweep(worker, utcnow() + DEAD_AFTER + timedelta(seconds=1))


@QUERIES
@pytest.mark.parametrize("size", [1000, 400_000], ids=["whole", "streamed"])
def test_sent_to_both_at_once_it_is_delivered_once(pair: Pair, query: str, size: int) -> None:
    content = csv(size)
    for round_ in range(1, 5):
        key, start = str(uuid4()), threading.Barrier(4)

        def send(house: House, key: str = key, start: threading.Barrier = start) -> requests.Response:
            start.wait(SECONDS)
            return post(house, key, query, content)

        with ThreadPoolExecutor(4) as callers:
            answers = list(callers.map(send, [pair.here, pair.there] * 2))
        assert {one.status_code for one in answers} <= {201, 409}
        first = {one.content for one in answers if one.status_code == 201}
        assert len(first) == 1
        for house in (pair.here, pair.there):
            again = post(house, key, query, content)
            assert (again.status_code, {again.content}) == (201, first)
        assert whole(SAMPLE, pair.here) == round_


@QUERIES
def test_two_posts_of_one_file_with_one_key_are_one_upload(house: House, query: str) -> None:
    answers = [post(house, "a key", query, csv(300_000)) for _ in range(2)]
    boundaries = {one.request.headers["Content-Type"] for one in answers}
    assert len(boundaries) == 2
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["id"] == str(upload_of(house).id)
    assert whole(SAMPLE, house) == 1


@QUERIES
def test_while_the_first_is_on_its_way_the_second_hears_so(pair: Pair, query: str) -> None:
    content = csv(1 << 20)
    with sending(pair.here, "k", query, content) as first:
        first.give_share(0.5)
        assert became(pair.here, "delivering")
        second = post(pair.there, "k", query, content)
        assert (second.status_code, second.headers["Retry-After"]) == (409, "2")
        assert second.json()["type"] == "/docs/problems#idempotency-key-in-use"
        done = first.give().answer()
    again = post(pair.there, "k", query, content)
    assert (done.status, again.status_code, again.json()) == (201, 201, done.body)
    assert whole(SAMPLE, pair.here) == 1


@QUERIES
def test_who_leaves_in_the_middle_leaves_the_key_free(pair: Pair, query: str) -> None:
    content = csv(1 << 20)
    with sending(pair.here, "k", query, content) as first:
        first.give_share(0.5)
        assert became(pair.here, "delivering")
    assert became(pair.here, "cancelled")
    again = post(pair.there, "k", query, content)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, None)
    assert whole(SAMPLE, pair.here) == 1


@QUERIES
def test_who_dies_in_the_middle_leaves_the_key_free(doomed: Pair, query: str, worker: Database) -> None:
    content = csv(1 << 20)
    with sending(doomed.here, "k", query, content) as first:
        first.give_share(0.5)
        assert became(doomed.here, "delivering")
        kill(doomed.here.gateway)
    assert post(doomed.there, "k", query, content).status_code == 409  # until it is known to be dead
    sweep(worker)
    again = post(doomed.there, "k", query, content)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, None)
    assert whole(SAMPLE, doomed.here) == 1


@pytest.mark.parametrize(("query", "status", "state"), [("", 202, "waiting"), ("?durable=0", 504, "unknown")])
def test_who_dies_at_the_end_is_answered_by_the_record(
    doomed: Pair, worker: Database, query: str, status: int, state: str
) -> None:
    """The provider has all of it, and whoever was to hear so is no more."""
    content = csv(300_000)
    doomed.here.sandbox.fault(action="status", status=500, seconds=SECONDS, **order(doomed.here, SAMPLE))
    with sending(doomed.here, "k", query, content) as first:
        first.give()
        assert becomes(lambda: whole(SAMPLE, doomed.here) == 1)
        kill(doomed.here.gateway)
    sweep(worker)
    assert became(doomed.here, state)
    for _ in range(2):
        again = post(doomed.there, "k", query, content)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (status, "true")
        assert again.headers["Location"].endswith(str(upload_of(doomed.here).id))
    assert post(doomed.there, "k", query, content[:-1] + b"2\n").status_code == 422
    assert whole(SAMPLE, doomed.here) == 1


def test_curl_sends_a_file_as_it_is(house: House, tmp_path: Path) -> None:
    path = tmp_path / "tabla.csv"
    path.write_bytes(csv(2 << 20))
    url = f"{house.gateway.url}/api/v1/organizations/{house.organization.slug}/{SAMPLE.operation}?filename=tabla.csv"
    command = ["curl", "--silent", "--fail-with-body", "-H", f"Authorization: Bearer {house.token}", "-T"]
    for source in (str(path), "-"):  # the second has no length
        with path.open("rb") as content:
            done = subprocess.run([*command, source, url], stdin=content, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout
    assert whole(SAMPLE, house) == 1  # what has no length is delivered once it is whole
