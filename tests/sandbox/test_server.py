"""The sandbox as a process: what it needs, and that it leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from app.local.place import ROOT
from app.sandbox import PROVIDERS
from app.sandbox.server import main
from tests.sandbox.facturapi.conftest import ACME, SEED
from tests.servers import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

KNOWN = ", ".join(provider.slug for provider in PROVIDERS)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"SANDBOX_PORT": ""}, "SANDBOX_PORT is missing or no number: the port to listen on."),
        ({"SANDBOX_PORT": "http"}, "SANDBOX_PORT is missing or no number: the port to listen on."),
        ({"SANDBOX_DIR": ""}, "SANDBOX_DIR is missing: a folder for the sandbox alone, which it empties."),
        ({"SANDBOX_SEED": "/no/such/file"}, "SANDBOX_SEED cannot be used: FileNotFoundError."),
        ({"SANDBOX_SEED": "broken"}, "SANDBOX_SEED cannot be used: it is not JSON."),
        ({"SANDBOX_SEED": "wrong"}, f"SANDBOX_SEED cannot be used: a seed is an object with, at most, {KNOWN}."),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], line: str
) -> None:
    (tmp_path / "broken").write_text('{"user_keys": ["sk_user_secret"')
    (tmp_path / "wrong").write_text('{"other": {}}')
    monkeypatch.chdir(tmp_path)
    for name, value in ({"SANDBOX_PORT": "1", "SANDBOX_DIR": str(tmp_path / "files")} | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == line


@pytest.mark.parametrize(
    ("port", "line"),
    [
        ("http", "SANDBOX_STORE_PORT is no number: the port that the object store listens on."),
        ("70000", "SANDBOX_STORE_PORT cannot be listened on: OverflowError."),
    ],
)
def test_a_process_says_it_and_ends(tmp_path: Path, port: str, line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.sandbox"],
        cwd=ROOT,
        env=os.environ | {"SANDBOX_PORT": "0", "SANDBOX_DIR": str(tmp_path / "files"), "SANDBOX_STORE_PORT": port},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, line + "\n")


def test_it_starts_with_its_seed_and_leaves_neither_files_nor_processes(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    with Sandbox.serving(folder, SEED) as running:
        master = psutil.Process(running.child.process.pid)
        processes = [master, *master.children(recursive=True)]
        assert len(processes) == 2, "gunicorn's master and its one worker"
        assert (folder / "files").is_dir()
        running.fault(provider="facturapi", action="status", status=503)
    psutil.wait_procs(processes, timeout=10)
    assert not [one for one in processes if one.is_running()]
    assert sorted(path.name for path in folder.iterdir()) == ["sandbox.server", "seed.json"]
    with Sandbox.serving(folder, SEED) as running:
        assert running.control("GET", "/faults") == {"faults": []}


def test_after_a_kill_it_starts_again_in_the_same_folder(tmp_path: Path) -> None:
    with Sandbox.serving(tmp_path, SEED) as running:
        (tmp_path / "files" / "left").write_bytes(b"x")
        master = psutil.Process(running.child.process.pid)
        master.suspend()  # else it could start a worker anew before its own end, and that one empties the folder
        for one in (*master.children(recursive=True), master):
            one.kill()
        running.child.process.wait(10)
    assert (tmp_path / "files" / "left").exists()
    with Sandbox.serving(tmp_path, SEED) as again:
        assert not (tmp_path / "files" / "left").exists()
        assert again.ledger() == []


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="SANDBOX_SEED cannot be used"),
        Sandbox.serving(tmp_path, {"facturapi": {"organizations": [{"id": ACME}]}}),
    ):
        pass
