"""Several files on one page, without scripts: each has an end of its own, whatever becomes of the others."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, expect

from app.config import Settings
from app.database import Database, utcnow
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.local import processes
from app.local.place import ROOT
from app.portal.entrance import MOST_FILES
from app.records.states import State
from app.tenants import forms, links
from app.tenants.models import Form
from app.tenants.vault import Vault
from tests.acceptance.browser import examine, visit
from tests.acceptance.conftest import browser
from tests.durable.conftest import keeping
from tests.durable.shelf import Shelves
from tests.relay.files import csv, noise
from tests.relay.house import House
from tests.servers import Sandbox, Server, environment_of
from tests.tenancy import becomes

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.live

SECONDS: Final = 60.0
BOUNDARY: Final = "b-several"
SMALL, LARGE = csv(2_000), csv(3_000_000)
#: Refused by what its name promises.
WRONG: Final = ("retrato.csv", b"\x89PNG\r\n\x1a\n" + noise(200_000))

File = tuple[str, bytes]


@pytest.fixture(scope="module")
def working(place: Path, settings: Settings) -> Iterator[Server]:
    """A gateway and its worker, with one spool."""
    spool = {"SPOOL_URL": str(place / "several.spool")}
    folder = place / "several"
    folder.mkdir()
    with keeping("several", place, settings) as server, (folder / "worker.log").open("wb") as log:
        command = processes.procfile(ROOT / "Procfile")["worker"]
        worker = processes.start("worker", command, folder, environment_of(settings) | spool, output=log)
        try:
            yield server
        finally:
            processes.stop([worker], folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An open form, and what its visitor sends with it."""

    house: House
    address: str
    session: requests.Session
    hidden: dict[str, str]

    @classmethod
    def open(cls, house: House, path: str, language: str = "en") -> Page:
        session = requests.Session()
        session.trust_env = False
        address = f"{house.gateway.url}{path}"
        html = BeautifulSoup(session.get(f"{address}?lang={language}", timeout=20).text, "html.parser")
        hidden = {str(tag["name"]): str(tag["value"]) for tag in html.select("input[type=hidden]")}
        return cls(house=house, address=address, session=session, hidden=hidden)

    def body(self, files: Sequence[File]) -> bytes:
        """As a browser makes it."""
        start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
        parts = [f'{start}{name}"\r\n\r\n{value}\r\n'.encode() for name, value in self.hidden.items()]
        for name, content in files:
            head = f'{start}file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
            parts += [head.encode(), content, b"\r\n"]
        return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()

    def send(self, files: Sequence[File]) -> requests.Response:
        """All of it; the page that comes of it."""
        return self.session.post(self.address, data=self.body(files), headers=self.headers, timeout=60)

    def break_off(self, files: Sequence[File], at: bytes) -> None:
        """Send it up to there, and leave."""
        whole = self.body(files)
        host, _, port = self.house.gateway.url.partition("://")[2].partition(":")
        cookies = "; ".join(f"{one.name}={one.value}" for one in self.session.cookies)
        headers = {**self.headers, "Host": host, "Cookie": cookies, "Content-Length": str(len(whole))}
        head = f"POST {self.address.partition(port)[2]} HTTP/1.1\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection((host, int(port)), timeout=20) as sock:
            sock.sendall(head.encode() + lines.encode() + b"\r\n" + whole[: whole.index(at) + len(at)])

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Origin": self.house.gateway.url,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        }


@pytest.fixture
def house(working: Server, sandbox: Sandbox, database: Database, vault: Vault) -> Iterator[House]:
    sandbox.clear()
    yield House.build(working, sandbox, database, vault)
    sandbox.clear()


@pytest.fixture
def shelves(place: Path, house: House, vault: Vault) -> Shelves:
    return Shelves(house=house, vault=vault, spool=Spool(Folder(place / "several.spool")))


def form(house: House, provider: str = "flatfile", **settings: Any) -> Form:
    operation = {"flatfile": "flatfile/file", "formkiq": "formkiq/document"}[provider]
    with house.database.transaction(house.organization.id) as session:
        return forms.add(
            session,
            organization_id=house.organization.id,
            connection_id=house.connections[provider].id,
            operation=operation,
            open=True,
            settings=settings or None,
        )


def listed(html: str) -> list[tuple[str, str, str]]:
    """Name, state and reason of each, as they stand on the list."""
    rows = BeautifulSoup(html, "html.parser").select(".handed li")

    def said(row: Any, what: str) -> str:
        return " ".join(row.select_one(what).get_text(" ").split())

    assert all(row.select_one(".state svg") and row.select_one("a[href*='/o/']") for row in rows)
    return [(said(row, ".name"), said(row, ".state"), said(row, ".why")) for row in rows]


def whole(house: House) -> int:
    """Files that the provider has."""
    entries = house.sandbox.ledger("flatfile")
    return sum(entry["complete"] and entry["method"] == "POST" and bool(entry["parts"]) for entry in entries)


def all_ended(shelves: Shelves) -> bool:
    return all(one.state in {State.DELIVERED, State.REJECTED, State.CANCELLED} for one in shelves.uploads())


@pytest.mark.parametrize("first", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_what_one_is_refused_for_does_not_concern_the_others(
    house: House, shelves: Shelves, first: bytes, language: str
) -> None:
    page = Page.open(house, f"/f/{form(house).public_id}", language)
    answer = page.send([("uno.csv", first), WRONG, ("tres.csv", LARGE)])
    assert (answer.status_code, answer.history[0].status_code) == (200, 303)
    assert answer.url.endswith("/all")
    told = listed(answer.text)
    assert [name for name, _, _ in told] == ["uno.csv", "retrato.csv", "tres.csv"]
    assert told[1][1] == {"es": "rechazado", "en": "rejected"}[language]
    assert becomes(lambda: all_ended(shelves), SECONDS)
    states = [one.state for one in shelves.uploads()]
    assert states == [State.DELIVERED, State.REJECTED, State.DELIVERED]
    assert [one.parts[0]["size"] for one in shelves.uploads()][::2] == [len(first), len(LARGE)]
    assert whole(house) == 2
    again = listed(page.session.get(answer.url, timeout=20).text)
    assert [state for _, state, _ in again] == {
        "es": ["entregado", "rechazado", "entregado"],
        "en": ["delivered", "rejected", "delivered"],
    }[language]
    for link in BeautifulSoup(answer.text, "html.parser").select(".handed li a"):
        assert page.session.get(f"{house.gateway.url}{link['href']}", timeout=20).status_code == 200


def test_a_store_that_was_told_of_another_length_has_each_once(house: House, shelves: Shelves) -> None:
    """FormKiQ is told of the first before anybody knows that it is not the last."""
    page = Page.open(house, f"/f/{form(house, 'formkiq').public_id}")
    answer = page.send([("one.csv", LARGE), ("two.csv", SMALL)])
    assert answer.url.endswith("/all")
    assert becomes(lambda: all(one.state is State.DELIVERED for one in shelves.uploads()), SECONDS)
    entries = house.sandbox.ledger("formkiq")
    assert [entry["method"] for entry in entries if not entry["complete"]] == ["PUT"]
    assert len([entry for entry in entries if entry["complete"] and entry["bytes"] > len(LARGE)]) == 1
    tried = [[attempt.outcome for attempt in shelves.tried(one)] for one in shelves.uploads()]
    assert tried == [["retry", "delivered"], ["delivered"]]


def test_one_alone_is_passed_on_as_ever(house: House, shelves: Shelves) -> None:
    page = Page.open(house, f"/f/{form(house).public_id}")
    answer = page.send([("one.csv", LARGE)])
    assert re.search(r"/o/[\w-]{32}$", answer.url)
    (upload,) = shelves.uploads()
    assert upload.state is State.DELIVERED
    assert len(shelves.tried(upload)) == 1
    refused = Page.open(house, f"/f/{form(house).public_id}").send([WRONG])
    assert refused.status_code == 415
    assert BeautifulSoup(refused.text, "html.parser").select_one("#file[aria-invalid=true]")


@pytest.mark.parametrize("at", [b"two.csv", b'file"; filename="two.csv"\r\nContent-Type: text/csv\r\n\r\na,b'])
def test_who_leaves_in_the_second_has_handed_the_first_in(house: House, shelves: Shelves, at: bytes) -> None:
    page = Page.open(house, f"/f/{form(house).public_id}")
    files = [("one.csv", LARGE), ("two.csv", SMALL), ("three.csv", SMALL)]
    page.break_off(files, at)
    assert becomes(lambda: len(shelves.uploads()) == 2 and all_ended(shelves), SECONDS)
    assert [one.state for one in shelves.uploads()] == [State.DELIVERED, State.CANCELLED]
    assert whole(house) == 1
    answer = page.send(files)  # its visitor presses the button once more
    told = listed(answer.text)
    assert [state for _, state, _ in told] == ["delivered", "cancelled"]
    assert "broken off" in told[1][2]
    assert len(shelves.uploads()) == 2


def test_the_same_page_sent_twice_is_one_hand_in(house: House, shelves: Shelves) -> None:
    page = Page.open(house, f"/f/{form(house).public_id}")
    files = [WRONG, ("two.csv", SMALL), ("three.csv", LARGE)]
    addresses = {page.send(files).url for _ in range(2)}
    assert len(addresses) == 1
    assert becomes(lambda: all_ended(shelves), SECONDS)
    assert [one.state for one in shelves.uploads()] == [State.REJECTED, State.DELIVERED, State.DELIVERED]
    assert whole(house) == 2


def test_each_is_a_use_of_its_link(house: House, shelves: Shelves) -> None:
    made = form(house)
    with house.database.transaction(house.organization.id) as session:
        tokens = [
            links.create(session, form=made, expires_at=utcnow() + timedelta(days=1), max_uses=uses)[1]
            for uses in (1, 2)
        ]
    once, twice = (Page.open(house, f"/l/{token}") for token in tokens)
    html = [BeautifulSoup(page.session.get(page.address, timeout=20).text, "html.parser") for page in (once, twice)]
    assert [bool(one.select("#file[multiple]")) for one in html] == [False, True]
    files = [("one.csv", SMALL), ("two.csv", SMALL), ("three.csv", SMALL)]
    assert once.send(files).status_code == 400
    assert not [one for one in shelves.uploads() if one.state is not State.REJECTED]
    answer = twice.send(files)
    told = listed(answer.text)
    assert [state for _, state, _ in told[2:]] == ["rejected"]
    assert told[2][2].startswith("This link has already been used.")
    assert becomes(lambda: all_ended(shelves), SECONDS)
    assert whole(house) == 2
    assert twice.send(files).url == answer.url


def test_there_is_an_end_to_how_many(house: House, shelves: Shelves) -> None:
    page = Page.open(house, f"/f/{form(house).public_id}")
    told = listed(page.send([(f"{at}.csv", SMALL) for at in range(MOST_FILES + 3)]).text)
    assert len(told) == MOST_FILES + 1
    assert "rejected" not in {state for _, state, _ in told[:-1]}
    assert (told[-1][1], told[-1][0]) == ("rejected", "What came after these")
    assert f"Up to {MOST_FILES} files" in told[-1][2]
    assert becomes(lambda: all_ended(shelves), SECONDS)
    assert whole(house) == MOST_FILES


def test_one_that_is_not_kept_is_one(house: House) -> None:
    made = form(house, durable=False)
    page = Page.open(house, f"/f/{made.public_id}")
    assert "multiple" not in page.session.get(page.address, timeout=20).text.partition('type="file"')[2][:200]
    assert page.send([("one.csv", SMALL), ("two.csv", SMALL)]).status_code == 400
    assert whole(house) == 0


@pytest.mark.parametrize("language", ["es", "en"])
def test_on_a_phone_without_scripts(
    house: House, shelves: Shelves, browser: Browser, tmp_path: Path, language: str
) -> None:
    paths = []
    for name, content in [("ventas-enero.csv", SMALL), WRONG, ("inventario-de-todas-las-sucursales.csv", LARGE)]:
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    address = f"{house.gateway.url}/f/{form(house).public_id}?lang={language}"
    with visit(browser, address, language=language, scripts=False) as page:
        assert page.locator("#file").get_attribute("multiple") is not None
        page.set_input_files("#file", paths)
        page.locator("button.send").click()
        expect(page.locator(".handed li")).to_have_count(3)
        listed_at = page.url
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.screenshot(path=tmp_path / f"several-{language}.png", full_page=True)
    assert becomes(lambda: all_ended(shelves), SECONDS)
    with visit(browser, f"{listed_at}?lang={language}", language=language) as page:
        expect(page.locator("h1")).to_have_text({"es": "No llegó todo", "en": "Not everything arrived"}[language])
        examine(page, language)
