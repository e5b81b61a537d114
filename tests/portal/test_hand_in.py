"""What the pages do with what is sent to them. What becomes of a delivery is others' to test: that part is played."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from urllib3.filepost import encode_multipart_formdata
from uuid_utils.compat import uuid7
from werkzeug.test import TestResponse

from app.checks import Policy, Rejected
from app.errors import Refusal
from app.portal.headers import PAGE_LIFE
from app.providers import registry
from app.providers.operation import Mode, Operation
from app.records.states import State
from app.records.uploads import AlreadyHandedIn
from app.tenants import links, organizations
from app.tenants.errors import LinkUsedUp
from tests.portal.conftest import NOON
from tests.portal.test_entrance import Counter, counter

__all__ = ["counter"]  # a fixture

ORIGIN = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
FILES = {"cer": ("my.cer", b"certificate"), "key": ("my.key", b"private key")}


@dataclass
class Deliverer:
    """Says what it is told to and remembers what it was given."""

    refusal: Refusal | None = None
    given: list[Any] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    content: bytes | None = None

    def hand_in(self, origin: Any, operation: Operation, collected: Any, *, replace: bool) -> Any:
        self.given.append(SimpleNamespace(origin=origin, operation=operation, collected=collected, replace=replace))
        if self.refusal:
            raise self.refusal
        return SimpleNamespace(upload_id=uuid7(), state=State.DELIVERED, outcome=None, outcome_token="tok")

    def stream(self, origin: Any, operation: Operation, streamed: Any, *, policy: Policy, mode: Mode) -> Any:
        given = {"origin": origin, "operation": operation, "streamed": streamed, "policy": policy, "mode": mode}
        self.given.append(SimpleNamespace(**given))
        if self.refusal:
            raise self.refusal
        self.content = b"".join(bytes(block) for block in streamed.file.blocks()) if streamed.file else None
        return SimpleNamespace(upload_id=uuid7(), state=State.DELIVERED, outcome=None, outcome_token="tok")

    def check_again(self, *args: Any, **kwargs: Any) -> None:
        self.asked.append((args, kwargs))
        if self.refusal:
            raise self.refusal


@pytest.fixture
def deliverer(app: Flask) -> Deliverer:
    player = Deliverer()
    services = app.extensions["ventanilla"]
    app.extensions["ventanilla"] = dataclasses.replace(services, deliverer=player)
    return player


Send = Callable[..., TestResponse]


@pytest.fixture
def send(counter: Counter) -> Send:
    """Opens a page and sends its form: with its token unless told otherwise."""

    def post(
        address: str | None = None,
        *,
        headers: dict[str, str] = ORIGIN,
        token: str | None = None,
        to: str | None = None,
        **fields: Any,
    ) -> TestResponse:
        address = address or f"/f/{counter.form.public_id}"
        page = BeautifulSoup(counter.client.get(address).text, "html.parser")
        hidden = {str(tag["name"]): str(tag["value"]) for tag in page.select("input[type=hidden]")}
        parts: dict[str, Any] = {**hidden, **({} if token is None else {"csrf_token": token}), **fields}
        # Not Werkzeug's own: it begins with an empty line, which no browser does and intake does not take.
        body, content_type = encode_multipart_formdata(
            {**parts, **{name: FILES[name] for name in FILES if name in parts}}
        )
        return counter.client.post(to or address, data=body, content_type=content_type, headers=headers)

    return post


WHOLE = {"cer": True, "key": True, "password": "12345678a"}


def test_a_hand_in_goes_to_delivery_and_leads_to_its_outcome(
    counter: Counter, deliverer: Deliverer, send: Send
) -> None:
    response = send(**WHOLE)
    assert response.status_code == 303
    assert response.headers["Location"] == "/o/tok"
    (given,) = deliverer.given
    assert given.operation.slug == "facturapi/certificate"
    assert given.collected.files["cer"].content == b"certificate"
    assert given.collected.secrets["password"].get_secret_value() == "12345678a"
    assert given.collected.fields == {}  # the page's own are not delivery's
    assert given.replace is False
    assert given.origin.organization.id == counter.organization.id
    assert given.origin.form_id == counter.form.id
    assert given.origin.link is None
    assert given.origin.locale == "es"


def test_yes_to_the_question_is_passed_on(deliverer: Deliverer, send: Send) -> None:
    assert send(**WHOLE, replace="y").status_code == 303
    assert deliverer.given[0].replace is True


def test_through_a_link_delivery_knows_which(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    link, token = counter.link(locale="en")
    assert send(f"/l/{token}", **WHOLE).status_code == 303
    assert deliverer.given[0].origin.link.id == link.id
    assert deliverer.given[0].origin.actor == f"link:{link.id}"
    assert deliverer.given[0].origin.locale == "en"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
        ({}, 303),
    ],
)
def test_only_our_own_pages_may_send(deliverer: Deliverer, send: Send, headers: dict[str, str], status: int) -> None:
    assert send(**WHOLE, headers=headers).status_code == status
    assert len(deliverer.given) == (status == 303)


@pytest.mark.parametrize("token", ["", "no token", "IjAwMDAi.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb"])
def test_without_the_pages_token_nothing_is_handed_in(deliverer: Deliverer, send: Send, token: str) -> None:
    response = send(**WHOLE, token=token)
    assert response.status_code == 403
    assert "La página estuvo abierta demasiado tiempo." in response.text
    assert not deliverer.given


@pytest.mark.attack("browsers", "a form with another session's token", "403")
def test_another_sessions_token_is_refused(counter: Counter, app: Flask, deliverer: Deliverer, send: Send) -> None:
    page = app.test_client().get(f"/f/{counter.form.public_id}").text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    assert send(**WHOLE, token=found[1]).status_code == 403
    assert not deliverer.given


def test_a_page_may_lie_open_for_half_a_day(app: Flask) -> None:
    assert app.config["WTF_CSRF_TIME_LIMIT"] == PAGE_LIFE.total_seconds() == 12 * 3600


def test_the_notice_is_asked_for_and_its_version_recorded(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    with counter.database.transaction(counter.organization.id) as db:
        from app.tenants import organizations

        organizations.get(db, counter.organization.id).notice_version = "2026-01"
    response = send(**WHOLE)
    assert response.status_code == 422
    assert re.search(r'id="notice-error">.*?Acepta el aviso', response.text, re.DOTALL)
    assert "Habías elegido “my.cer”." in response.text
    assert not deliverer.given
    assert send(**WHOLE, notice="2025-12").status_code == 422
    assert send(**WHOLE, notice="2026-01").status_code == 303
    assert deliverer.given[0].origin.notice_version == "2026-01"


def test_what_a_check_refuses_stands_next_to_its_field(deliverer: Deliverer, send: Send) -> None:
    deliverer.refusal = Rejected("expired", field="cer", date=NOON)
    response = send(**WHOLE)
    assert response.status_code == 422
    assert re.search(r'id="cer-error">.*?venció el 21 nov 2026, 14:05', response.text, re.DOTALL)
    assert "12345678a" not in response.text


def test_a_question_comes_back_with_a_box(deliverer: Deliverer, send: Send) -> None:
    deliverer.refusal = Rejected("older_certificate", field="cer", date=NOON, held_date=NOON)
    assert 'name="replace"' in send(**WHOLE).text


def test_a_link_that_was_used_meanwhile_is_no_form_any_more(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    _, token = counter.link()
    deliverer.refusal = LinkUsedUp()
    response = send(f"/l/{token}", **WHOLE)
    assert response.status_code == 410
    assert 'type="file"' not in response.text


def test_a_file_one_byte_too_large_is_left_to_its_check(
    deliverer: Deliverer, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = registry.operation("facturapi/certificate").parts[0].max_bytes
    monkeypatch.setitem(FILES, "cer", ("my.cer", bytes(most + 1)))
    assert send(**WHOLE).status_code == 303
    monkeypatch.setitem(FILES, "cer", ("my.cer", bytes(most + 2)))
    response = send(**WHOLE)
    assert response.status_code == 413
    assert re.search(r'id="cer-error">.*?demasiado grande para ser un certificado', response.text, re.DOTALL)
    assert len(deliverer.given) == 1


def test_what_is_malformed_is_said_on_the_form(deliverer: Deliverer, send: Send) -> None:
    response = send(**WHOLE, stranger="x")
    assert response.status_code == 400
    assert "“stranger” no es un campo de este formulario." in response.text
    assert not deliverer.given


def test_a_body_that_is_no_form_is_refused(counter: Counter, deliverer: Deliverer) -> None:
    response = counter.client.post(f"/f/{counter.form.public_id}", json={"password": "x"}, headers=ORIGIN)
    assert response.status_code == 415
    assert "<form" in response.text


def test_a_passphrase_opens_its_link_for_this_visitor_alone(
    counter: Counter, app: Flask, deliverer: Deliverer, send: Send
) -> None:
    _, token = counter.link(passphrase="abre te sesamo")
    to = f"/l/{token}/passphrase"
    wrong = send(f"/l/{token}", to=to, passphrase="abracadabra")
    assert wrong.status_code == 403
    assert re.search(r'id="passphrase-error">.*?Esa no es la frase de acceso', wrong.text, re.DOTALL)
    assert "abracadabra" not in wrong.text
    right = send(f"/l/{token}", to=to, passphrase="abre te sesamo")
    assert right.status_code == 303
    assert right.headers["Location"] == f"/l/{token}"
    assert 'type="file"' in counter.client.get(f"/l/{token}").text
    assert 'type="file"' not in app.test_client().get(f"/l/{token}").text
    assert send(f"/l/{token}", **WHOLE).status_code == 303
    assert deliverer.given


@pytest.mark.attack("ways in", "a link's passphrase, guessed", "429 until it cooled off")
def test_a_passphrase_cannot_be_guessed_for_ever(counter: Counter, send: Send) -> None:
    _, token = counter.link(passphrase="abre te sesamo")
    to = f"/l/{token}/passphrase"
    answers = [send(f"/l/{token}", to=to, passphrase="abracadabra") for _ in range(links.MAX_TRIES + 1)]
    assert [answer.status_code for answer in answers] == [403] * links.MAX_TRIES + [429]
    assert "Demasiados intentos" in answers[-1].text


def test_a_passphrase_needs_the_pages_token_too(counter: Counter, send: Send) -> None:
    _, token = counter.link(passphrase="abre te sesamo")
    to = f"/l/{token}/passphrase"
    response = send(f"/l/{token}", to=to, passphrase="abre te sesamo", token="")
    assert response.status_code == 403
    assert 'type="file"' not in counter.client.get(f"/l/{token}").text


def test_the_unconfirmed_is_asked_for_again(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    token = counter.upload(State.UNKNOWN)
    response = send(f"/o/{token}")
    assert response.status_code == 303
    ((args, kwargs),) = deliverer.asked
    assert args[0] == counter.organization.id
    assert kwargs == {"actor": "customer"}
    assert "Acabamos de preguntarle" in counter.client.get(response.headers["Location"]).text


def test_asking_again_needs_the_pages_token(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    token = counter.upload(State.UNKNOWN)
    response = send(f"/o/{token}", token="")
    assert response.status_code == 403
    assert not deliverer.asked


def test_a_refusal_to_ask_again_is_said_on_the_page(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    token = counter.upload(State.UNKNOWN)
    deliverer.refusal = LinkUsedUp()
    response = send(f"/o/{token}")
    assert response.status_code == 410
    assert "¿Llegó?" in response.text


def test_nothing_is_asked_about_what_is_known(counter: Counter, deliverer: Deliverer) -> None:
    token = counter.upload(State.DELIVERED)
    assert counter.client.post(f"/o/{token}", data={}, content_type="multipart/form-data").status_code >= 400
    assert not deliverer.asked


def test_a_page_that_is_sent_twice_is_one_hand_in(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    token = counter.upload(State.DELIVERED)
    twin = send(**WHOLE, outcome=token)
    assert (twin.status_code, twin.headers["Location"]) == (303, f"/o/{token}")
    assert not deliverer.given


def test_a_twin_that_comes_while_the_first_is_at_work_is_led_to_it_too(deliverer: Deliverer, send: Send) -> None:
    deliverer.refusal = AlreadyHandedIn()
    token = 32 * "a"
    twin = send(**WHOLE, outcome=token)
    assert (twin.status_code, twin.headers["Location"]) == (303, f"/o/{token}")
    assert deliverer.given[0].origin.outcome_token == token


def test_a_twin_through_a_link_that_the_first_used_up_is_led_to_it(
    counter: Counter, deliverer: Deliverer, send: Send
) -> None:
    link, address = counter.link()
    page = BeautifulSoup(counter.client.get(f"/l/{address}").text, "html.parser")
    hidden = {str(tag["name"]): str(tag["value"]) for tag in page.select("input[type=hidden]")}
    counter.upload(State.DELIVERED, hidden["outcome"])
    with counter.database.transaction(counter.organization.id) as db:
        links.reserve(db, link, NOON)
    body, content_type = encode_multipart_formdata({**hidden, "password": "x"})
    twin = counter.client.post(f"/l/{address}", data=body, content_type=content_type, headers=ORIGIN)
    assert (twin.status_code, twin.headers["Location"]) == (303, f"/o/{hidden['outcome']}")


def test_what_came_to_nothing_may_be_sent_once_more(counter: Counter, deliverer: Deliverer, send: Send) -> None:
    token = counter.upload(State.REJECTED)
    assert send(**WHOLE, outcome=token).headers["Location"] == "/o/tok"
    assert deliverer.given[0].origin.outcome_token is None


@pytest.mark.parametrize("token", ["", "short", 33 * "a", 31 * "a" + "é"])
def test_a_token_that_no_page_of_ours_carries_finds_nothing(deliverer: Deliverer, send: Send, token: str) -> None:
    assert send(**WHOLE, outcome=token).status_code == 303
    assert deliverer.given[0].origin.outcome_token is None


def test_the_record_itself_knows_a_twin(counter: Counter) -> None:
    token = counter.upload(State.FAILED)
    with pytest.raises(AlreadyHandedIn):
        counter.upload(State.FAILED, token)


LOGO = ("logo.png", b"a picture")


@pytest.fixture
def logo(counter: Counter) -> None:
    counter.change(operation="facturapi/logo", settings={"types": ["png"], "protected": True})


@pytest.mark.usefixtures("logo")
def test_a_file_that_streams_is_delivered_while_it_comes(deliverer: Deliverer, send: Send) -> None:
    assert send(file=LOGO).status_code == 303
    (given,) = deliverer.given
    assert (given.streamed.file.filename, deliverer.content) == LOGO
    assert given.policy == Policy(types=frozenset({"png"}), protected=True)


@pytest.mark.usefixtures("logo")
@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [({"token": "x"}, 403, "La página estuvo abierta"), ({"notice": "2025-12"}, 422, "Acepta el aviso")],
)
def test_page_and_notice_are_judged_before_the_first_byte_of_a_file(
    counter: Counter, deliverer: Deliverer, send: Send, wrong: dict[str, str], status: int, said: str
) -> None:
    with counter.database.transaction(counter.organization.id) as db:
        organizations.get(db, counter.organization.id).notice_version = "2026-01"
    response = send(**{"notice": "2026-01", **wrong}, file=LOGO)
    assert response.status_code == status
    assert said in response.text
    assert "Habías elegido “logo.png”." in response.text
    assert not deliverer.given


@pytest.mark.usefixtures("logo")
def test_what_is_refused_of_a_stream_stands_next_to_its_field(deliverer: Deliverer, send: Send) -> None:
    deliverer.refusal = Rejected("image-unreadable", field="file")
    response = send(file=LOGO)
    assert response.status_code == 422
    assert re.search(r'id="file-error">.*?tiene que ser una imagen', response.text, re.DOTALL)
