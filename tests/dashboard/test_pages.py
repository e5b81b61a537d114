"""Every page before every kind of visitor, and what no page takes from anybody: a foreign form."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.dashboard import pages, people
from app.dashboard.pages import PAGES, PREFIX, SAFE, Page
from app.database import Database
from app.tenants import organizations
from app.tenants.models import Organization
from app.tenants.roles import Role
from tests.dashboard.conftest import ORIGIN
from tests.dashboard.matrix import LOGIN, MATRIX, NO, NOTHING, VISITORS, YES, expected

Enter = Callable[..., FlaskClient]

LET_IN: Final = "You were let in."
UNSAFE: Final = sorted(name for name, page in PAGES.items() if page.method not in SAFE)
#: Whether the role belongs to the house, or to which of two organizations.
ROLES: Final[Mapping[str, Role]] = {
    "owner": Role.OWNER,
    "operator": Role.OPERATOR,
    "auditor": Role.AUDITOR,
    "manager": Role.MANAGER,
    "stranger": Role.MANAGER,
}


@dataclass(frozen=True, kw_only=True)
class Door:
    """Signs visitors in, and opens pages about one of two organizations."""

    app: Flask
    enter: Enter
    mine: Organization
    theirs: Organization

    def client(self, visitor: str) -> FlaskClient:
        if visitor == "nobody":
            return self.app.test_client()
        whose = {"manager": self.mine, "stranger": self.theirs}.get(visitor)
        return self.enter(ROLES[visitor], whose)

    def address(self, page: Page, **named: str) -> str:
        values = {"organization": self.mine.slug, **named}

        def fill(found: re.Match[str]) -> str:
            kind, _, name = found[1].rpartition(":")
            return values.get(name) or (str(uuid4()) if kind == "uuid" else "x")

        return re.sub(r"<([^>]+)>", fill, page.path)

    def open(self, client: FlaskClient, page: Page, **headers: str) -> TestResponse:
        sent = {"Origin": ORIGIN, **headers}
        return client.open(self.address(page), method=page.method, headers=sent)


@pytest.fixture
def door(app: Flask, enter: Enter, database: Database) -> Door:
    mine, theirs = (
        organizations.add(database, slug=f"t-{secrets.token_hex(6)}", name=name) for name in ("Mine", "Theirs")
    )
    return Door(app=app, enter=enter, mine=mine, theirs=theirs)


@contextmanager
def bare() -> Iterator[None]:
    """Every page says only that one was let in: what its view does has tests of its own."""
    views = {name: page.view for name, page in PAGES.items()}
    for page in PAGES.values():
        object.__setattr__(page, "view", lambda **_: LET_IN)
    try:
        yield
    finally:
        for name, view in views.items():
            object.__setattr__(PAGES[name], "view", view)


def csrf(client: FlaskClient) -> str:
    """The token of any page of this browser."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/admin/nothing/here").text)
    found = found or re.search(r'name="csrf_token" value="([^"]+)"', client.get("/admin/login").text)
    assert found
    return found[1]


def met(answer: TestResponse) -> str:
    """What a visitor met."""
    if answer.status_code == 303 and answer.headers["Location"].startswith(f"{PREFIX}/login"):
        return LOGIN
    outcomes = {(200, True): YES, (403, False): NO, (404, False): NOTHING}
    return outcomes.get((answer.status_code, answer.text == LET_IN), f"{answer.status_code}: {answer.text[:200]}")


def test_every_page_has_its_row() -> None:
    assert set(MATRIX) == set(PAGES)


def test_every_address_below_the_dashboard_is_a_declared_page(app: Flask) -> None:
    below = {
        rule.endpoint.removeprefix("dashboard.")
        for rule in app.url_map.iter_rules()
        if rule.rule == PREFIX or rule.rule.startswith(f"{PREFIX}/")
    }
    assert below == set(PAGES)


@pytest.mark.parametrize("visitor", VISITORS)
def test_who_is_let_in(door: Door, visitor: str) -> None:
    client = door.client(visitor)
    token = csrf(client)
    found = {}
    with bare():
        for name, page in PAGES.items():
            headers = {} if page.method in SAFE else {"X-CSRF-Token": token}
            found[name] = met(door.open(client, page, **headers))
    assert found == {name: expected(name, visitor) for name in PAGES}


@pytest.mark.parametrize("visitor", ["owner", "manager"])
def test_the_house_is_named_where_a_page_says_so(door: Door, visitor: str) -> None:
    client = door.client(visitor)
    for name, page in PAGES.items():
        if "<organization>" not in page.path or page.method not in SAFE:
            continue
        with bare():
            answer = met(client.get(door.address(page, organization="house")))
        assert (answer == YES) == (page.house and visitor == "owner"), name
        assert answer in {YES, NOTHING}, name


def test_nobody_is_led_to_where_they_were_going(door: Door) -> None:
    answer = door.app.test_client().get("/admin?period=7d")
    assert answer.headers["Location"] == "/admin/login?next=%2Fadmin%3Fperiod%3D7d"


def test_htmx_is_told_to_leave_rather_than_shown_a_sign_in_page_inside_another(door: Door) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{ORIGIN}/admin?period=30d"}
    answer = door.app.test_client().get("/admin/charts", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/admin/login?next=%2Fadmin%3Fperiod%3D30d"


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/admin", True),
        ("/admin?x=//elsewhere.example", True),
        ("/admin/uploads/1", True),
        ("//elsewhere.example/admin", False),
        ("/admin//elsewhere.example", False),
        ("/admin\\..\\..\\elsewhere.example", False),
        ("/administrator", False),
        ("https://elsewhere.example/admin", False),
        ("/admin/\tx", False),
        ("/admin/../l/token", False),
        ("/admin/%2e%2E/l/token", False),
        ("/l/token", False),
        ("", False),
    ],
)
def test_only_pages_of_ours_are_led_to(path: str, *, ours: bool) -> None:
    assert pages.is_ours(path) is ours


@pytest.mark.parametrize("endpoint", UNSAFE)
def test_what_changes_something_is_declared_to_ask_for_more_than_seeing(endpoint: str) -> None:
    """But for what changes nothing of anybody else's, or only looks."""
    page = PAGES[endpoint]
    assert page.right != "see" or endpoint in LOOKS


#: They are sent as forms and change nothing.
LOOKS: Final = frozenset({"verify_audit"})


def test_nothing_is_changed_by_a_form_of_somebody_else(door: Door) -> None:
    client, other = door.client("owner"), door.client("owner")
    token, others = csrf(client), csrf(other)
    for name in UNSAFE:
        page = PAGES[name]
        if page.own_body:
            continue
        sent = {
            "no token": {},
            "another's token": {"X-CSRF-Token": others},
            "another site": {"X-CSRF-Token": token, "Origin": "https://elsewhere.example"},
            "a frame without origin": {"X-CSRF-Token": token, "Origin": "null"},
            "another site's fetch": {"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"},
        }
        with bare():
            for why, headers in sent.items():
                answer = door.open(client, page, **headers)
                assert (answer.status_code, LET_IN in answer.text) == (403, False), (name, why)
            assert door.open(client, page, **{"X-CSRF-Token": token}).text == LET_IN, name


@pytest.mark.parametrize("endpoint", [name for name in UNSAFE if PAGES[name].own_body])
def test_nothing_with_a_file_is_taken_from_somebody_else(door: Door, endpoint: str) -> None:
    client = door.client("owner")
    page = PAGES[endpoint]
    answer = client.open(
        door.address(page),
        method=page.method,
        headers={"Origin": ORIGIN},
        data={"nothing": "x"},
        content_type="multipart/form-data",
    )
    assert answer.status_code in {400, 403, 404}, answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"theme=%00", "application/x-www-form-urlencoded", 400),
        (b"theme=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b'{"theme": "dark"}', "application/json", 400),
        (b"x" * (512 * 1024 + 1), "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=b"] * 5001), "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_is_a_plain_small_form(door: Door, body: bytes, kind: str, status: int) -> None:
    client = door.client("owner")
    headers = {"Origin": ORIGIN, "X-CSRF-Token": csrf(client)}
    answer = client.post("/admin/theme", data=body, content_type=kind, headers=headers)
    assert answer.status_code == status, answer.text
    assert client.post("/admin/theme", data={"theme": "dark"}, headers=headers).status_code == 303


def test_what_needs_a_fresh_look_asks_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    client = door.client("owner")
    page = PAGES["home"]
    object.__setattr__(page, "sensitive", True)
    try:
        assert client.get("/admin").status_code == 200
        monkeypatch.setattr(people, "FRESH", timedelta(0))
        answer = client.get("/admin?period=7d")
        assert answer.headers["Location"] == "/admin/confirm?next=%2Fadmin%3Fperiod%3D7d"
    finally:
        object.__setattr__(page, "sensitive", False)


def test_these_pages_policy_differs_by_the_name_of_what_makes_their_fragments(door: Door) -> None:
    client = door.client("owner")
    portal = client.get("/f/nothing").headers["Content-Security-Policy"]
    for path in ("/admin", "/admin/nothing", "/admin/login", "/admin/charts"):
        assert client.get(path).headers["Content-Security-Policy"] == portal.replace(
            "trusted-types 'none'", "trusted-types htmx"
        )
