"""What the code says in its logs: a sentence of its own and a few names, so that there is nothing to take out again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from flask import Flask

from app.guessing import KEYS
from app.local.place import ROOT
from app.logs import mask

LEVELS: Final = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS: Final = {"log", "logger"}
#: What a line may be given beside its sentence: ids, counts, names of ours. Another name is a decision.
NAMES: Final = {
    "actor",
    "address",
    "at",
    "attempt",
    "because",
    "cause",
    "code",
    "connection",
    "copies",
    "count",
    "days",
    "delivery",
    "detail",
    "endpoint",
    "exc_info",
    "failed",
    "in_doubt",
    "keys",
    "link",
    "method",
    "missing",
    "ms",
    "not_after",
    "number",
    "operation",
    "organization",
    "outcome",
    "problem",
    "provider",
    "rule",
    "seconds",
    "signature",
    "state",
    "status",
    "task",
    "thread",
    "token",
    "traceback",
    "tries",
    "unknown",
    "upload",
    "waiting",
    "why",
}
KEY: Final = "AbCdEf0123456789_-AbCdEf0123456789_-AbCdEf0"


def lines() -> Iterator[tuple[Path, ast.Call]]:
    """Every call that writes a line."""
    for path in (ROOT / "app").rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                of = node.func.value
                if isinstance(of, ast.Name) and of.id in LOGGERS:
                    yield path, node


@pytest.mark.attack("secrets", "a log line that says what was sent", "the code has none: its sentences are fixed")
def test_a_line_is_a_sentence_and_names() -> None:
    found = list(lines())
    assert len(found) > 50
    for path, call in found:
        where = f"{path.relative_to(ROOT)}:{call.lineno}"
        assert len(call.args) == 1, where
        assert isinstance(call.args[0], ast.Constant), where
        assert {one.arg for one in call.keywords if one.arg is not None} <= NAMES, where


@pytest.mark.attack("secrets", "an address that is a key, in a line of a library", "masked")
def test_no_address_that_is_a_key_is_written(app: Flask) -> None:
    secret = KEYS - {"public_id"}  # a form's is on the customer's website
    asked = 0
    for rule in app.url_map.iter_rules():
        if rule.arguments & secret:
            with app.test_request_context():
                values = dict.fromkeys(rule.arguments & secret, KEY)
                others = dict.fromkeys(rule.arguments - secret, "en")
                _, path = rule.build({**values, **others}, append_unknown=False) or ("", "")
            assert KEY in path
            assert KEY not in mask(f"GET {path} HTTP/1.1"), rule
            asked += 1
    assert asked > 10
