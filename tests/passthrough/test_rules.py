"""Which row a call is in: one, found by an exact path, or none."""

from __future__ import annotations

import pytest

from app.passthrough.rules import Rules, Verdict, allow, ask, decoded, deny, path, query

RULES = Rules(
    allow("GET /things/{thing}", "Shows it.", owned=(path("thing", "thing_id"),)),
    allow("GET /things/mine", "Shows it, too."),
    ask("DELETE /things/{thing}", "Cannot be undone."),
    deny("POST /things", "The operators' business."),
    allow("GET /things/{thing}/parts/{part}", "Shows a part."),
)


@pytest.mark.parametrize(
    ("method", "target", "call"),
    [
        ("GET", "/things/a", "GET /things/{thing}"),
        ("GET", "/things/mine", "GET /things/mine"),
        ("DELETE", "/things/a", "DELETE /things/{thing}"),
        ("POST", "/things", "POST /things"),
        ("GET", "/things/a/parts/b%40c.example", "GET /things/{thing}/parts/{part}"),
    ],
)
def test_a_call_is_in_one_row(method: str, target: str, call: str) -> None:
    found = RULES.find(method, target)
    assert found is not None
    assert found.rule.call == call


def test_what_stands_in_a_path_is_told_as_the_provider_reads_it() -> None:
    found = RULES.find("GET", "/things/a%20b/parts/c%40d")
    assert found is not None
    assert found.values == {"thing": "a b", "part": "c@d"}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/things"),  # another method's
        ("get", "/things/a"),
        ("DELETE", "/things/mine"),  # to the provider it might be a thing of that name
        ("GET", "/thing/a"),
        ("GET", "/things/a/parts"),
        ("GET", "/things/a/parts/b/c"),
    ],
)
def test_what_is_in_no_row_is_not_found(method: str, target: str) -> None:
    assert RULES.find(method, target) is None


@pytest.mark.parametrize(
    "target",
    [
        "",
        "things/a",
        "//things/a",
        "/things//a",
        "/things/a/",
        "/things/./a",
        "/things/../things/a",
        "/things/%2e%2e/a",
        "/things/a%2Fb",
        "/things/a%2fb",
        "/things/a%252Fb",
        "/things/a%5Cb",
        "/things/a\\b",
        "/things/a;b=c",
        "/things/a%3Bb",
        "/things/a%00",
        "/things/a%0A",
        "/things/a%3Fb",
        "/things/a%23b",
        "/things/%6Dine",
        "/things/%61",
        "/things/%FF",
        "/things/a%",
        "/things/a%2",
        "/things/a b",
        "/things/é",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_in_no_row(target: str) -> None:
    assert decoded(target) is None
    assert RULES.find("GET", target) is None


def test_a_second_row_for_the_same_call_is_a_fault_of_the_table() -> None:
    with pytest.raises(ValueError, match="Two rows for GET /a/\\{c\\}"):
        Rules(allow("GET /a/{b}", "One."), allow("GET /a/{c}", "Another."))


@pytest.mark.parametrize("call", ["/a", "GET a", "GET /a/", "HEAD /a", "GET /a/{b}c", "GET /a?b=c"])
def test_a_row_says_a_method_and_a_path(call: str) -> None:
    with pytest.raises(ValueError, match="Not a call"):
        allow(call, "One.")


@pytest.mark.parametrize(
    ("value", "absent", "agrees"),
    [("own", None, True), ("other", None, False), (None, None, False), (None, "own", True), (None, "other", False)],
)
def test_an_id_agrees_where_it_is_the_connections_own(value: str | None, absent: str | None, agrees: bool) -> None:
    assert query("thing", "thing_id", absent=absent).agrees(value, {"thing_id": "own"}) is agrees
    assert not query("thing", "thing_id", absent=absent).agrees(value, {})


def test_a_row_is_named_by_its_call() -> None:
    rule = RULES.by_call("DELETE /things/{thing}")
    assert rule is not None
    assert rule.verdict is Verdict.ASK
    assert RULES.by_call("DELETE /things/a") is None
