"""Pages for what no form can say, in both languages and without a word of how the gateway is made."""

from __future__ import annotations

import pytest
from flask import abort
from flask.testing import FlaskClient

from app.errors import Refusal
from app.portal.errors import FormClosed, LinkOnly, NothingHere, Suspended
from app.portal.problems import TITLES, shuts
from app.tenants.errors import LinkExpired, LinkRevoked, LinkUsedUp, TooManyTries
from app.words import WORDS
from tests.portal.conftest import NOON, make_app


@pytest.mark.parametrize("lang", ["es", "en"])
@pytest.mark.parametrize(
    ("method", "address", "status", "titles"),
    [
        ("GET", "/nothing", 404, {"en": "There is nothing here", "es": "Aquí no hay nada"}),
        ("POST", "/accent/1f6f5c.css", 405, {"en": "This page cannot do that", "es": "Esta página no puede hacer eso"}),
        ("GET", "/large", 413, {"en": "That is too large", "es": "Es demasiado grande"}),
        ("GET", "/breaks", 500, {"en": "Something failed on our side", "es": "Algo falló de nuestro lado"}),
        ("GET", "/teapot", 418, {"en": "That did not work", "es": "Eso no funcionó"}),
    ],
)
def test_an_error_is_a_page_like_the_others(
    method: str, address: str, status: int, titles: dict[str, str], lang: str
) -> None:
    app = make_app()
    app.add_url_rule("/large", "large", lambda: abort(413))
    app.add_url_rule("/teapot", "teapot", lambda: abort(418))
    response = app.test_client().open(address, method=method, headers={"Accept-Language": lang})
    assert response.status_code == status
    assert f"<h1>{titles[lang]}</h1>" in response.text
    assert f'<html lang="{lang}">' in response.text
    assert "Traceback" not in response.text
    assert ("GET" in response.headers.get("Allow", "")) is (status == 405)


@pytest.mark.parametrize("lang", ["es", "en"])
@pytest.mark.parametrize(
    "refusal",
    [FormClosed(), LinkOnly(), Suspended(), LinkExpired(date=NOON), LinkUsedUp(), LinkRevoked()],
    ids=lambda refusal: refusal.slug,
)
def test_what_is_closed_says_so_kindly(refusal: Refusal, lang: str) -> None:
    app = make_app()

    @app.get("/closed")
    def closed() -> str:
        raise refusal

    client: FlaskClient = app.test_client()
    response = client.get("/closed", headers={"Accept-Language": lang})
    assert response.status_code == refusal.status
    assert refusal.slug in TITLES
    assert (TITLES[refusal.slug] in response.text) is (lang == "en")
    assert WORDS[refusal.slug].partition("%")[0].partition(".")[0] in response.text or lang == "es"


def test_where_nothing_is_the_address_is_what_to_look_at() -> None:
    app = make_app()

    @app.get("/o/unknown")
    def nothing() -> str:
        raise NothingHere

    client: FlaskClient = app.test_client()
    of_ours, nowhere = (client.get(path, headers={"Accept-Language": "en"}) for path in ("/o/unknown", "/nowhere"))
    assert (of_ours.status_code, "Check the address" in of_ours.text) == (404, True)
    assert of_ours.text == nowhere.text


def test_only_a_way_in_that_is_shut_takes_the_form_away() -> None:
    assert all(shuts(refusal) for refusal in (FormClosed(), LinkOnly(), Suspended(), LinkUsedUp()))
    assert not any(shuts(refusal) for refusal in (TooManyTries(), NothingHere()))
