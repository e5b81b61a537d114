"""What people type: `make help` tells of every target that is for them."""

from __future__ import annotations

import re
import subprocess

from app.local.place import ROOT


def test_help_lists_what_the_readme_promises() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    listed = set(re.findall(r"make ([a-z]+)\b", done.stdout))
    assert listed >= {"run", "test", "check", "coverage", "mutants", "lock", "format", "clean", "help"}


def test_every_target_that_is_no_file_is_said_to_be_none() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    assert targets == set(re.findall(r"^\.PHONY: ([a-z]+)$", text, re.MULTILINE))


def test_the_procfile_names_the_three_processes() -> None:
    assert re.findall(r"^([a-z]+):", (ROOT / "Procfile").read_text(), re.MULTILINE) == ["web", "worker", "sandbox"]


def test_each_vendors_package_is_set_up_by_its_lock_in_an_environment_of_its_own() -> None:
    done = subprocess.run(
        ["make", "--always-make", "--dry-run", "setup"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    for wanted in sorted((ROOT / "tests" / "vendors").glob("*/requirements.in")):
        folder = wanted.parent.relative_to(ROOT)
        (package,) = wanted.read_text().split()
        named = re.fullmatch(r"([a-z-]+)(?:\[[a-z]+\])?(==[0-9.]+)", package)
        assert named
        assert f"{named[1]}{named[2]} \\\n    --hash=sha256:" in wanted.with_suffix(".txt").read_text()
        install = next(line for line in done.stdout.splitlines() if f"--python {folder}/.venv " in line)
        assert "--require-hashes" in install
        assert install.endswith(f"{folder}/requirements.txt")
