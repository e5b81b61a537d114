"""The document and its page: valid, whole, and open to everybody without a script or a style of its own."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from bs4 import BeautifulSoup
from flask import Flask

from app.api import document
from app.api.resources import ADDRESSES, TAGS
from app.portal.headers import POLICY


@pytest.fixture
def told(app: Flask) -> dict[str, Any]:
    return dict(app.test_client().get("/api/v1/openapi.json").json or {})


@pytest.fixture
def page(app: Flask) -> BeautifulSoup:
    return BeautifulSoup(app.test_client().get("/api/docs").text, "html.parser")


def operations(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for methods in told["paths"].values() for one in methods.values()}


def test_the_document_is_one_of_openapi(told: dict[str, Any]) -> None:
    assert told["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(told).validate()


def test_it_has_every_address_and_nothing_else(told: dict[str, Any]) -> None:
    assert operations(told).keys() == ADDRESSES.keys()
    assert [tag["name"] for tag in told["tags"]] == list(document.ORDER)
    assert set(document.ORDER) == set(TAGS)
    assert not [path for path in told["paths"] if not path.startswith("/api/v1/")]


def test_every_operation_says_whom_it_is_for_and_what_may_come_of_it(told: dict[str, Any]) -> None:
    assert told["security"] == [{"token": []}]
    for name, one in operations(told).items():
        address = ADDRESSES[name]
        assert one.get("x-scope") == address.scope
        assert one["summary"]
        assert {"401", "403", "429", "500", "503"} <= one["responses"].keys(), name
        assert ("404" in one["responses"]) is ("<" in address.path), name
        assert [status for status in one["responses"] if status.startswith("2")], name
    ours = told["components"]["responses"].values()
    assert all("application/problem+json" in one["content"] for one in ours)


def test_what_is_good_and_what_it_carries(told: dict[str, Any]) -> None:
    def good(name: str) -> set[str]:
        return {status for status in operations(told)[name]["responses"] if status[0] in "23"}

    assert good("hand_in") == good("put_in") == {"201", "202"}
    assert good("show_form") == {"200", "304"}
    assert (good("create_form"), good("delete_webhook"), good("receipt")) == ({"201"}, {"204"}, {"200"})
    for one in operations(told).values():
        for status, answer in one["responses"].items():
            assert ({"RateLimit", "RateLimit-Policy"} <= answer.get("headers", {}).keys()) is status.startswith("2")
            assert status != "201" or "Location" in answer["headers"]


def test_secrets_are_written_only(told: dict[str, Any]) -> None:
    schemas = told["components"]["schemas"]
    for model, name in (("NewConnection", "credential"), ("ConnectionChange", "credential"), ("NewLink", "passphrase")):
        assert schemas[model]["properties"][name]["writeOnly"] is True


def test_every_reference_leads_somewhere(told: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for one in value.values() for found in references(one)]
        return [found for one in value for found in references(one)] if isinstance(value, list) else []

    for reference in set(references(told)):
        at: Any = told
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]


def test_who_has_the_document_gets_nothing_more(app: Flask) -> None:
    first = app.test_client().get("/api/v1/openapi.json")
    again = app.test_client().get("/api/v1/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_page_has_all_of_it(page: BeautifulSoup, told: dict[str, Any]) -> None:
    ids = {str(one["id"]) for one in page.select("[id]")}
    assert operations(told).keys() | told["components"]["schemas"].keys() <= ids
    assert [link["href"] for link in page.select('a[href^="#"]') if str(link["href"])[1:] not in ids] == []


def test_the_page_needs_no_more_than_our_pages_may(app: Flask, page: BeautifulSoup) -> None:
    answer = app.test_client().get("/api/docs")
    assert f"script-src {POLICY['script-src']};" in answer.headers["Content-Security-Policy"]
    assert page.select("script, style, [style], [onclick]") == []
    assert all(str(link["href"]).startswith("/static/dist/") for link in page.select("link"))


#: Paths that another address takes for one of its own, in a method that theirs has not: it is then that one's.
ALSO = {"/import": {"DELETE", "GET", "HEAD", "PATCH"}, "/files": {"POST", "PUT"}}


@pytest.mark.parametrize("path", sorted({one.path for one in ADDRESSES.values()}))
def test_another_method_is_told_which_there_are(app: Flask, path: str) -> None:
    declared = {one.method for one in ADDRESSES.values() if one.path == path}
    declared |= {"HEAD"} if "GET" in declared else set()
    declared |= next((methods for ending, methods in ALSO.items() if path.endswith(ending)), set())
    address = re.sub(r"<uuid:\w+>", str(uuid4()), path)
    address = re.sub(r"<(?:\w+:)?\w+>", "x", address)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = app.test_client().open(address, method=method)
        if method in declared:
            assert answer.status_code == 401, method
        else:
            assert (answer.status_code, answer.content_type) == (405, "application/problem+json"), method
            assert set(answer.headers["Allow"].split(", ")) == declared
