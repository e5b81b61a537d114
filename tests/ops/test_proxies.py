"""What the gateway promises holds behind each proxy too: nothing rests there, nobody is somebody else."""

from __future__ import annotations

import http.client
import json
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from app.config import Settings
from app.database import Database
from app.local.processes import wait_until
from app.tenants import forms, tokens
from app.tenants.vault import Vault
from tests.acceptance.browser import launch, visit
from tests.ops.proxies import PROXIES, Front, is_there, standing
from tests.relay.files import csv
from tests.relay.house import House
from tests.relay.samples import SAMPLES, Sample
from tests.relay.sending import Sending
from tests.resumable.desk import CONTENT, OCTETS, VERSION, metadata
from tests.security.framings import CHUNKS, FRAMINGS, in_chunks
from tests.security.wire import say
from tests.servers import Sandbox

pytestmark = pytest.mark.live

SECONDS: Final = 20.0
LARGE: Final = next(sample for sample in SAMPLES if sample.operation == "flatfile/file")


@pytest.fixture(scope="module", params=PROXIES)
def front(request: pytest.FixtureRequest, place: Path, settings: Settings) -> Iterator[Front]:
    name: str = request.param
    if not is_there(name):
        pytest.skip(f"{name} is not there, so that its file is not run: make proxies")
    with standing(name, place, settings) as running:
        yield running


@pytest.fixture
def house(front: Front, sandbox: Sandbox, database: Database, vault: Vault) -> House:
    return House.build(front.gateways[0], sandbox, database, vault)


def through(front: Front, sending: Sending) -> Sending:
    sending.connection = front.connection()
    return sending


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(front: Front, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Ask on a connection of its own; `_` stands for `-`."""
    return asked(front.connection(), method, path, body, **headers)


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    with closing(connection):
        connection.request(method, path, body or None, {name.replace("_", "-"): headers[name] for name in headers})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(status=answer.status, headers=found, body=answer.read())


def whoami(front: Front, token: str, *, source: str = "127.0.0.1", **claims: str) -> int:
    """What a token bound to an address is answered."""
    connection = front.connection(source=source)
    return asked(connection, "GET", "/api/v1/me", b"", Authorization=f"Bearer {token}", **claims).status


def test_the_provider_has_the_first_byte_before_the_second_half_is_given(front: Front, house: House) -> None:
    with through(front, LARGE.sending(house)) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: any(one["bytes"] for one in LARGE.arrivals(house)), SECONDS)
        answer = sending.give().answer()
    assert answer.status == 201, answer.body
    (arrival,) = LARGE.arrivals(house)
    assert arrival["complete"]


def test_a_refusal_is_heard_while_the_client_still_sends(front: Front, house: House) -> None:
    logo: Sample = next(sample for sample in SAMPLES if sample.operation == "facturapi/logo")
    with through(front, logo.sending(house, logo.file(2 << 20))) as sending:
        with suppress(ConnectionError):  # it has been answered, and nobody listens any more
            sending.give()
        answer = sending.answer()
    assert answer.status == 413, answer.body
    assert answer.body["type"].endswith("#body-too-large")
    assert not logo.arrivals(house)


@pytest.mark.attack("ways in", "an address of the client's own making, to be counted anew", "it counts for nothing")
def test_a_client_is_who_it_is_and_not_who_it_says(front: Front, house: House, database: Database) -> None:
    with database.transaction(house.organization.id) as session:
        _, token = tokens.create(
            session,
            organization_id=house.organization.id,
            name="bound",
            scopes=["uploads:read"],
            networks=["127.0.0.2/32"],
        )
    assert whoami(front, token, source="127.0.0.2") == 200
    for claim in (
        {"X_Forwarded_For": "127.0.0.2"},
        {"X_Forwarded_For": "127.0.0.2, 127.0.0.1"},
        {"X_Real_Ip": "127.0.0.2"},
        {"Forwarded": "for=127.0.0.2"},
        {"True_Client_Ip": "127.0.0.2"},
    ):
        assert whoami(front, token, **claim) in {401, 403}, claim


def test_a_request_is_known_as_its_proxy_says_and_not_as_its_client_does(front: Front) -> None:
    said = "0123456789abcdef" * 2
    known = [ask(front, "GET", "/healthz", X_Request_Id=said).headers["x-request-id"] for _ in range(2)]
    assert said not in known
    assert known[0] != known[1]
    assert all(UUID(one).version != 7 for one in known)  # the proxy's: the gateway's own are of that kind


def test_a_file_in_pieces_arrives_by_way_of_both(front: Front, house: House) -> None:
    told: Any = {**VERSION, "Authorization": f"Bearer {house.token}"}
    where = {"organization": house.organization.slug, "connection": "flatfile", "operation": "file"}
    said = metadata(**where, filename="a.csv", filetype="text/csv")
    begun = ask(front, "POST", "/files", **told, Upload_Length=str(len(CONTENT)), Upload_Metadata=said)
    assert begun.status == 201, begun.body
    path, offset = begun.headers["location"].removeprefix(front.url), 0
    assert path.startswith("/files/"), path  # never the gateway's own address
    for end in (9, 17, len(CONTENT)):
        piece = CONTENT[offset:end]
        answer = ask(front, "PATCH", path, piece, **told, **OCTETS, Upload_Offset=str(offset))
        assert answer.status == 204, answer.body
        offset = int(answer.headers["upload-offset"])
        assert offset == end
    shown = ask(front, "GET", f"/api/v1/uploads/{answer.headers['ventanilla-upload']}", **told)
    assert (shown.status, json.loads(shown.body)["size"]) == (200, len(CONTENT))


@pytest.mark.attack("browsers", "a request in plain text", "sent to TLS by the proxy")
def test_who_comes_without_tls_is_sent_to_it(front: Front) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=20)
    answer = asked(plain, "GET", "/l/somebody", Host="127.0.0.1")
    assert answer.status in {301, 308}
    assert answer.headers["location"].startswith("https://127.0.0.1")


def test_nobody_notices_that_a_gateway_leaves_and_no_address_is_written_down(front: Front, house: House) -> None:
    statuses: Counter[int] = Counter()
    left = Event()

    def hand_in() -> None:
        while not left.is_set():
            with through(front, LARGE.sending(house, LARGE.file(4_000))) as sending:
                statuses[sending.give().answer().status] += 1

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(hand_in) for _ in range(4)]
        assert wait_until(lambda: statuses.total() >= 8, SECONDS)
        leaves = front.gateways[1].child.process
        leaves.terminate()
        leaves.wait(90)
        so_far = statuses.total()
        assert wait_until(lambda: statuses.total() >= so_far + 8, SECONDS)
        left.set()
        for client in clients:
            client.result()
    assert set(statuses) == {201}
    assert ask(front, "GET", "/l/secret-of-a-link").status == 404  # the page that says that there is no such link
    assert "secret-of-a-link" not in front.written()


@pytest.mark.attack(
    "framing",
    "all of these, through nginx and Caddy",
    "what is done is what its sender hears of; nobody hears another's",
)
def test_no_request_hides_in_another(front: Front, record_property: Callable[[str, object], None]) -> None:
    trust = ssl.create_default_context(cafile=str(front.certificate))
    plain = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    tried = FRAMINGS | {name: in_chunks(name) for name in CHUNKS}
    record_property("times", len(tried))
    done = 0
    for name, sent in tried.items():
        heard = say(front.url, sent, trust=trust, seconds=5)
        assert say(front.url, plain, trust=trust).statuses == [200], name
        before, done = done, sum(one.log().count("rule=/verify") for one in front.gateways)
        assert done - before <= len(heard.statuses[1:]), name
    assert done  # where a proxy reads two requests, and says so, there are two


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One that believes the proxy's certificate, which no authority has signed."""
    with sync_playwright() as playwright, launch(playwright, "--ignore-certificate-errors") as browser:
        yield browser


@pytest.mark.parametrize("scripts", [True, False])
def test_a_browser_hands_in_by_a_form(
    front: Front, house: House, browser: Browser, tmp_path: Path, scripts: bool
) -> None:
    (tmp_path / "orders.csv").write_bytes(csv(300_000))
    with house.database.transaction(house.organization.id) as session:
        form = forms.add(
            session,
            organization_id=house.organization.id,
            connection_id=house.connections["flatfile"].id,
            operation="flatfile/file",
            open=True,
        )
    with visit(browser, f"{front.url}/f/{form.public_id}", scripts=scripts) as page:
        held = {cookie["name"]: cookie for cookie in page.context.cookies()}
        assert held
        assert all(name.startswith("__Host-") and cookie["secure"] for name, cookie in held.items()), held
        if page.locator("#notice").count():
            page.check("#notice")
        page.locator("input[type=file]").first.set_input_files(tmp_path / "orders.csv")
        page.locator("button.send:visible").first.click()
        # In pieces it is kept, for a worker that is not there; by the plain form it is passed on at once.
        word = "waiting" if scripts else "delivered"
        expect(page.get_by_text(word, exact=True).first).to_be_visible(timeout=20_000)
    assert scripts or len(LARGE.arrivals(house, complete=True)) == 1
