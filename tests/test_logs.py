from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from app import logs


@pytest.fixture(autouse=True)
def former() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("GET /l/AbCdEf123456 HTTP/1.1", "GET /l/… HTTP/1.1"),
        ("at /o/AbCdEf_-~123456", "at /o/…"),
        ("key sk_user_0123abc refused", "key sk_user_… refused"),
        ("key sk_live_0-1_2 refused", "key sk_live_… refused"),
        ("key sk_0123abc refused", "key sk_… refused"),
        ("key ffy_prod_0123abc refused", "key ffy_prod_… refused"),
        ("token eyJhbGci.eyJz-dWI.c2l_nbg refused", "token eyJ… refused"),
        ("token vnt_live_abcdef", "token vnt_…"),
        ("Authorization: Bearer abcdef123", "Authorization: Bearer …"),
        ("authorization: basic c2tfdXNlcjo=", "authorization: basic …"),
        ("postgresql://app:hunter2@/ventanilla", "postgresql://app:…@/ventanilla"),
        ("at /admin/join/AbCdEf_-123456", "at /admin/join/…"),
        ("at /admin/recover/AbCdEf_-123456", "at /admin/recover/…"),
        ("PATCH /files/AbCdEf_-123456", "PATCH /files/…"),
        ("PUT /proxy/-/AbCdEf_-123456", "PUT /proxy/-/…"),
        ("signed with whsec_AbCd+/123=", "signed with whsec_…"),
        ("smtp://app:hunter2@mail.example:587", "smtp://app:…@mail.example:587"),
        ("Cookie: admin=AbCdEf; known=x", "Cookie: …"),
        ("{'Set-Cookie': 'admin=AbCdEf'}", "{'Set-Cookie': …"),
        ("a -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- b", "a -----… b"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----…"),
        ("GET /f/abc?secret=1 HTTP/1.1", "GET /f/abc?… HTTP/1.1"),
        ("nothing to hide at /f/abc", "nothing to hide at /f/abc"),
    ],
)
def test_mask(written: str, masked: str) -> None:
    assert logs.mask(written) == masked


def test_lines_are_json_with_level_time_and_logger(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", console=False)
    structlog.get_logger("ventanilla").info("delivered", upload="u1")
    logging.getLogger("other.library").warning("saw %s", "/l/0123456789abcdef")
    structlog.get_logger("ventanilla").debug("not asked for")
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {"event": "delivered", "level": "info", "logger": "ventanilla", "upload": "u1"}
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("saw /l/…", "warning", "other.library")


@pytest.mark.parametrize("console", [True, False])
def test_a_traceback_shows_no_variables_and_no_keys(capsys: pytest.CaptureFixture[str], *, console: bool) -> None:
    logs.configure("info", console=console)

    def fail(password: str) -> None:
        raise ValueError(f"no /l/0123456789abcdef of {len(password)}")

    try:
        fail("hunter" + str(2))
    except ValueError:
        structlog.get_logger("ventanilla").exception("failed")
        logging.getLogger("library").exception("failed there")
    written = capsys.readouterr().err
    assert written.count("ValueError: no /l/…") == 2
    assert "hunter2" not in written
    assert "0123456789abcdef" not in written


def test_warnings_and_talkative_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", console=False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)  # pytest put its own in place since
        logging.captureWarnings(capture=True)
        warnings.warn("mind this", UserWarning, stacklevel=1)
    logging.getLogger("urllib3.connectionpool").debug("https://api.example GET /organizations")
    (line,) = capsys.readouterr().err.splitlines()
    assert "mind this" in line


@pytest.mark.attack("secrets", "a key in a value of a log line that is no text: a list, an object, bytes", "masked")
@pytest.mark.parametrize("console", [True, False])
def test_values_of_any_kind_are_masked(capsys: pytest.CaptureFixture[str], *, console: bool) -> None:
    logs.configure("info", console=console)
    key = "vnt_live_0123456789abcdef"
    held = {"in a list": [key], "in an object": {"a": {key: (key,)}}, "as bytes": key.encode(), "raised": OSError(key)}
    structlog.get_logger("ventanilla").info("told", count=3, share=0.5, nothing=None, **held)
    written = capsys.readouterr().err
    assert "0123456789abcdef" not in written
    assert "(25 bytes)" in written
    if not console:
        line = json.loads(written)
        assert (line["count"], line["share"], line["nothing"]) == (3, 0.5, None)
        assert line["in an object"] == {"a": {"vnt_…": ["vnt_…"]}}
