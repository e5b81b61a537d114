"""Many certificates at once: each arrives where its RFC leads, and what one is refused for concerns no other."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from app.checks.pairing import Given, pair
from app.delivery import ending, seals
from app.delivery.seals import Handed
from app.sandbox import sat
from app.tenants import connections, organizations
from app.tenants.models import Environment
from tests.delivery.tenant import Tenant
from tests.tenancy import NOW


@pytest.fixture
def rfc(tenant: Tenant) -> str:
    """One that no other organization of the tests has."""
    written = f"TST{secrets.randbelow(10**6):06}{secrets.token_hex(1).upper()}A"
    with tenant.database.transaction(tenant.organization.id) as session:
        organizations.edit(organizations.get(session, tenant.organization.id), rfc=written)
    return written


def given(name: str, rfc: str) -> Sequence[Given]:
    issued = sat.issue(rfc=rfc, pair=name)
    return Given(name=f"{name}.cer", content=issued.cer), Given(name=f"{name}.key", content=issued.key)


def send(tenant: Tenant, files: Sequence[Given], *, only: UUID | None = None) -> list[Handed]:
    pairs = pair(files, [SecretStr("12345678a")], now=tenant.clock())
    return list(seals.hand_in(tenant.database, tenant.deliverer(), pairs, actor="user:x", only=only))


def told(handed: Sequence[Handed]) -> list[str]:
    return [one.refusal.slug if one.refusal else str(one.result and one.result.state) for one in handed]


def test_each_goes_where_its_rfc_leads(tenant: Tenant, rfc: str) -> None:
    handed = send(tenant, [*given("strange", "XXX010101XX1"), *given("own", rfc)])
    assert told(handed) == ["rfc-unknown", "delivered"]
    assert handed[1].result
    upload = tenant.upload(handed[1].result.upload_id)
    assert (upload.operation, upload.facts["rfc"]) == ("facturapi/certificate", rfc)
    assert tenant.audit(upload)[0].actor == "user:x"
    assert len(tenant.requests("PUT")) == 1


def test_whose_it_is_has_to_be_known(tenant: Tenant, rfc: str) -> None:
    other = organizations.add(tenant.database, slug=f"t-{secrets.token_hex(6)}", name="Twin", rfc=rfc)
    assert told(send(tenant, given("own", rfc))) == ["rfc-not-unique"]
    assert told(send(tenant, given("own", rfc), only=tenant.organization.id)) == ["delivered"]
    assert told(send(tenant, given("own", rfc), only=other.id)) == ["no-single-connection"]
    assert told(send(tenant, given("own", rfc), only=uuid4())) == ["rfc-unknown"]


def test_nor_is_one_of_several_connections_guessed(tenant: Tenant, rfc: str) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.add(
            session,
            tenant.vault,
            organization_id=tenant.organization.id,
            provider="facturapi",
            name="second",
            environment=Environment.SANDBOX,
            settings={"organization_id": tenant.account},
            credential={"key": SecretStr(tenant.key)},
        )
    assert told(send(tenant, given("own", rfc))) == ["no-single-connection"]
    assert tenant.uploads() == []


def test_what_the_provider_says_stands_in_its_row(tenant: Tenant, rfc: str) -> None:
    tenant.fault("status", status=400, body={"message": "no", "code": "certificate_invalid"})
    assert told(send(tenant, given("own", rfc))) == ["failed"]


def test_none_for_whom_nothing_is_taken(tenant: Tenant, rfc: str) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        ending.suspend(organizations.get(session, tenant.organization.id), NOW)
    assert told(send(tenant, given("own", rfc))) == ["organization-suspended"]
    assert (tenant.uploads(), tenant.requests("PUT")) == ([], [])
