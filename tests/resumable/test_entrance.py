"""Who may begin a file, and what of it belongs together: a page's parts are its own, and so are an organization's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from urllib3 import encode_multipart_formdata

from app.database import HOUSE, Database, utcnow
from app.records import uploads
from app.records.states import State
from app.tenants import forms, links, tokens
from app.tenants.models import Form
from app.tenants.vault import Vault
from tests.relay.house import House
from tests.resumable import test_page
from tests.resumable.desk import BEGUN, CONTENT, OCTETS, VERSION, Answer, Inside, metadata
from tests.resumable.test_refusals import slug
from tests.servers import Sandbox

REST: Final = CONTENT[BEGUN:]
SAID: Final = metadata(filename="a.csv", filetype="text/csv")
PHRASE: Final = "abracadabra"


@dataclass(kw_only=True)
class Page:
    """A visitor of this process's gateway, with a form open."""

    client: FlaskClient
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def opened(cls, inside: Inside, form: Form) -> Page:
        page = cls(client=inside.app.test_client())
        shown = page.client.get(f"/f/{form.public_id}").get_data(as_text=True)
        page.headers = {"Ventanilla-Form": form.public_id, "X-CSRF-Token": test_page.field(shown, "csrf_token")}
        return page

    def ask(self, method: str, path: str = "/files", body: bytes = b"", **headers: str) -> Answer:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        origin = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        reply = self.client.open(path, method=method, data=body, headers={**VERSION, **origin, **self.headers, **told})
        found = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(status=reply.status_code, headers=found, body=reply.data)

    def part(self, content: bytes) -> str:
        told = {"Upload_Length": str(len(content)), "Upload_Concat": "partial", **OCTETS}
        made = self.ask("POST", "/files", content, **told)
        assert made.status == 201, made
        return made["Location"] or ""

    def join(self, *parts: str) -> Answer:
        return self.ask("POST", "/files", Upload_Concat=f"final;{' '.join(parts)}", Upload_Metadata=SAID)


def form(inside: Inside, **how: Any) -> Form:
    """One that its organization has published."""
    house = inside.house
    with house.database.transaction(house.organization.id) as session:
        return forms.add(
            session,
            organization_id=house.organization.id,
            connection_id=house.connections["flatfile"].id,
            operation="flatfile/file",
            **{"open": True, **how},
        )


@pytest.fixture
def page(inside: Inside) -> Page:
    return Page.opened(inside, form(inside))


def test_a_page_sends_parts_at_once_and_joins_them(page: Page, inside: Inside) -> None:
    told = page.join(page.part(CONTENT[:BEGUN]), page.part(REST))
    assert (told.status, told["Ventanilla-State"]) == (201, "waiting")
    assert [part["size"] for part in inside.upload(told["Ventanilla-Upload"]).parts] == [len(CONTENT)]


def test_what_came_to_nothing_is_no_address_of_the_api_to_a_page(page: Page, inside: Inside) -> None:
    made = page.ask("POST", "/files", CONTENT, Upload_Length=str(len(CONTENT)), Upload_Metadata=SAID, **OCTETS)
    with inside.house.database.transaction(inside.house.organization.id) as session:
        upload = uploads.get(session, inside.upload(made["Ventanilla-Upload"]).id)
        uploads.move(session, upload, State.FAILED, actor="tests", now=utcnow(), problem="provider-refused")
    told = page.ask("PATCH", made["Location"] or "", b"", Upload_Offset=str(len(CONTENT)), **OCTETS)
    assert (told.status, slug(told), told["Location"]) == (424, "provider-refused", None)
    assert told["Ventanilla-Outcome"] == made["Ventanilla-Outcome"]
    assert page.ask("GET", told["Ventanilla-Outcome"] or "").status == 200


def test_a_link_opens_by_its_passphrase(inside: Inside) -> None:
    house, by_link = inside.house, form(inside, link_only=True)
    with house.database.transaction(house.organization.id) as session:
        _, token = links.create(session, form=by_link, expires_at=utcnow() + timedelta(days=1), passphrase=PHRASE)
    page = Page(client=inside.app.test_client(), headers={"Ventanilla-Link": token})
    told = page.ask("POST", Upload_Length="9", Upload_Concat="partial")
    assert (told.status, slug(told)) == (403, "passphrase-needed")
    shown = page.client.get(f"/l/{token}").get_data(as_text=True)
    page.headers["X-CSRF-Token"] = test_page.field(shown, "csrf_token")
    said = {"csrf_token": page.headers["X-CSRF-Token"], "passphrase": PHRASE}
    body, content_type = encode_multipart_formdata(said)
    opened = page.client.post(
        f"/l/{token}/passphrase", data=body, content_type=content_type, headers={"Origin": "http://localhost"}
    )
    assert opened.status_code == 303
    assert page.ask("POST", Upload_Length="9", Upload_Concat="partial").status == 201


def test_parts_of_one_page_are_not_joined_by_another(page: Page, inside: Inside) -> None:
    parts = page.part(CONTENT[:BEGUN]), page.part(REST)
    other = Page.opened(inside, form(inside))
    by_token = inside.create(Upload_Length=None, Upload_Concat=f"final;{' '.join(parts)}")
    for told in (other.join(*parts), by_token):
        assert (told.status, slug(told)) == (409, "resumable-not-whole")
    assert page.join(*parts).status == 201


def test_what_is_joined_already_is_joined_to_nothing_more(inside: Inside) -> None:
    """Whatever else it is to be joined with: what is free, or what belongs to a third."""
    one, two, three, free = (inside.part(CONTENT) for _ in range(4))

    def join(*parts: str) -> int:
        return inside.create(Upload_Length=None, Upload_Concat=f"final;{' '.join(parts)}").status

    assert (join(one, two), join(three)) == (201, 201)
    for parts in ((one, free), (free, one), (one, three), (one, two, three)):
        assert join(*parts) == 409, parts
    assert join(free) == 201


@pytest.fixture
def theirs(inside: Inside, sandbox: Sandbox, database: Database, vault: Vault) -> House:
    """Another organization."""
    return House.build(inside.house.gateway, sandbox, database, vault)


def test_a_token_begins_no_part_for_another_organization(inside: Inside, theirs: House) -> None:
    asked: dict[str, str | None] = {"Upload_Length": "9", "Upload_Concat": "partial"}
    for whose, status in ((inside.house.organization.slug, 201), (theirs.organization.slug, 404), ("nobody", 404)):
        assert inside.create(**asked, Upload_Metadata=metadata(organization=whose)).status == status, whose


def test_not_even_the_house_joins_parts_of_one_organization_for_another(inside: Inside, theirs: House) -> None:
    with inside.house.database.transaction(HOUSE) as session:
        _, token = tokens.create(session, organization_id=None, name="house", scopes=[tokens.WRITE])
    part = inside.part()
    by_house: dict[str, str | None] = {"Authorization": f"Bearer {token}", "Upload_Length": None}

    def join(whose: str) -> int:
        said = inside.said(organization=whose)
        return inside.create(**by_house, Upload_Concat=f"final;{part}", Upload_Metadata=said).status

    assert join(theirs.organization.slug) == 409
    assert join(inside.house.organization.slug) == 201
