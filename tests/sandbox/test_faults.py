"""Orders of faults: read strictly, matched by prefix, used up."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.faults import Action, BadFault, Fault, Faults

PROVIDERS = {"facturapi"}


def order(**changes: Any) -> Fault:
    return Fault.parse({"provider": "facturapi", "action": "drop_answer"} | changes, PROVIDERS)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"provider": "factura"}, "provider: one of facturapi"),
        ({"provider": None}, "provider"),
        ({"action": "explode"}, "action: one of status, delay, reset, stall, truncate, drop_answer"),
        ({"action": None}, "action"),
        ({"after": 3}, "unknown: after"),
        ({"method": "put"}, "method"),
        ({"path": 1}, "path"),
        ({"status": 99}, "status"),
        ({"status": "500"}, "status"),
        ({"status": True}, "status"),
        ({"headers": {"Retry-After": 3}}, "headers"),
        ({"headers": []}, "headers"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": 601}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"after_bytes": -1}, "after_bytes"),
        ({"after_bytes": 1.5}, "after_bytes"),
        ({"times": 0}, "times"),
        ({"action": "status"}, "status: needed"),
        ({"action": "delay"}, "seconds: needed"),
    ],
)
def test_an_order_that_cannot_be_carried_out_says_why(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadFault, match=named):
        order(**changes)


def test_an_order_is_an_object() -> None:
    with pytest.raises(BadFault, match="object"):
        Fault.parse(["status"], PROVIDERS)


@pytest.mark.parametrize(
    ("changes", "matches"),
    [
        ({}, True),
        ({"method": "PUT"}, True),
        ({"method": "GET"}, False),
        ({"path": "/facturapi/v2/org"}, True),
        ({"path": "/v2/org"}, True),
        ({"path": "/v2/organizations/x/y"}, False),
        ({"path": "organizations"}, False),
    ],
)
def test_an_order_matches_by_method_and_beginning_of_path(changes: dict[str, Any], matches: bool) -> None:
    fault = order(**changes)
    assert fault.matches("facturapi", "PUT", "/facturapi/v2/organizations/x") is matches
    assert not fault.matches("codat", "PUT", "/facturapi/v2/organizations/x")


@pytest.mark.parametrize(
    ("changes", "point"),
    [
        ({"action": "reset"}, 0),
        ({"action": "stall", "after_bytes": 7}, 7),
        ({"action": "status", "status": 500}, None),
        ({"action": "status", "status": 500, "after_bytes": 7}, 7),
        ({"action": "delay", "seconds": 1}, None),
        ({"action": "truncate", "after_bytes": 7}, None),
    ],
)
def test_an_order_acts_after_so_many_bytes_of_the_body(changes: dict[str, Any], point: int | None) -> None:
    assert order(**changes).point == point


def test_only_the_last_two_store() -> None:
    assert [action for action in Action if action.stores] == [Action.TRUNCATE, Action.DROP_ANSWER]


def test_orders_are_used_up_one_a_request() -> None:
    faults = Faults()
    faults.add(order(after_bytes=1, times=2))
    faults.add(order(after_bytes=2))
    taken = [faults.take("facturapi", "PUT", "/facturapi") for _ in range(4)]
    assert [fault and fault.after_bytes for fault in taken] == [1, 1, 2, None]
    faults.add(order())
    faults.clear()
    assert faults.take("facturapi", "PUT", "/facturapi") is None


def test_what_is_left_is_listed() -> None:
    faults = Faults()
    faults.add(order(times=3))
    faults.take("facturapi", "PUT", "/facturapi")
    assert [(fault["action"], fault["times"]) for fault in faults.listing()] == [("drop_answer", 2)]


@pytest.mark.parametrize(
    ("body", "content", "kind"),
    [
        ({"a": "ñ"}, '{"a": "ñ"}', "application/json"),
        ([], "[]", "application/json"),
        (" <html>", " <html>", "text/html; charset=utf-8"),
        ("busy", "busy", "text/plain; charset=utf-8"),
        ("", "", "text/plain; charset=utf-8"),
    ],
)
def test_a_body_says_what_it_seems_to_be(body: Any, content: str, kind: str) -> None:
    assert order(action="status", status=500, body=body).answer() == (content.encode(), kind)
