"""Guessing is stopped, and nobody can stop anybody else by guessing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import Database
from app.tenants.user_models import User
from tests.dashboard.conftest import ORIGIN, PASSWORD, sign_in, token_of, visitor
from tests.dashboard.persons import actions, clocked

Add = Callable[..., User]
WRONG = "not the password"


def come_from(client: FlaskClient, address: str, email: str, password: str) -> TestResponse:
    token = token_of(client.get("/admin/login"))
    data = {"email": email, "password": password, "csrf_token": token}
    return client.post(
        "/admin/login", data=data, headers={"Origin": ORIGIN}, environ_overrides={"REMOTE_ADDR": address}
    )


def test_after_five_the_right_password_waits_too(app: Flask, add_user: Add, database: Database) -> None:
    user = add_user()
    with clocked(app) as clock:
        stranger = visitor(app)
        said = [come_from(stranger, "192.0.2.1", user.email, WRONG).status_code for _ in range(6)]
        assert said == [403, 403, 403, 403, 403, 429]
        refused = come_from(stranger, "192.0.2.1", user.email, PASSWORD)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "900")
        clock.on(minutes=16)
        assert come_from(stranger, "192.0.2.1", user.email, PASSWORD).status_code == 303
    assert actions(database, user).count("user.sign_in_failed") == 5  # what is refused unseen fills no log


def test_from_elsewhere_they_come_in_meanwhile(app: Flask, add_user: Add) -> None:
    user = add_user()
    for _ in range(7):
        come_from(visitor(app), "192.0.2.1", user.email, WRONG)
    assert come_from(visitor(app), "192.0.2.2", user.email, PASSWORD).status_code == 303


def test_a_browser_that_is_known_keeps_its_way_in(app: Flask, add_user: Add) -> None:
    """Even against tries from all over, and from the very address that they come from."""
    user, known = add_user(), visitor(app)
    assert come_from(known, "192.0.2.1", user.email, PASSWORD).status_code == 303
    known.delete_cookie("admin")
    for number in range(110):
        come_from(visitor(app), f"198.51.100.{number}", user.email, WRONG)
    for _ in range(6):
        come_from(visitor(app), "192.0.2.1", user.email, WRONG)
    assert come_from(visitor(app), "203.0.113.1", user.email, PASSWORD).status_code == 429  # strangers wait
    assert come_from(known, "192.0.2.1", user.email, PASSWORD).status_code == 303


@pytest.mark.attack("ways in", "a password, guessed from a browser that is known", "429")
def test_a_browser_that_is_known_guesses_no_more_than_others(app: Flask, add_user: Add) -> None:
    user, known = add_user(), visitor(app)
    sign_in(known, user.email)
    known.delete_cookie("admin")
    said = [sign_in(known, user.email, WRONG).status_code for _ in range(11)]
    assert said == 10 * [403] + [429]
    assert sign_in(known, user.email).status_code == 429
    assert sign_in(visitor(app), user.email).status_code == 303  # as a stranger they begin anew


def test_to_be_known_for_one_is_no_help_with_another(app: Flask, add_user: Add) -> None:
    mine, theirs, client = add_user(), add_user(), visitor(app)
    sign_in(client, mine.email)
    client.delete_cookie("admin")
    said = [sign_in(client, theirs.email, WRONG).status_code for _ in range(6)]
    assert said[-1] == 429


def test_a_cookie_that_was_made_up_is_no_help(app: Flask, add_user: Add) -> None:
    user, client = add_user(), visitor(app)
    client.set_cookie("known", f'{{"{user.id}":"x"}}')
    assert [sign_in(client, user.email, WRONG).status_code for _ in range(6)][-1] == 429


def test_one_address_does_not_try_everybody(app: Flask) -> None:
    said = [come_from(visitor(app), "192.0.2.9", f"{n}@example.com", WRONG).status_code for n in range(51)]
    assert said == 50 * [403] + [429]


def test_an_address_of_version_6_is_its_whole_network(app: Flask, add_user: Add) -> None:
    user = add_user()
    said = [come_from(visitor(app), f"2001:db8::{n}", user.email, WRONG).status_code for n in range(6)]
    assert said[-1] == 429
    assert come_from(visitor(app), "2001:db8:0:1::1", user.email, PASSWORD).status_code == 303


def test_who_was_right_begins_anew(app: Flask, add_user: Add) -> None:
    user = add_user()
    for _ in range(3):
        for _ in range(4):
            sign_in(visitor(app), user.email, WRONG)
        assert sign_in(visitor(app), user.email).status_code == 303
