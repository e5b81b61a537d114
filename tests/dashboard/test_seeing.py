"""What a page leads to is there: by the page's own address, and narrowed as that page reads it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from app.dashboard import needing
from app.dashboard.pages import PAGES
from app.dashboard.seeing import NAMED

LED_TO = sorted({path for one in (*needing.TOLD.values(), needing.SPOOL) for path in (one.leads, one.all) if path})
PATHS = [NAMED.sub("<>", one.path) for one in PAGES.values() if one.method == "GET"]


def test_no_two_pages_have_one_address() -> None:
    assert len(PATHS) == len(set(PATHS))


@pytest.mark.parametrize("path", LED_TO)
def test_what_is_told_leads_to_a_page(path: str) -> None:
    assert f"/admin{path.partition('?')[0]}" in PATHS


@pytest.mark.parametrize("path", [one for one in LED_TO if "?" in one])
def test_that_page_is_narrowed(enter: Callable[..., FlaskClient], path: str) -> None:
    name, _, value = path.partition("?")[2].partition("=")
    page = BeautifulSoup(enter().get(f"/admin{path}").data, "html.parser")
    chosen = page.select(f"select[name={name}] option[selected], main a.active, main a[aria-current]")
    assert any(value in f"{one.get('value')} {one.get('href')}" for one in chosen), chosen


def test_the_first_step_leads_to_where_it_is_taken(app: Flask, enter: Callable[..., FlaskClient]) -> None:
    page = BeautifulSoup(enter().get("/admin").data, "html.parser")
    assert "/admin/new-organization" in [link["href"] for link in page.select(".firsts a")]
