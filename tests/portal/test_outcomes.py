"""The outcome page of every state: did it arrive, what happens next, whom to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask import url_for

from app.portal import pages
from app.portal.outcomes import LOOKS
from app.records.states import State
from tests.portal.conftest import handed_in
from tests.portal.test_translations import STATES

Open = Callable[..., None]


def shown(state: State, **changes: Any) -> BeautifulSoup:
    page, _status = pages._outcome(handed_in(state, **changes), "tok")
    return BeautifulSoup(page, "html.parser")


@pytest.mark.parametrize("lang", ["es", "en"])
@pytest.mark.parametrize("state", State)
def test_a_state_is_colour_and_icon_and_word(request_in: Open, state: State, lang: str) -> None:
    request_in(lang)
    chip = shown(state).select_one(".state")
    assert isinstance(chip, Tag)
    assert LOOKS[state].tone in chip["class"]
    assert chip.select_one("svg use")
    assert chip.get_text().strip() == STATES[state][lang == "es"]


@pytest.mark.parametrize("state", State)
def test_three_questions_are_answered(request_in: Open, state: State) -> None:
    request_in("es")
    page = shown(state)
    asked = [tag.get_text() for tag in page.select("h2")]
    assert asked[:3] == ["¿Llegó?", "¿Qué sigue?", "¿A quién pregunto?"]
    assert page.select_one('a[href="mailto:facturas@kemper.example"]')


def test_what_was_handed_in_is_shown(request_in: Open) -> None:
    request_in("es")
    page = shown(State.DELIVERED, reference="30001000000500003416", facts={"pending_steps": ["Firma la carta"]})
    text = " ".join(page.get_text(" ").split())
    assert "<b>my</b>.cer 1.4 kB" in text
    assert "21 nov 2026, 14:05" in text
    assert "30001000000500003416" in text
    assert "Firma la carta" in text
    text = " ".join(shown(State.DELIVERED).get_text(" ").split())
    for fact in ("EKU9003173C9", "30001000000500003416", "18 may 2027, 05:43", "Sucursal 1"):
        assert fact in text


@pytest.mark.parametrize("state", State)
def test_only_what_moves_is_watched(request_in: Open, state: State) -> None:
    request_in("es")
    moving = state in {State.RECEIVING, State.DELIVERING, State.WAITING}
    page = shown(state)
    assert bool(page.select("[data-watch]")) is moving
    assert bool(page.select("noscript meta[http-equiv=refresh]")) is moving


def test_what_arrived_is_watched_until_its_receipt_is_there(request_in: Open) -> None:
    request_in("es")
    due, sealed = (shown(State.DELIVERED, receipted=receipted) for receipted in (False, True))
    assert due.select("[data-watch][data-receipt=due]")
    assert not due.select("a[href$=receipt]")
    assert not sealed.select("[data-watch]")
    assert [link.get_text().strip() for link in sealed.select("a[href$=receipt]")] == ["Ver tu acuse de recibo"]
    assert not shown(State.FAILED, receipted=False).select("[data-watch]")


@pytest.mark.parametrize("state", State)
def test_only_the_unconfirmed_can_be_checked_again(request_in: Open, state: State) -> None:
    request_in("es")
    buttons = shown(state, problem="unconfirmed").select("form[method=post] button")
    assert [button.get_text().strip() for button in buttons] == (["Revisar de nuevo"] if state == State.UNKNOWN else [])


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_what_did_not_arrive_can_be_handed_in_again(request_in: Open, state: State) -> None:
    request_in("es")
    again = shown(state, problem="provider-error").select_one("a.button")
    assert isinstance(again, Tag)
    assert again["href"] == url_for("portal.form", public_id="form")


def test_the_reason_is_said_in_our_words_and_the_providers(request_in: Open) -> None:
    request_in("es")
    params = {"organization": "Escuela Kemper Urgate"}
    page = shown(State.FAILED, problem="provider-refused", problem_params=params, provider_message="No <se> pudo.")
    text = " ".join(page.get_text(" ").split())
    assert "El proveedor no lo aceptó." in text
    assert "No <se> pudo." in text


def test_the_reason_speaks_of_what_was_handed_in(request_in: Open) -> None:
    request_in("es")
    page = shown(State.REJECTED, operation="facturapi/fiel", problem="wrong_password")
    assert "Es la de tu e.firma (no la" in page.get_text()


def test_a_file_is_called_what_the_form_called_it(request_in: Open) -> None:
    request_in("es")
    files = [{"name": name, "filename": f"my.{name}", "size": 9, "sha256": ""} for name in ("key", "of-old")]
    labels = [tag.get_text() for tag in shown(State.DELIVERED, parts=files, facts={}).select("dt")]
    assert labels[:2] == ["Llave privada (.key)", "Archivo"]


def test_a_record_of_another_time_still_has_its_page(request_in: Open) -> None:
    request_in("es")
    assert not shown(State.FAILED, problem="gone").select(".callout")
    assert "El certificado venció el …." in shown(State.FAILED, problem="expired").get_text()


def test_a_date_in_the_reason_comes_from_the_record(request_in: Open) -> None:
    request_in("es")
    page = shown(State.REJECTED, problem="expired", problem_params={"date": "2023-06-17T19:44:14+00:00"})
    assert "El certificado venció el 17 jun 2023, 13:44." in page.get_text()
