"""The search itself: a planted leak is found in every spelling, and nothing is found where nothing is."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import psutil
import pytest
from flask import Flask, render_template_string
from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance.leaks import Canary, window

PASSWORD = 'pä"ss wörd/+&canary'
KEY = bytes(range(7, 207))

PLANTED: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda secret: secret,
    "hex": lambda secret: secret.hex().encode(),
    "bytea": lambda secret: f"\\x{secret.hex()}".encode(),
    "json": lambda secret: json.dumps({"password": secret.decode()}).encode(),
    "form": lambda secret: urlencode({"password": secret.decode()}).encode(),
    "url": lambda secret: quote_plus(secret).encode(),
    "repr": lambda secret: repr(secret).encode(),
    "page": lambda secret: render_template_string("<p>{{ it }}</p>", it=secret.decode()).encode(),
    "utf-16": lambda secret: secret.decode().encode("utf-16"),
}


@pytest.mark.parametrize("how", PLANTED)
def test_a_planted_leak_is_found(how: str) -> None:
    canary = Canary({"password": PASSWORD.encode()})
    with Flask("page").app_context():
        assert [*canary.search("log", b"before " + PLANTED[how](PASSWORD.encode()) + b" after")]


@given(before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_is_found_wherever_the_secret_stands_in_it(before: bytes, after: bytes) -> None:
    secret = window(KEY, at=90)
    canary = Canary({"key": secret})
    assert [*canary.search("log", base64.b64encode(before + secret + after))]
    assert [*canary.search("log", base64.urlsafe_b64encode(before + secret + after))]


@given(secret=st.binary(min_size=1, max_size=40), before=st.binary(max_size=20), after=st.binary(max_size=20))
def test_however_long_it_is_and_wherever_it_stands_it_is_found(secret: bytes, before: bytes, after: bytes) -> None:
    assert [*Canary({"key": secret}).search("log", before + secret + after)]


def test_what_is_not_there_is_not_found() -> None:
    canary = Canary({"password": PASSWORD.encode(), "key": window(KEY, at=90)})
    assert not [*canary.search("log", b"canary password key " * 1000)]


def test_folders_and_processes_are_searched(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "server.log").write_bytes(b"password=" + PASSWORD.encode())
    (tmp_path / "allowed").write_bytes(PASSWORD.encode())
    canary = Canary({"password": PASSWORD.encode()})
    found = canary.search_folder(tmp_path, besides=[tmp_path / "allowed"])
    assert [leak.place for leak in found] == ["deep/server.log"]

    script = ["sh", "-c", "echo ready; read -r _"]
    with psutil.Popen(script, env={"LEAK": PASSWORD}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert [leak.secret for leak in canary.search_processes([process])] == ["password"]
        process.stdin.close()
