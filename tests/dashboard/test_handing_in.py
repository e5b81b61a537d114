"""Hand-ins by somebody here, for a customer: what goes out, and who the history says it was."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.database import Database, utcnow
from app.records import audit
from app.records.models import Upload
from app.sandbox import sat
from app.tenants import organizations
from app.tenants.models import Organization
from app.tenants.roles import Role
from app.tenants.user_models import User
from app.tenants.vault import Vault
from tests.dashboard.browser import visited
from tests.dashboard.conftest import PASSWORD
from tests.dashboard.sitting import ORIGIN, TOKEN
from tests.delivery.test_deliverer import png
from tests.relay import house
from tests.servers import Sandbox, Server

CSV = "correo,nombre\nana@ejemplo.example,Ana Ñ\n".encode()


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An organization with an account at some providers."""

    database: Database
    sandbox: Sandbox
    organization: Organization

    @property
    def root(self) -> str:
        return f"/admin/organizations/{self.organization.slug}/hand-in"

    def uploads(self) -> list[Upload]:
        with self.database.transaction(self.organization.id) as session:
            return session.query(Upload).order_by(Upload.id).all()

    def actors(self) -> set[str]:
        """Who did what is in the log of this organization's uploads."""
        with self.database.transaction(self.organization.id) as session:
            return {one.actor for one in audit.listing(session) if one.subject_type == "upload"}

    def sent(self, provider: str) -> list[str | None]:
        """Hashes of the files that a provider got whole."""
        return [part["sha256"] for one in self.sandbox.ledger(provider, complete=True) for part in one["parts"]]


@pytest.fixture
def desk(database: Database, vault: Vault, sandbox: Sandbox, clean: None) -> Iterator[Desk]:
    sandbox.clear()
    made = organizations.add(database, slug=f"t-{secrets.token_hex(6)}", name="Acme", rfc="EKU9003173C9", locale="en")
    places = {slug: house.PLACES[slug](sandbox) for slug in ("facturapi", "flatfile", "codat")}
    with database.transaction(made.id) as session:
        house.furnish(session, vault, sandbox, made, places)
    yield Desk(database=database, sandbox=sandbox, organization=made)
    sandbox.clear()


def hand_in(client: FlaskClient, at: str, *, accept: str = "text/html", **parts: Any) -> TestResponse:
    """Send what the page at that address would, in the order given."""
    page = client.get(at)
    found = TOKEN.search(page.text)
    assert found, page.text
    body, kind = encode_multipart_formdata({"csrf_token": found[1], **parts})
    return client.post(at, data=body, content_type=kind, headers={"Origin": ORIGIN, "Accept": accept})


def test_a_document_goes_out_and_the_history_names_the_person(
    desk: Desk, app: Flask, enter: Callable[..., FlaskClient], add_user: Callable[..., User]
) -> None:
    client = enter(Role.OPERATOR)
    ways = client.get(desk.root)
    assert f"{desk.root}/flatfile/file" in ways.text
    answer = hand_in(client, f"{desk.root}/flatfile/file", file=("lista.csv", CSV, "text/csv"))
    (upload,) = desk.uploads()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/uploads/{upload.id}")
    assert (upload.form_id, upload.link_id, upload.api_token_id) == (None, None, None)
    assert upload.state == "delivered"
    assert hashlib.sha256(CSV).hexdigest() in desk.sent("flatfile")
    (actor,) = desk.actors()
    assert actor.startswith("user:")


def test_an_image_that_is_only_passed_on(desk: Desk, enter: Callable[..., FlaskClient]) -> None:
    answer = hand_in(enter(Role.OPERATOR), f"{desk.root}/facturapi/logo", file=("logo.png", png(), "image/png"))
    assert answer.status_code == 303, answer.text
    assert [one.state for one in desk.uploads()] == ["delivered"]


def test_a_certificate_with_its_password(desk: Desk, enter: Callable[..., FlaskClient]) -> None:
    issued = sat.issue()
    parts: dict[str, Any] = {"cer": ("a.cer", issued.cer), "key": ("a.key", issued.key), "password": "12345678a"}
    wrong = hand_in(enter(Role.OPERATOR), f"{desk.root}/facturapi/certificate", **{**parts, "password": "mistaken"})
    assert wrong.status_code == 422
    assert 'id="password-fault"' in wrong.text
    assert "mistaken" not in wrong.text
    answer = hand_in(enter(Role.OPERATOR), f"{desk.root}/facturapi/certificate", **parts)
    assert answer.status_code == 303, answer.text
    assert [one.state for one in desk.uploads()] == ["rejected", "delivered"]


def test_a_script_is_told_where_it_is_and_why_not(desk: Desk, enter: Callable[..., FlaskClient]) -> None:
    client, at = enter(Role.OPERATOR), f"{desk.root}/codat/file"
    good = hand_in(client, at, accept="application/json", file=("a.csv", CSV, "text/csv"))
    assert (good.status_code, good.json) == (201, {"address": f"/admin/uploads/{desk.uploads()[0].id}"})
    bad = hand_in(client, at, accept="application/json", file=("a.exe", b"MZ", "application/octet-stream"))
    assert bad.status_code == 415
    assert bad.json
    assert bad.json["said"]


def test_what_is_wrong_is_said_and_what_was_typed_stays(desk: Desk, enter: Callable[..., FlaskClient]) -> None:
    answer = hand_in(enter(Role.OPERATOR), f"{desk.root}/facturapi/legal", name="Kemper <x>", zip="none")
    assert answer.status_code == 422
    assert 'value="Kemper &lt;x&gt;"' in answer.text


def test_the_same_page_sent_twice_is_one_hand_in(desk: Desk, enter: Callable[..., FlaskClient]) -> None:
    client, at = enter(Role.OPERATOR), f"{desk.root}/codat/file"
    token = secrets.token_urlsafe(24)
    first, second = (hand_in(client, at, outcome=token, file=("a.csv", CSV, "text/csv")) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert len(desk.uploads()) == 1


def test_without_the_pages_token_nothing_is_taken(desk: Desk, enter: Callable[..., FlaskClient]) -> None:
    client, at = enter(Role.OPERATOR), f"{desk.root}/codat/file"
    body, kind = encode_multipart_formdata({"file": ("a.csv", CSV, "text/csv")})
    for origin, parts in ((ORIGIN, body), ("https://elsewhere.example", body)):
        answer = client.post(at, data=parts, content_type=kind, headers={"Origin": origin})
        assert answer.status_code == 403
    assert desk.uploads() == []
    assert desk.sandbox.ledger("codat") == []


def test_who_may(desk: Desk, enter: Callable[..., FlaskClient], database: Database) -> None:
    at = f"{desk.root}/codat/file"
    other = organizations.add(database, slug=f"t-{secrets.token_hex(6)}", name="Other")
    assert enter(Role.MANAGER, desk.organization).get(at).status_code == 200
    assert enter(Role.AUDITOR).get(at).status_code == 403
    assert enter(Role.MANAGER, other).get(at).status_code == 404
    owner = enter()
    for nothing in ("codat/nothing", "nothing/file", "facturapi/file"):
        assert owner.get(f"{desk.root}/{nothing}").status_code == 404
    with database.transaction(desk.organization.id) as session:
        session.get_one(Organization, desk.organization.id).suspended_at = utcnow()
    assert owner.get(at).status_code == 403


@dataclass(kw_only=True)
class Caller:
    """Somebody who is signed in at the gateway as it runs in life."""

    gateway: Server
    session: requests.Session

    @classmethod
    def enter(cls, gateway: Server, user: User) -> Caller:
        session = requests.Session()
        session.trust_env = False
        session.headers["Origin"] = gateway.url
        self = cls(gateway=gateway, session=session)
        at = "/admin/login"
        data = {"email": user.email, "password": PASSWORD, "csrf_token": self.token(at)}
        answer = session.post(gateway.url + at, data=data, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        return self

    def token(self, at: str) -> str:
        page = self.session.get(self.gateway.url + at)
        found = TOKEN.search(page.text)
        assert found, page.text
        return found[1]


@pytest.mark.live
def test_a_large_file_streams_through_a_real_gateway(
    desk: Desk, gateway: Server, add_user: Callable[..., User]
) -> None:
    user = add_user(Role.OPERATOR)
    caller, at = Caller.enter(gateway, user), f"{desk.root}/codat/file"
    rows = CSV + b"x,y\n" * 2_000_000
    fields: dict[str, Any] = {"csrf_token": caller.token(at), "file": ("a.csv", rows, "text/csv")}
    body, kind = encode_multipart_formdata(fields)
    answer = caller.session.post(gateway.url + at, data=body, headers={"Content-Type": kind}, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    (upload,) = desk.uploads()
    assert answer.headers["Location"] == f"/admin/uploads/{upload.id}"
    assert upload.state in {"delivered", "waiting"}
    assert desk.actors() <= {f"user:{user.id}", "system"}
    assert f"user:{user.id}" in desk.actors()
    assert (upload.parts[0]["size"], upload.parts[0]["sha256"]) == (len(rows), hashlib.sha256(rows).hexdigest())


@pytest.mark.live
def test_a_file_without_the_pages_token_is_refused_before_it_is_read(
    desk: Desk, gateway: Server, add_user: Callable[..., User]
) -> None:
    caller, at = Caller.enter(gateway, add_user(Role.OPERATOR)), f"{desk.root}/codat/file"
    body, kind = encode_multipart_formdata({"file": ("a.csv", CSV + b"x,y\n" * 500_000, "text/csv")})
    answer = caller.session.post(gateway.url + at, data=body, headers={"Content-Type": kind}, allow_redirects=False)
    assert answer.status_code == 403
    assert desk.uploads() == []


@pytest.mark.live
@pytest.mark.parametrize("language", ["es", "en"])
def test_files_are_dropped_and_handed_in_in_a_browser(
    desk: Desk, gateway: Server, add_user: Callable[..., User], browser: Browser, language: str
) -> None:
    user = add_user(Role.OPERATOR, locale=language)
    with visited(browser, gateway.url, None, "/admin/login", language=language, scripts=True, width=1280) as visit:
        page = visit.page
        page.fill("input[name=email]", user.email)
        page.fill("input[name=password]", PASSWORD)
        page.locator("form:has(input[name=password]) button.btn-primary").click()
        page.wait_for_url("**/admin")
        visit.go(f"{desk.root}/codat/file")
        visit.examine(language)
        files = [
            {"name": f"{number}.csv", "mimeType": "text/csv", "buffer": CSV + str(number).encode()}
            for number in range(2)
        ]
        page.locator("input.uppy-Dashboard-input").first.set_input_files(files)  # type: ignore[arg-type]
        visit.examine(language)
        page.locator("[data-handing-in] button.btn-primary").click()
        expect(page.locator("[data-handed] li")).to_have_count(2)
        visit.examine(language)
        assert len(desk.uploads()) == 2
        assert f"user:{user.id}" in desk.actors()
        page.locator("[data-handed] a").first.click()
        page.wait_for_url("**/admin/uploads/*")
