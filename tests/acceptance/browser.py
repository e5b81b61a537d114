"""A real browser: the system's Chromium, driven by Playwright, with no way to any other host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Page, Playwright, expect

from app.local.place import ROOT

#: The first is the same browser without its windows, and opens a page in a quarter of the time.
NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE: Final = ROOT / "node_modules/axe-core/axe.min.js"
QUIET: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def launch(playwright: Playwright, *more: str) -> Browser:
    """Start the browser that CHROMIUM names, or the one that is installed; `more` are arguments for it."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert path, "No Chromium was found; `make test` installs it, or set CHROMIUM to its path."
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=[*QUIET, *as_root, *more])


@contextmanager
def visit(
    browser: Browser,
    address: str,
    *,
    language: str = "es",
    scripts: bool = True,
    width: int = 390,
) -> Iterator[Page]:
    """Open a page as a new visitor. Whatever the browser complains of, and every request elsewhere, fails the test."""
    context = browser.new_context(
        locale="es-MX" if language == "es" else "en-US",
        java_script_enabled=scripts,
        viewport={"width": width, "height": 844},
        color_scheme="light",
        service_workers="block",
    )
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
    host = address.split("/")[2]
    page.on(
        "request", lambda request: complaints.append(request.url) if request.url.split("/")[2:3] != [host] else None
    )
    try:
        page.goto(address)
        yield page
        assert complaints == []
    finally:
        context.close()


def fill(page: Page, paths: dict[str, Path], password: str, *, cer: str = "csd.cer", key: str = "csd.key") -> None:
    """Fill the form of a certificate in."""
    page.set_input_files("#cer", paths[cer])
    page.set_input_files("#key", paths[key])
    page.fill("#password", password)
    page.check("#notice")


#: Widths and themes that a language's pages are examined in; all four between them.
LOOKS: Final[dict[str, tuple[tuple[int, Literal["light", "dark"]], ...]]] = {
    "es": ((390, "light"), (1280, "dark")),
    "en": ((390, "dark"), (1280, "light")),
}
SMALLEST: Final = 320


@contextmanager
def visit_to_examine(browser: Browser, address: str, language: str) -> Iterator[Page]:
    """Open a page in a language."""
    with visit(browser, f"{address}?lang={language}", language=language) as page:
        yield page


@cache
def _axe() -> str:
    return AXE.read_text()


def axe(page: Page) -> list[str]:
    """What keeps somebody from reading or using the page as it is now, and what is framed in it.

    Only the driver may bring a script along: the pages' own policy lets nobody add one.
    """
    for frame in page.frames:
        if not frame.evaluate("'axe' in window"):
            frame.evaluate(_axe())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'], preload: false })")
    return [f"{fault['id']}: {node['html']}" for fault in found["violations"] for node in fault["nodes"]]


def examine(page: Page, language: str) -> None:
    """Look at the page as it is now for whatever keeps somebody from reading or using it."""
    expect(page.locator("html")).to_have_attribute("lang", language)
    for width, theme in LOOKS[language]:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=theme)
        assert axe(page) == [], f"{width} px, {theme}"
    # A page of 640 px at a zoom of 200 % has as much room; letters of twice the size have half of it once more.
    page.set_viewport_size({"width": SMALLEST, "height": 844})
    assert needed(page) <= SMALLEST
    page.set_viewport_size({"width": 2 * SMALLEST, "height": 844})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert needed(page) <= 2 * SMALLEST
    page.evaluate("document.documentElement.style.fontSize = ''")


def needed(page: Page) -> int:
    """Width that the page takes up, in its own pixels."""
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width
