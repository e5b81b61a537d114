"""What a token costs and is held to at the door: where it is shown, when it was used, and no transaction more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.config import Settings
from app.database import Alone, Database, utcnow
from app.tenants import tokens
from app.tenants.models import ApiToken
from tests.api.conftest import PNG, Desk

HERE, THERE = "192.0.2.7", "203.0.113.9"
OWN = "Content-Type", "multipart/form-data; boundary=b"


def made(desk: Desk, networks: Sequence[str] = ()) -> tuple[ApiToken, str]:
    with desk.database.transaction(desk.mine.organization.id) as session:
        return tokens.create(
            session, organization_id=desk.mine.organization.id, name="x", scopes=tokens.SCOPES, networks=networks
        )


def ask(desk: Desk, token: str, method: str, path: str, address: str, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return desk.app.test_client().open(
        path, method=method, headers=headers, environ_base={"REMOTE_ADDR": address}, **more
    )


@pytest.fixture
def bound(desk: Desk) -> str:
    return made(desk, ["192.0.2.0/24", "2001:db8::/32"])[1]


@pytest.mark.attack("ways in", "a stolen token, shown from a network that it is not for", "refused")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/organizations/{slug}"),
        ("GET", "/api/v1/organizations/{slug}/uploads"),
        ("GET", "/api/v1/uploads/{upload}"),
        ("GET", "/api/v1/uploads/{upload}/attempts"),
        ("PUT", "/api/v1/organizations/{slug}/facturapi/logo?filename=a.png"),
        ("POST", "/files"),
    ],
)
def test_from_elsewhere_a_token_is_good_for_nothing(desk: Desk, bound: str, method: str, path: str) -> None:
    upload = desk.hand_in().json
    assert upload
    path = path.format(slug=desk.mine.slug, upload=upload["id"])
    more: dict[str, Any] = {"data": PNG} if method == "PUT" else {}
    if method == "POST":
        more["headers"] = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    there = ask(desk, bound, method, path, THERE, **more)
    assert (there.status_code, there.json["type"]) == (403, "/docs/problems#wrong-address")
    here = ask(desk, bound, method, path, HERE, **more)
    assert here.status_code in {200, 201} if method != "POST" else "wrong-address" not in here.text


@pytest.mark.parametrize(
    ("said", "status"), [(THERE, 403), (HERE, 200), (f"{HERE}, {THERE}", 403), ("2001:db8::1", 200)]
)
def test_what_our_own_proxy_saw_counts(desk: Desk, bound: str, said: str, status: int) -> None:
    headers = {"X-Forwarded-For": said}
    assert ask(desk, bound, "GET", "/api/v1/me", "127.0.0.1", headers=headers).status_code == status
    assert ask(desk, bound, "GET", "/api/v1/me", THERE, headers=headers).status_code == 403  # no proxy of ours


def test_an_unknown_upload_says_no_more_from_elsewhere(desk: Desk, bound: str) -> None:
    mine = desk.hand_in().json
    assert mine
    known, unknown = (ask(desk, bound, "GET", f"/api/v1/uploads/{one}", THERE) for one in (mine["id"], uuid4()))
    assert (known.status_code, known.json) == (unknown.status_code, unknown.json)


def test_its_last_use_is_shown(desk: Desk, bound: str) -> None:
    before = utcnow() - timedelta(seconds=1)
    row, token = made(desk)
    ask(desk, token, "GET", "/api/v1/me", HERE)
    with desk.database.transaction(desk.mine.organization.id) as session:
        used = session.get_one(ApiToken, row.id).last_used_at
    assert used is not None
    assert before < used < utcnow()


def test_a_small_upload_costs_three_round_trips_and_the_first_of_a_minute_one_more(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To be let in, the mark, the outcome. Nothing else is asked of the database where all is known."""
    _, token = made(desk)
    path = f"{desk.mine.to_logo}?filename=logo.png"
    desk.ask("PUT", path, data=PNG)  # where it leads is known from now on
    statements, transactions = [], []
    execute, transaction, doors = Alone.execute, Database.transaction, Database.doors

    def counted(alone: Alone, statement: Any, values: Any) -> Any:
        statements.append(str(statement).partition("(")[0].split()[-1])
        return execute(alone, statement, values)

    def begun(database: Database, organization: Any) -> Any:
        transactions.append(organization)
        return transaction(database, organization)

    def opened(database: Database) -> Any:
        transactions.append("doors")
        return doors(database)

    monkeypatch.setattr(Alone, "execute", counted)
    monkeypatch.setattr(Database, "transaction", begun)
    monkeypatch.setattr(Database, "doors", opened)
    usual = ["ventanilla_admit", "ventanilla_begin", "ventanilla_finish"]
    for expected in ([usual[0], "ventanilla_use_token", *usual[1:]], usual, usual):
        statements.clear()
        assert ask(desk, token, "PUT", path, HERE, data=PNG).status_code == 201
        assert statements == expected
    assert transactions == []
