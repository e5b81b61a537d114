"""A process dies in the middle of something: what it leaves behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "crash-0123456789-secret"

DIES = """
import faulthandler, os, signal, threading
{before}
secret = "".join(["crash-0123", "456789-secret"])
def deep(password):
    os.kill(os.getpid(), signal.SIGSEGV)
    threading.Event().wait(20)
deep(secret)
"""
LEAVES = "from app.seeing import crashing; crashing.leave_nothing()"


def _unlimited() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def dies(before: str, folder: Path) -> tuple[bool, str]:
    """Whether a process that dies so was dumped, and its last words."""
    with (folder / "said").open("wb") as said:
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        child = subprocess.Popen(
            [sys.executable, "-c", DIES.format(before=before)],
            cwd=folder,
            stderr=said,
            env=environment,
            preexec_fn=_unlimited,  # noqa: PLW1509 - nothing else runs in this process that could be in the way
        )
        _, status = os.waitpid(child.pid, 0)
        child.returncode = -os.WTERMSIG(status)
    assert os.WIFSIGNALED(status)
    return os.WCOREDUMP(status), (folder / "said").read_text()


@pytest.mark.attack(
    "secrets", "a process that crashes with a secret in its memory", "no dump; its last words have no values"
)
def test_no_dump_is_left_and_the_last_words_have_no_values(tmp_path: Path) -> None:
    dumped, said = dies(LEAVES, tmp_path)
    assert not dumped
    assert "Fatal Python error: Segmentation fault" in said
    assert "in deep" in said
    assert SECRET not in said
    assert [path.name for path in tmp_path.iterdir()] == ["said"]


def test_otherwise_one_would_be(tmp_path: Path) -> None:
    """What the test above stands on."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this system dumps nothing at all")
    assert dies("", tmp_path)[0]


BREAKS = f"""
import threading
from app import logs
from app.seeing import crashing
crashing.leave_nothing()
logs.configure("info", console={{console}})
def fail(password):
    raise ValueError("no /l/0123456789abcdef, sk_live_0123456789abcdef of " + str(len(password)))
thread = threading.Thread(target=fail, args=({SECRET!r},), name="scribe")
thread.start()
thread.join()
fail({SECRET!r})
"""


@pytest.mark.attack("secrets", "an exception with a key in it, at a thread's or a process's end", "masked")
@pytest.mark.parametrize("console", [True, False])
def test_what_ends_a_thread_or_the_process_is_masked(console: bool) -> None:
    code = BREAKS.format(console=console)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a thread broke" in done.stderr
    assert "the process broke" in done.stderr
    assert done.stderr.count("sk_live_…") == 2
    assert "0123456789" not in done.stderr.replace(SECRET, "")
