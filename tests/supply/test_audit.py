"""Nothing found and nobody asked are two things, which the tools that ask do not tell apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from supply import audit
from supply.audit import Audited

HASH: Final = f"--hash=sha256:{'0' * 64}"


@pytest.fixture
def locks(tmp_path: Path) -> tuple[Path, Path]:
    """Of two packages for Python, and of one for Node."""
    python, node = tmp_path / "requirements.txt", tmp_path / "package-lock.json"
    python.write_text(f"flask==1.0 {HASH}\njinja2==2.0 {HASH}\n")
    node.write_text(json.dumps({"packages": {"node_modules/uppy": {"version": "1.0.0"}}}))
    return python, node


def asked(lock_file: Path, answer: Any) -> Audited:
    """Ask a tool that says this."""
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str:
        commands.append(command)
        return answer if isinstance(answer, str) else json.dumps(answer)

    found = audit.audit(lock_file, run)
    ((program, *words),) = commands
    assert program == ("npm" if lock_file.suffix == ".json" else "pip-audit")
    assert str(lock_file if program == "pip-audit" else lock_file.parent) in words
    return found


def one(name: str, *faults: str) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": [{"id": fault} for fault in faults]}


SKIPPED: Final = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("dependencies", "said", "code"),
    [
        ([one("flask"), one("jinja2")], "requirements.txt: 2 of 2 packages asked after", 0),
        ([one("flask", "CVE-1", "CVE-2"), one("jinja2")], "  flask 1.0: CVE-1\n  flask 1.0: CVE-2", 1),
        ([one("flask"), SKIPPED], "1 of 2 packages asked after: no index", 2),
        ([one("flask", "CVE-1"), SKIPPED], "1 of 2 packages asked after: no index", 1),
        ([SKIPPED, SKIPPED], "0 of 2 packages asked after: no index", 2),
    ],
)
def test_pythons_packages(locks: tuple[Path, Path], dependencies: list[Any], said: str, code: int) -> None:
    found = asked(locks[0], {"dependencies": dependencies})
    assert said in str(found)
    assert audit.code([found]) == code


@pytest.mark.parametrize(
    ("answer", "said", "code"),
    [
        ({"auditReportVersion": 2, "vulnerabilities": {}}, "package-lock.json: 1 of 1 packages asked after", 0),
        (
            {"auditReportVersion": 2, "vulnerabilities": {"uppy": {"range": "<2", "severity": "high"}}},
            "  uppy <2: high",
            1,
        ),
        ({"error": {"code": "ENOAUDIT"}}, "0 of 1 packages asked after: no index", 2),
    ],
)
def test_nodes_packages(locks: tuple[Path, Path], answer: Any, said: str, code: int) -> None:
    found = asked(locks[1], answer)
    assert said in str(found)
    assert audit.code([found]) == code


@pytest.mark.parametrize("answer", ["", "no JSON", "[]"])
def test_a_tool_that_says_nothing_asked_nobody(locks: tuple[Path, Path], answer: str) -> None:
    for path in locks:
        found = asked(path, answer)
        assert found.unasked == found.packages > 0
    assert audit.code([found]) == 2


def test_all_that_is_installed_anywhere_is_asked_after() -> None:
    assert {path.name for path in audit.AUDITED} >= {"requirements.txt", "requirements-local.txt", "package-lock.json"}
