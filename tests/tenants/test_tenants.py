"""Organizations, connections and forms: made as asked for, or refused with what is wrong, and then nothing changed."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError, NoResultFound

from app.database import HOUSE, Database
from app.tenants import connections, doors, forms, names, organizations
from app.tenants.errors import BadName, BadValue, CredentialMissing, NameTaken, NotAcceptable, NotLent
from app.tenants.models import Connection, Environment
from app.tenants.vault import Vault
from app.words import WORDS
from tests.tenancy import KEY, NOW, Tenant, borrow, house, tenant


@pytest.fixture(scope="module")
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"mine-{secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def theirs(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"theirs-{secrets.token_hex(4)}")


def said(refusal: NotAcceptable) -> str:
    """The sentence that a person reads."""
    return WORDS[refusal.slug] % refusal.params


def test_an_organization_is_found_and_read(database: Database) -> None:
    slug = f"acme-{secrets.token_hex(4)}"
    made = organizations.add(
        database,
        slug=slug,
        name="Acme",
        rfc=" ñuñ010101ab1 ",
        locale="en",
        accent="#ABCDEF",
        contact="ayuda@acme.example",
        notice_url="https://acme.example/privacidad",
        notice_version="2026-01",
    )
    assert doors.organization(database, slug) == made.id
    assert (made.id, slug, "Acme") in doors.organizations(database)
    with database.transaction(made.id) as session:
        read = organizations.get(session, made.id)
    assert (read.rfc, read.accent, read.locale, read.timezone) == (
        "ÑUÑ010101AB1",
        "#abcdef",
        "en",
        "America/Mexico_City",
    )
    assert (read.contact, read.notice_url) == ("ayuda@acme.example", "https://acme.example/privacidad")
    assert read.created_at.tzinfo is not None


def test_another_organization_is_not_read(database: Database, mine: Tenant, theirs: Tenant) -> None:
    with database.transaction(mine.id) as session, pytest.raises(NoResultFound):
        organizations.get(session, theirs.id)


def test_a_slug_is_taken_once(database: Database, mine: Tenant) -> None:
    before = len(doors.organizations(database))
    with pytest.raises(NameTaken) as caught:
        organizations.add(database, slug=mine.organization.slug, name="Other")
    assert said(caught.value) == f"“{mine.organization.slug}” is taken. Choose another name."
    assert len(doors.organizations(database)) == before


@pytest.mark.parametrize("slug", ["", "A", "a_b", "-a", "a-", "á", "a" * 64, "a\n", "a b", "a/b", "..", "a\0"])
def test_slugs_that_cannot_stand_in_an_address(database: Database, slug: str) -> None:
    with pytest.raises(BadName) as caught:
        organizations.add(database, slug=slug, name="Other")
    assert caught.value.field == "slug"
    assert "small letters" in said(caught.value)


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "a" * 63])
def test_slugs_that_can(slug: str) -> None:
    assert names.name(slug, "slug") == slug


@pytest.mark.parametrize(
    "wrong",
    [
        {"rfc": "EKU9003173C"},
        {"rfc": "EKU90031730C99"},
        {"locale": "fr"},
        {"timezone": "Mexico"},
        {"timezone": "../../etc/passwd"},
        {"accent": "red"},
        {"accent": "#12345"},
        {"accent": "#123456; background: url(//x)"},
        {"name": ""},
        {"name": " "},
        {"name": "x" * 201},
        {"name": "a\0b"},
        {"name": "a\nb"},
        {"contact": ""},
        {"contact": "x" * 201},
        {"notice_url": "javascript:alert(1)"},
        {"notice_url": "//elsewhere"},
        {"notice_url": "https://"},
        {"notice_url": "https://[x"},
        {"notice_version": "x" * 41},
    ],
)
def test_values_that_none_can_have(database: Database, wrong: dict[str, Any]) -> None:
    slug = f"acme-{secrets.token_hex(4)}"
    with pytest.raises(BadValue) as caught:
        organizations.add(database, **{"slug": slug, "name": "Acme"} | wrong)
    assert caught.value.field in wrong
    assert str(next(iter(wrong.values())))[:80] in said(caught.value)
    assert doors.organization(database, slug) is None


def test_any_other_conflict_is_a_fault_of_ours(
    database: Database, monkeypatch: pytest.MonkeyPatch, mine: Tenant
) -> None:
    monkeypatch.setattr(organizations, "uuid7", lambda: mine.id)
    with pytest.raises(IntegrityError):
        organizations.add(database, slug=f"acme-{secrets.token_hex(4)}", name="Acme")


def test_connections_of_an_organization(database: Database, vault: Vault, mine: Tenant, theirs: Tenant) -> None:
    with database.transaction(mine.id) as session:
        found = connections.by_name(session, "facturapi")
        assert found is not None
        assert found.id == mine.connection.id
        assert found.environment is Environment.SANDBOX
        assert not found.is_house
        assert connections.by_name(session, "none") is None
        assert theirs.connection.id not in {connection.id for connection in connections.listing(session)}


def test_a_connections_name_is_taken_once_in_its_organization(
    database: Database, vault: Vault, mine: Tenant, theirs: Tenant
) -> None:
    name = f"name-{secrets.token_hex(4)}"
    for organization in (mine.id, theirs.id, HOUSE):
        _add(database, vault, organization_id=organization, name=name)
        with pytest.raises(NameTaken) as caught:
            _add(database, vault, organization_id=organization, name=name)
        assert caught.value.params == {"name": name}


def test_a_connections_name_stands_in_addresses(database: Database, vault: Vault, mine: Tenant) -> None:
    with pytest.raises(BadName):
        _add(database, vault, organization_id=mine.id, name="My Connection")


def _add(database: Database, vault: Vault, **given: Any) -> Connection:
    with database.transaction(given["organization_id"]) as session:
        defaults = {"provider": "facturapi", "environment": Environment.SANDBOX, "settings": {}}
        return connections.add(session, vault, **defaults | given)


@pytest.mark.parametrize(
    "differing", [{"provider": "codat"}, {"environment": Environment.LIVE}, {"house_connection_id": uuid4()}]
)
def test_what_is_borrowed_is_of_the_same_kind(
    database: Database, vault: Vault, mine: Tenant, differing: dict[str, Any]
) -> None:
    lender = house(database, vault, f"house-{secrets.token_hex(4)}")
    name = f"name-{secrets.token_hex(4)}"
    with pytest.raises(NotLent) as caught:
        _add(
            database, vault, **{"organization_id": mine.id, "name": name, "house_connection_id": lender.id} | differing
        )
    assert "house connection" in said(caught.value)
    with database.transaction(mine.id) as session:
        assert connections.by_name(session, name) is None


def test_the_house_borrows_from_nobody(database: Database, vault: Vault) -> None:
    lender = house(database, vault, f"house-{secrets.token_hex(4)}")
    with pytest.raises(IntegrityError):
        _add(database, vault, organization_id=HOUSE, name="borrower", house_connection_id=lender.id)


def test_a_connection_without_credential(database: Database, vault: Vault, mine: Tenant) -> None:
    bare = _add(database, vault, organization_id=mine.id, name=f"bare-{secrets.token_hex(4)}")
    with database.transaction(mine.id) as session, pytest.raises(CredentialMissing):
        connections.credential(session, vault, bare)


def test_a_new_credential_takes_the_place_of_the_old(database: Database, vault: Vault, mine: Tenant) -> None:
    made = _add(
        database,
        vault,
        organization_id=mine.id,
        name=f"two-{secrets.token_hex(4)}",
        credential={"user": SecretStr("u"), "key": SecretStr(KEY)},
    )
    with database.transaction(mine.id) as session:
        connections.set_credential(session, vault, made, {"key": SecretStr("new")})
    with database.transaction(mine.id) as session:
        found = connections.credential(session, vault, made)
    assert {field: secret.get_secret_value() for field, secret in found.items()} == {"key": "new"}


def test_a_credential_that_was_replaced_at_the_lender_is_new_for_the_borrower(
    database: Database, vault: Vault, mine: Tenant
) -> None:
    lender = house(database, vault, f"house-{secrets.token_hex(4)}")
    borrower = borrow(database, vault, mine.id, lender, f"b-{secrets.token_hex(4)}")
    with database.transaction(HOUSE) as session:
        connections.set_credential(session, vault, lender, {"key": SecretStr("renewed")})
    with database.transaction(mine.id) as session:
        assert connections.credential(session, vault, borrower)["key"].get_secret_value() == "renewed"


def test_pausing_tells_who_was_first(database: Database, vault: Vault, mine: Tenant) -> None:
    made = _add(database, vault, organization_id=mine.id, name=f"p-{secrets.token_hex(4)}")
    with database.transaction(mine.id) as session:
        assert connections.pause(session, made, "credential-refused", NOW)
        assert not connections.pause(session, made, "another", NOW)
    with database.transaction(mine.id) as session:
        paused = session.get_one(Connection, made.id)
        assert (paused.paused_at, paused.paused_because) == (NOW, "credential-refused")
        connections.resume(session, made)
        connections.verified(session, made, NOW)
    with database.transaction(mine.id) as session:
        resumed = session.get_one(Connection, made.id)
        assert (resumed.paused_at, resumed.paused_because, resumed.verified_at) == (None, None, NOW)


def test_another_organizations_connection_is_not_paused(database: Database, mine: Tenant, theirs: Tenant) -> None:
    with database.transaction(mine.id) as session:
        assert not connections.pause(session, theirs.connection, "x", NOW)


def test_forms(database: Database, vault: Vault, mine: Tenant, theirs: Tenant) -> None:
    assert doors.form(database, mine.form.public_id) == doors.Found(organization_id=mine.id, id=mine.form.id)
    with database.transaction(mine.id) as session:
        made = forms.add(
            session,
            organization_id=mine.id,
            connection_id=mine.connection.id,
            operation="facturapi/fiel",
            open=False,
            link_only=True,
        )
        assert [form.id for form in forms.listing(session)] == [mine.form.id, made.id]
        assert forms.set_open(session, made.id, open=True)
        assert not forms.set_open(session, theirs.form.id, open=False)
        session.refresh(made)
        assert made.open
        assert len(made.public_id) == 22


def test_no_address_of_a_form_looks_like_an_option(
    database: Database, mine: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter(["-" + "x" * 21, "--" + "y" * 20, secrets.token_hex(11)])
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _: next(made))
    with database.transaction(mine.id) as session:
        form = forms.add(
            session,
            organization_id=mine.id,
            connection_id=mine.connection.id,
            operation="facturapi/logo",
            open=True,
        )
        assert form.public_id[0] not in "-xy"
        session.rollback()  # the organization is everybody's


@pytest.mark.parametrize("public_id", ["", "x", "\0", "' OR true --", "x" * 10_000, "ñ"])
def test_no_form_is_found_by_what_is_no_address(database: Database, mine: Tenant, public_id: str) -> None:
    assert doors.form(database, public_id) is None


def test_a_form_on_anothers_connection_is_not_made(database: Database, mine: Tenant, theirs: Tenant) -> None:
    with pytest.raises(IntegrityError), database.transaction(mine.id) as session:
        forms.add(session, organization_id=mine.id, connection_id=theirs.connection.id, operation="x/y", open=True)
