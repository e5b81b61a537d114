"""A customer hands in while nobody can take it, asks to be told, and leaves: the page follows, and the mail comes."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final

import pytest
import requests
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from app.config import Settings
from app.database import Database, utcnow
from app.local import processes
from app.local.place import ROOT
from app.tenants import forms
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.acceptance.browser import examine, visit
from tests.acceptance.walking import ZOOMED, read, walk
from tests.relay.house import House
from tests.servers import Sandbox, Server, environment_of
from tests.tenancy import becomes

pytestmark = pytest.mark.live

OPERATION: Final = "flatfile/file"
ANA: Final = "ana@cliente.example"
#: From the moment at which it can be delivered, on a machine that has other things to do.
SECONDS: Final = 60.0


@pytest.fixture(scope="module")
def mail(place: Path) -> Path:
    return place / "mail"


@pytest.fixture(scope="module")
def house(
    place: Path, settings: Settings, mail: Path, sandbox: Sandbox, database: Database, vault: Vault
) -> Iterator[House]:
    """A gateway that can send mail, and its worker."""
    told = {"MAIL_URL": f"file://{mail}", "MAIL_FROM": "Ventanilla <ventanilla@gateway.example>"}
    environment = environment_of(settings) | told
    lines = processes.procfile(ROOT / "Procfile")
    command, web = [*lines["web"], "--bind", "fd://{fd}"], environment | {"PUBLIC_URL": "{url}"}
    folder = place / "left"
    folder.mkdir()
    with (
        Server.running("left", command, place, web, ready="/readyz") as server,
        (folder / "worker.log").open("wb") as log,
    ):
        worker = processes.start("worker", lines["worker"], folder, environment, output=log)
        try:
            yield House.build(server, sandbox, database, vault)
        finally:
            processes.stop([worker], folder)


def pause(house: House, *, paused: bool) -> None:
    """Let nothing more leave, or let it."""
    with house.database.transaction(house.organization.id) as session:
        values = {"paused_at": utcnow() if paused else None, "paused_because": "tests" if paused else None}
        session.execute(update(Connection).values(values))


@pytest.fixture
def waiting(house: House) -> Iterator[str]:
    """The address of an upload that waits."""
    with house.database.transaction(house.organization.id) as session:
        form = forms.add(
            session,
            organization_id=house.organization.id,
            connection_id=house.connections["flatfile"].id,
            operation=OPERATION,
            open=True,
        )
    pause(house, paused=True)
    address = f"{house.gateway.url}/f/{form.public_id}"
    customer = requests.Session()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', customer.get(address, timeout=20).text)
    assert token
    answer = customer.post(
        address,
        data={"csrf_token": token[1]},
        files={"file": ("tabla.csv", b"a,b\n1,2\n", "text/csv")},
        headers={"Origin": house.gateway.url},
        allow_redirects=False,
        timeout=60,
    )
    assert answer.status_code == 303, answer.text
    yield house.gateway.url + answer.headers["Location"]
    pause(house, paused=False)


@pytest.mark.parametrize("language", ["es", "en"])
def test_who_left_is_told(house: House, browser: Browser, waiting: str, mail: Path, language: str) -> None:
    before = set(mail.glob("*.eml"))
    with visit(browser, f"{waiting}?lang={language}", language=language) as page:
        expect(page.locator(".state")).to_have_text({"es": "en espera", "en": "waiting"}[language])
        examine(page, language)
        page.set_viewport_size(ZOOMED)
        walk(page)
        read(page)
        page.fill("#email", "ana")
        page.click("form button[data-send]")
        expect(page.locator("#email-error")).not_to_be_empty()
        examine(page, language)
        page.fill("#email", ANA)
        page.click("form button[data-send]")
        expect(page.locator(".callout.good")).to_be_visible()
        examine(page, language)
        pause(house, paused=False)
        expect(page.locator("h1")).to_have_text({"es": "Llegó", "en": "It arrived"}[language], timeout=SECONDS * 1000)
        assert not page.locator("#email").count()
    assert becomes(lambda: len(set(mail.glob("*.eml")) - before) == 1, SECONDS)
    (path,) = set(mail.glob("*.eml")) - before
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    assert message["To"] == ANA
    assert message["Subject"] == {"es": "Acme: ya llegó", "en": "Acme: it arrived"}[language]
    assert waiting.rpartition("/")[2] not in path.read_text()


def test_the_page_does_not_move_under_who_is_typing(house: House, browser: Browser, waiting: str) -> None:
    with visit(browser, f"{waiting}?lang=es") as page:
        page.type("#email", "ana@clie")
        with page.expect_response(lambda answer: answer.url.endswith("/state") and "delivered" in answer.text()):
            pause(house, paused=False)
        assert page.input_value("#email") == "ana@clie"
        page.locator("#email").blur()
        expect(page.locator("h1")).to_have_text("Llegó", timeout=SECONDS * 1000)
