"""Every reason for which an upload can end has a short name, in both languages."""

from __future__ import annotations

import pytest
from flask import Flask

from app import words
from app.dashboard.causes import CAUSES, cause

#: What an upload's record can hold; none of these is one's.
NO_UPLOADS = {"nothing-to-cancel", "too-late-to-cancel", "nothing-to-retry", "may-be-there"}
RECORDED = {*words.INTAKE, *words.CERTIFICATE, *words.POLICY, *words.DOCUMENT, *words.DELIVERY} - NO_UPLOADS


def test_every_reason_has_its_name() -> None:
    assert RECORDED - CAUSES.keys() == set()


@pytest.mark.parametrize("slug", sorted(CAUSES))
def test_it_is_short(slug: str) -> None:
    assert 3 <= len(CAUSES[slug]) <= 35


def test_one_that_nobody_named_is_better_than_nothing(app: Flask) -> None:
    with app.test_request_context():
        assert cause("made-up_by-an-adapter") == "made up by an adapter"
        assert cause(None) == ""


def test_it_is_said_in_spanish(app: Flask) -> None:
    with app.test_request_context("/?lang=es"):
        assert cause("protected-pdf") == "PDF con contraseña"
