"""Who is let in: every address of the API against every kind of token."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.tenants.models import Connection, Organization
from tests.api.conftest import PNG, Desk

#: What each address answers to whom; a token of one's own and the house's are let in by the same rule.
WRITES = {
    None: 401,
    "expired": 401,
    "revoked": 401,
    "read": 403,
    "their both": 404,
    "their write": 404,
    "house read": 403,
    "house revoked": 401,
    "house expired": 401,
    "both": 201,
    "write": 201,
    "house both": 201,
    "house write": 201,
}
READS = {
    None: 401,
    "expired": 401,
    "revoked": 401,
    "write": 403,
    "their both": 404,
    "their read": 404,
    "house write": 403,
    "house revoked": 401,
    "house expired": 401,
    "both": 200,
    "read": 200,
    "house both": 200,
    "house read": 200,
}


@pytest.mark.parametrize(("token", "status"), WRITES.items())
def test_who_may_hand_in(desk: Desk, token: str | None, status: int) -> None:
    assert desk.hand_in(token=token).status_code == status
    assert len(desk.uploads()) == (status == 201)
    assert len(desk.sandbox.ledger("facturapi")) == (2 if status == 201 else 0)


@pytest.mark.parametrize(("token", "status"), WRITES.items())
def test_who_may_hand_a_file_in_alone(desk: Desk, token: str | None, status: int) -> None:
    answer = desk.ask("PUT", f"{desk.mine.to_logo}?filename=logo.png", token, data=PNG)
    assert answer.status_code == status
    assert len(desk.uploads()) == (status == 201)
    assert len(desk.sandbox.ledger("facturapi")) == (2 if status == 201 else 0)


@pytest.mark.parametrize(("token", "status"), READS.items())
def test_who_may_look(desk: Desk, token: str | None, status: int) -> None:
    made = desk.hand_in().json
    assert made
    answer = desk.ask("GET", f"/api/v1/uploads/{made['id']}", token)
    assert answer.status_code == status
    assert (made["id"] in answer.text) is (status == 200)


def test_their_upload_reads_like_none(desk: Desk) -> None:
    theirs = desk.hand_in(desk.theirs.to_logo, "their both").json
    assert theirs
    there, nowhere = (desk.ask("GET", f"/api/v1/uploads/{one}") for one in (theirs["id"], uuid4()))
    assert (there.status_code, there.json) == (nowhere.status_code, nowhere.json)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer vnt_live_x", "Basic {token}", "{token}", "Bearer {token}x"])
def test_what_is_no_good_token_is_all_the_same(desk: Desk, header: str) -> None:
    headers = {"Authorization": header.format(token=desk.token("both"))}
    answer = desk.hand_in(token=None, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="ventanilla"')


def test_a_scheme_is_no_matter_of_capitals(desk: Desk) -> None:
    assert desk.hand_in(token=None, headers={"Authorization": f"bearer {desk.token('both')}"}).status_code == 201


def test_a_browsers_cookie_gives_nothing(desk: Desk) -> None:
    client = desk.app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "1"
    assert client.get(f"/api/v1/uploads/{uuid4()}").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/organizations/nobody/facturapi/logo",
        "/api/v1/organizations/a%00b/facturapi/logo",
        "/api/v1/organizations/{slug}/a%00b/logo",
        "/api/v1/organizations/{slug}/nothing/logo",
        "/api/v1/organizations/{slug}/facturapi/nothing",
        "/api/v1/organizations/{slug}/facturapi/document",
        "/api/v1/organizations/{slug}/facturapi",
        "/api/v1/nothing",
        "/api/",
    ],
)
@pytest.mark.parametrize("token", ["both", "house both"])
def test_what_there_is_not(desk: Desk, path: str, token: str) -> None:
    answer = desk.hand_in(path.format(slug=desk.mine.slug), token)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.json
    assert answer.json["type"] == "/docs/problems#not-found"


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PATCH"])
def test_another_method(desk: Desk, method: str) -> None:
    answer = desk.ask(method, desk.mine.to_logo)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "PUT"}


def test_a_suspended_organization_takes_nothing(desk: Desk) -> None:
    desk.set(Organization, desk.mine.organization.id, suspended_at=desk.mine.organization.created_at)
    answer = desk.hand_in()
    assert (answer.status_code, answer.json and answer.json["type"]) == (
        403,
        "/docs/problems#organization-suspended",
    )


def test_a_paused_connection_takes_nothing(desk: Desk) -> None:
    desk.set(Connection, desk.mine.connection.id, paused_at=desk.mine.organization.created_at)
    answer = desk.hand_in()
    assert (answer.status_code, answer.json and answer.json["type"]) == (503, "/docs/problems#connection-paused")
    assert not desk.sandbox.ledger("facturapi")


def test_a_connection_of_theirs_is_not_mine_by_its_name(desk: Desk) -> None:
    desk.set(Connection, desk.mine.connection.id, name="other")
    assert desk.hand_in().status_code == 404


def test_pages_are_still_pages(desk: Desk) -> None:
    assert desk.ask("GET", "/nothing", None).content_type.startswith("text/html")


def test_a_problems_type_leads_to_its_sentence(desk: Desk) -> None:
    answer = desk.hand_in(token=None)
    assert answer.json
    page, _, anchor = answer.json["type"].partition("#")
    shown = desk.ask("GET", page, None)
    assert shown.status_code == 200
    assert f'id="{anchor}"' in shown.text
