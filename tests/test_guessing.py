"""Whoever brings keys that open nothing has to wait, and nobody else."""

from __future__ import annotations

from secrets import token_hex

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.database import Database
from app.intake.shedding import Pace
from app.services import Services
from app.tenants.vault import Vault
from tests.tenancy import tenant
from tests.watch import Watch

MOST = 5
WRONG = {"Authorization": "Bearer vnt_live_guessed"}
#: Addresses in which a part is a key, and what a wrong one is answered.
KEYED = {"/l/guessed": 404, "/f/guessed": 404, "/o/guessed": 404}


@pytest.fixture
def guesser(app: Flask, watch: Watch) -> FlaskClient:
    """Somebody at a gateway that takes few guesses."""
    services: Services = app.extensions["ventanilla"]
    services.shedding.guesses = Pace(MOST, watch)  # type: ignore[misc] # its own is for life
    return app.test_client()


@pytest.mark.attack("ways in", "tokens and addresses of pages, guessed", "429, and nothing is looked up any more")
@pytest.mark.parametrize("path", KEYED)
def test_addresses_that_are_guessed(guesser: FlaskClient, path: str) -> None:
    assert [guesser.get(path).status_code for _ in range(MOST)] == [KEYED[path]] * MOST
    refused = guesser.get(path)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.attack("ways in", "tokens and addresses of pages, guessed", "429, and nothing is looked up any more")
@pytest.mark.parametrize("path", ["/api/v1/me", "/proxy/facturapi/v2/organizations", "/files/guessed"])
def test_tokens_that_are_guessed(guesser: FlaskClient, path: str) -> None:
    headers = WRONG | {"Tus-Resumable": "1.0.0"}
    statuses = [guesser.head(path, headers=headers).status_code for _ in range(MOST)]
    assert set(statuses) <= {401, 404}
    assert guesser.head(path, headers=headers).status_code == 429


def test_what_was_guessed_at_one_face_counts_at_all(guesser: FlaskClient) -> None:
    for _ in range(MOST):
        guesser.get("/l/guessed")
    assert guesser.get("/api/v1/me", headers=WRONG).status_code == 429
    assert guesser.get("/api/v1/me", headers=WRONG).content_type == "application/problem+json"


def test_who_needs_no_key_and_who_comes_from_elsewhere_does_not_wait(guesser: FlaskClient, watch: Watch) -> None:
    for _ in range(MOST + 1):
        guesser.get("/l/guessed")
    assert guesser.get("/healthz").status_code == 200
    assert guesser.get("/docs/problems").status_code == 200
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    assert guesser.get("/l/guessed", environ_overrides=elsewhere).status_code == 404
    watch.now += 60
    assert guesser.get("/l/guessed").status_code == 404


def test_what_opens_something_and_what_is_no_key_counts_for_nothing(
    guesser: FlaskClient, database: Database, vault: Vault
) -> None:
    form = tenant(database, vault, f"t-{token_hex(6)}").form
    for _ in range(MOST + 1):
        assert guesser.get(f"/f/{form.public_id}").status_code == 200
        assert guesser.get("/nothing/here").status_code == 404
    assert guesser.get("/l/guessed").status_code == 404


@pytest.mark.attack("ways in", "an address of the client's own making, to be counted anew", "it counts for nothing")
def test_an_address_that_is_only_said_changes_nothing(guesser: FlaskClient) -> None:
    away = {"REMOTE_ADDR": "203.0.113.7"}
    for number in range(MOST):
        said = {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
        assert guesser.get("/l/guessed", headers=said, environ_overrides=away).status_code == 404
    said = {"X-Forwarded-For": "198.51.100.99", "X-Real-IP": "198.51.100.99"}
    assert guesser.get("/l/guessed", headers=said, environ_overrides=away).status_code == 429
