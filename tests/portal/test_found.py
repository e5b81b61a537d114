"""What search engines may list: the page of a published, open form at its own address, and nothing else whatsoever."""

from __future__ import annotations

from secrets import token_hex
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app.database import Database
from app.tenants import forms
from app.tenants.models import Form
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant

FORM = "/f/<public_id>"
NEVER = "noindex, nofollow"


@pytest.fixture
def one(database: Database, vault: Vault) -> Tenant:
    """An organization whose form is open, and may be shown inside another's page."""
    made = tenant(database, vault, f"t-{token_hex(6)}")
    with database.transaction(made.id) as session:
        form = session.get_one(Form, made.form.id)
        form.settings = {**form.settings, "frame_origins": ["https://theirs.example"]}
        assert forms.frame_origins(form)
    return made


def named(rule: Rule, one: Tenant) -> dict[str, Any]:
    """What leads to something of the organization's, wherever a page is about something."""
    token = one.link_token if "/l/" in rule.rule else one.outcome_token
    there: dict[str, Any] = {
        "public_id": one.form.public_id,
        "token": token,
        "code": "es",
        "organization": one.organization.slug,
    }
    there |= {"connection": one.connection.name, "form_id": one.form.id, "link_id": one.link.id, "colour": "1f6f5c"}
    about_uploads = "upload_id" in rule.arguments
    return {name: there.get(name, one.upload.id if about_uploads else uuid4()) for name in rule.arguments}


def test_the_page_of_an_open_form_is_all_that_is(app: Flask, one: Tenant) -> None:
    """At every address that can be looked at, with what is there."""
    client, found, shown = app.test_client(), [], set()
    with app.test_request_context():
        urls = app.url_map.bind("localhost")
        addresses = {
            rule.rule: urls.build(rule.endpoint, named(rule, one), method="GET")
            for rule in app.url_map.iter_rules()
            if "GET" in (rule.methods or ())
        }
    assert len(addresses) > 100
    for rule, address in addresses.items():
        with client.get(address) as answer:
            if answer.status_code == 200:
                shown.add(rule)
            if answer.headers.get("X-Robots-Tag") != NEVER:
                found.append((rule, answer.headers.get("X-Robots-Tag")))
    assert found == [(FORM, "all")]
    inside = {rule for rule in shown if rule.startswith("/embedded/")}
    assert {"/l/<token>", "/o/<token>", "/verify", "/admin/login", "/api/docs"} <= shown
    assert any(rule.endswith(FORM) for rule in inside), "they were looked at as they are, and not as what is missing"
    assert any(rule.endswith("/l/<token>") for rule in inside)


def test_nor_is_it_once_it_was_closed_or_what_came_of_it(app: Flask, one: Tenant, database: Database) -> None:
    client, address = app.test_client(), f"/f/{one.form.public_id}"
    assert client.get(address).headers["X-Robots-Tag"] == "all"
    refused = client.post(address, data={"x": "y"}, headers={"Origin": "http://localhost"})
    assert (refused.status_code >= 400, refused.headers["X-Robots-Tag"]) == (True, NEVER)
    with database.transaction(one.id) as session:
        session.get_one(Form, one.form.id).open = False
    assert client.get(address).headers["X-Robots-Tag"] == NEVER
