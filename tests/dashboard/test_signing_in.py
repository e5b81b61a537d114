"""Signing in and out: who gets in, what a browser keeps of it, and what somebody learns who does not."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from app.tenants.roles import Role
from app.tenants.user_models import User
from tests.dashboard.conftest import sign_in


def test_by_password(enter: Callable[..., FlaskClient]) -> None:
    for role in (Role.OWNER, Role.AUDITOR):
        assert enter(role).get("/admin").status_code == 200


def test_not_without(app: Flask) -> None:
    answer = app.test_client().get("/admin")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/login?next=%2Fadmin")


def test_wrong(app: Flask, add_user: Callable[..., User]) -> None:
    answer = sign_in(app.test_client(), add_user().email, "not the password")
    assert answer.status_code == 403
    assert "did not let you in" in answer.text
