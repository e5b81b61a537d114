"""What the pages show of formats and of other people's programs is what is made here, and what they can do with it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.local.place import ROOT
from app.portal import embedding
from app.sandbox import example
from tests.cli.conftest import Run, run
from tests.cli.test_receipts import mine
from tests.docs.blocks import blocks
from tests.relay.files import csv
from tests.relay.house import House
from tests.relay.sending import ask
from tests.tenancy import Tenant
from tests.vendors.driving import FOLDER

__all__ = ["mine", "run"]


def shown(page: str, language: str) -> list[str]:
    return [block.text for block in blocks() if (block.page, block.language) == (page, language)]


def shape(value: Any) -> Any:
    """Which names are in it, and where."""
    match value:
        case dict():
            return {name: shape(one) for name, one in value.items()}
        case list():
            return [shape(one) for one in value[:1]]
        case _:
            return None


def test_what_a_sandbox_of_ones_own_says_first() -> None:
    (line,) = map(json.loads, shown("docs/command.md", "json"))
    (client,) = (one for one in example.CLIENTS if one.provider == line["provider"])
    told = {"provider": client.provider, "base_url": f"http://127.0.0.1:8001{client.path}", "key": client.key}
    assert line == told | dict(client.ids)


def test_a_receipt_has_what_the_page_shows_of_one(run: Run, mine: Tenant) -> None:
    (page,) = map(json.loads, shown("docs/receipts.md", "json"))
    real = json.loads(run("receipt", "export", mine.organization.slug).output.splitlines()[0])
    for receipt in (page, real):
        del receipt["receipt"]["upload"]["files"][:]  # the one that is made here has none
        receipt["receipt"]["upload"]["through"] = None
    assert shape(page) == shape(real)


def test_the_snippet_for_a_website_is_the_one_that_the_dashboard_shows(app: Flask) -> None:
    snippet, listener = shown("docs/embedding.md", "html")
    with app.app_context():
        made = embedding.snippet("FORM", code="es", title="Tu certificado")
    assert snippet.strip() == made.strip().replace("http://localhost", "https://gateway.example")
    script = (ROOT / "static" / "js" / "embed.js").read_text()
    (name,) = re.findall(r'addEventListener\("ventanilla:(\w+)"', listener)
    assert f"`ventanilla:{name}` ({{ page, state }})" in script


@pytest.mark.live
def test_a_client_of_tus_sends_as_the_page_shows(house: House, tmp_path: Path) -> None:
    (program,) = shown("docs/resumable.md", "python")
    (tmp_path / "ledger.csv").write_bytes(csv(4_000))
    here = program.replace("https://gateway.example", house.gateway.url).replace("kemper", house.organization.slug)
    done = subprocess.run(
        [FOLDER / "tuspy" / ".venv" / "bin" / "python", "-c", f"token = {house.token!r}\n{here}"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    slug = house.organization.slug
    (upload,) = ask(house, "GET", f"/api/v1/organizations/{slug}/uploads").body["items"]
    assert (upload["filename"], upload["size"]) == ("ledger.csv", 4_000)
