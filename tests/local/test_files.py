from __future__ import annotations

import stat
from pathlib import Path

import pytest

from app.local.kept import Kept
from app.local.place import ROOT, CannotStart, Place, alone
from app.local.private import write_private


def test_private_files_are_for_their_owner_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old and readable")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_a_failed_write_changes_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    write_private(tmp_path / "secret", "old")
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_private(tmp_path / "secret", "new")
    assert (tmp_path / "secret").read_text() == "old"
    assert [*tmp_path.iterdir()] == [tmp_path / "secret"]


def test_kept_values_stay_the_same_and_differ_by_name(tmp_path: Path) -> None:
    first = Kept(tmp_path / "kept.json")
    assert first.find("a") is None
    value = first.token("a", "sk_")
    assert value.startswith("sk_")
    assert first.token("b") != value
    assert first.put("c", "given") == "given"
    again = Kept(tmp_path / "kept.json")
    assert (again.token("a"), again.find("c")) == (value, "given")
    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o600


def test_place_follows_from_folder_and_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.delenv("INSTANCE_DIR", raising=False)
    assert Place.from_environment() == Place(instance=ROOT / "instance", port=8000)
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("INSTANCE_DIR", str(tmp_path))
    place = Place.from_environment()
    assert place.instance == tmp_path
    assert (place.gateway_url, place.sandbox_url) == ("http://127.0.0.1:9000", "http://127.0.0.1:9001")
    assert place.environment()["EGRESS_ALLOW"] == "http://127.0.0.1:9001,http://127.0.0.1:9002"


@pytest.mark.parametrize("port", ["eighty", "0", "-1", "65534", "80.5", "70000"])
def test_a_wrong_port_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CannotStart, match=f"PORT must be a number from 1 to 65533, not '{port}'"):
        Place.from_environment()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = Place(instance=tmp_path / "file", port=8000)
    with pytest.raises(CannotStart, match=r"file cannot be used \(File exists\)"), alone(place):
        pass
