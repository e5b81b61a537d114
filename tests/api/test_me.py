"""Who asks, and what is left of what it may."""

from __future__ import annotations

from flask import Flask

from app.intake.shedding import Pace
from app.tenants.tokens import SCOPES
from tests.api.conftest import Desk
from tests.watch import Watch


def test_a_token_sees_itself(desk: Desk) -> None:
    me = desk.ask("GET", "/api/v1/me").json
    assert me
    assert me["token"]["scopes"] == list(SCOPES)
    assert me["token"]["last_four"] == desk.token("both")[-4:]
    assert desk.token("both") not in str(me)
    assert me["organization"] == {"slug": desk.mine.slug, "name": "Kemper"}
    assert {one["policy"] for one in me["limits"]} == {"calls", "uploads"}


def test_any_good_token_will_do(desk: Desk) -> None:
    assert desk.ask("GET", "/api/v1/me", "write").status_code == 200
    house = desk.ask("GET", "/api/v1/me", "house read").json
    assert house
    assert house["organization"] is None
    assert [desk.ask("GET", "/api/v1/me", one).status_code for one in (None, "expired", "revoked")] == [401, 401, 401]


def limited(app: Flask, a_minute: int, watch: Watch) -> None:
    app.extensions["ventanilla"].shedding.calls = Pace(a_minute, lambda: watch.now)


def test_what_is_left_is_told_and_then_nothing_is(desk: Desk, watch: Watch) -> None:
    limited(desk.app, 2, watch)
    first, second, third = (desk.ask("GET", "/api/v1/me") for _ in range(3))
    assert [one.status_code for one in (first, second, third)] == [200, 200, 429]
    assert {one.headers["RateLimit-Policy"] for one in (first, second, third)} == {'"calls";q=2;w=60'}
    left = [one.headers["RateLimit"] for one in (first, second, third)]
    assert left == ['"calls";r=1;t=30', '"calls";r=0;t=60', '"calls";r=0;t=60']
    assert third.headers["Retry-After"] == "30"
    assert desk.ask("GET", "/api/v1/me", "read").status_code == 200  # another token
    watch.now += 30
    assert desk.ask("GET", "/api/v1/me").status_code == 200


def test_what_is_asked_for_in_vain_counts_too(desk: Desk, watch: Watch) -> None:
    limited(desk.app, 1, watch)
    assert desk.ask("GET", f"/api/v1/organizations/{desk.theirs.slug}").status_code == 404
    assert desk.ask("GET", f"/api/v1/organizations/{desk.theirs.slug}").status_code == 429


def test_hand_ins_have_a_limit_of_their_own(desk: Desk, watch: Watch) -> None:
    limited(desk.app, 1, watch)
    first, second = desk.hand_in(), desk.hand_in()
    assert [first.status_code, second.status_code] == [201, 201]
    assert first.headers["RateLimit-Policy"].startswith('"uploads";q=')
