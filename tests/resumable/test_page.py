"""A page of the portal sends a file in pieces: where it goes is the form's to say, and who sends it the page's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests

from app.database import Database, utcnow
from app.tenants import forms, links
from tests.relay.house import House
from tests.resumable.desk import BEGUN, CONTENT, OCTETS, VERSION, Desk, metadata

pytestmark = pytest.mark.live

FILE = {"filename": "a.csv", "filetype": "text/csv"}


@dataclass(kw_only=True)
class Page:
    """A visitor with a form open."""

    session: requests.Session
    house: House
    headers: dict[str, str]
    outcome: str

    @classmethod
    def opened(cls, house: House, address: str, **way: str) -> Page:
        session = requests.Session()
        shown = session.get(house.gateway.url + address, timeout=30).text
        found = {name: field(shown, name) for name in ("csrf_token", "outcome")}
        headers = {**VERSION, **{name.replace("_", "-"): value for name, value in way.items()}}
        headers |= {"X-CSRF-Token": found["csrf_token"], "Origin": house.gateway.url, "Sec-Fetch-Site": "same-origin"}
        return cls(session=session, house=house, headers=headers, outcome=found["outcome"])

    def ask(self, method: str, path: str = "/files", body: bytes = b"", **headers: str | None) -> requests.Response:
        told: dict[str, Any] = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.session.request(method, self.house.gateway.url + path, data=body, headers=told, timeout=30)

    def begin(self, said: dict[str, str] | None = None, **headers: str | None) -> requests.Response:
        told = metadata(**(FILE | {"outcome": self.outcome} if said is None else said))
        return self.ask(
            "POST", "/files", b"", **{"Upload_Length": str(len(CONTENT)), "Upload_Metadata": told, **headers}
        )


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    value = re.search(r'value="([^"]*)"', tag[0]) if tag else None
    assert value, name
    return value[1]


@pytest.fixture
def make_form(house: House, database: Database) -> Any:
    def make(**how: Any) -> Any:
        with database.transaction(house.organization.id) as session:
            form = forms.add(
                session,
                organization_id=house.organization.id,
                connection_id=house.connections["flatfile"].id,
                operation="flatfile/file",
                **{"open": True, **how},
            )
            _, token = links.create(session, form=form, expires_at=utcnow() + timedelta(days=1))
        return form, token

    return make


@pytest.fixture
def page(house: House, make_form: Any) -> Page:
    form, _ = make_form()
    return Page.opened(house, f"/f/{form.public_id}", Ventanilla_Form=form.public_id)


def test_a_page_sends_a_file_and_goes_on_where_it_stopped(page: Page, desk: Desk) -> None:
    path = page.begin().headers["Location"]
    assert page.ask("PATCH", path, CONTENT[:BEGUN], Upload_Offset="0", **OCTETS).status_code == 204
    assert page.ask("HEAD", path).headers["Upload-Offset"] == str(BEGUN)
    told = page.ask("PATCH", path, CONTENT[BEGUN:], Upload_Offset=str(BEGUN), **OCTETS)
    assert (told.status_code, told.headers["Ventanilla-State"]) == (204, "waiting")
    assert told.headers["Ventanilla-Outcome"] == f"/o/{page.outcome}"
    assert page.ask("GET", told.headers["Ventanilla-Outcome"]).status_code == 200
    upload = desk.upload(told.headers["Ventanilla-Upload"])
    assert (upload.form_id is not None, upload.api_token_id) == (True, None)


def test_by_a_link_it_is_the_links_use(house: House, make_form: Any) -> None:
    _, token = make_form(link_only=True)
    page = Page.opened(house, f"/l/{token}", Ventanilla_Link=token)
    told = {"Upload_Length": str(len(CONTENT)), "Upload_Metadata": metadata(**FILE), **OCTETS}
    made = page.ask("POST", "/files", CONTENT, **told)
    assert (made.status_code, made.headers["Ventanilla-State"]) == (201, "waiting")
    assert page.begin().status_code == 410
    again = page.ask("PATCH", made.headers["Location"], b"", Upload_Offset=str(len(CONTENT)), **OCTETS)
    assert again.headers["Ventanilla-Upload"] == made.headers["Ventanilla-Upload"]


def test_what_keeps_a_page_out(page: Page, house: House, make_form: Any) -> None:
    closed, _ = make_form(open=False)
    by_link, _ = make_form(link_only=True)
    kept_nowhere, _ = make_form(settings={"durable": False})
    refused: list[tuple[dict[str, str | None], int]] = [
        ({"X_CSRF_Token": "x"}, 403),
        ({"X_CSRF_Token": None}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Ventanilla_Form": None}, 401),
        ({"Ventanilla_Link": "x"}, 401),
        ({"Ventanilla_Form": "nothing"}, 404),
        ({"Ventanilla_Form": closed.public_id}, 403),
        ({"Ventanilla_Form": by_link.public_id}, 403),
        ({"Ventanilla_Form": kept_nowhere.public_id}, 422),
    ]
    for headers, status in refused:
        assert page.begin(None, **headers).status_code == status, headers
    for headers, status in refused[:2]:
        assert page.begin({}, Upload_Concat="partial", **headers).status_code == status, headers


def test_a_page_cannot_say_where_a_file_goes(page: Page) -> None:
    assert page.begin(FILE | {"organization": "other"}).status_code == 400


def test_another_page_does_not_go_on(page: Page) -> None:
    path = page.begin().headers["Location"]
    foreign = page.ask("PATCH", path, CONTENT, Upload_Offset="0", Origin="https://elsewhere.example", **OCTETS)
    assert foreign.status_code == 403
    assert page.ask("HEAD", path).headers["Upload-Offset"] == "0"


@pytest.mark.attack("browsers", "a page of another origin that would read answers", "no leave (CORS)")
def test_pages_of_our_own_origins_may_ask_and_no_others(page: Page) -> None:
    ours = page.ask("OPTIONS")
    assert ours.headers["Access-Control-Allow-Origin"] == page.house.gateway.url
    assert "PATCH" in ours.headers["Access-Control-Allow-Methods"]
    theirs = page.ask("OPTIONS", Origin="https://elsewhere.example")
    assert theirs.status_code == 204
    assert not [name for name in theirs.headers if name.startswith("Access-Control")]
