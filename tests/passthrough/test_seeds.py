"""The vendors' examples as the page shows them, each with its own package, through the gateway."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from app.local.place import ROOT
from app.providers import registry
from app.records.states import State
from app.sandbox import sat
from tests.passthrough.desk import Desk
from tests.relay.files import csv, pdf
from tests.sandbox import vendor
from tests.vendors.driving import FOLDER

pytestmark = pytest.mark.live

PAGE: Final = (ROOT / "docs" / "seeds.md").read_text()
PASSWORD: Final = "Contraseña 1"
CSD: Final = sat.issue(
    rfc="EKU9003173C9", name="Escuela Kemper Urgate", number="30001000000500003416", password=PASSWORD
)
FILES: Final = {
    "csd.cer": CSD.cer,
    "csd.key": CSD.key,
    "report.pdf": pdf(4_000),
    "statement.pdf": pdf(4_000),
    "contract.pdf": pdf(4_000),
    "orders.csv": csv(4_000),
}


def section(slug: str) -> str:
    title = registry.provider(slug).title
    found = re.search(rf"^## {title}\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def blocks(slug: str) -> list[tuple[str, str]]:
    """The programs of a vendor's, each with its language."""
    return re.findall(r"^```(python|js)\n(.+?)^```$", section(slug), re.MULTILINE | re.DOTALL)


EXAMPLES: Final = [
    (slug, number, language, source)
    for slug in registry.PROVIDERS
    for number, (language, source) in enumerate(blocks(slug))
]


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    vendor.install()


@pytest.mark.parametrize(
    ("slug", "number", "language", "source"), EXAMPLES, ids=[f"{slug}-{number}" for slug, number, *_ in EXAMPLES]
)
def test_it_runs_and_its_file_arrives(
    desk: Desk, tmp_path: Path, slug: str, number: int, language: str, source: str
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    said = run(desk, tmp_path, slug, language, source)
    (upload,) = desk.uploads()
    assert upload.state is State.DELIVERED, number
    assert upload.operation.startswith(f"{slug}/")
    last = said.splitlines()[-1].split()
    assert last[0] in {upload.reference, "statement.pdf", "30001000000500003416"}


def run(desk: Desk, folder: Path, slug: str, language: str, source: str) -> str:
    place = desk.place(slug)
    settings = {name.upper(): str(value) for name, value in place.settings.items()}
    key = "Basic " + base64.b64encode(place.key.encode()).decode() if slug == "codat" else place.key
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*", "PASSWORD": PASSWORD, **settings}
    environment |= {"BASE_URL": place.base_url, "KEY": key, "NODE_PATH": str(vendor.FOLDER / "node_modules")}
    program = folder / f"example.{'cjs' if language == 'js' else 'py'}"
    program.write_text(source)
    done = subprocess.run(
        [interpreter(slug, language), program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert desk.token not in done.stdout + done.stderr
    return done.stdout


def interpreter(slug: str, language: str) -> Path:
    """Of the environment that has the vendor's own package, where there is one."""
    if language == "js":
        return vendor.PROGRAMS / "node"
    own = FOLDER / slug / ".venv" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


@pytest.mark.parametrize("slug", registry.PROVIDERS)
def test_every_provider_has_one_and_every_correction_has_its_reason(slug: str) -> None:
    assert blocks(slug)
    rows = re.findall(r"^\| (?!published|---)(.+?) \| (.+?) \|$", section(slug), re.MULTILINE)
    assert len(rows) >= 2
    assert all(published.strip() and reason.strip() for published, reason in rows)
