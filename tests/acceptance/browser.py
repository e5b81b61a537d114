"""A real browser: the system's Chromium, driven by Playwright, with no way to any other host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, Page, Playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def launch(playwright: Playwright) -> Browser:
    """Start the browser that CHROMIUM names, or the one that is installed."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert path, "No Chromium was found; `make test` installs it, or set CHROMIUM to its path."
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=[*QUIET, *as_root])


@contextmanager
def visit(
    browser: Browser, address: str, *, language: str = "es", scripts: bool = True, width: int = 390, dark: bool = False
) -> Iterator[Page]:
    """Open a page as a new visitor. Whatever the browser complains of, and every request elsewhere, fails the test."""
    context = browser.new_context(
        locale="es-MX" if language == "es" else "en-US",
        java_script_enabled=scripts,
        viewport={"width": width, "height": 844},
        color_scheme="dark" if dark else "light",
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
