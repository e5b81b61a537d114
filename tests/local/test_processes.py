from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.local import processes
from app.local.processes import Child, wait_until

#: Starts a child as the supervisor does, tells its number, and waits to be killed.
OWNER = """
import os, sys, time
from pathlib import Path
from app.local import processes
child = processes.start("child", [sys.executable, "-c", sys.argv[2]], Path(sys.argv[1]), os.environ)
print(child.process.pid, flush=True)
time.sleep(60)
"""
SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
PARENT_OF_STUBBORN = f"import os, sys, time\nif os.fork(): time.sleep(60)\nelse: {STUBBORN}"


def start(instance: Path, code: str) -> Child:
    """A child that has said that it is up."""
    with (instance / "output").open("wb") as output:
        child = processes.start("child", [sys.executable, "-c", code], instance, os.environ, output=output)
    assert wait_until(lambda: b"up" in (instance / "output").read_bytes(), 10)
    return child


def test_procfile_gives_commands_by_name(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("# ours\nweb: serve --name 'a b'\n\nworker: work\n")
    assert processes.procfile(tmp_path / "Procfile") == {"web": ["serve", "--name", "a b"], "worker": ["work"]}


def test_a_child_runs_in_a_session_of_its_own_with_our_programs_first(tmp_path: Path) -> None:
    code = "import os; print(os.getsid(0) == os.getpid(), os.environ['PATH'].split(':')[0], 'up', flush=True)"
    child = start(tmp_path, code)
    assert child.process.wait(10) == 0
    assert child.ending == "exit code 0"
    assert (tmp_path / "output").read_text() == f"True {Path(sys.executable).parent} up\n"


def test_a_running_child_has_no_ending_and_a_killed_one_names_the_signal(tmp_path: Path) -> None:
    child = start(tmp_path, SLEEPS)
    assert child.ending is None
    child.process.kill()
    child.process.wait()
    assert child.ending == "killed by SIGKILL"


@pytest.mark.parametrize("code", [SLEEPS, STUBBORN, PARENT_OF_STUBBORN], ids=["willing", "stubborn", "grandchild"])
def test_stop_ends_children_and_theirs(tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.3)
    child = start(tmp_path, code)
    processes.stop([child], tmp_path)
    assert child.ending
    assert processes.belonging_to(tmp_path) == []


def test_a_child_is_told_to_end_when_its_owner_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), SLEEPS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as owner:
        assert owner.stdout
        child = psutil.Process(int(owner.stdout.readline()))
        assert owner.stdout.readline() == b"up\n"
        owner.kill()
        assert wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10)


def test_what_a_killed_owner_leaves_is_found_and_ended_by_force(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path), STUBBORN], stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        owner.stdout.readline()
        assert owner.stdout.readline() == b"up\n"
        owner.kill()
        owner.wait()
        assert len(processes.belonging_to(tmp_path)) == 1
        processes.end_leftovers(tmp_path, patience=0.2)
    assert processes.belonging_to(tmp_path) == []


def test_another_installations_processes_are_left_alone(tmp_path: Path) -> None:
    child = start(tmp_path, SLEEPS)
    processes.end_leftovers(tmp_path / "other", patience=0.2)
    assert child.ending is None
    processes.stop([child], tmp_path)


def test_a_child_whose_owner_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    from app.local import guard

    command = [sys.executable, "-I", "-S", guard.__file__, "1", str(int(signal.SIGTERM)), "-", "touch", "begun"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 1
    assert not (tmp_path / "begun").exists()
