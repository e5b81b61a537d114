"""Forms and the links into them: published, changed, opened and closed, handed out and withdrawn by a token."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import segno
from sqlalchemy import Engine, text

from app.database import utcnow
from app.intake.shedding import WISHES
from app.mail import MailAway, MailError, Message
from app.records import audit
from app.tenants.links import reserve
from app.tenants.models import Connection, Link
from tests.api.conftest import Desk

NOTHING_OWN = {"title": None, "explanation": None}
TITLE = "Your <logo>"
#: What a drawing is made of.
LINES = re.compile(r' d="([^"]+)"')
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


def page_of(desk: Desk, address: str, language: str) -> str:
    client = desk.app.test_client()
    client.set_cookie("lang", language)
    return client.get(address.removeprefix("http://localhost")).text


def test_published_at_an_address_that_opens(desk: Desk) -> None:
    form = made(desk)
    assert form["settings"] == {
        "types": None,
        "uninspected": False,
        "protected": False,
        "durable": None,
        "presets": {},
        "texts": {"es": NOTHING_OWN, "en": NOTHING_OWN},
        "frame_origins": [],
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
        ({"settings": {"texts": {"fr": {"title": "x"}}}}, "#/settings/texts/fr"),
        ({"settings": {"texts": {"es": {"title": 121 * "x"}}}}, "#/settings/texts/es/title"),
        ({"settings": {"texts": {"es": {"title": "a\nb"}}}}, "#/texts"),
        ({"settings": {"texts": {"es": {"explanation": "a\u202eb"}}}}, "#/texts"),
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


def test_a_form_says_in_its_own_words_what_it_is_for(desk: Desk) -> None:
    texts = {"es": {"title": "Tu <b>logo</b>", "explanation": "Para tu tienda.\nEn PNG."}, "en": {"title": " "}}
    form = made(desk, settings={"texts": texts})
    assert form["settings"]["texts"] == {"es": texts["es"], "en": NOTHING_OWN}
    page = page_of(desk, form["address"], "es")
    assert "Tu &lt;b&gt;logo&lt;/b&gt;</h1>" in page
    assert ">Para tu tienda.</p>" in page
    assert ">En PNG.</p>" in page
    assert "Tu &lt;b&gt;" not in page_of(desk, form["address"], "en")


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
    assert there.json
    assert told["opened"] == 0
    told = told | {name: there.json[name] for name in ("opened", "first_opened_at", "last_opened_at")}
    assert there.json == told
    assert told["opened"] == 1
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


def test_a_link_that_no_call_would_make_is_listed_too(desk: Desk) -> None:
    told = link(desk, made(desk)).json["link"]
    with desk.database.transaction(desk.mine.organization.id) as session:
        session.get_one(Link, UUID(told["id"])).max_uses = 1_000_000
    listed = desk.ask("GET", all_of(desk, "links")).json
    assert listed
    assert [one["max_uses"] for one in listed["items"]] == [1_000_000]


def test_links_come_in_pages(desk: Desk) -> None:
    form = made(desk)
    ids = [link(desk, form).json["link"]["id"] for _ in range(3)]
    page = desk.ask("GET", f"{all_of(desk)}/{form['id']}/links?limit=2")
    assert page.json
    rest = desk.ask("GET", page.headers["Link"].partition(">")[0].lstrip("<"))
    assert rest.json
    assert [one["id"] for one in [*page.json["items"], *rest.json["items"]]] == ids
    assert rest.json["next"] is None


def standing(desk: Desk, which: str, **narrowed: str) -> list[str]:
    found = desk.ask("GET", all_of(desk, "links"), query_string={"standing": which, **narrowed})
    assert found.status_code == 200, found.text
    assert found.json
    return [one["recipient"] for one in found.json["items"]]


def test_links_are_found_by_where_they_got_to(desk: Desk) -> None:
    form, other = made(desk), made(desk)
    soon = (utcnow() + timedelta(days=2)).isoformat()
    links = {
        "new": link(desk, form, recipient="new").json,
        "ends soon": link(desk, other, recipient="ends soon", expires_at=soon).json,
        "opened": link(desk, form, recipient="opened").json,
        "revoked": link(desk, form, recipient="revoked").json,
        "used": link(desk, form, recipient="used").json,
    }
    assert opens(desk, links["opened"]["address"]) == 200
    desk.ask("POST", f"{all_of(desk, 'links')}/{links['revoked']['link']['id']}/revoke")
    with desk.database.transaction(desk.mine.organization.id) as session:
        reserve(session, session.get_one(Link, UUID(links["used"]["link"]["id"])), utcnow())
    assert standing(desk, "open") == ["opened", "ends soon", "new"]
    assert standing(desk, "expiring") == ["ends soon"]
    assert standing(desk, "unopened") == ["ends soon", "new"]
    assert standing(desk, "unused") == ["opened", "ends soon", "new"]
    assert standing(desk, "used-up") == ["used"]
    assert standing(desk, "revoked") == ["revoked"]
    assert standing(desk, "expired") == []
    assert standing(desk, "open", form=other["id"]) == ["ends soon"]
    assert standing(desk, "open", recipient="PEN") == ["opened"]
    assert standing(desk, "open", recipient="%") == []
    page = desk.ask("GET", f"{all_of(desk, 'links')}?limit=2").json
    assert page
    rest = desk.ask("GET", f"{all_of(desk, 'links')}?limit=50&cursor={page['next']}").json
    assert rest
    assert [one["recipient"] for one in page["items"] + rest["items"]] == [*links][::-1]
    used = desk.ask("GET", f"{all_of(desk, 'links')}/{links['used']['link']['id']}").json
    assert used
    assert used["last_used_at"]
    assert desk.ask("GET", f"{all_of(desk, 'links')}?standing=lost").status_code == 422


class Postbox:
    """Keeps what is sent, or does not take it."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.fault: MailError | None = None

    def send(self, message: Message) -> None:
        if self.fault:
            raise self.fault
        self.got.append(message)


@pytest.fixture
def postbox(desk: Desk) -> Postbox:
    box = Postbox()
    desk.app.extensions["ventanilla"] = replace(desk.app.extensions["ventanilla"], mailer=box)
    return box


def test_a_link_is_mailed_in_its_language_and_the_address_is_kept_nowhere(
    desk: Desk, postbox: Postbox, owner_engine: Engine
) -> None:
    form = made(desk, settings={"texts": {"en": {"title": TITLE}}})
    answer = link(desk, form, email=" ana@ejemplo.example ", locale="en", passphrase="open sesame")
    assert answer.status_code == 201
    assert answer.json["mailed"] is True
    (sent,) = postbox.got
    assert (sent.to, sent.language) == ("ana@ejemplo.example", "en")
    assert sent.subject == f"Kemper asks you for something: {TITLE}"
    assert answer.json["address"] in sent.text
    assert f'<a href="{answer.json["address"]}">' in sent.html
    assert "&lt;logo&gt;" in sent.html
    assert "sesame" not in sent.text
    assert "passphrase" in sent.text
    assert actions(desk, "link.") == ["link.mailed", "link.added"]
    with owner_engine.connect() as everything:
        tables = everything.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        for table in tables:
            assert "ana@ejemplo" not in str(everything.execute(text(f"SELECT t::text FROM {table} t")).all())  # noqa: S608


def test_a_link_whose_mail_was_not_taken_is_there_nevertheless(desk: Desk, postbox: Postbox) -> None:
    postbox.fault = MailAway("not now")
    answer = link(desk, made(desk), email="ana@ejemplo.example")
    assert (answer.status_code, answer.json["mailed"]) == (201, False)
    assert opens(desk, answer.json["address"]) == 200
    assert actions(desk, "link.") == ["link.added"]


@pytest.mark.parametrize("email", ["", "ana", "ana@x", "ana@ejemplo.example\nBcc: b@ejemplo.example"])
def test_no_link_is_made_for_what_is_no_address(desk: Desk, postbox: Postbox, email: str) -> None:
    form = made(desk)
    answer = link(desk, form, email=email)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/email")
    assert (standing(desk, "open"), postbox.got) == ([], [])


def test_without_a_way_for_mail_no_link_is_mailed(desk: Desk) -> None:
    desk.app.extensions["ventanilla"] = replace(desk.app.extensions["ventanilla"], mailer=None)
    answer = link(desk, made(desk), email="ana@ejemplo.example")
    assert (answer.status_code, answer.json["type"]) == (422, "/docs/problems#no-mail")


def test_mails_have_a_pace(desk: Desk, postbox: Postbox) -> None:
    form = made(desk)
    codes = [link(desk, form, email="ana@ejemplo.example").status_code for _ in range(WISHES + 1)]
    assert codes == [201] * WISHES + [429]
    assert len(standing(desk, "open")) == WISHES


@pytest.mark.parametrize("way", ["form", "link"])
def test_an_address_is_drawn_for_phones(desk: Desk, way: str) -> None:
    form = made(desk)
    address = form["address"] if way == "form" else link(desk, form).json["address"]
    drawn = desk.app.test_client().get(address.removeprefix("http://localhost") + "/qr.svg")
    assert (drawn.status_code, drawn.mimetype) == (200, "image/svg+xml")
    assert "style" not in drawn.text
    said = segno.make(address, error="m", micro=False).svg_inline(border=4, scale=8, light="#fff")
    assert LINES.findall(drawn.text) == LINES.findall(said) != []
    assert standing(desk, "unopened") == ([] if way == "form" else [None])
    assert desk.app.test_client().get(f"/{way[0]}/nothing/qr.svg").status_code == 404
