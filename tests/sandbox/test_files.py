"""What is kept, how much of it, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.sandbox import files as module
from app.sandbox.files import MEMORY_BYTES, Files, Held

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_kept_file_gives_the_same_bytes(tmp_path: Path) -> None:
    files = Files(tmp_path / "sandbox")
    name = files.keep(b"content")
    assert files.read(name) == b"content"
    assert files.read("../" + name) is None


def test_only_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_IN_ALL", 2)
    files = Files(tmp_path / "sandbox")
    names = [files.keep(bytes([number])) for number in range(4)]
    assert [files.read(name) for name in names] == [None, None, b"\x02", b"\x03"]
    assert len(list(files.folder.iterdir())) == 2


def test_what_an_earlier_one_left_is_removed(tmp_path: Path) -> None:
    Files(tmp_path / "sandbox").keep(b"old")
    assert list(Files(tmp_path / "sandbox").folder.iterdir()) == []


def test_what_is_small_never_touches_the_disk(tmp_path: Path) -> None:
    missing = tmp_path / "there is no such folder"
    held = Held(missing)
    held.write(bytes(MEMORY_BYTES))
    assert held.content() == bytes(MEMORY_BYTES)
    held.close()


def test_what_is_larger_leaves_nothing_behind(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.write(bytes(MEMORY_BYTES))
    held.write(b"more")
    assert held.content() == bytes(MEMORY_BYTES) + b"more"
    held.close()
    assert list(tmp_path.iterdir()) == []
