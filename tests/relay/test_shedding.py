"""Load is shed at the door of a running gateway: before a byte of a body is read, and nothing of it is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
import requests
from sqlalchemy import func, select, update

from app.config import Settings
from app.database import Database, utcnow
from app.local import processes
from app.local.place import ROOT
from app.records import uploads
from app.records.models import Upload
from app.records.states import State
from app.tenants import forms
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.relay.house import House
from tests.relay.sending import RELAYED, Answered, Sending, ask, upload
from tests.servers import Sandbox, Server, environment_of
from tests.tenancy import becomes

pytestmark = pytest.mark.live

OPERATION: Final = "flatfile/file"
TABLE: Final = {"file": ("tabla.csv", "text/csv", b"a,b\n" + b"1,2\n" * 50_000)}
KEPT: Final = "?durable=1"
LIMITS: Final = {
    "UPLOADS_IN_FLIGHT": "3",
    "UPLOADS_IN_FLIGHT_PER_ORGANIZATION": "2",
    "UPLOADS_A_MINUTE": "1000000",
    "QUEUE_AGE_SECONDS": "60",
}
PATIENCE: Final = {"IDLE_SECONDS": "2", "RATE_GRACE_SECONDS": "2", "DRAIN_SECONDS": "2"}


@contextmanager
def gateway(name: str, place: Path, settings: Settings, **changes: str) -> Iterator[Server]:
    """One process, whose limits are few."""
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}"]
    few = {"PUBLIC_URL": "{url}", "WEB_CONCURRENCY": "1", "THREADS": "32", **LIMITS, **PATIENCE, **changes}
    with Server.running(name, command, place, environment_of(settings) | few, ready="/readyz") as server:
        yield server


@pytest.fixture(scope="module")
def few(place: Path, settings: Settings) -> Iterator[Server]:
    with gateway("few", place, settings) as server:
        yield server


@pytest.fixture
def houses(few: Server, sandbox: Sandbox, database: Database, vault: Vault) -> tuple[House, House]:
    return House.build(few, sandbox, database, vault), House.build(few, sandbox, database, vault)


def begun(held: ExitStack, house: House) -> Sending:
    """One more upload that is under way: the provider has some of it."""
    before = under_way(house)
    sending = held.enter_context(Sending(house, OPERATION, files=TABLE, query=RELAYED)).give_share(0.5)
    assert becomes(lambda: under_way(house) > before)
    return sending


def under_way(house: House) -> int:
    with house.database.transaction(house.organization.id) as session:
        return session.scalar(select(func.count()).where(Upload.state == State.DELIVERING)) or 0


def hand_in(house: House, query: str = RELAYED) -> Answered:
    return upload(house, OPERATION, files=TABLE, query=query)


def refused_by_its_head(house: House) -> Answered:
    """What is answered although not a byte of the body was sent, and how the connection ends."""
    with Sending(house, OPERATION, files=TABLE, query=RELAYED) as sending:
        return sending.answer()


def check(answer: Answered, status: int, slug: str) -> None:
    assert (answer.status, answer.body.get("type")) == (status, f"/docs/problems#{slug}"), answer.body
    assert answer.headers["retry-after"].isdecimal()
    assert int(answer.headers["retry-after"]) > 0
    assert "upload" not in answer.body


def test_an_organization_has_its_share_and_the_process_its_own(houses: tuple[House, House]) -> None:
    mine, theirs = houses
    with ExitStack() as held:
        sent = [begun(held, mine), begun(held, mine)]
        check(refused_by_its_head(mine), 429, "too-many-at-once")
        sent.append(begun(held, theirs))
        check(refused_by_its_head(theirs), 503, "overloaded")
        check(refused_by_its_head(mine), 503, "overloaded")
        assert mine.gateway.answers("/healthz"), "pages are answered all the same"
        for sending in sent:
            assert sending.give().answer().status == 201
    assert hand_in(mine).status == 201
    assert hand_in(theirs).status == 201


def test_a_client_that_sends_on_sees_the_refusal(houses: tuple[House, House]) -> None:
    mine, _ = houses
    with ExitStack() as held:
        begun(held, mine)
        begun(held, mine)
        answer = requests.post(
            f"{mine.gateway.url}/api/v1/organizations/{mine.organization.slug}/{OPERATION}?durable=0",
            files={"file": ("tabla.csv", b"1,2\n" * 4_000_000, "text/csv")},
            headers={"Authorization": f"Bearer {mine.token}"},
            timeout=60,
        )
    assert (answer.status_code, answer.json()["status"]) == (429, 429)


def leaves(house: House) -> None:
    """The client closes its connection in the middle."""
    with ExitStack() as held:
        begun(held, house)


def stops(house: House) -> None:
    """The client says nothing more, and is given up."""
    with ExitStack() as held:
        assert begun(held, house).answer().status == 408


def is_refused(house: House) -> None:
    """The file is not what it says."""
    files = {"file": ("tabla.csv", "text/csv", b"\x89PNG\r\n\x1a\n" + bytes(100_000))}
    assert upload(house, OPERATION, files=files, query=RELAYED).status == 415


def is_no_form(house: House) -> None:
    """The body is refused by its head."""
    assert ask(house, "POST", f"/api/v1/organizations/{house.organization.slug}/{OPERATION}", {}).status == 415


def breaks(house: House) -> None:
    """Something of ours is not as it has to be."""
    with house.database.transaction(house.organization.id) as session:
        connection = session.get_one(Connection, house.connections["flatfile"].id)
        kept, connection.settings = connection.settings, {"base_url": "x"}
    assert hand_in(house).status >= 400
    with house.database.transaction(house.organization.id) as session:
        session.get_one(Connection, connection.id).settings = kept


def is_refused_there(house: House) -> None:
    """The provider does not take it."""
    house.sandbox.fault(provider="flatfile", method="POST", action="status", status=422)
    assert hand_in(house).status == 424


@pytest.mark.parametrize("end", [leaves, stops, is_refused, is_no_form, breaks, is_refused_there])
def test_whatever_happens_a_place_is_given_back(houses: tuple[House, House], end: Any) -> None:
    mine, _ = houses
    mine.sandbox.clear()
    for _ in range(4):  # more often than there are places
        end(mine)
        assert becomes(lambda: under_way(mine) == 0)
    mine.sandbox.clear()
    with ExitStack() as held:
        begun(held, mine)
        begun(held, mine)  # both places are there


def test_the_portals_form_says_it_on_its_page(houses: tuple[House, House], database: Database) -> None:
    mine, _ = houses
    with database.transaction(mine.organization.id) as session:
        form = forms.add(
            session,
            organization_id=mine.organization.id,
            connection_id=mine.connections["flatfile"].id,
            operation=OPERATION,
            open=True,
        )
    address = f"{mine.gateway.url}/f/{form.public_id}"
    customer = requests.Session()
    page = customer.get(address, timeout=20).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    with ExitStack() as held:
        begun(held, mine)
        begun(held, mine)
        answer = customer.post(
            address,
            data={"csrf_token": token[1]},
            files={"file": ("tabla.csv", TABLE["file"][2], "text/csv")},
            headers={"Origin": mine.gateway.url},
            timeout=20,
        )
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "As many uploads are under way" in answer.text
    assert "<form" in answer.text, "to be sent again"


def test_a_rate_is_counted_for_each_organization_token_and_address(
    place: Path, settings: Settings, sandbox: Sandbox, database: Database, vault: Vault
) -> None:
    with gateway("slow", place, settings, UPLOADS_A_MINUTE="2") as server:
        house = House.build(server, sandbox, database, vault)
        assert [hand_in(house).status for _ in range(2)] == [201, 201]
        check(refused_by_its_head(house), 429, "too-many-a-minute")
        neighbour = House.build(server, sandbox, database, vault)
        check(refused_by_its_head(neighbour), 429, "too-many-a-minute")  # from the same address
        headers = {"Authorization": f"Bearer {neighbour.token}", "X-Forwarded-For": "198.51.100.7"}
        assert upload(neighbour, OPERATION, files=TABLE, query=RELAYED, headers=headers).status == 201


def test_a_queue_that_is_behind_takes_no_more_of_its_organization(
    houses: tuple[House, House], database: Database
) -> None:
    mine, theirs = houses
    left_waiting(mine, utcnow() - timedelta(minutes=5))
    # What is known of the queue, since somebody asked after the gateway's health, may be some seconds old.
    assert becomes(lambda: hand_in(mine, KEPT).status == 503)
    check(hand_in(mine, KEPT), 503, "queue-behind")
    assert hand_in(mine).status == 201, "what is passed on waits in no queue"
    assert hand_in(theirs, KEPT).status == 201
    with database.transaction(mine.organization.id) as session:
        session.execute(update(Connection).values(paused_at=utcnow()))
    # Nobody is to take it, so nobody is late.
    assert becomes(lambda: hand_in(mine, KEPT).status == 202)


def left_waiting(house: House, due_at: datetime) -> None:
    """An upload that has been due since, and that nobody took."""
    with house.database.transaction(house.organization.id) as session:
        made = uploads.begin(
            session,
            organization_id=house.organization.id,
            connection_id=house.connections["flatfile"].id,
            operation=OPERATION,
            mode="durable",
            state=State.RECEIVING,
            process_id=uuid4(),
            actor="tests",
            now=due_at,
        )
        uploads.move(session, made, State.WAITING, actor="tests", now=due_at).due_at = due_at
