"""Forms and the links into them: published, changed, opened and closed, handed out and withdrawn by a token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.database import utcnow
from app.records import audit
from app.tenants.models import Connection
from tests.api.conftest import Desk

LOGO = {"connection": "facturapi", "operation": "facturapi/logo"}


def all_of(desk: Desk, kind: str = "forms") -> str:
    return f"/api/v1/organizations/{desk.mine.slug}/{kind}"


def made(desk: Desk, **more: Any) -> dict[str, Any]:
    answer = desk.ask("POST", all_of(desk), json=LOGO | more)
    assert answer.status_code == 201, answer.text
    assert answer.json
    return dict(answer.json)


def actions(desk: Desk, kind: str) -> list[str]:
    with desk.database.transaction(desk.mine.organization.id) as session:
        return [entry.action for entry in audit.listing(session) if entry.action.startswith(kind)]


def opens(desk: Desk, address: str) -> int:
    return desk.app.test_client().get(address.removeprefix("http://localhost")).status_code


def test_published_at_an_address_that_opens(desk: Desk) -> None:
    form = made(desk)
    assert form["settings"] == {
        "types": None,
        "uninspected": False,
        "protected": False,
        "durable": None,
        "presets": {},
    }
    assert opens(desk, form["address"]) == 200
    one = f"{all_of(desk)}/{form['id']}"
    assert desk.ask("GET", one).json == form
    assert desk.ask("GET", all_of(desk)).json == {"items": [form], "next": None}
    assert actions(desk, "form.") == ["form.added"]


def test_an_efirma_waits_until_it_is_opened(desk: Desk) -> None:
    form = made(desk, operation="facturapi/fiel")
    assert form["open"] is False
    one = f"{all_of(desk)}/{form['id']}"
    seen = desk.ask("GET", one).headers["ETag"]
    opened = desk.ask("PATCH", one, json={"open": True}, headers={"If-Match": seen})
    assert (opened.status_code, opened.json and opened.json["open"]) == (200, True)
    assert opens(desk, form["address"]) == 200
    assert desk.ask("PATCH", one, json={"open": False}, headers={"If-Match": seen}).status_code == 412
    assert desk.ask("PATCH", one, json={"open": False}).status_code == 200
    assert opens(desk, form["address"]) == 403
    assert actions(desk, "form.") == ["form.closed", "form.opened", "form.added"]


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"connection": "nobody"}, "#/connection"),
        ({"operation": "codat/file"}, "#/operation"),
        ({"operation": "facturapi/nothing"}, "#/operation"),
        ({"settings": {"types": ["pdf"]}}, "#/types"),
        ({"settings": {"types": ["nothing"]}}, "#/types"),
        ({"settings": {"types": []}}, "#/types"),
        ({"settings": {"durable": True}}, "#/durable"),
        ({"settings": {"presets": {"path": "x"}}}, "#/presets"),
        ({"settings": {"presets": {"path": 7}}}, "#/settings/presets/path"),
        ({"settings": {"other": 1}}, "#/settings/other"),
    ],
)
def test_what_is_not_published(desk: Desk, change: dict[str, Any], at: str) -> None:
    answer = desk.ask("POST", all_of(desk), json=LOGO | change)
    assert answer.status_code == 422
    assert answer.json
    assert [one["pointer"] for one in answer.json["errors"]] == [at]
    assert desk.ask("GET", all_of(desk)).json == {"items": [], "next": None}


def test_what_a_form_takes_is_changed_whole(desk: Desk) -> None:
    form = made(desk, link_only=True)
    one = f"{all_of(desk)}/{form['id']}"
    narrowed = desk.ask("PATCH", one, json={"settings": {"protected": True}, "link_only": False}).json
    assert narrowed
    assert (narrowed["settings"]["protected"], narrowed["link_only"]) == (True, False)
    assert desk.ask("PATCH", one, json={"settings": {}}).json["settings"]["protected"] is False  # type: ignore[index]


def test_a_credential_that_ends_by_itself_is_attended_to(desk: Desk) -> None:
    desk.set(Connection, desk.mine.connection.id, credential_ends_at=utcnow() + timedelta(days=9))
    answer = desk.ask("POST", all_of(desk), json=LOGO)
    assert (answer.status_code, answer.json and answer.json["type"]) == (422, "/docs/problems#credential-ends")
    made(desk, attended=True)


def link(desk: Desk, form: dict[str, Any], **said: Any) -> Any:
    return desk.ask("POST", f"{all_of(desk)}/{form['id']}/links", json=said)


def test_a_link_leads_in_until_it_is_withdrawn(desk: Desk) -> None:
    form = made(desk, link_only=True)
    answer = link(desk, form, recipient="Ana", max_uses=3, locale="en")
    assert answer.status_code == 201
    told = answer.json["link"]
    assert (told["recipient"], told["max_uses"], told["uses"], told["guarded"]) == ("Ana", 3, 0, False)
    assert opens(desk, answer.json["address"]) in {200, 303}
    there = desk.ask("GET", answer.headers["Location"])
    assert there.json == told
    assert answer.json["address"].rpartition("/")[2] not in there.text
    assert desk.ask("GET", f"{all_of(desk)}/{form['id']}/links").json == {"items": [told], "next": None}
    gone = desk.ask("POST", f"{all_of(desk, 'links')}/{told['id']}/revoke")
    assert (gone.status_code, bool(gone.json and gone.json["revoked_at"])) == (200, True)
    assert desk.ask("POST", f"{all_of(desk, 'links')}/{told['id']}/revoke").json == gone.json
    assert opens(desk, answer.json["address"]) == 410
    assert actions(desk, "link.") == ["link.revoked", "link.added"]


def test_a_passphrase_is_never_shown(desk: Desk) -> None:
    answer = link(desk, made(desk), passphrase="open sesame")
    assert answer.json["link"]["guarded"] is True
    assert "sesame" not in answer.text
    with desk.database.transaction(desk.mine.organization.id) as session:
        assert "sesame" not in str([entry.details for entry in audit.listing(session)])


@pytest.mark.parametrize(
    "said",
    [
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "tomorrow"},
        {"max_uses": 0},
        {"max_uses": 10_001},
        {"recipient": ""},
        {"recipient": "a\tb"},
        {"locale": "fr"},
        {"passphrase": ""},
        {"token": "x"},
    ],
)
def test_a_link_that_is_not_made(desk: Desk, said: dict[str, Any]) -> None:
    form = made(desk)
    answer = link(desk, form, **said)
    assert (answer.status_code, [one["pointer"] for one in answer.json["errors"]]) == (422, [f"#/{next(iter(said))}"])
    assert desk.ask("GET", f"{all_of(desk)}/{form['id']}/links").json == {"items": [], "next": None}


def test_links_come_in_pages(desk: Desk) -> None:
    form = made(desk)
    ids = [link(desk, form).json["link"]["id"] for _ in range(3)]
    page = desk.ask("GET", f"{all_of(desk)}/{form['id']}/links?limit=2")
    assert page.json
    rest = desk.ask("GET", page.headers["Link"].partition(">")[0].lstrip("<"))
    assert rest.json
    assert [one["id"] for one in [*page.json["items"], *rest.json["items"]]] == ids
    assert rest.json["next"] is None
