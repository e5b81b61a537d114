"""Which language a page speaks, and how dates and sizes are written in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from app.portal import language
from tests.portal.conftest import NOON

Open = Callable[..., None]


@pytest.mark.parametrize(
    ("cookie", "link", "organization", "browser", "spoken"),
    [
        ("en", "es", "es", "es", "en"),
        (None, "en", "es", "es", "en"),
        (None, None, "en", "es", "en"),
        (None, None, None, "en-GB,en;q=0.9", "en"),
        (None, None, None, "fr", "es"),
        (None, None, None, None, "es"),
        ("xx", "en", "es", "es", "en"),
    ],
)
def test_the_nearest_choice_counts(
    request_in: Open, *, cookie: str, link: str, organization: str | None, browser: str | None, spoken: str
) -> None:
    request_in(cookie, headers={"Accept-Language": browser} if browser else {})
    language.prefer(link, organization, timezone="America/Mexico_City")
    assert language.language() == spoken


def test_the_switch_is_kept_and_leaves_the_address(client: FlaskClient) -> None:
    response = client.get("/accent/1f6f5c.css?lang=en")
    assert response.status_code == 302
    assert response.headers["Location"] == "/accent/1f6f5c.css"
    assert {"lang=en", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(response.headers["Set-Cookie"].split("; "))
    assert '<html lang="en">' in client.get("/nothing", headers={"Accept-Language": "es"}).text


@pytest.mark.attack("browsers", "an address that would become a redirect to another site", "it leads to our own page")
@pytest.mark.parametrize("address", ["//elsewhere.example/?lang=en", "/nothing?lang=en", "/accent/1f6f5c.css?lang=xx"])
def test_the_switch_sends_nobody_elsewhere(client: FlaskClient, address: str) -> None:
    response = client.get(address)
    assert "elsewhere" not in response.headers.get("Location", "")
    assert "Set-Cookie" not in response.headers


def test_a_page_that_is_not_there_still_speaks_what_is_asked_for(client: FlaskClient) -> None:
    assert "There is nothing here" in client.get("/nothing?lang=en").text
    assert "Aquí no hay nada" in client.get("/nothing?lang=es").text


@pytest.mark.parametrize(
    ("lang", "zone", "written"),
    [
        ("es", "America/Mexico_City", "21 nov 2026, 14:05"),
        ("en", "America/Mexico_City", "21 Nov 2026, 14:05"),
        ("es", "America/Tijuana", "21 nov 2026, 12:05"),
    ],
)
def test_a_moment_is_written_in_the_organizations_zone(request_in: Open, lang: str, zone: str, written: str) -> None:
    request_in(lang)
    language.prefer(None, "es", timezone=zone)
    assert language.when(NOON) == written


def test_without_an_organization_the_zone_is_the_settings(request_in: Open) -> None:
    request_in("es")
    assert language.when(NOON) == "21 nov 2026, 14:05"


@pytest.mark.parametrize("date", [datetime(2023, 6, 17, 19, 44, 14, tzinfo=UTC), "2023-06-17T19:44:14+00:00"])
def test_a_sentence_has_its_date_written_out(request_in: Open, date: object) -> None:
    request_in("es")
    assert language.say("expired", {"date": date}) == (
        "El certificado venció el 17 jun 2023, 13:44. Genera uno nuevo en el SAT y súbelo."
    )


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 bytes"), (999, "999 bytes"), (1418, "1.4 kB"), (2_000_000, "2 MB")]
)
@pytest.mark.parametrize("lang", ["es", "en"])
def test_sizes_are_for_people(request_in: Open, lang: str, count: int, written: str) -> None:
    request_in(lang)
    assert language.size(count) == written
