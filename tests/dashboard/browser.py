"""A real browser before the dashboard: signed in, and held to three rules.

The browser complains of nothing, nothing is asked of another host, and axe finds nothing that keeps somebody out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from app.tenants.models import Organization
from app.tenants.roles import Role
from tests.acceptance.browser import SMALLEST, axe, launch, needed

Theme = Literal["light", "dark"]
WIDE, NARROW = 1280, 360
#: Widths and colours that a page is looked at in; all four between the two languages.
LOOKS: Final[dict[str, tuple[tuple[int, Theme], ...]]] = {
    "es": ((WIDE, "light"), (NARROW, "dark")),
    "en": ((WIDE, "dark"), (NARROW, "light")),
}


class Enter(Protocol):
    """Signs somebody in."""

    def __call__(self, role: Role, organization: Organization | None, **told: str) -> FlaskClient: ...


class Quiet(WSGIRequestHandler):
    """Serves without a word."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - as it is called there
        pass


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A page that somebody has open."""

    page: Page
    url: str
    #: What the browser complained of, and whom else it asked.
    complaints: list[str]

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def examine(self, language: str = "en", *, room: bool = True) -> None:
        """Look at the page as it is now; leaves it wide."""
        for width, theme in LOOKS[language]:
            self.page.set_viewport_size({"width": width, "height": 844})
            self.page.emulate_media(color_scheme=theme)
            faults = axe(self.page)
            assert not faults, f"{self.page.url}: {width} px, {theme}: {faults}"
        if room:
            self.page.set_viewport_size({"width": SMALLEST, "height": 844})
            assert needed(self.page) <= SMALLEST, self.page.url
        self.page.set_viewport_size({"width": WIDE, "height": 844})
        assert not self.complaints, self.complaints


Opened = Callable[..., AbstractContextManager[Visit]]


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application on a socket; its pages send from there."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    url = f"http://localhost:{server.server_port}"
    parts = app.extensions["ventanilla"]
    app.extensions["ventanilla"] = replace(parts, settings=parts.settings.model_copy(update={"trusted_hosts": (url,)}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["ventanilla"] = parts


@contextmanager
def visited(
    browser: Browser, url: str, client: FlaskClient | None, path: str, *, language: str, scripts: bool, width: int
) -> Iterator[Visit]:
    """Open a page with the cookies of a client; whatever breaks one of the rules by its end fails."""
    context = browser.new_context(
        locale="es-MX" if language == "es" else "en-US",
        java_script_enabled=scripts,
        viewport={"width": width, "height": 844},
        color_scheme="light",
        reduced_motion="reduce",
        service_workers="block",
    )
    if client is not None:
        kept = client._cookies or {}
        context.add_cookies([{"name": one.key, "value": one.value, "url": url} for one in kept.values()])
    complaints: list[str] = []
    page = context.new_page()
    page.set_default_timeout(20_000)
    # The browser itself reports every answer with an error's status; a refused form is one.
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource")
            else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(url) else complaints.append(request.url))
    page.on(
        "response",
        lambda response: complaints.append(f"{response.url} {response.status}") if response.status == 500 else None,
    )
    visit = Visit(page=page, url=url, complaints=complaints)
    try:
        visit.go(path)
        yield visit
        assert not complaints, complaints
    finally:
        context.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, for as long as a module's tests run: beyond it, its event loop would be in others' way."""
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture
def opened(app: Flask, browser: Browser, enter: Enter) -> Iterator[Opened]:
    """Opens a page as somebody: `with opened("/admin/uploads", role=Role.AUDITOR, language="es") as visit`."""
    with served(app) as url:

        @contextmanager
        def open_page(
            path: str = "/admin",
            *,
            role: Role | None = Role.OWNER,
            organization: Organization | None = None,
            language: str = "en",
            scripts: bool = True,
            width: int = WIDE,
        ) -> Iterator[Visit]:
            client = None if role is None else enter(role, organization, locale=language)
            with visited(browser, url, client, path, language=language, scripts=scripts, width=width) as visit:
                yield visit

        yield open_page
