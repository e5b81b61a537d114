"""Known secrets go through the API with every operation of every provider, well and in every way badly; afterwards
nobody finds them anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from sqlalchemy import select, text

from app.config import Settings
from app.database import utcnow
from app.delivery.egress import Egress
from app.local import processes
from app.local.place import ROOT
from app.local.postgres import Embedded
from app.providers import registry
from app.records import mails
from app.records.models import Upload
from app.records.states import State
from app.tenants import forms
from app.tenants.vault import Vault
from app.webhooks import endpoints
from tests.acceptance import beside
from tests.acceptance.conftest import SHORT
from tests.acceptance.counter import World
from tests.acceptance.customer import Customer, Page
from tests.acceptance.handed import (
    BY_TOKEN,
    STATUSES,
    Handed,
    add_token,
    bearers,
    credentials,
    everything,
    quotes,
    signatures,
)
from tests.acceptance.leaks import WINDOW, Canary
from tests.acceptance.test_canary import Seen, leaks
from tests.relay.house import House
from tests.relay.samples import Given
from tests.relay.sending import Answered, Sending, ask, send_json, upload
from tests.servers import environment_of
from tests.tenancy import becomes
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.live

#: Every look at the provider fails.
BLIND: Final = {"method": "GET", "path": "", "action": "reset", "times": 20}
#: The look that some providers' operations begin with is left alone.
FIRST: Final = {"method": "GET", "path": "", "action": "delay", "seconds": 0}
LOOK_FIRST: Final = {"facturapi", "factify"}


@pytest.fixture
def house(world: World, vault: Vault) -> House:
    return House.build(world.gateway, world.sandbox, world.database, vault)


@contextmanager
def working(place: Path, settings: Settings, collector: Receiver) -> Iterator[processes.Child]:
    """A worker, whose log is in the place that is searched; alone in its own, where it is stopped."""
    own = place / "worker"
    own.mkdir(exist_ok=True)
    environment = environment_of(settings) | SHORT | beside.environment(collector, place)
    environment |= {
        "EGRESS_ALLOW": f"{environment['EGRESS_ALLOW']},{collector.url}",
        "MAIL_URL": f"file://{place}/mails",
        "MAIL_FROM": "Ventanilla <ventanilla@gateway.example>",
        "TEST_CLOCK": str(place / "clock"),
    }
    line = processes.procfile(ROOT / "Procfile")["worker"]
    with (place / "worker.log").open("wb") as log:
        child = processes.start(
            "worker",
            [word.replace("wsgi", "tests.acceptance.clocked:app") for word in line],
            own,
            {**os.environ, **environment},
            output=log,
        )
        try:
            yield child
        finally:
            processes.stop([child], own)


class Journeys:
    """Hands in, and keeps every answer."""

    def __init__(self, world: World, house: House, by_token: Mapping[str, str]) -> None:
        self.world = world
        self.house = house
        self.by_token = by_token
        self.seen = Seen()
        #: How the uploads ended, by way.
        self.states: dict[str, list[str]] = {}

    def go(self, one: Handed, given: Given | None = None) -> Answered:
        """Hand in, and look at what was kept of it."""
        given = given or one.good
        if "json" in given:
            answer = send_json(self.house, one.way, given["json"])
        else:
            answer = upload(self.house, one.way, **given)
        self.seen.answers.append(answer)
        if named := answer.body.get("id") or answer.body.get("upload"):
            kept = ask(self.house, "GET", f"/api/v1/uploads/{named}")
            self.seen.answers.append(kept)
            self.states.setdefault(one.way, []).append(kept.body["state"])
        return answer

    def ask_for_mails(self) -> None:
        """Have somebody told of the end of what waits, as the outcomes' pages do."""
        house = self.house
        with house.database.transaction(house.organization.id) as session:
            for upload_id in session.scalars(select(Upload.id).where(Upload.state == State.WAITING)):
                mails.ask(
                    session, self.world.vault, upload_id, address="ana@cliente.example", locale="es", now=utcnow()
                )

    @contextmanager
    def fault(self, one: Handed, *faults: Mapping[str, Any]) -> Iterator[None]:
        """With these faults; a connection that was paused is used again afterwards."""
        for fault in faults:
            self.house.sandbox.fault(**{**one.order, **fault})
        yield
        self.house.sandbox.control("DELETE", "/faults")
        with self.world.owner.begin() as connection:
            connection.execute(text("UPDATE connections SET paused_at = NULL, paused_because = NULL"))

    def all(self, one: Handed) -> None:
        """Everything that can become of it."""
        assert self.go(one).status == 201, (one.way, self.seen.answers[-1])
        said = credentials(self.house, self.by_token, one)
        assert self.go(one, one.bad).status == 422, (one.way, self.seen.answers[-1])
        for status in STATUSES:
            with self.fault(one, one.quotes(status, *said)):
                self.go(one)
        with self.fault(one, {"action": "drop_answer"}):
            self.go(one)
        first = [FIRST] if one.sample.connection in LOOK_FIRST else []
        # The look afterwards finds nobody, or is answered by quotations.
        for look in (BLIND, BLIND | quotes(401, *said)):
            with self.fault(one, {"action": "drop_answer"}, *first, look):
                self.go(one)
        if one.sample.streams:
            with Sending(self.house, one.way, **one.good) as sending:
                sending.give_share(0.5)
        self.malformed(one, said)
        if BY_TOKEN not in one.way:
            self.pages(one, said)

    def pages(self, one: Handed, said: list[str]) -> None:
        """The same by a form, well and with quotations."""
        fields = one.good.get("fields") or one.good.get("json", {})
        asked = {field.name for field in registry.operation(one.sample.operation).fields if field.asked}
        secret = {value.decode(errors="replace") for value in one.secrets.values()}
        presets = {name: value for name, value in fields.items() if name not in asked and value not in secret}
        house = self.house
        with house.database.transaction(house.organization.id) as session:
            form = forms.add(
                session,
                organization_id=house.organization.id,
                connection_id=house.connections[one.sample.connection].id,
                operation=one.sample.operation,
                open=True,
                settings={"presets": presets},
            )
        address = f"{house.gateway.url}/f/{form.public_id}"
        files = [(part, (name, content, type_)) for part, (name, type_, content) in one.good.get("files", {}).items()]
        faults: list[list[Mapping[str, Any]]] = [[], [one.quotes(400, *said)], [one.quotes(500, *said)]]
        for fault in faults:
            with self.fault(one, *fault):
                customer = Customer(origin=house.gateway.url)
                typed = customer.open(address).hidden() | {name: fields[name] for name in asked & fields.keys()}
                body: list[Any] = [(name, (None, value)) for name, value in typed.items()] + files
                headers = {"Origin": house.gateway.url, "Sec-Fetch-Site": "same-origin"}
                page = Page.of(customer.session.post(address, files=body, headers=headers, timeout=30))
                assert "/o/" in page.address, page.text
                self.seen.pages.append(page)
                self.ask_for_mails()

    def malformed(self, one: Handed, said: list[str]) -> None:
        """Send the same in bodies that are none. What a part or a file is called is no secret, and is said and kept."""
        house = self.house
        address = f"{house.gateway.url}/api/v1/organizations/{house.organization.slug}/{one.way}"
        secret = said[0].encode()
        part = b'--b\r\nContent-Disposition: form-data; name="'
        bodies = [
            part + b'file"; filename="a.exe"\r\n\r\n' + secret + b"\r\n--b--\r\n",
            part + b'other"\r\n\r\n' + secret + b"\r\n--b--\r\n",
            part + b'external_id"\r\nX-' + secret + b": y\r\n\r\nx\r\n--b--\r\n",
            part + b'password"\r\n\r\n' + secret,
            secret,
        ]
        for authorization in (f"Bearer {house.token}", f"Bearer {house.token}x", f"Basic {house.token}"):
            for body in bodies:
                headers = {"Authorization": authorization, "Content-Type": "multipart/form-data; boundary=b"}
                self._post(address, body, headers)
            self._post(address, secret, {"Authorization": authorization, "Content-Type": "application/json"})

    def _post(self, address: str, body: bytes, headers: Mapping[str, str]) -> None:
        answer = requests.post(address, data=body, headers=dict(headers), timeout=30)
        self.seen.answers.append(Answered(status=answer.status_code, headers=answer.headers, body=answer.text))


def known(house: House, by_token: Mapping[str, str], handed: list[Handed]) -> dict[str, bytes]:
    """What must not be found."""
    found = {name: secret for one in handed for name, secret in one.secrets.items()}
    # Beginnings tell of what kind a key is, its last four letters which it is.
    found |= {f"key of {slug}": place.key[-WINDOW:-4].encode() for slug, place in house.places.items()}
    found |= {f"{name} of FormKiQ": by_token[name][-WINDOW:].encode() for name in ("token", "refresh_token")}
    found["the gateway's own token"] = house.token[-WINDOW:].encode()
    return found


@pytest.mark.attack("secrets", "every secret, looked for in logs, pages, dumps, ledgers and processes", "found nowhere")
def test_no_secret_of_any_provider_is_found_anywhere(
    world: World, house: House, vault: Vault, place: Path, postgres: Embedded, settings: Settings
) -> None:
    by_token = add_token(house, vault, seconds=60)
    handed = everything(house)
    journeys = Journeys(world, house, by_token)
    secret = listen(house, vault, world.collector)
    with working(place, settings, world.collector) as worker:
        refuse_a_renewal(journeys, next(one for one in handed if one.way.startswith("formkiq-token")))
        for one in handed:
            journeys.all(one)
        follow_with_quotations(journeys, next(one for one in handed if one.way == "factify/document"))
        crash_in_the_middle(journeys, next(one for one in handed if one.way == "flatfile/file"))
        assert becomes(lambda: bool([*(place / "mails").glob("*.eml")]), 60)
        assert becomes(lambda: any(one.path == beside.HOOKS for one in world.collector.came), 60)
        assert worker.ending is None

    assert beside.written_to(place) == set()
    renewed, signed = dict(bearers(house)), dict(signatures(house))
    canary = Canary(known(house, by_token, handed) | renewed | signed | {"the webhook's secret": secret})
    assert leaks(world, journeys.seen, canary, place, postgres) == []
    assert [*beside.search_dashboard(world, canary)] == []
    assert any(b"flatfile POST" in came.body for came in world.collector.came), "no call was traced"

    assert len(renewed) == 1, "the token was not renewed once"
    assert any("PUT" in name for name in signed), "nothing went to a presigned address"
    for one in handed:
        assert {"delivered", "failed", "unknown"} <= set(journeys.states[one.way]), one.way


def listen(house: House, vault: Vault, collector: Receiver) -> bytes:
    """Have the collector told of everything; what signs it."""
    with house.database.transaction(house.organization.id) as session:
        _, secret = endpoints.add(
            session,
            vault,
            Egress([collector.url]),
            organization_id=house.organization.id,
            url=collector.url + beside.HOOKS,
            actor="tests",
            now=utcnow(),
        )
    return secret.get_secret_value()[-WINDOW:].encode()


def crash_in_the_middle(journeys: Journeys, one: Handed) -> None:
    """Let the gateway die while a file passes through it."""
    with Sending(journeys.house, one.way, **one.good) as sending:
        sending.give_share(0.6)
        assert becomes(lambda: any(entry["bytes"] for entry in one.sample.arrivals(journeys.house, complete=False)))
        beside.crash(journeys.world.gateway)


def refuse_a_renewal(journeys: Journeys, one: Handed) -> None:
    """Cognito does not take the refresh token, and says which."""
    said = [journeys.by_token["refresh_token"], journeys.by_token["token"], journeys.by_token["client_id"]]
    for kind in ("NotAuthorizedException", said[0]):
        fault = quotes(400, *said)
        fault["body"]["__type"] = kind
        with journeys.fault(one, {**fault, "method": "POST", "path": "/formkiq/cognito"}):
            assert journeys.go(one).status >= 400


def follow_with_quotations(journeys: Journeys, one: Handed) -> None:
    """The worker looks how far one got: it is told all about the key first, and the truth of the next."""
    house = journeys.house
    key = house.places["factify"].key
    house.sandbox.control("POST", "/factify/processing", {"key": key, "result": "ready", "seconds": 2})
    uploads = [journeys.go(one).body["id"] for _ in range(2)]
    path = "/factify/v1beta/documents/doc_"
    with journeys.fault(one, {**quotes(500, *credentials(house, {}, one)), "method": "GET", "path": path}):
        looked = [ask(house, "GET", f"/api/v1/uploads/{id_}").body for id_ in uploads]
        assert {body["provider_status"] for body in looked} == {"processing"}

        def followed() -> bool:
            bodies = [ask(house, "GET", f"/api/v1/uploads/{id_}").body for id_ in uploads]
            return any(body["provider_status"] == "ready" for body in bodies)

        assert becomes(followed)
        assert house.sandbox.control("GET", "/faults")["faults"] == []


def test_what_is_planted_is_found(world: World, house: House, vault: Vault, place: Path, postgres: Embedded) -> None:
    """A key in the database, a token in an answer, a document in a log: what the search above stands on."""
    by_token = add_token(house, vault, seconds=3600)
    handed = everything(house)
    secrets = known(house, by_token, handed)
    large = next(one for one in handed if one.way == "codat/file")
    (content,) = (file[2] for file in large.good["files"].values())
    log = place / "planted.log"
    log.write_bytes(b"read " + content[content.index(next(iter(large.secrets.values()))) - 9 :][:99])
    with world.owner.begin() as connection:
        connection.execute(text("UPDATE organizations SET contact = :said"), {"said": house.places["codat"].key})
    seen = Seen(answers=[Answered(status=400, headers={}, body={"detail": f"no {by_token['refresh_token']}"})])

    found = leaks(world, seen, Canary(secrets), place, postgres)

    log.unlink()
    assert {"planted.log", "dump", "answer 0"} <= {leak.place for leak in found}
    assert {"key of codat", "refresh_token of FormKiQ", *large.secrets} == {leak.secret for leak in found}
