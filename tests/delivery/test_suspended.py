"""An organization that is suspended while something arrives for it: nothing of that is let go or promised any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.checks import Policy
from app.delivery import Result, ending
from app.providers import registry
from app.providers.facturapi import CERTIFICATE, LOGO
from app.providers.operation import Mode
from app.records.models import Upload
from app.sandbox import sat
from app.tenants import organizations
from app.tenants.errors import Suspended
from tests.delivery.streaming import Held, Played, streamed
from tests.delivery.tenant import Tenant, collected
from tests.delivery.test_deliverer import png
from tests.delivery.test_keeping import held, rows
from tests.tenancy import NOW

Suspend = Callable[[], None]


@pytest.fixture
def suspend(tenant: Tenant) -> Suspend:
    def suspended() -> None:
        with tenant.database.transaction(tenant.organization.id) as session:
            ending.suspend(organizations.get(session, tenant.organization.id), NOW)

    return suspended


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Played:
    """A provider whose operation may be kept."""
    provider = Played()
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


def stream(tenant: Tenant, file: Held, **more: Any) -> Result:
    return tenant.deliverer().stream(tenant.origin(), LOGO, streamed(file), policy=Policy(), **more)


def the_record(tenant: Tenant) -> Upload:
    (upload,) = tenant.uploads()
    return upload


def test_what_is_relayed_is_cancelled_and_never_complete(tenant: Tenant, suspend: Suspend) -> None:
    with pytest.raises(Suspended) as raised:
        stream(tenant, Held(png(), at=suspend))
    upload = the_record(tenant)
    assert raised.value.upload_id == upload.id
    assert (upload.state, upload.problem) == ("cancelled", "organization-suspended")
    assert tenant.attempt(upload.id).completing_at is None
    assert tenant.requests("PUT") == []


def test_what_is_whole_at_once_is_not_begun(tenant: Tenant, suspend: Suspend) -> None:
    with pytest.raises(Suspended):
        stream(tenant, Held(png(), whole=True, at=suspend))
    assert (tenant.uploads(), tenant.requests("PUT")) == ([], [])


def test_what_is_sent_at_once_is_not_begun(tenant: Tenant, suspend: Suspend) -> None:
    suspend()
    with pytest.raises(Suspended):
        tenant.deliverer().hand_in(tenant.origin(), CERTIFICATE, collected(sat.issue()), replace=False)
    assert (tenant.uploads(), tenant.requests("PUT")) == ([], [])


@pytest.mark.parametrize("later", [False, True], ids=["sent meanwhile", "sent later"])
def test_of_what_is_kept_nothing_stays(tenant: Tenant, kept: Played, suspend: Suspend, later: bool) -> None:
    with pytest.raises(Suspended):
        stream(tenant, Held(png(), at=suspend), mode=Mode.DURABLE, later=later)
    upload = the_record(tenant)
    assert (upload.state, upload.problem) == ("cancelled", "organization-suspended")
    assert (tenant.requests("PUT"), rows(tenant), held(tenant)) == ([], [], 0)


@pytest.mark.parametrize("mode", [Mode.RELAY, Mode.DURABLE])
def test_otherwise_it_arrives(tenant: Tenant, kept: Played, mode: Mode) -> None:
    assert stream(tenant, Held(png()), mode=mode).state == "delivered"
    assert len(tenant.requests("PUT")) == 1
