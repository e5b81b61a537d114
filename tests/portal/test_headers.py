"""What every response says about trust, and how the session's cookie is kept."""

from __future__ import annotations

from secrets import token_hex

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from app.database import Database
from app.tenants.models import Form
from app.tenants.vault import Vault
from tests.portal.conftest import make_app
from tests.tenancy import tenant

EVERYWHERE = ["/nothing/here", "/accent/1f6f5c.css", "/accent/no.css", "/breaks"]


@pytest.mark.parametrize("address", EVERYWHERE)
def test_every_response_says_what_a_browser_may_do(client: FlaskClient, address: str) -> None:
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    headers = client.get(address).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert headers["Referrer-Policy"] == "strict-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in headers


def test_pages_are_not_kept_and_built_files_are_for_ever(client: FlaskClient) -> None:
    assert client.get("/nothing").headers["Cache-Control"] == "no-store"
    assert "immutable" in client.get("/accent/1f6f5c.css").headers["Cache-Control"]
    with client.application.test_request_context():
        from app.portal.assets import asset

        address = asset("portal.css")
    with client.get(address) as built:
        assert "immutable" in built.headers["Cache-Control"]
    assert client.get("/static/dist/nothing.css").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("public_url", "begins", "secure"),
    [("http://127.0.0.1:8000", "session=", False), ("https://gateway.example", "__Host-session=", True)],
)
def test_the_session_cookie_is_the_pages_alone(public_url: str, begins: str, *, secure: bool) -> None:
    app = make_app(public_url=public_url)

    @app.get("/sign-in")
    def sign_in() -> str:
        session["here"] = True
        return ""

    response = app.test_client().get("/sign-in", base_url=public_url)
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith(begins)
    attributes = set(cookie.split("; ")[1:])
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
    assert ("Secure" in attributes) is secure
    assert "Domain" not in cookie
    assert ("Strict-Transport-Security" in response.headers) is secure


def test_a_published_form_alone_may_be_found(app: Flask, database: Database, vault: Vault) -> None:
    one = tenant(database, vault, f"t-{token_hex(6)}")
    client = app.test_client()
    told = {path: client.get(path).headers["X-Robots-Tag"] for path in (f"/f/{one.form.public_id}", "/verify", "/f/x")}
    assert told == {f"/f/{one.form.public_id}": "all", "/verify": "noindex, nofollow", "/f/x": "noindex, nofollow"}
    with database.transaction(one.id) as db:
        db.get_one(Form, one.form.id).open = False
    assert client.get(f"/f/{one.form.public_id}").headers["X-Robots-Tag"] == "noindex, nofollow"
