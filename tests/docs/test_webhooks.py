"""The page on webhooks: its events are those that there are, and its programs know what is from here."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.database import utcnow
from app.local.place import ROOT
from app.records import showing
from app.records.events import EVENTS
from app.records.models import Attempt, Upload
from app.records.states import State
from app.webhooks import signing
from tests.sandbox.vendor import PROGRAMS
from tests.tenancy import NOW

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
BODY = '{"type":"upload.delivered","data":{"filename":"año.pdf"}}'

#: Whether a webhook is taken: headers, body and secret.
Takes = Callable[[Mapping[str, str], str, str], bool]


def block(language: str) -> str:
    """The page's program in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def by_python(_: Path) -> Takes:
    names: dict[str, Any] = {}
    exec(block("python"), names)  # noqa: S102 - our own page

    def takes(headers: Mapping[str, str], body: str, secret: str) -> bool:
        try:
            return bool(names["read"](headers, body.encode(), secret) == json.loads(BODY))
        except names["Webhook"].verify.__globals__["WebhookVerificationError"]:
            return False

    return takes


def by_node(folder: Path) -> Takes:
    asks = "console.log(JSON.stringify(read(...JSON.parse(process.argv[2]))));"
    (folder / "page.mjs").write_text(block("js") + asks)

    def takes(headers: Mapping[str, str], body: str, secret: str) -> bool:
        command = [str(PROGRAMS / "node"), "page.mjs", json.dumps([headers, body, secret])]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 or "not from there" in done.stderr or "too old" in done.stderr, done.stderr
        return done.returncode == 0 and json.loads(done.stdout) == json.loads(BODY)

    return takes


def test_its_events_are_those_that_there_are() -> None:
    named = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", PAGE, re.MULTILINE)
    assert sorted(named) == sorted(EVENTS)


def test_its_example_has_what_an_upload_is_shown_with() -> None:
    example = json.loads(block("http").partition("\n\n")[2].replace("\n", ""))
    attempt = Attempt(number=1, started_at=NOW)
    upload = Upload(id=uuid4(), state=State.DELIVERED, created_at=NOW, parts=[])
    shown = showing.shown(upload, organization="", connection="", attempts=[attempt])
    assert list(example) == ["type", "timestamp", "data"]
    assert list(example["data"]) == list(shown)
    assert list(example["data"]["attempts"][0]) == list(shown["attempts"][0])


@pytest.mark.parametrize("reader", [by_python, by_node])
def test_its_programs_take_what_is_from_here_and_nothing_else(reader: Callable[[Path], Takes], tmp_path: Path) -> None:
    takes, secret, other = reader(tmp_path), signing.new_secret(), signing.new_secret()
    plain = secret.get_secret_value()

    def headers(at: datetime, *keys: Any) -> dict[str, str]:
        return signing.headers("0197", BODY.encode(), at, keys)

    now = utcnow()
    assert takes(headers(now, secret), BODY, plain)
    assert takes(headers(now, other, secret), BODY, plain)
    assert not takes(headers(now, other), BODY, plain)
    assert not takes(headers(now, secret), BODY.replace("delivered", "rejected!"), plain)
    assert not takes(headers(now, secret) | {"webhook-id": "0198"}, BODY, plain)
    assert not takes(headers(now - timedelta(minutes=6), secret), BODY, plain)
