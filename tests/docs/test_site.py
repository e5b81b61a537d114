"""The pages as a site: all of them are in it, in order, and reading it asks nobody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
import yaml
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, expect, sync_playwright

from app.local.place import ROOT
from tests.acceptance.browser import launch, visit

FOLDER: Final = ROOT / "docs"
#: Languages of the customers' guides, and where each lies.
GUIDES: Final = {"handing-in.md": "es/entregar.md", "linking.md": "es/enlazar.md"}


def navigation() -> list[str]:
    def found(entry: Any) -> Iterator[str]:
        match entry:
            case str():
                yield entry
            case list():
                for one in entry:
                    yield from found(one)
            case dict():
                for one in entry.values():
                    yield from found(one)

    return list(found(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))


def test_every_page_is_in_the_navigation_once() -> None:
    listed = navigation()
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.md")}
    single = {name for name in there if re.match(r"decisions/\d", name)}  # the list of decisions leads to them
    assert sorted(listed) == sorted(there - single)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [str(Path(sys.executable).parent / "mkdocs"), "build", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # strict: a wrong link ends it
    return folder


def test_every_page_is_made_and_none_loads_from_elsewhere(site: Path) -> None:
    for name in navigation():
        assert (site / name).with_suffix(".html").is_file() or (site / name).with_name("index.html").is_file(), name
    loads = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//|<link\b[^>]*\bhref=[\"']?(?:https?:)?//"
    )
    for page in site.rglob("*.html"):
        assert not loads.search(page.read_text()), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet


def test_a_page_is_read_out_loud_in_its_own_language(site: Path) -> None:
    said = {
        name: re.search(r'<html lang="(\w+)"', (site / name).read_text()) for name in ("es/entregar.html", "api.html")
    }
    assert [found[1] for found in said.values() if found] == ["es", "en"]


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


@pytest.mark.live
def test_who_reads_and_searches_it_asks_nobody_else(served: str, browser: Browser) -> None:
    for name in ("index.html", "quickstart.html", "es/entregar.html", "settings.html"):
        with visit(browser, f"{served}/{name}", width=1280) as page:  # which fails where another host is asked
            expect(page.locator("h1")).to_be_visible()
    with visit(browser, f"{served}/index.html", width=1280) as page:
        page.locator("input[name=query]").fill("certificado")
        page.locator(".md-search-result__link").first.wait_for()


def bold(page: str) -> list[str]:
    """The words that a guide quotes from the pages; others are not bold there."""
    return [re.sub(r"\s+", " ", one) for one in re.findall(r"\*\*(.+?)\*\*", (FOLDER / page).read_text(), re.DOTALL)]


def test_the_customers_guides_quote_what_the_pages_say() -> None:
    with (ROOT / "translations" / "es" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file)
    spanish = {message.id: message.string for message in catalogue if isinstance(message.id, str)}
    english, translated = bold("handing-in.md"), bold("es/entregar.md")
    assert english
    assert [spanish[one] for one in english] == translated


@pytest.mark.parametrize(("english", "spanish"), GUIDES.items())
def test_both_languages_tell_the_same(english: str, spanish: str) -> None:
    def shape(page: str) -> list[str]:
        return re.findall(r"^(#+ |\| |- |\d\. |```\w*)", (FOLDER / page).read_text(), re.MULTILINE)

    assert shape(english) == shape(spanish)
