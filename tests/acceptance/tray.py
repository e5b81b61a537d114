"""A form that takes files in pieces, and somebody in front of it with a real browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, Request, expect
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import utcnow
from app.records.models import Upload
from app.tenants import forms, links
from app.tenants.models import Form
from tests.acceptance.browser import visit
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION

SAMPLE: Final = BY_OPERATION["flatfile/file"]
#: Bytes a second, so few that a large file is still on its way whatever else the machine does.
SLOW: Final = 1_000_000
FAST: Final = -1
#: Milliseconds until a worker has delivered what waits.
PATIENT: Final = 60_000


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A form that takes tables of any size."""

    house: House
    owner: Engine
    form: Form

    @property
    def address(self) -> str:
        return f"{self.house.gateway.url}/f/{self.form.public_id}"

    @property
    def uploads(self) -> dict[str, Upload]:
        """By the names of their files."""
        mine = select(Upload).where(Upload.organization_id == self.house.organization.id)
        with Session(self.owner) as session:
            return {str(upload.parts[0]["filename"]): upload for upload in session.scalars(mine)}

    @property
    def arrived(self) -> list[str]:
        """Hashes of the files that the provider has whole."""
        arrivals = SAMPLE.arrivals(self.house, complete=True)
        return sorted(part["sha256"] for entry in arrivals for part in entry["parts"] if part["filename"])

    def link(self, **options: Any) -> str:
        """A personal way into it."""
        with self.house.database.transaction(self.house.organization.id) as session:
            _, token = links.create(session, form=self.form, expires_at=utcnow().replace(year=2100), **options)
        return f"{self.house.gateway.url}/l/{token}"


def add_form(session: Session, house: House, operation: str) -> Form:
    return forms.add(
        session,
        organization_id=house.organization.id,
        connection_id=house.connections[operation.partition("/")[0]].id,
        operation=operation,
        open=True,
    )


@dataclass(kw_only=True)
class Customer:
    """Somebody in front of the form."""

    page: Page
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - wants a function of Python
        self.page.on("dialog", lambda dialog: dialog.accept())
        self._network: CDPSession = self.page.context.new_cdp_session(self.page)
        self._network.send("Network.enable")

    def choose(self, *files: Path) -> None:
        more = self.page.locator(".uppy-DashboardContent-addMore")
        if more.count():
            more.click()
        self.page.locator("input.uppy-Dashboard-input").first.set_input_files(files)

    def send(self) -> None:
        self.page.check("#notice")
        self.page.locator("button.send").click()

    def network(self, *, bytes_a_second: int = FAST, offline: bool = False) -> None:
        """Make the connection slow, or cut it."""
        speed = {"downloadThroughput": FAST, "uploadThroughput": bytes_a_second, "latency": 0}
        self._network.send("Network.emulateNetworkConditions", {"offline": offline, **speed})

    def wait_until_some_arrived(self) -> None:
        """Wait until the page says that it is well on its way."""
        expect(self.page.locator(".uppy-StatusBar-statusPrimary")).to_contain_text(
            re.compile(r"[1-9]\d ?%"), timeout=PATIENT
        )

    def row(self, name: str) -> Locator:
        return self.page.locator(".handed li").filter(has_text=name)

    @property
    def offsets(self) -> list[int]:
        """Where each piece that was sent begins."""
        return [int(one.headers["upload-offset"]) for one in self.requests if one.method == "PATCH"]


@contextmanager
def at(browser: Browser, address: str, **options: Any) -> Iterator[Customer]:
    with visit(browser, address, **options) as page:
        expect(page.locator(".uppy-Dashboard-browse").first).to_be_visible()
        yield Customer(page=page)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reach(page: Page, what: str) -> None:
    """Go to something as the keyboard does."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("what => document.activeElement.matches(what)", what):
            return
    pytest.fail(f"{what} is not reached")
