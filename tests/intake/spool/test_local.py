"""The folder: when something is on the disk, who may read it, and what a full, broken or absent disk makes of it."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from app.intake.spool import CopyLost, Spool, SpoolAway, SpoolFull
from app.intake.spool.local import AHEAD_BYTES, Folder
from tests.intake.spool.conftest import House, in_a_folder

MIB = 1 << 20


def test_only_its_owner_may_read_it_whatever_the_umask(local: House) -> None:
    upload = uuid4()
    former = os.umask(0)
    try:
        local.keep(upload, b"a file")
    finally:
        os.umask(former)
    assert local.folder is not None
    (name,) = local.objects()
    assert name == f"{upload.hex[-3:]}/{upload}.0"
    for path in (local.folder, local.folder / upload.hex[-3:]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((local.folder / name).stat().st_mode) == 0o600


class Recorder:
    """What was asked of the disk, in its order: (fsync | rename, name)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refuse: Callable[[str, str], bool] = lambda _what, _name: False
        fsync, rename = os.fsync, Path.rename

        def note(what: str, path: Path) -> None:
            name = path.name if path.is_dir() else path.suffix
            self.asked.append((what, name))
            if self.refuse(what, name):
                raise OSError(errno.EIO, "the disk broke")

        def synced(descriptor: int) -> None:
            note("fsync", Path(f"/proc/self/fd/{descriptor}").readlink())
            fsync(descriptor)

        def renamed(path: Path, target: Path) -> Path:
            note("rename", path)
            return rename(path, target)

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(Path, "rename", renamed)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


def test_file_and_folder_are_on_the_disk_before_it_is_said(local: House, recorder: Recorder, tmp_path: Path) -> None:
    upload = UUID("0190a000-0000-7000-8000-000000000abc")
    local.keep(upload, b"a file")
    file = [("fsync", ".begun"), ("rename", ".begun"), ("fsync", "abc")]
    assert recorder.asked == [("fsync", tmp_path.name), ("fsync", "spool"), *file]
    recorder.asked.clear()
    local.keep(upload, b"more", segment=1)
    assert recorder.asked == file  # the folders are there for good


def test_the_disk_begins_before_the_file_ends(local: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that little is left to be waited for; each byte is advised once."""
    begun: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "app.intake.spool.local._advise", lambda _, start, size, __: begun.append((start, start + size))
    )
    content = bytes(3 * AHEAD_BYTES)
    local.keep(uuid4(), content)
    assert [start for start, _ in begun] == [0, *(end for _, end in begun[:-1])]
    assert len(begun) == 3
    assert len(content) - begun[-1][1] < AHEAD_BYTES


def test_a_folder_that_another_process_made_is_made_sure_of_too(local: House, recorder: Recorder) -> None:
    """Made is not yet on the disk: the other may die before it says so."""
    assert local.folder is not None
    upload = UUID("0190a000-0000-7000-8000-000000000abc")
    (local.folder / "abc").mkdir(parents=True)
    local.keep(upload, b"a file")
    assert ("fsync", "spool") in recorder.asked


@pytest.mark.parametrize("where", [("fsync", ".begun"), ("rename", ".begun"), ("fsync", "abc"), ("fsync", "spool")])
def test_a_disk_that_breaks_leaves_nothing_that_counts(
    local: House, recorder: Recorder, where: tuple[str, str]
) -> None:
    recorder.refuse = lambda what, name: (what, name) == where
    upload = UUID("0190a000-0000-7000-8000-000000000abc")
    with pytest.raises(SpoolAway) as caught:
        local.keep(upload, b"a file")
    assert "the disk broke" in str(caught.value.__cause__)
    assert local.objects() == {}
    recorder.refuse = lambda _what, _name: False
    local.keep(upload, b"a file")
    assert local.give(upload) == b"a file"


def test_a_begun_one_that_was_taken_away_does_not_count(local: House) -> None:
    def write() -> None:
        with local.spool.write(local.cipher, local.organization, uuid4()) as writer:
            writer.feed(b"a file")
            assert local.folder is not None
            (begun,) = local.folder.glob("*/*.begun")
            begun.unlink()

    with pytest.raises(SpoolAway):
        write()
    assert local.objects() == {}


def test_two_that_write_the_same_at_once_do_not_write_into_one_another(
    local: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names are drawn by chance; should it give them the same one, the second is not let in."""
    upload = uuid4()
    with local.spool.write(local.cipher, local.organization, upload) as first:
        local.keep(upload, b"the second, whole before the first")
        first.feed(b"the first")
    assert local.give(upload) == b"the first"
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0000")
    with local.spool.write(local.cipher, local.organization, upload) as first:
        with pytest.raises(SpoolAway):
            local.keep(upload, b"the second")
        first.feed(b"again")
    assert local.give(upload) == b"again"


def test_folders_that_were_taken_away_are_made_again(local: House) -> None:
    upload = uuid4()
    local.keep(upload, b"a file")
    assert local.folder is not None
    local.spool.remove(upload)
    (local.folder / upload.hex[-3:]).rmdir()
    local.folder.rmdir()
    local.keep(upload, b"another")
    assert local.give(upload) == b"another"


def test_what_is_not_a_folder_is_away(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    local = in_a_folder(tmp_path / "spool")
    for act in (
        lambda: local.keep(uuid4(), b"a file"),
        lambda: local.give(uuid4()),
        lambda: local.spool.remove(uuid4()),
        lambda: local.spool.check_room(1),
        local.spool.probe,
        lambda: local.spool.sweep(list, datetime.now(UTC)),
    ):
        with pytest.raises(SpoolAway):
            act()


def test_where_the_disk_is_not_there_nothing_is_lost(local: House) -> None:
    """A copy that is called lost would be given up; a disk that is mounted again has it."""
    upload = uuid4()
    local.keep(upload, b"a file")
    assert local.folder is not None
    away = local.folder.rename(local.folder.with_name("unmounted"))
    with pytest.raises(SpoolAway):
        local.give(upload)
    away.rename(local.folder)
    assert local.give(upload) == b"a file"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_in_anothers_folder_nothing_is_made(local: House) -> None:
    assert local.folder is not None
    local.folder.mkdir(mode=0o700)
    os.chown(local.folder, 12_345, 12_345)
    with pytest.raises(SpoolAway) as caught:
        local.keep(uuid4(), b"a file")
    assert "belongs to another user" in str(caught.value.__cause__)
    assert [*local.folder.iterdir()] == []


def test_what_is_not_ours_is_left_alone(local: House) -> None:
    upload = uuid4()
    local.keep(upload, b"a file")
    assert local.folder is not None
    for name in ("README", f"{upload.hex[-3:]}/lost+found", f"{upload.hex[-3:]}/{upload}", f"{upload.hex[-3:]}/.nfs0"):
        (local.folder / name).write_text("somebody's")
    assert [one.upload_id for one in local.spool.place.listing()] == [upload]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert local.spool.sweep(lambda _: [], later) == 1
    assert set(local.objects().values()) == {b"somebody's"}


def test_what_is_removed_while_it_is_listed_is_left_out(local: House, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, gone = uuid4(), uuid4()
    other = UUID(hex=f"{gone.hex[:-3]}{upload.hex[-3:]}")
    local.keep(upload, b"a file")
    local.keep(other, b"a file")
    assert local.folder is not None
    scandir = os.scandir

    class Late:
        """What was listed, after one of it was removed."""

        def __init__(self, path: Path) -> None:
            with scandir(path) as entries:
                self._entries = [*entries]

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            for one in self._entries:
                if one.name.startswith(str(other)):
                    Path(one.path).unlink()
            return iter(self._entries)

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

    monkeypatch.setattr(os, "scandir", Late)
    assert [one.upload_id for one in local.spool.place.listing()] == [upload]


# --- full disks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(disk)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.live
def test_a_disk_that_fills_up_leaves_nothing_and_breaks_nothing(small_disk: Path) -> None:
    """Of several files at once, as many as fit are whole and the others are not there at all."""
    local = in_a_folder(small_disk / "spool")
    whole = uuid4()
    local.keep(whole, b"x" * 5 * MIB)
    for _ in range(3):
        with pytest.raises(SpoolFull):
            local.keep(uuid4(), *[b"y" * MIB] * 5)
    assert len(local.objects()) == 1
    assert local.give(whole) == b"x" * 5 * MIB
    other = uuid4()
    local.keep(other, b"z" * 2 * MIB)
    assert len(local.give(other)) == 2 * MIB


@pytest.mark.live
def test_before_the_disk_is_full_no_more_is_taken(small_disk: Path) -> None:
    place = Folder(small_disk / "spool")
    house = in_a_folder(small_disk / "spool")
    spool = Spool(place, high_water=0.5)
    spool.check_room(3 * MIB)
    with pytest.raises(SpoolFull):
        spool.check_room(5 * MIB)
    with spool.write(house.cipher, house.organization, uuid4(), size=3 * MIB) as writer:
        with pytest.raises(SpoolFull):  # what is promised is not free
            spool.check_room(2 * MIB)
        writer.feed(b"x" * 2 * MIB)
        with pytest.raises(SpoolFull):
            spool.check_room(2 * MIB)
        spool.check_room(MIB // 2)


RESTRICTED = """
    import resource, signal, sys
    from pathlib import Path
    from uuid import uuid4
    from app.intake.spool import SpoolFull
    from tests.intake.spool.conftest import in_a_folder

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    local = in_a_folder(Path(sys.argv[1]))
    try:
        local.keep(uuid4(), *[b"x" * (1 << 19)] * 4)
    except SpoolFull as full:
        print(type(full.__cause__).__name__, full.__cause__.errno, local.objects())
"""


def run(script: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def test_a_limit_of_the_system_is_full_too(tmp_path: Path) -> None:
    with run(RESTRICTED, tmp_path / "spool") as process:
        said, _ = process.communicate()
    assert said == f"OSError {errno.EFBIG} {{}}\n"


# --- killed -----------------------------------------------------------------------------------------------------------

KILLED = """
    import os, signal, sys
    from pathlib import Path
    from uuid import UUID
    from tests.intake.spool.conftest import in_a_folder

    local, upload, where = in_a_folder(Path(sys.argv[1])), UUID(sys.argv[2]), sys.argv[3]
    def die(*_):
        print("here", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if where == "fsync":
        os.fsync = lambda descriptor: die() if os.readlink(f"/proc/self/fd/{descriptor}").endswith("begun") else None
    if where == "rename":
        Path.rename = die
    with local.spool.write(local.cipher, local.organization, upload) as writer:
        writer.feed(b"x" * (3 << 20))
        if where == "midway":
            die()
"""


@pytest.mark.parametrize("where", ["midway", "fsync", "rename"])
def test_killed_while_it_writes_it_leaves_nothing_that_counts(local: House, where: str) -> None:
    upload = uuid4()
    with run(KILLED, local.folder, upload, where) as process:
        said, _ = process.communicate()
    assert (said, process.returncode) == ("here\n", -signal.SIGKILL)
    with pytest.raises(CopyLost):
        local.give(upload)
    (found,) = local.spool.place.listing()
    assert (found.upload_id, found.segment, found.begun) == (upload, 0, True)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert local.spool.sweep(lambda some: some, later) == 0  # somebody may still be writing it
    local.keep(upload, b"again")
    assert local.give(upload) == b"again"
    assert local.spool.sweep(lambda _: [], later) == 1
    assert local.objects() == {}


# --- memory -----------------------------------------------------------------------------------------------------------

MEASURED = """
    import resource, sys
    from pathlib import Path
    from uuid import uuid4
    from tests.intake.spool.conftest import in_a_folder

    local, mib = in_a_folder(Path(sys.argv[1])), int(sys.argv[2])
    block, upload, size = bytes(1 << 20), uuid4(), 0
    local.keep(upload, block)  # all that is made once
    local.give(upload)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    local.keep(upload, *(block for _ in range(mib)))
    for one in local.spool.read(local.cipher, local.organization, upload):
        size += len(one)
    assert size == mib << 20
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.live
@pytest.mark.timeout(300)  # a busy disk takes its time
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A GiB in and out again."""
    with run(MEASURED, tmp_path / "spool", 1024) as process:
        grown = int(process.communicate()[0])
    assert grown < 16 * 1024, f"{grown} KiB more than for a MiB"


def test_many_that_are_begun_take_little_memory(local: House) -> None:
    """A part of the cipher's is held back for each: it must not be a large one."""
    spool, process = local.spool, psutil.Process()
    opened = [spool.write(local.cipher, local.organization, uuid4()) for _ in range(200)]
    before = process.memory_info().rss
    try:
        for one in opened:
            one.__enter__().feed(b"x" * 100)
        grown = process.memory_info().rss - before
    finally:
        for one in opened:
            one.__exit__(None, None, None)
    assert grown / len(opened) < 256 << 10
