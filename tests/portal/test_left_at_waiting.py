"""The customer who left while it waits: the page follows, and whoever asks is told by mail how it ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import select
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.database import Database, utcnow
from app.intake.shedding import WISHES
from app.records import mails, uploads
from app.records.models import OutcomeMail, Upload
from app.records.states import State
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant

ANA = "ana@cliente.example"


@pytest.fixture
def mail_settings(settings: Settings, tmp_path: Path) -> Settings:
    sender = {"mail_url": SecretStr(f"file://{tmp_path}"), "mail_from": "a@b.example"}
    return settings.model_copy(update=sender)


@pytest.fixture
def open_app(clean: None) -> Iterator[Callable[[Settings], Flask]]:
    made: list[Flask] = []

    def open_app(settings: Settings) -> Flask:
        made.append(create_app(settings))
        return made[-1]

    yield open_app
    for app in made:
        services = app.extensions["ventanilla"]
        services.process.stop()
        services.deliverer.close()
        services.database.dispose()


@pytest.fixture
def client(open_app: Callable[[Settings], Flask], mail_settings: Settings) -> FlaskClient:
    return open_app(mail_settings).test_client()


@pytest.fixture
def mine(database: Database, vault: Vault, client: FlaskClient) -> Tenant:
    made = tenant(database, vault, f"t-{secrets.token_hex(6)}")
    with database.transaction(made.id) as session:
        upload = session.get_one(Upload, made.upload.id)
        upload.mode = "durable"
        uploads.change(session, upload, State.WAITING, actor="tests", now=utcnow(), problem="provider-unreachable")
        upload.deadline_at = utcnow().replace(year=2026, month=11, day=22, hour=20, minute=5)
    return made


def page(client: FlaskClient, mine: Tenant, lang: str = "es") -> BeautifulSoup:
    client.set_cookie("lang", lang)
    return BeautifulSoup(client.get(f"/o/{mine.outcome_token}").text, "html.parser")


def text_of(page: BeautifulSoup) -> str:
    return " ".join(page.get_text(" ").split())


def post(client: FlaskClient, mine: Tenant, address: str, **changes: Any) -> TestResponse:
    form = BeautifulSoup(client.get(f"/f/{mine.form.public_id}").text, "html.parser")
    field = form.select_one("[name=csrf_token]")
    token = str(field["value"]) if isinstance(field, Tag) else ""
    fields = {"csrf_token": token, "email": address} | changes.pop("fields", {})
    body, content_type = encode_multipart_formdata(fields)
    headers = {"Origin": "http://localhost"} | changes.pop("headers", {})
    return client.post(f"/o/{mine.outcome_token}/mail", data=body, content_type=content_type, headers=headers)


def told(database: Database, vault: Vault, mine: Tenant) -> tuple[str, str]:
    with database.transaction(mine.id) as session:
        mail = session.scalars(select(OutcomeMail)).one()
        return mails.address(session, vault, mail), mail.locale


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        ("es", ["está a salvo con nosotros", "Puedes cerrar esta página. Seguimos intentando hasta el 22 nov 2026,"]),
        ("en", ["it is safe with us", "You may close this page. We keep trying until 22 Nov 2026,"]),
    ],
)
def test_what_waits_is_safe_and_may_be_left(client: FlaskClient, mine: Tenant, lang: str, sentences: list[str]) -> None:
    shown = page(client, mine, lang)
    for sentence in sentences:
        assert sentence in text_of(shown)
    assert not shown.select(".callout.doubt, .callout.bad, .callout.busy"), "the reason is the operator's"
    assert shown.select_one("[data-watch]")
    (refresh,) = shown.select("noscript meta")
    assert refresh["content"] == f"60;url=/o/{mine.outcome_token}"


@pytest.mark.parametrize("end", [State.DELIVERED, State.FAILED, State.UNKNOWN])
def test_the_page_follows_to_the_end(client: FlaskClient, database: Database, mine: Tenant, end: State) -> None:
    def state() -> str:
        return str(client.get(f"/o/{mine.outcome_token}/state").json["state"])  # type: ignore[index]

    seen = [state()]
    for to in (State.DELIVERING, end):
        with database.transaction(mine.id) as session:
            uploads.move(session, mine.upload, to, actor="tests", now=utcnow())
        seen.append(state())
        shown = page(client, mine)
        assert bool(shown.select("[data-watch]")) is (to in {State.DELIVERING, State.DELIVERED})  # its receipt's due
        assert bool(shown.select("#email")) is (to is State.DELIVERING)
    assert seen == ["waiting", "delivering", end]


def test_a_further_try_is_still_something_that_may_be_left(
    client: FlaskClient, database: Database, mine: Tenant
) -> None:
    with database.transaction(mine.id) as session:
        uploads.move(session, mine.upload, State.DELIVERING, actor="tests", now=utcnow())
    assert "Puedes cerrar esta página." in text_of(page(client, mine))


def test_an_address_is_kept_for_the_end_and_never_shown(
    client: FlaskClient, database: Database, vault: Vault, mine: Tenant
) -> None:
    answer = post(client, mine, f"  {ANA} ")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/o/{mine.outcome_token}")
    assert told(database, vault, mine) == (ANA, "es")
    shown = page(client, mine)
    assert "Te escribimos en cuanto termine." in text_of(shown)
    assert ANA not in str(shown)
    (more,) = shown.select("details")
    assert not more.has_attr("open")
    post(client, mine, "eva@cliente.example")
    assert told(database, vault, mine) == ("eva@cliente.example", "es")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "ana@localhost",
        "ana@@a.example",
        "a b@c.example",
        "a\n@a.example",
        "ana@-a.example",
        "á@a.example",
        f"{'x' * 65}@a.example",
        f"a@{'.'.join(['d' * 60] * 5)}",
        "Ana <ana@a.example>",
        "a@b.example,c@d.example",
    ],
)
def test_what_is_no_address_is_said_beside_it(
    client: FlaskClient, database: Database, mine: Tenant, address: str
) -> None:
    answer = post(client, mine, address)
    assert answer.status_code == 422
    shown = BeautifulSoup(answer.text, "html.parser")
    assert "nombre@ejemplo.com" in text_of(shown.select_one("#email-error"))  # type: ignore[arg-type]
    again = shown.select_one("#email[aria-invalid=true]")
    assert isinstance(again, Tag)
    assert again["value"] == address[:254]
    assert shown.select_one(".languages a")["href"].startswith(f"/o/{mine.outcome_token}?")  # type: ignore[index, union-attr]


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"fields": {"csrf_token": "x"}}, 403), ({"headers": {"Origin": "https://elsewhere.example"}}, 403)],
)
def test_only_our_own_page_can_ask(
    client: FlaskClient, database: Database, vault: Vault, mine: Tenant, changes: dict[str, Any], status: int
) -> None:
    post(client, mine, ANA)
    assert post(client, mine, "thief@elsewhere.example", **changes).status_code == status
    assert told(database, vault, mine)[0] == ANA


def test_who_asks_too_often_is_asked_to_wait(client: FlaskClient, mine: Tenant) -> None:
    answers = [post(client, mine, ANA) for _ in range(WISHES + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {303}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("mode", ["direct", "relay"])
def test_where_nobody_carries_on_nothing_is_promised(
    client: FlaskClient, database: Database, mine: Tenant, mode: str
) -> None:
    with database.transaction(mine.id) as session:
        session.get_one(Upload, mine.upload.id).mode = mode
    assert not page(client, mine).select("#email")
    assert post(client, mine, ANA).status_code == 404


def test_of_what_has_ended_nobody_is_told(client: FlaskClient, database: Database, mine: Tenant) -> None:
    with database.transaction(mine.id) as session:
        uploads.move(session, mine.upload, State.DELIVERED, actor="tests", now=utcnow())
    assert post(client, mine, ANA).status_code == 404


def test_without_a_way_for_mail_none_is_offered(
    open_app: Callable[[Settings], Flask], settings: Settings, mine: Tenant
) -> None:
    client = open_app(settings).test_client()
    assert "Puedes cerrar esta página" in text_of(page(client, mine))
    assert not page(client, mine).select("#email")
    assert post(client, mine, ANA).status_code == 404
