"""Ways in, with a real database: what opens, what is closed, and that looking uses nothing up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.database import Database, utcnow
from app.providers import registry
from app.records import uploads
from app.records.states import State
from app.services import Services
from app.tenants import connections, forms, links, organizations
from app.tenants.models import Environment, Form, Link, Organization

OPERATION = "facturapi/certificate"


@dataclass(frozen=True, kw_only=True)
class Counter:
    """An organization with a connection and a form, and a browser in front of it."""

    client: FlaskClient
    database: Database
    organization: Organization
    form: Form

    def link(self, **changes: Any) -> tuple[Link, str]:
        with self.database.transaction(self.organization.id) as db:
            return links.create(db, form=self.form, **{"expires_at": utcnow() + timedelta(days=1), **changes})

    def uses(self, link: Link) -> int:
        with self.database.transaction(self.organization.id) as db:
            return db.get_one(Link, link.id).uses

    def change(self, **columns: Any) -> None:
        with self.database.transaction(self.organization.id) as db:
            form = db.get_one(Form, self.form.id)
            for name, value in columns.items():
                setattr(form, name, value)

    def upload(self, state: State, token: str | None = None) -> str:
        token, outcome_hash = uploads.new_outcome_token(token)
        begun = state if state in {State.REJECTED, State.FAILED} else State.DELIVERING
        with self.database.transaction(self.organization.id) as db:
            upload = uploads.begin(
                db,
                organization_id=self.organization.id,
                connection_id=self.form.connection_id,
                form_id=self.form.id,
                operation=self.form.operation,
                mode="direct",
                state=begun,
                process_id=self.form.id,
                actor="test",
                now=utcnow(),
                outcome_hash=outcome_hash,
            )
            if state != begun:
                uploads.move(db, upload, state, actor="test", now=utcnow())
        return token


@pytest.fixture
def counter(app: Flask) -> Counter:
    services: Services = app.extensions["ventanilla"]
    organization = organizations.add(services.database, slug="kemper", name="Escuela Kemper", locale="es")
    with services.database.transaction(organization.id) as db:
        connection = connections.add(
            db,
            services.vault,
            organization_id=organization.id,
            provider="facturapi",
            name="facturapi",
            environment=Environment.SANDBOX,
            settings={"organization_id": 24 * "a"},
        )
        form = forms.add(
            db, organization_id=organization.id, connection_id=connection.id, operation=OPERATION, open=True
        )
    return Counter(client=app.test_client(), database=services.database, organization=organization, form=form)


def test_an_open_form_opens(counter: Counter) -> None:
    response = counter.client.get(f"/f/{counter.form.public_id}")
    assert response.status_code == 200
    assert 'lang="es"' in response.text
    assert "Escuela Kemper" in response.text
    assert response.headers["Cache-Control"] == "no-store"
    english = counter.client.get(f"/f/{counter.form.public_id}?lang=en", follow_redirects=True)
    assert registry.operation(OPERATION).title in english.text


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"open": False}, "Este formulario está cerrado"), ({"link_only": True}, "Necesitas tu enlace personal")],
)
def test_a_form_that_is_closed_says_so(counter: Counter, columns: dict[str, Any], said: str) -> None:
    counter.change(**columns)
    response = counter.client.get(f"/f/{counter.form.public_id}")
    assert response.status_code == 403
    assert said in response.text
    assert "<form" not in response.text
    assert "Escuela Kemper" in response.text


@pytest.mark.parametrize("address", ["/f/none", "/l/none", "/o/none", "/o/none/state", "/l/%00", "/f/%00", "/o/%00"])
def test_an_address_of_nothing_is_not_found(counter: Counter, address: str) -> None:
    assert counter.client.get(address).status_code == 404


def test_opening_a_link_uses_nothing_up(counter: Counter) -> None:
    link, token = counter.link(locale="en")
    for _ in range(3):
        response = counter.client.get(f"/l/{token}")
        assert response.status_code == 200
    assert '<html lang="en">' in response.text
    assert f'action="/l/{token}"' in response.text
    assert response.headers["Referrer-Policy"] == "strict-origin"
    assert counter.client.head(f"/l/{token}").status_code == 200
    assert counter.uses(link) == 0


def test_a_link_opens_a_form_that_nothing_else_does(counter: Counter) -> None:
    counter.change(link_only=True)
    _, token = counter.link()
    assert counter.client.get(f"/l/{token}").status_code == 200
    counter.change(open=False)
    assert counter.client.get(f"/l/{token}").status_code == 403


def test_a_link_that_is_over_says_why(counter: Counter) -> None:
    _, expired = counter.link(expires_at=utcnow() - timedelta(minutes=1))
    used, used_token = counter.link()
    withdrawn, withdrawn_token = counter.link()
    with counter.database.transaction(counter.organization.id) as db:
        links.reserve(db, used, utcnow())
        links.revoke(db, withdrawn.id, utcnow())
    for token, said in (
        (expired, "Este enlace venció"),
        (used_token, "Este enlace ya se usó"),
        (withdrawn_token, "Este enlace fue retirado"),
    ):
        response = counter.client.get(f"/l/{token}")
        assert response.status_code == 410
        assert f"<h1>{said}</h1>" in response.text


def test_a_link_with_a_passphrase_asks_for_it_first(counter: Counter) -> None:
    _, token = counter.link(passphrase="abre te sesamo")
    response = counter.client.get(f"/l/{token}")
    assert response.status_code == 200
    assert 'name="passphrase"' in response.text
    assert 'type="file"' not in response.text
    # Files that are sent before it are not even read.
    response = counter.client.post(f"/l/{token}")
    assert response.status_code == 403
    assert 'name="passphrase"' in response.text


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.UNKNOWN, State.REJECTED, State.DELIVERING])
def test_an_outcome_has_a_lasting_address(counter: Counter, state: State) -> None:
    token = counter.upload(state)
    response = counter.client.get(f"/o/{token}")
    assert response.status_code == 200
    told = {"state": state.value, "provider_status": None, "receipt": False}
    assert counter.client.get(f"/o/{token}/state").json == told
    assert "Escuela Kemper" in response.text


def test_a_suspended_organization_takes_nothing(counter: Counter) -> None:
    token = counter.upload(State.DELIVERED)
    with counter.database.transaction(counter.organization.id) as db:
        organizations.get(db, counter.organization.id).suspended_at = utcnow()
    assert counter.client.get(f"/f/{counter.form.public_id}").status_code == 403
    assert counter.client.get(f"/o/{token}").status_code == 200


def test_opening_a_link_is_counted_where_a_page_is_shown(counter: Counter) -> None:
    link, token = counter.link(passphrase="sesame")
    _, ended = counter.link(expires_at=utcnow() - timedelta(days=1))
    assert counter.client.get(f"/l/{token}").status_code == 200
    assert counter.client.head(f"/l/{token}").status_code == 200
    assert counter.client.get(f"/l/{ended}").status_code == 410
    with counter.database.transaction(counter.organization.id) as db:
        assert {one.opened for one in db.query(Link).all()} == {0, 1}
        assert db.get_one(Link, link.id).opened == 1
