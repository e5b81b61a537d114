"""What is an organization's own is nobody else's: pages whose address does not say whose it is, before strangers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.dashboard.pages import PAGES, SAFE, Page
from app.database import Database
from app.tenants.models import Organization
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.dashboard.conftest import ORIGIN
from tests.dashboard.test_pages import csrf
from tests.tenancy import Tenant, tenant

Enter = Callable[..., FlaskClient]

#: Pages that name something of an organization's, but not whose: the view alone keeps others out.
NAMING: Final = sorted(
    name for name, page in PAGES.items() if page.everywhere and "<" in page.path and "<organization>" not in page.path
)
#: Pages about all that one may see.
LISTING: Final = sorted(
    name for name, page in PAGES.items() if page.everywhere and "<" not in page.path and page.method in SAFE
)


@pytest.fixture
def mine(app: Flask, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "camaleon")


@pytest.fixture
def theirs(app: Flask, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "tlacuache")


def named(of: Tenant) -> Mapping[str, str]:
    return {"upload_id": str(of.upload.id), "form_id": str(of.form.id), "link_id": str(of.link.id)}


def ask(client: FlaskClient, page: Page, values: Mapping[str, str]) -> TestResponse:
    address = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], page.path)
    headers = {} if page.method in SAFE else {"Origin": ORIGIN, "X-CSRF-Token": csrf(client)}
    return client.open(address, method=page.method, headers=headers)


def said(answer: TestResponse) -> str:
    """What a page says, without the tokens of its forms."""
    return answer.text[answer.text.index("<main") :]


@pytest.mark.attack(
    "tenants", "every page of the dashboard for another organization's things", "404, as if there were none"
)
@pytest.mark.parametrize("endpoint", NAMING)
def test_what_is_anothers_is_not_there(endpoint: str, mine: Tenant, theirs: Tenant, enter: Enter) -> None:
    page, whose = PAGES[endpoint], named(mine)
    stranger, never = enter(Role.MANAGER, theirs.organization), dict.fromkeys(whose, str(theirs.id))
    refused = ask(stranger, page, whose)
    assert refused.status_code == 404
    assert "camaleon" not in refused.text.lower()
    assert said(refused) == said(ask(stranger, page, never))  # nor is it told that it is somebody's


@pytest.mark.parametrize("endpoint", [name for name in NAMING if PAGES[name].method in SAFE and "receipt" not in name])
@pytest.mark.parametrize("role", [Role.MANAGER, Role.AUDITOR])
def test_what_is_ones_own_is_there(role: Role, endpoint: str, mine: Tenant, enter: Enter) -> None:
    whose: Organization | None = mine.organization if role is Role.MANAGER else None
    assert ask(enter(role, whose), PAGES[endpoint], named(mine)).status_code == 200


@pytest.mark.parametrize("endpoint", LISTING)
def test_a_list_shows_a_manager_their_own_alone(endpoint: str, mine: Tenant, theirs: Tenant, enter: Enter) -> None:
    client = enter(Role.MANAGER, mine.organization)
    address = PAGES[endpoint].path
    answer = client.get(address, follow_redirects=True)
    assert answer.status_code in {200, 422}, answer.text  # some want to be told of what
    assert "tlacuache" not in answer.text.lower()
    for asked in ("q=tlacuache", "organization=tlacuache", f"upload={theirs.upload.id}"):
        # The page may say what was asked for, but not how that is written.
        assert "Tlacuache" not in client.get(f"{address}?{asked}", follow_redirects=True).text, asked
