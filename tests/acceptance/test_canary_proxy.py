"""Known secrets go through the passthrough, well and in every way badly; afterwards nobody finds them anywhere.

What a provider answers is its own, and it may quote to a client what that client has sent it. The credential it was
sent by us it can quote to nobody.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text
from urllib3.filepost import encode_multipart_formdata

from app.local.postgres import Embedded
from app.tenants.vault import Vault
from tests.acceptance.counter import World
from tests.acceptance.handed import STATUSES, Handed, credentials, everything
from tests.acceptance.leaks import WINDOW, Canary
from tests.acceptance.test_canary import Seen, leaks
from tests.passthrough.desk import Answer, Desk
from tests.relay.sending import Answered

pytestmark = pytest.mark.live

#: Where each goes below `/proxy/`, what its parts are called there, and whether a field of its own has to come along.
WAYS: Final[Mapping[str, tuple[str, str, Mapping[str, str]]]] = {
    "facturapi/certificate": ("PUT", "facturapi/v2/organizations/{organization_id}/certificate", {}),
    "facturapi/logo": ("PUT", "facturapi/v2/organizations/{organization_id}/logo", {}),
    "factify/document": ("POST", "factify/v1beta/documents", {"file": "payload"}),
    "flatfile/file": ("POST", "flatfile/v1/files", {}),
    "codat/file": ("POST", "codat/companies/{company_id}/connections/{connection_id}/files", {"file": "fileName"}),
}
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "factify/document": {"title": "x"},
    "flatfile/file": {"spaceId": "{space_id}", "environmentId": "{environment_id}"},
}


class Journeys:
    """Makes calls, and keeps every answer."""

    def __init__(self, world: World, desk: Desk) -> None:
        self.world = world
        self.desk = desk
        self.answers: list[Answer] = []

    def go(self, one: Handed, given: Mapping[str, Any], **headers: str) -> Answer:
        """Hand in by the vendor's own call."""
        operation = one.sample.operation
        method, path, names = WAYS[operation]
        place = self.desk.house.places[one.sample.connection]
        fields = {name: value.format_map(place.settings) for name, value in FIELDS.get(operation, {}).items()}
        if "password" in given["fields"]:
            fields["password"] = given["fields"]["password"]
        files = {
            names.get(part, part): (name.replace('"', "%22"), content, type_)
            for part, (name, type_, content) in given["files"].items()
        }
        if one.sample.connection == "codat":  # the key alone, in Base64
            headers = {"Authorization": "Basic " + base64.b64encode(self.desk.token.encode()).decode(), **headers}
        body, content_type = encode_multipart_formdata({**fields, **files})
        answer = self.desk.ask(
            method, path.format_map(place.settings), body, headers={"Content-Type": content_type, **headers}
        )
        self.answers.append(answer)
        return answer

    @contextmanager
    def fault(self, one: Handed, **fault: Any) -> Iterator[None]:
        self.desk.house.sandbox.fault(**{**one.order, **fault})
        yield
        self.desk.house.sandbox.control("DELETE", "/faults")
        with self.world.owner.begin() as connection:
            connection.execute(text("UPDATE connections SET paused_at = NULL, paused_because = NULL"))

    def all(self, one: Handed) -> None:
        """Everything that can become of it."""
        assert self.go(one, one.good).status == 200, (one.way, self.answers[-1])
        assert self.go(one, one.bad).status == 400, (one.way, self.answers[-1])
        said = credentials(self.desk.house, {}, one)
        for status in (200, *STATUSES):
            with self.fault(one, **one.quotes(status, *said)):
                self.go(one, one.good)
        for action in ("drop_answer", "reset", "truncate"):
            with self.fault(one, action=action):
                self.go(one, one.good)
        for authorization in ("Bearer x", f"Basic {self.desk.token}", ""):
            self.go(one, one.good, Authorization=authorization)


@pytest.mark.attack("secrets", "every secret, looked for in logs, pages, dumps, ledgers and processes", "found nowhere")
def test_no_secret_is_found_anywhere(world: World, vault: Vault, place: Path, postgres: Embedded) -> None:
    desk = Desk.build(world.gateway, world.sandbox, world.database, vault)
    handed = [one for one in everything(desk.house) if one.way in WAYS]
    assert {one.way for one in handed} == WAYS.keys()
    journeys = Journeys(world, desk)
    for one in handed:
        journeys.all(one)

    keys = {f"key of {slug}": one.key[-WINDOW:-4].encode() for slug, one in desk.house.places.items()}
    keys["the gateway's own token"] = desk.token[-WINDOW:].encode()
    answers = [
        Answered(status=one.status, headers=dict(one.headers), body=one.body.decode(errors="replace"))
        for one in journeys.answers
    ]
    assert leaks(world, Seen(answers=answers), Canary(keys), place, postgres) == []
    own = {name: secret for one in handed for name, secret in one.secrets.items()}
    assert leaks(world, Seen(), Canary(own), place, postgres) == []
    assert len(desk.uploads()) > 4 * len(handed), "the journeys did not happen"
    assert sum("*" * 8 in answer.body for answer in answers) > len(handed), "no provider quoted anything"
