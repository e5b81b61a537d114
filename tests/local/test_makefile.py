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
