from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.seeing import sharing


def test_what_a_server_left_is_removed_and_what_is_anothers_is_not(tmp_path: Path) -> None:
    script = f"import pathlib; from app.seeing import sharing; print(sharing.share(pathlib.Path({str(tmp_path)!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    left = Path(done.stdout.strip())
    assert left.is_dir()

    living = sharing.share(tmp_path)
    another = sharing.share(tmp_path)

    assert not left.exists()
    assert living.is_dir()
    assert another.is_dir()
    assert living != another
    assert living.stat().st_mode & 0o777 == 0o700
    sharing.remove(living)
    assert not living.exists()


def test_a_servers_folder_ends_with_its_first_process_and_with_no_other() -> None:
    script = """
import os, sys
from app.seeing import sharing
folder = sharing.shared()
assert folder == sharing.shared()
if os.fork() == 0:
    sys.exit(0)
os.wait()
print(folder, folder.is_dir())
sys.exit(78)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    folder, there = done.stdout.split()
    assert (done.returncode, there) == (78, "True"), done.stderr
    assert not Path(folder).exists()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / f"{sharing.PREFIX}x").symlink_to(precious)
    sharing.share(tmp_path)
    assert precious.is_dir()
