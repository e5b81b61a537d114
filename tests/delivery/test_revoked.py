"""A token that is revoked while something arrives by it: nothing of that is let go or promised any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.checks import Policy
from app.database import HOUSE
from app.delivery import Origin, Result
from app.delivery.journal import Journal
from app.providers import registry
from app.providers.facturapi import CERTIFICATE, LOGO
from app.providers.operation import Mode
from app.records.models import Upload
from app.sandbox import sat
from app.tenants import tokens
from app.tenants.errors import TokenRevoked
from tests.delivery.streaming import Held, Played, streamed
from tests.delivery.tenant import Tenant, collected
from tests.delivery.test_deliverer import png
from tests.delivery.test_keeping import held, rows
from tests.tenancy import NOW

Revoke = Callable[[], None]


@pytest.fixture(params=["own", "house"])
def token(request: pytest.FixtureRequest, tenant: Tenant) -> tuple[UUID | None, UUID]:
    """Whose, and which."""
    owner = tenant.organization.id if request.param == "own" else HOUSE
    with tenant.database.transaction(owner) as session:
        return owner, tokens.create(session, organization_id=owner, name="x", scopes=[tokens.WRITE])[0].id


@pytest.fixture
def origin(tenant: Tenant, token: tuple[UUID | None, UUID]) -> Origin:
    return replace(tenant.origin(), api_token_id=token[1])


@pytest.fixture
def revoke(tenant: Tenant, token: tuple[UUID | None, UUID]) -> Revoke:
    def revoked() -> None:
        with tenant.database.transaction(token[0]) as session:
            assert tokens.revoke(session, token[1], NOW)

    return revoked


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Played:
    """A provider whose operation may be kept."""
    provider = Played()
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


def stream(tenant: Tenant, origin: Origin, file: Held, **more: Any) -> Result:
    return tenant.deliverer().stream(origin, LOGO, streamed(file), policy=Policy(), **more)


def the_record(tenant: Tenant) -> Upload:
    (upload,) = tenant.uploads()
    return upload


def test_what_is_relayed_is_cancelled_and_never_complete(tenant: Tenant, origin: Origin, revoke: Revoke) -> None:
    with pytest.raises(TokenRevoked) as raised:
        stream(tenant, origin, Held(png(), at=revoke))
    upload = the_record(tenant)
    assert raised.value.upload_id == upload.id
    assert (upload.state, upload.problem) == ("cancelled", "token-revoked")
    assert tenant.attempt(upload.id).completing_at is None
    assert tenant.requests("PUT") == []


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("mode", [Mode.RELAY, Mode.DURABLE])
def test_with_a_good_token_it_arrives(tenant: Tenant, origin: Origin, kept: Played, whole: bool, mode: Mode) -> None:
    assert stream(tenant, origin, Held(png(), whole=whole), mode=mode).state == "delivered"
    assert len(tenant.requests("PUT")) == 1


def test_what_is_whole_at_once_is_not_begun(tenant: Tenant, origin: Origin, revoke: Revoke) -> None:
    with pytest.raises(TokenRevoked):
        stream(tenant, origin, Held(png(), whole=True, at=revoke))
    assert (tenant.uploads(), tenant.requests("PUT")) == ([], [])


def test_what_is_sent_at_once_is_not_begun(tenant: Tenant, origin: Origin, revoke: Revoke) -> None:
    revoke()
    with pytest.raises(TokenRevoked):
        tenant.deliverer().hand_in(origin, CERTIFICATE, collected(sat.issue()), replace=False)
    assert (tenant.uploads(), tenant.requests("PUT")) == ([], [])


@pytest.mark.parametrize("later", [False, True], ids=["sent meanwhile", "sent later"])
def test_of_what_is_kept_nothing_stays(
    tenant: Tenant, origin: Origin, kept: Played, revoke: Revoke, later: bool
) -> None:
    with pytest.raises(TokenRevoked):
        stream(tenant, origin, Held(png(), at=revoke), mode=Mode.DURABLE, later=later)
    upload = the_record(tenant)
    assert (upload.state, upload.problem) == ("cancelled", "token-revoked")
    assert (tenant.requests("PUT"), rows(tenant), held(tenant)) == ([], [], 0)


def test_what_was_put_by_for_later_waits_with_a_good_token(tenant: Tenant, origin: Origin, kept: Played) -> None:
    assert stream(tenant, origin, Held(png()), mode=Mode.DURABLE, later=True).state == "waiting"
    assert (len(rows(tenant)), held(tenant)) == (1, 1)


def test_what_is_of_unknown_length_is_not_promised(
    tenant: Tenant, origin: Origin, kept: Played, revoke: Revoke
) -> None:
    file = Held(png(), at=revoke)
    file.followed = True  # it is put by whole before it is judged
    with pytest.raises(TokenRevoked):
        stream(tenant, origin, file, mode=Mode.DURABLE)
    assert (the_record(tenant).state, rows(tenant), held(tenant)) == ("cancelled", [], 0)


@pytest.mark.parametrize("mode", [Mode.RELAY, Mode.DURABLE])
def test_what_was_let_go_before_is_not_taken_back(
    tenant: Tenant, origin: Origin, kept: Played, revoke: Revoke, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    mark = Journal.mark

    def marked(journal: Journal, baseline: Any) -> None:
        mark(journal, baseline)
        revoke()

    monkeypatch.setattr(Journal, "mark", marked)
    assert stream(tenant, origin, Held(png()), mode=mode).state == "delivered"
    assert len(tenant.requests("PUT")) == 1
