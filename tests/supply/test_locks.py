"""What is installed is what was locked, to the byte, and runs nothing while it is installed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from supply.locks import ROOT, NotLocked, read

LOCKED: Final = [
    *sorted(ROOT.glob("requirements*.txt")),
    *sorted(ROOT.glob("tests/vendors/*/requirements.txt")),
    ROOT / "package-lock.json",
    *sorted(ROOT.glob("tests/*/node/package-lock.json")),
    ROOT / "bench/node/package-lock.json",
]
EVERY_LOCK = pytest.mark.parametrize("path", LOCKED, ids=lambda path: str(path.relative_to(ROOT)))
#: What each hash is worth: a forger must not be able to make a second file of it.
STRONG: Final = {"sha256", "sha384", "sha512"}


@EVERY_LOCK
@pytest.mark.attack("supply", "A package without a hash, or with a weak one, in any lock file", "none is there")
def test_every_package_is_one_version_with_hashes(path: Path) -> None:
    packages = read(path)
    assert packages
    for package in packages:
        assert package.hashes, package.name
        assert {kind for kind, _ in package.hashes} <= STRONG, package.name
        assert re.fullmatch(r"[0-9][\w.+-]*", package.version), package.name


@pytest.mark.attack("supply", "a package from an address of its own", "there is none")
@EVERY_LOCK
def test_nothing_comes_from_anywhere_but_an_index(path: Path) -> None:
    """No repository, no address, no folder: nothing that can change under its name."""
    text = path.read_text()
    if path.suffix == ".json":
        assert not [name for name, one in json.loads(text)["packages"].items() if "resolved" in one]
    else:
        assert not re.search(r"://| @ |^-|^\.", text, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.in")), ids=lambda path: path.name)
def test_what_is_asked_for_is_locked(path: Path) -> None:
    locked = {normal(package.name) for package in read(path.with_suffix(".txt"))}
    for line in path.read_text().splitlines():
        name = re.match(r"[A-Za-z0-9][\w.-]*", line)
        assert name is None or normal(name[0]) in locked, line


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.attack("supply", "a package's script at its installation", "not run")
def test_what_is_installed_is_held_to_its_hash_and_runs_no_script() -> None:
    makefile, npmrc = (ROOT / "Makefile").read_text(), (ROOT / ".npmrc").read_text()
    assert set(re.findall(r"^INSTALL := (.*)$", makefile, re.MULTILINE)[0].split()) >= {"--no-deps", "--require-hashes"}
    assert not re.search(r"pip install|npm (install|i) ", makefile.replace("npm update", ""))
    assert "ignore-scripts=true" in npmrc.splitlines()
    for recipe in (ROOT / "Dockerfile",):
        assert not re.search(r"pip install|npm (install|ci)|curl|wget|ADD http", recipe.read_text())


@pytest.mark.attack("supply", "another file under a locked package's name", "not installed")
@pytest.mark.live
@pytest.mark.attack("supply", "A package under a locked name and version with other bytes", "not installed")
def test_another_file_under_the_same_name_is_not_installed(tmp_path: Path) -> None:
    wheel = forged(tmp_path)
    good, other = (hashlib.sha256(content).hexdigest() for content in (wheel.read_bytes(), b"what was locked"))
    flags = re.findall(r"^INSTALL := install (.*) --requirement$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert flags
    for digest, installed in ((other, False), (good, True)):
        asked = tmp_path / "requirements.txt"
        asked.write_text(f"harmless==1.0 --hash=sha256:{digest}\n")
        where = tmp_path / "site"
        command = [sys.executable, "-m", "pip", "install", *flags[0].split(), "--no-index", "--find-links", tmp_path]
        done = subprocess.run(
            [*command, "--target", where, "--requirement", asked],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode == 0) is installed, done.stderr
        assert (where / "harmless.py").exists() is installed
        assert installed or "DO NOT MATCH THE HASHES" in done.stderr


def forged(folder: Path) -> Path:
    """A package that anybody could make."""
    path = folder / "harmless-1.0-py3-none-any.whl"
    info = "harmless-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("harmless.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "harmless.py,,\n")
    return path


@pytest.mark.parametrize("line", ["flask", "flask>=3", "-e .", "git+https://x/y", "flask @ https://x/y"])
def test_a_line_that_pins_nothing_is_noticed(tmp_path: Path, line: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"# a remark\n\na==1 \\\n    --hash=sha256:{'0' * 64}\n{line}\n")
    with pytest.raises(NotLocked, match=re.escape(line)):
        read(path)


def test_npms_hashes_are_the_same_in_other_letters(tmp_path: Path) -> None:
    digest = hashlib.sha512(b"content")
    integrity = f"sha512-{base64.b64encode(digest.digest()).decode()}"
    lock = {"packages": {"": {}, "node_modules/@a/b": {"version": "1.0.0", "integrity": integrity, "license": "MIT"}}}
    path = tmp_path / "package-lock.json"
    path.write_text(json.dumps(lock))
    (package,) = read(path)
    assert (package.name, package.licence) == ("@a/b", "MIT")
    assert package.hashes == (("sha512", digest.hexdigest()),)
    path.write_text(json.dumps({"packages": {"node_modules/a": {"link": True}}}))
    with pytest.raises(NotLocked):
        read(path)
