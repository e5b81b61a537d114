"""Connections on the dashboard: as their provider declares them, tried before they are kept, replaced without a gap."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from app.dashboard import declared
from app.dashboard.pages import PAGES
from app.providers import registry
from app.tenants import connections
from app.tenants.models import Connection
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.dashboard.sitting import Sitting, Two
from tests.servers import Sandbox
from tests.tenancy import borrow, house

Account = tuple[str, str]


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    """An organization at Facturapi and its key."""
    return new_account(sandbox)


def new_account(sandbox: Sandbox, account: str | None = None) -> Account:
    account, key = account or secrets.token_hex(12), f"sk_live_{secrets.token_hex(16)}"
    sandbox.seed(facturapi={"organizations": [{"id": account, "name": "Kemper", "live_keys": [key]}]})
    return account, key


@pytest.fixture
def user_key(sandbox: Sandbox) -> str:
    """A key of an account there."""
    key = f"sk_user_{secrets.token_hex(16)}"
    sandbox.seed(facturapi={"user_keys": [key]})
    return key


def all_of(two: Two) -> list[Connection]:
    with two.database.transaction(two.mine.id) as session:
        return list(connections.listing(session))


def new(two: Two, sitting: Sitting, **typed: str) -> int:
    page = f"{two.root}/connections/new?provider=facturapi"
    fields = {"provider": "facturapi", "environment": "sandbox", "name": "second", **typed}
    answer = sitting.send(f"{two.root}/connections", page, **fields)
    return answer.status_code


def test_every_setting_and_secret_has_words() -> None:
    for provider in registry.PROVIDERS.values():
        for one in declared.settings(provider):
            assert (provider.slug, one.name) in declared.SAID
        assert {one.name for one in declared.secrets(provider)} <= set(declared.SECRETS)


@pytest.mark.parametrize("provider", sorted(registry.PROVIDERS))
def test_the_form_is_what_the_provider_declares(two: Two, provider: str) -> None:
    page = two.sit().see(f"{two.root}/connections/new?provider={provider}")
    adapter = registry.PROVIDERS[provider]
    for one in declared.settings(adapter):
        assert f'name="{one.field}"' in page
    for secret in declared.secrets(adapter):
        assert f'name="credential.{secret.name}"' in page
    assert page.count('type="password"') == len(declared.secrets(adapter))


def test_what_the_provider_takes_is_kept(two: Two, account: Account) -> None:
    number, key = account
    sitting = two.sit(Role.OPERATOR)
    typed = {"settings.organization_id": number, "credential.key": key}
    assert new(two, sitting, **typed) == 303
    (made,) = [one for one in all_of(two) if one.name == "second"]
    assert made.verified_at is not None
    page = sitting.see(f"{two.root}/connections/second")
    assert key not in page
    assert key[-4:] in page
    assert ("connection.added", two.actions("connection.added")[0][1]) in two.actions("connection.")


def test_what_it_does_not_take_is_not_and_its_words_are_shown(two: Two, account: Account) -> None:
    number, _ = account
    sitting, bad = two.sit(), f"sk_live_{secrets.token_hex(16)}"
    page = f"{two.root}/connections/new?provider=facturapi"
    typed = {"provider": "facturapi", "environment": "sandbox", "name": "second", "credential.key": bad}
    answer = sitting.send(f"{two.root}/connections", page, **typed, **{"settings.organization_id": number})
    assert answer.status_code == 422
    assert "The provider did not take it" in answer.text
    assert bad not in answer.text
    assert [one.name for one in all_of(two)] == ["facturapi"]
    assert new(two, sitting, **{"settings.organization_id": number, "credential.key": bad, "anyway": "1"}) == 303
    assert len(all_of(two)) == 2


@pytest.mark.parametrize("environment", ["", "nowhere", "\x01"])
def test_what_no_page_of_ours_offers_is_a_fault_and_not_ours(two: Two, account: Account, environment: str) -> None:
    number, key = account
    typed = {"settings.organization_id": number, "credential.key": key}
    assert new(two, two.sit(), environment=environment, **typed) == 422
    assert len(all_of(two)) == 1


def test_what_is_missing_stands_beside_its_field(two: Two) -> None:
    sitting = two.sit()
    page = f"{two.root}/connections/new?provider=codat"
    typed = {"provider": "codat", "environment": "sandbox", "settings.company_id": "kept as typed"}
    answer = sitting.send(f"{two.root}/connections", page, **typed)
    assert answer.status_code == 422
    assert 'value="kept as typed"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert all_of(two)[0].provider == "facturapi"


def test_facturapis_organization_is_picked_or_made(two: Two, vault: Vault, sandbox: Sandbox, user_key: str) -> None:
    lender = house(two.database, vault, name=f"h-{secrets.token_hex(4)}", key=user_key)
    sitting = two.sit()
    assert new(two, sitting, house_connection=lender.name, make="Nueva") == 303
    (made,) = [one for one in all_of(two) if one.name == "second"]
    assert len(made.settings["organization_id"]) == 24
    assert made.house_connection_id == lender.id
    page = f"{two.root}/connections/new?provider=facturapi"
    typed = {"provider": "facturapi", "environment": "sandbox", "name": "third", "house_connection": lender.name}
    choose = sitting.send(f"{two.root}/connections", page, **typed)
    assert choose.status_code == 200
    assert f'value="{made.settings["organization_id"]}"' in choose.text


def test_a_manager_borrows_nothing(two: Two, vault: Vault, user_key: str) -> None:
    lender = house(two.database, vault, name=f"h-{secrets.token_hex(4)}", key=user_key)
    manager = two.sit(Role.MANAGER, at_mine=True)
    assert lender.name not in manager.see(f"{two.root}/connections/new?provider=facturapi")
    assert new(two, manager, house_connection=lender.name, **{"settings.organization_id": 24 * "0"}) == 403


@pytest.fixture
def working(two: Two, sandbox: Sandbox, account: Account) -> Callable[[], str]:
    """A connection that works; gives another good key."""
    assert new(two, two.sit(), **{"settings.organization_id": account[0], "credential.key": account[1]}) == 303
    return lambda: new_account(sandbox, account[0])[1]


def test_a_credential_is_replaced_once_the_new_one_works(two: Two, working: Callable[[], str]) -> None:
    sitting, page = two.sit(), f"{two.root}/connections/second"
    bad = sitting.send(f"{page}/credential", page, **{"credential.key": f"sk_live_{secrets.token_hex(16)}"})
    assert (bad.status_code, "The provider did not take it" in bad.text) == (422, True)
    good = working()
    assert sitting.send(f"{page}/credential", page, **{"credential.key": good}).status_code == 303
    assert good[-4:] in sitting.see(page)


def test_verified_paused_and_resumed(two: Two, working: Callable[[], str]) -> None:
    sitting, page = two.sit(Role.OPERATOR), f"{two.root}/connections/second"
    for action, said in (
        ("verify", "The provider takes it"),
        ("pause", "Nothing more is sent"),
        ("resume", "used again"),
    ):
        assert sitting.send(f"{page}/{action}", page).status_code == 303
        assert said in sitting.see(page)


def test_what_is_there_is_asked_for_on_request(two: Two, working: Callable[[], str], sandbox: Sandbox) -> None:
    sitting, page = two.sit(), f"{two.root}/connections/second"
    sandbox.clear()
    sitting.see(page)
    assert sandbox.ledger("facturapi") == []
    assert "There is nothing there" in sitting.see(f"{page}/files")
    assert len(sandbox.ledger("facturapi")) == 1
    sandbox.fault(provider="facturapi", action="status", method="GET", status=500)
    assert 'role="alert"' in sitting.see(f"{page}/files")
    assert ("connection.files_listed", two.actions("connection.files")[0][1]) in two.actions("connection.files")


def test_all_of_them_in_one_list(two: Two, vault: Vault) -> None:
    lender = house(two.database, vault, name=f"h-{secrets.token_hex(4)}")
    borrow(two.database, vault, two.mine.id, lender)
    page = two.sit().see("/admin/connections?limit=200")
    assert f"{two.root}/connections/borrowed" in page
    assert f"/admin/house/connections/{lender.name}" in page
    assert f"/admin/house/connections/{lender.name}" not in two.sit(Role.OPERATOR).see("/admin/connections?limit=200")
    with two.database.transaction(two.mine.id) as session:
        connections.pause(session, two.mine.connection, "x", two.mine.connection.created_at)
    paused = two.sit().see("/admin/connections?state=paused&provider=facturapi&limit=200")
    assert f"{two.root}/connections/facturapi" in paused
    assert f"{two.root}/connections/borrowed" not in paused
    manager = two.sit(Role.MANAGER, at_mine=True).client.get("/admin/connections")
    assert manager.headers["Location"] == f"{two.root}/connections"


def test_the_houses_are_the_owners(two: Two, user_key: str) -> None:
    sitting, name = two.sit(), f"h-{secrets.token_hex(4)}"
    page = "/admin/house/connections/new?provider=facturapi"
    assert "settings.organization_id" not in sitting.see(page)
    typed = {"provider": "facturapi", "environment": "sandbox", "name": name, "credential.key": user_key}
    made = sitting.send("/admin/house/connections", page, **typed)
    assert made.headers["Location"] == f"/admin/house/connections/{name}"
    two.sit(Role.OPERATOR).see(made.headers["Location"], 403)


@pytest.mark.parametrize(
    "endpoint",
    [
        "new_connection",
        "create_connection",
        "replace_credential",
        "house_replace_credential",
        "set_up_connection",
        "make_connection",
        "delete_organization",
    ],
)
def test_it_is_asked_again_who_is_there_before_a_credential_or_an_end(endpoint: str) -> None:
    assert PAGES[endpoint].sensitive
