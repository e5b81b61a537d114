"""Addresses of ours in the place of a store's: what of an answer is replaced, and what the address holds."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tink import aead, new_keyset_handle

from app.passthrough.formkiq_calls import named
from app.passthrough.placing import PREFIX, Placed, PlaceEnded, _member, _seconds

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
URL = "https://bucket.s3.us-east-2.amazonaws.com/key%7e?X-Amz-Expires=3600&X-Amz-Signature=ab"
PLACED = Placed(
    token="vnt_live_x", organization="acme", connection="formkiq", url=URL, reference="7", until=NOW.timestamp()
)


@pytest.mark.parametrize(
    "written",
    [
        '{"url":"%s"}',
        ' {\n "documentId" : "url" ,\t"headers":{"url":"no"}, "url" : "%s" , "rest":[{"url":"no"}]}\n',
        '{"a":"\\"url\\":\\"no\\"","url":"%s"}',
    ],
)
def test_the_objects_own_member_is_found_and_no_other(written: str) -> None:
    value = "https:\\/\\/x\\u003d1"  # as some write what needs no escape
    start, end = _member(written % value, "url")
    assert (written % value)[start:end] == f'"{value}"'
    assert json.loads((written % value)[:start] + '"ours"' + (written % value)[end:])["url"] == "ours"


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"urls":"x"}', '{"a":{"url":"x"}}', '{"url"', "{,}", "null"])
def test_where_there_is_none_that_is_said(written: str) -> None:
    with pytest.raises(ValueError):
        _member(written, "url")


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        (URL, 3600),
        (URL.replace("3600", "9999999"), 48 * 3600),
        (URL.replace("3600", "soon"), 48 * 3600),
        ("https://x/", 48 * 3600),
    ],
)
def test_it_lives_as_long_as_the_store_says_and_no_longer_than_that(url: str, seconds: int) -> None:
    assert _seconds(url) == timedelta(seconds=seconds)


def test_its_time_is_over_when_it_is() -> None:
    PLACED.check(NOW - timedelta(seconds=1))
    with pytest.raises(PlaceEnded):
        PLACED.check(NOW)


@pytest.fixture(scope="module")
def cipher() -> Any:
    aead.register()
    return new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)


def test_even_a_long_one_fits_into_a_request_line(cipher: Any) -> None:
    """Amazon's own are longest with a session's token, of up to 1,300 bytes or so."""
    long = f"{URL}&X-Amz-Security-Token={secrets.token_urlsafe(1300)}&X-Amz-Credential={'a' * 200}"
    address = replace(PLACED, url=long, path="a" * 200).seal(cipher, uuid4())
    assert address.startswith(PREFIX)
    assert len("PUT  HTTP/1.1") + len(address) < 4_094


def test_what_is_shown_of_it_is_no_secret() -> None:
    assert URL not in repr(PLACED)
    assert PLACED.token not in repr(PLACED)


@pytest.mark.parametrize(
    ("path", "content_type", "name"),
    [
        ("in/report.pdf", "", "report.pdf"),
        ("in/report.pdf", "text/plain", "report.pdf"),  # which the checks then find out
        ("report", "application/pdf", "report.pdf"),
        ("report", "Text/CSV; charset=utf-8", "report.csv"),
        ("in/2026.11", "application/pdf", "2026.11.pdf"),
        ("", "image/png", "document.png"),
        ("in/", "", "document"),
        ("run.exe", "application/x-msdownload", "run.exe"),
    ],
)
def test_a_document_is_called_by_its_path_and_its_type(path: str, content_type: str, name: str) -> None:
    assert named(path, content_type) == name
