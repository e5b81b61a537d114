"""Links on the dashboard: made and shown once, mailed, found by where they got to, withdrawn."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from app.dashboard.links import STANDINGS
from app.mail import Message
from app.tenants.links import Standing
from app.tenants.models import Link
from app.tenants.roles import Role
from tests.dashboard.sitting import Two

ADDRESS = re.compile(r'value="http://localhost(/l/[\w-]+)"')


def links(two: Two) -> list[Link]:
    with two.database.transaction(two.mine.id) as session:
        return session.query(Link).order_by(Link.id).all()


def make(two: Two, role: Role = Role.OPERATOR, **fields: str) -> str:
    """Make a link by the page; the path that it leads in at."""
    at = f"{two.root}/forms/{two.mine.form.id}/links"
    made = two.sit(role).send(at, f"{at}/new", **{"max_uses": "1", **fields})
    assert made.status_code == 200, made.text
    found = ADDRESS.search(made.text)
    assert found, made.text
    assert f'src="{found[1]}/qr.svg"' in made.text
    return found[1]


def test_every_standing_has_its_words() -> None:
    assert set(STANDINGS) == set(Standing)


def test_a_link_is_made_and_opened_and_withdrawn(two: Two) -> None:
    address = make(two, recipient="Ana <i>Ruiz</i>", locale="en", expires_at="2100-01-31", max_uses="3")
    made = links(two)[-1]
    assert (made.recipient, made.locale, made.max_uses) == ("Ana <i>Ruiz</i>", "en", 3)
    assert made.expires_at.isoformat() == "2100-02-01T06:00:00+00:00"
    assert two.app.test_client().get(address).status_code == 200
    operator = two.sit(Role.OPERATOR)
    listed = operator.see(f"{two.root}/links?recipient=ruiz")
    assert "Ana &lt;i&gt;Ruiz&lt;/i&gt;" in listed
    assert "once," in listed
    assert address not in listed
    assert operator.send(f"{two.root}/links/{made.id}/revoke").status_code == 303
    assert two.app.test_client().get(address).status_code == 410
    assert [action for action, _ in two.actions("link.")] == ["link.revoked", "link.added"]


def test_links_are_narrowed_by_where_they_got_to(two: Two) -> None:
    make(two, recipient="Bruno")
    opened = make(two, recipient="Carla")
    two.app.test_client().get(opened)
    auditor = two.sit(Role.AUDITOR)
    unopened = auditor.see(f"{two.root}/links?standing=unopened")
    assert ("Bruno" in unopened, "Carla" in unopened) == (True, False)
    assert "Carla" in auditor.see(f"{two.root}/links?standing=open&form={two.mine.form.id}")
    assert "There is no such link" in auditor.see(f"{two.root}/links?standing=revoked")
    assert "Withdraw the link for" not in unopened


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"max_uses": "0"}, "max_uses"),
        ({"max_uses": "many"}, "max_uses"),
        ({"expires_at": "2001-01-01"}, "expires_at"),
        ({"locale": "fr"}, "locale"),
        ({"email": "ana"}, "email"),
    ],
)
def test_what_is_wrong_stands_at_its_field(two: Two, fields: dict[str, str], at: str) -> None:
    before = len(links(two))
    make_at = f"{two.root}/forms/{two.mine.form.id}/links"
    typed = {"recipient": "Ana", "passphrase": "open sesame", **fields}
    two.app.extensions["ventanilla"] = replace(two.app.extensions["ventanilla"], mailer=Postbox())
    answer = two.sit().send(make_at, f"{make_at}/new", **typed)
    assert (answer.status_code, f'id="{at}-fault"' in answer.text) == (422, True)
    assert 'value="Ana"' in answer.text
    assert "sesame" not in answer.text
    assert len(links(two)) == before


class Postbox:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    def send(self, message: Message) -> None:
        self.got.append(message)


def test_a_link_is_mailed_where_mail_can_be_sent(two: Two) -> None:
    new = f"{two.root}/forms/{two.mine.form.id}/links/new"
    two.app.extensions["ventanilla"] = replace(two.app.extensions["ventanilla"], mailer=None)
    assert 'name="email"' not in two.sit().see(new)
    box = Postbox()
    two.app.extensions["ventanilla"] = replace(two.app.extensions["ventanilla"], mailer=box)
    assert 'name="email"' in two.sit().see(new)
    address = make(two, email="ana@ejemplo.example", recipient="Ana", passphrase="sesame")
    (sent,) = box.got
    assert (sent.to, sent.language) == ("ana@ejemplo.example", "es")
    assert address in sent.text
    assert "frase de acceso" in sent.text


def test_who_only_looks_makes_none_and_nobody_reaches_anothers(two: Two) -> None:
    new = f"{two.root}/forms/{two.mine.form.id}/links/new"
    two.sit(Role.AUDITOR).see(new, 403)
    theirs = f"/admin/organizations/{two.theirs.organization.slug}"
    owner = two.sit()
    owner.see(f"{theirs}/forms/{two.mine.form.id}/links/new", 404)
    assert owner.send(f"{theirs}/links/{two.mine.link.id}/revoke").status_code == 404
    manager = two.sit(Role.MANAGER, at_mine=True)
    assert manager.see(new)
    manager.see(f"{theirs}/links", 404)
