"""The first page, typed: every command and every program of it, against what `make run` starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from app.cli.gateway import Code
from app.cli.handing_in import INTERRUPTED, hand_in
from app.local.place import ROOT
from tests.local.test_run import Installation, former, running

__all__ = ["former", "running"]

pytestmark = pytest.mark.live

PAGE: Final = (ROOT / "docs" / "quickstart.md").read_text()
COMMAND: Final = (ROOT / "docs" / "command.md").read_text()
#: How each language is run; `make setup` brings Node.
PROGRAMS: Final = {"python": [sys.executable], "js": [str(Path(sys.executable).parent / "node")], "php": ["php"]}
ENDINGS: Final = {"python": "py", "js": "mjs", "php": "php"}


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", page, re.MULTILINE | re.DOTALL)


class Desk:
    """A folder that looks like the one that the page is read in."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{installation.port}"
        (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
        (folder / "instance").symlink_to(installation.instance)
        described: dict[str, Any] = json.loads((installation.instance / "demo.json").read_text())
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "FLASK_APP": str(ROOT / "wsgi.py"),
            "VENTANILLA_URL": self.url,
            "TOKEN": described["organizations"][0]["api_token"],
        }

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def here(self, written: str) -> str:
        """The same for the gateway that was started."""
        assert "127.0.0.1:8000" in written or "8000" not in written
        return written.replace("http://127.0.0.1:8000", self.url)

    def program(self, language: str) -> str:
        (source,) = blocks(language)
        path = self.folder / f"example.{ENDINGS[language]}"
        path.write_text(self.here(source))
        return self.run(*PROGRAMS[language], str(path))


@pytest.fixture
def desk(tmp_path: Path, running: Installation) -> Desk:
    return Desk(tmp_path, running)


def test_every_command_and_every_program_does_what_it_says(desk: Desk) -> None:
    started, *typed = blocks("sh")
    assert started == "make run\n"  # which the installation is
    marked = "".join(f"echo; echo '--- {number}'\n{desk.here(block)}\n" for number, block in enumerate(typed))
    (desk.folder / "typed.sh").write_text(marked)
    said = re.split(r"^--- \d+$", desk.run("sh", "-eu", "typed.sh"), flags=re.MULTILINE)[1:]
    token, made, shown, refused, again, uploaded, through = said
    assert token.strip() == ""
    assert objects(made)[0]["state"] == "delivered"
    (example,) = (json.loads(block) for block in blocks("json"))
    assert example.keys() <= objects(made)[0].keys()
    assert objects(shown)[-1]["id"] == objects(made)[0]["id"]
    assert (objects(refused)[0]["status"], objects(refused)[0]["type"]) == (415, "/docs/problems#other-content")
    first, second = objects(again)
    assert first == second
    assert uploaded.strip().split("\t")[0] == "delivered"
    assert objects(through)[0]["data"]["id"].startswith("us_env_")

    for language in ("python", "js"):
        assert desk.program(language).startswith("delivered us_fl_"), language


def has_php() -> bool:
    """Whether the system has PHP and what its program needs; it is in no package index."""
    if shutil.which("php") is None:
        return False
    return (
        "curl" in subprocess.run(["php", "-m"], capture_output=True, text=True, check=True, timeout=30).stdout.split()
    )


@pytest.mark.skipif(not has_php(), reason="PHP is not there, so that its program is not run: make php")
def test_the_program_in_php_does_what_it_says(desk: Desk) -> None:
    desk.run("sh", "-c", "printf 'name,amount\nana,1\n' > orders.csv")
    assert desk.program("php").startswith("delivered us_fl_")


def objects(said: str) -> list[dict[str, Any]]:
    """The JSON objects in what was said, one behind the other."""
    found, at, decoder = [], said.find("{"), json.JSONDecoder()
    while at >= 0:
        value, end = decoder.raw_decode(said, at)
        found.append(value)
        at = said.find("{", end)
    return found


def rows(first: str) -> list[str]:
    """The first cells of the table with that heading."""
    table = COMMAND.split(f"| {first} | |\n|---|---|\n")[1].split("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()]


def test_the_page_of_the_command_names_every_option_and_every_code() -> None:
    options = [max(option.opts, key=len) for option in hand_in.params if option.param_type_name == "option"]
    assert [row.strip("`").split()[0] for row in rows("option")] == options
    assert [int(row) for row in rows("code")] == sorted([*map(int, Code), 2, INTERRUPTED])
