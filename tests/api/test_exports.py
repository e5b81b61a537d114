"""An organization is taken from here to there: all that was set up, nothing that is secret, all of it or nothing."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from app.tenants.vault import Vault
from tests.api.conftest import Desk
from tests.tenancy import borrow, house

ALL = "/api/v1/organizations"


def exported(desk: Desk) -> dict[str, Any]:
    answer = desk.ask("GET", f"{ALL}/{desk.mine.slug}/export")
    assert answer.status_code == 200
    assert "sk_" not in answer.text
    return dict(answer.json or {})


def imported(desk: Desk, body: dict[str, Any], by: str = "house both") -> Any:
    return desk.ask("POST", f"{ALL}/import", by, json=body)


def renamed(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "organization": {**body["organization"], "slug": f"n-{secrets.token_hex(6)}"}}


@pytest.fixture
def furnished(desk: Desk, vault: Vault) -> dict[str, Any]:
    """What is written out of an organization with all that there is to set up."""
    root = f"{ALL}/{desk.mine.slug}"
    lender = house(desk.database, vault, name=f"house-{secrets.token_hex(4)}")
    borrow(desk.database, vault, desk.mine.organization.id, lender)
    settings = {"organization_id": secrets.token_hex(12)}
    assert (
        desk.ask("PATCH", f"{root}/connections/borrowed", "house both", json={"settings": settings}).status_code == 200
    )
    about = {
        "notice_url": "https://kemper.example",
        "notice_version": "2",
        "keep_delivered_days": 7,
        "accent": "#AABBCC",
    }
    assert desk.ask("PATCH", root, json=about).status_code == 200
    form = {"connection": "facturapi", "operation": "facturapi/logo", "settings": {"protected": True}}
    assert desk.ask("POST", f"{root}/forms", json=form | {"link_only": True}).status_code == 201
    return exported(desk)


def test_what_is_written_out_is_taken_in(desk: Desk, furnished: dict[str, Any]) -> None:
    body = renamed(furnished)
    answer = imported(desk, body)
    assert answer.status_code == 201, answer.text
    there = answer.headers["Location"]
    assert desk.ask("GET", f"{there}/export", "house both").json == body
    assert answer.json["without_credential"] == ["facturapi"]
    assert desk.ask("GET", there, "house both").json == answer.json["organization"]


def test_what_came_without_its_credential_waits_for_it(desk: Desk, furnished: dict[str, Any]) -> None:
    account, key = secrets.token_hex(12), f"sk_live_{secrets.token_hex(16)}"
    desk.sandbox.seed(facturapi={"organizations": [{"id": account, "name": "Kemper", "live_keys": [key]}]})
    (own,) = (way for way in furnished["connections"] if way["name"] == "facturapi")
    own["settings"] = {"organization_id": account}
    there = imported(desk, renamed(furnished)).headers["Location"]
    one = f"{there}/connections/facturapi"
    assert desk.ask("GET", one, "house both").json["paused_because"] == "credential-missing"  # type: ignore[index]
    assert desk.hand_in(f"{there}/facturapi/logo", "house both").status_code == 503
    tried = desk.ask("POST", f"{one}/verify", "house both").json
    assert tried
    assert (tried["ok"], tried["detail"]) == (False, "it has no credential")
    assert desk.ask("PATCH", one, "house both", json={"credential": {"key": key}}).status_code == 200
    assert desk.ask("POST", f"{one}/verify", "house both").json["resumed"] is True  # type: ignore[index]
    assert desk.hand_in(f"{there}/facturapi/logo", "house both").status_code == 201


@pytest.mark.parametrize(
    ("where", "change", "status"),
    [
        ("connections", {"settings": {"organization_id": "x"}}, 422),
        ("connections", {"name": "A B"}, 422),
        ("connections", {"house_connection": "nobody's"}, 422),
        ("connections", {"credential": {"key": "x"}}, 422),
        ("forms", {"connection": "nobody"}, 422),
        ("forms", {"operation": "codat/file"}, 422),
        ("forms", {"settings": {"durable": True}}, 422),
    ],
)
def test_all_of_it_or_nothing(
    desk: Desk, furnished: dict[str, Any], where: str, change: dict[str, Any], status: int
) -> None:
    body = renamed(furnished)
    body[where] = [*body[where][:-1], body[where][-1] | change]
    assert imported(desk, body).status_code == status
    assert desk.ask("GET", f"{ALL}/{body['organization']['slug']}", "house both").status_code == 404


def test_who_is_there_already_is_not_imported(desk: Desk, furnished: dict[str, Any]) -> None:
    assert imported(desk, furnished).status_code == 409
    assert imported(desk, {**furnished, "version": 2}).status_code == 422
    assert imported(desk, renamed(furnished), "both").status_code == 403
