"""What is said of a file before there is a byte of it is what is said of it once there are."""

from __future__ import annotations

from typing import Any

import pytest

from app.checks import Policy, Rejected, watch
from app.checks.budget import Budget
from app.providers import registry
from tests.checks.documents import ANY, NOW, PDF, verdict


def foreseen(filename: str, size: int, **changed: Any) -> str:
    """Why it will not pass; empty where nothing says so yet."""
    given: dict[str, Any] = {"operation": ANY, "content_type": "", "fields": {}, "policy": Policy(), **changed}
    watching = watch(part_name="file", filename=filename, size=size, now=NOW, budget=Budget(1 << 30), **given)
    try:
        watching.foresee()
    except Rejected as rejected:
        return rejected.slug
    return ""


@pytest.mark.parametrize(
    ("filename", "changed"),
    [
        ("a.pdf", {}),
        ("a.exe", {}),
        ("a.php.pdf", {}),
        ("\u202e", {}),
        ("a.pdf", {"content_type": "text/csv"}),
        ("a.pdf", {"content_type": "application/pdf"}),
        ("a.pdf", {"policy": Policy(types=frozenset({"csv"}))}),
    ],
)
def test_name_and_type(filename: str, changed: dict[str, Any]) -> None:
    assert foreseen(filename, len(PDF), **changed) == verdict(filename, PDF, **changed)


def test_size() -> None:
    most = ANY.parts[0].max_bytes
    assert [foreseen("a.pdf", size) for size in (0, 1, most, most + 1)] == ["empty-file", "", "", "file-too-large"]


def test_what_is_in_it_is_not_guessed() -> None:
    assert verdict("a.pdf", b"no PDF at all") == "not-its-content"
    assert foreseen("a.pdf", 13) == ""


def test_a_picture_goes_by_its_bytes_alone() -> None:
    assert foreseen("logo.exe", 100, operation=registry.operation("facturapi/logo")) == ""
