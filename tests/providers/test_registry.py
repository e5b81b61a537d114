"""Every provider's declarations: found by slug, complete, and made of nothing but data."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.checks import CHECKS, Policy, Rejected, watch
from app.checks.types import TYPES
from app.providers import base, registry
from app.providers.base import Reconciles
from app.providers.operation import KIB, Field, Mode, Operation, Part
from app.providers.wire import Reply

OPERATIONS = pytest.mark.parametrize("operation", registry.operations(), ids=lambda one: one.slug)


def test_what_is_registered() -> None:
    assert [one.slug for one in registry.operations()] == [
        "facturapi/certificate",
        "facturapi/fiel",
        "facturapi/logo",
        "facturapi/legal",
        "formkiq/document",
        "codat/file",
        "flatfile/file",
        "factify/document",
        "factify/version",
    ]
    assert [one.name for one in registry.operations(Mode.DIRECT)] == ["certificate", "fiel", "legal"]
    assert [one.slug for one in registry.operations(Mode.DURABLE)] == [
        one.slug for one in registry.operations(Mode.RELAY) if one.name != "logo"
    ]


def test_what_is_not_is_not_found() -> None:
    for find in (registry.provider, registry.operation):
        with pytest.raises(KeyError):
            find("acme")


@OPERATIONS
def test_an_operation_is_its_providers(operation: Operation) -> None:
    assert operation in registry.provider(operation.provider).operations
    assert registry.operation(operation.slug) is operation
    assert operation.body_bytes > sum(part.max_bytes for part in operation.parts)
    assert operation.modes


@OPERATIONS
def test_its_files_are_watched_or_checked_whole(operation: Operation) -> None:
    """`begin` and `run` go by the check's name, and a Part's types are looked up by theirs."""
    if Mode.DIRECT in operation.modes:
        assert operation.check in CHECKS
        return
    for part in operation.parts:
        assert set(part.types) <= TYPES.keys()
        watching = watch(
            operation,
            part.name,
            filename="f",
            content_type="x/y",
            size=1,
            fields={one.name: "x" for one in operation.fields},
            policy=Policy(),
            now=datetime(2026, 11, 21, tzinfo=UTC),
        )
        with pytest.raises(Rejected):
            watching.begin(b"?")


@OPERATIONS
def test_what_is_asked_for_has_words(operation: Operation) -> None:
    asked: list[Part | Field] = [*operation.parts, *operation.fields]
    assert len({one.name for one in asked}) == len(asked)
    assert operation.title
    assert operation.intro
    assert all(one.label for one in asked)
    assert all(bool(one.choices) == (one.kind == "choice") for one in operation.fields)


@OPERATIONS
def test_what_is_direct_is_small(operation: Operation) -> None:
    if Mode.DIRECT in operation.modes:
        assert all(part.max_bytes <= 16 * KIB for part in operation.parts)


@OPERATIONS
def test_its_doubts_can_be_settled_later(operation: Operation) -> None:
    assert isinstance(registry.provider(operation.provider), Reconciles)


def test_adapters_do_not_know_each_other() -> None:
    """Each is a file, and the files whose names begin with its own."""
    folder = Path(base.__file__).parent
    for path in folder.glob("*.py"):
        if path.stem in {"__init__", "registry"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("app.providers"):
                named = [node.module.removeprefix("app.providers").strip("."), *(alias.name for alias in node.names)]
                others = {name for slug in registry.PROVIDERS for name in named if name.startswith(slug)}
                assert all(name.startswith(path.stem.partition("_")[0]) for name in others), path


def test_an_answer_that_is_no_json_is_none() -> None:
    for body in (b"", b"<html>", b"\xff", b"[" * 100_000):
        assert Reply(status=200, body=body).json is None
    assert Reply(status=200, body=b'{"a": 1}').json == {"a": 1}
