"""A page inside another's: who may frame it, where it leads, and the nonce that stands there in a cookie's place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask, g
from flask_wtf import FlaskForm
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from werkzeug.datastructures import MultiDict

from app.portal import framing
from app.portal.errors import NotEmbedded
from app.tenants.models import Form

ORIGINS = ("https://erp.example", "https://shop.example:8443")
MINE, OTHER = "form:1", "form:2"


@pytest.fixture
def framed(request_in: Callable[..., None]) -> Callable[..., None]:
    """Opens a request from inside another's page."""

    def open_request(path: str = "/embedded/es/f/x") -> None:
        request_in(environ_overrides={"PATH_INFO": path})
        framing.begin()
        g.own_language = "es"

    return open_request


def form_of(*origins: str) -> Form:
    return Form(id=uuid4(), public_id="form", operation="facturapi/certificate", settings={"frame_origins": origins})


def nonce() -> str:
    """What a page that is shown now carries."""
    return str(framing.base()().csrf_token.current_token)


def is_taken(said: str) -> bool:
    return bool(framing.base()(formdata=MultiDict({"csrf_token": said})).validate())


def test_its_form_says_who_may_frame_it(framed: Callable[..., None]) -> None:
    framed()
    assert framing.framed_by() == ()
    framing.enter(form_of(*ORIGINS), MINE)
    assert framing.framed_by() == ORIGINS


@pytest.mark.parametrize("form", [None, form_of()], ids=["no form", "a form that names nobody"])
def test_where_nobody_is_named_it_is_not_shown(framed: Callable[..., None], form: Form | None) -> None:
    framed()
    with pytest.raises(NotEmbedded):
        framing.enter(form, MINE)
    assert framing.framed_by() == ()


def test_a_page_of_its_own_is_framed_by_nobody(request_in: Callable[..., None]) -> None:
    request_in()
    framing.enter(form_of(*ORIGINS), MINE)
    framing.enter(None, MINE)
    assert (framing.is_framed(), framing.framed_by()) == (False, ())
    assert framing.base() is FlaskForm


def test_it_leads_on_inside_the_same_frame(framed: Callable[..., None]) -> None:
    framed()
    assert framing.at("form", public_id="x") == "/embedded/es/f/x"
    assert framing.at("outcome", token="t") == "/embedded/es/o/t"


def test_a_page_of_its_own_leads_to_others(request_in: Callable[..., None]) -> None:
    request_in()
    assert framing.at("form", public_id="x") == "/f/x"
    assert framing.in_language("/f/x", "en") == "/f/x?lang=en"
    assert framing.in_language("", "en") == "?lang=en"


@pytest.mark.parametrize(
    ("path", "address", "found"),
    [
        ("/embedded/es/f/x", "", "/embedded/en/f/x"),
        ("/embedded/es/o/t/all", "", "/embedded/en/o/t/all"),
        ("/embedded/es/f/x", "/embedded/es/o/t", "/embedded/en/o/t"),
    ],
)
def test_the_language_is_a_part_of_the_address(
    framed: Callable[..., None], path: str, address: str, found: str
) -> None:
    framed(path)
    assert framing.in_language(address, "en") == found


def test_a_nonce_is_good_for_what_it_was_given_for(framed: Callable[..., None]) -> None:
    framed()
    framing.enter(form_of(*ORIGINS), MINE)
    given = nonce()
    assert is_taken(given)
    assert nonce() != given, "each is of its own"
    assert not any(map(is_taken, ["", "made up", given[:-1], given + "x"]))
    framing.enter(form_of(*ORIGINS), OTHER)
    assert not is_taken(given)
    assert is_taken(nonce())


def test_a_nonce_is_good_for_as_long_as_a_page_may_lie_open(
    framed: Callable[..., None], shell: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    framed()
    framing.enter(form_of(*ORIGINS), MINE)
    now = 1_800_000_000
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now)
    given = nonce()
    now += shell.config["WTF_CSRF_TIME_LIMIT"]
    assert is_taken(given)
    now += 1
    assert not is_taken(given)


def test_what_else_the_key_signs_is_no_nonce(framed: Callable[..., None], shell: Flask) -> None:
    framed()
    framing.enter(form_of(*ORIGINS), MINE)
    for salt, good in ((framing.SALT, True), ("wtf-csrf-token", False), (b"itsdangerous", False)):
        signs = URLSafeTimedSerializer(
            shell.config["SECRET_KEY"], salt=salt, signer_kwargs={"digest_method": hashlib.sha256}
        )
        assert is_taken(str(signs.dumps([MINE, "x"]))) is good
