"""No token reaches what is not its organization's: every address, by every object that it names, in every mixture.

In the same cell its owner does it, so that a 404 is for whose it is and for nothing else. An address that has no case
fails the first test.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app.api import problems
from app.api.resources import ADDRESSES
from app.database import Database, utcnow
from app.records.models import Copy, Upload, WebhookDelivery
from app.records.sealing import seal
from app.records.states import State
from app.tenants import tokens
from app.tenants.tokens import SCOPES
from app.tenants.vault import Vault
from tests.api.addresses import CASES, Objects, call, names_in
from tests.api.conftest import Desk, Tenant

Furnish = Callable[..., Objects]

#: What anybody may read, and nothing of anybody's is in.
PUBLIC = {"api.openapi", "api.reference"}
#: They stand in an address and are no object: the same for everybody.
NOBODYS = {"operation"}


def test_every_address_has_its_case(app: Flask) -> None:
    served = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith(problems.PREFIX)}
    assert served == {f"api.{endpoint}" for endpoint in ADDRESSES} | PUBLIC
    assert set(CASES) == set(ADDRESSES)


@pytest.fixture
def furnish(desk: Desk, worker: Database, vault: Vault) -> Furnish:
    """Give an organization one of everything."""

    def give(tenant: Tenant, state: State | None = None) -> Objects:
        whose = "both" if tenant is desk.mine else "their both"
        root = f"/api/v1/organizations/{tenant.slug}"
        upload = desk.hand_in(tenant.to_logo, whose).json
        form = desk.ask("POST", f"{root}/forms", whose, json={"connection": "facturapi", "operation": "facturapi/logo"})
        assert upload
        assert form.json
        link = desk.ask("POST", f"{root}/forms/{form.json['id']}/links", whose, json={})
        token = desk.ask("POST", f"{root}/tokens", whose, json={"name": "x", "scopes": ["uploads:read"]})
        hook = desk.ask("POST", f"{root}/webhooks", whose, json={"url": f"{desk.sandbox.url}/hooks"})
        assert link.json
        assert token.json
        assert hook.json
        seal(worker, vault)
        receipt = desk.ask("GET", f"{root}/receipts", whose).json
        assert receipt
        if state is not None:
            with desk.database.transaction(tenant.organization.id) as session:
                session.get_one(Upload, UUID(upload["id"])).state = state
                session.add(_copy(tenant, upload["id"]))
        named = {
            "organization": tenant.slug,
            "connection": "facturapi",
            "operation": "logo",
            "upload_id": upload["id"],
            "receipt_id": receipt["items"][0]["id"],
            "form_id": form.json["id"],
            "link_id": link.json["link"]["id"],
            "token_id": token.json["token"]["id"],
            "endpoint_id": hook.json["endpoint"]["id"],
            "delivery_id": _told(worker, tenant, hook.json["endpoint"]["id"]),
        }
        return Objects(tenant=tenant, named=named)

    return give


def _told(worker: Database, tenant: Tenant, endpoint_id: str) -> str:
    """Let an endpoint be told of something; that delivery's id."""
    row = WebhookDelivery(
        id=uuid4(),
        organization_id=tenant.organization.id,
        endpoint_id=UUID(endpoint_id),
        event_id=uuid4(),
        event="upload.failed",
        due_at=utcnow(),
        deadline_at=utcnow(),
    )
    with worker.transaction(tenant.organization.id) as session:
        session.add(row)
    return str(row.id)


def _copy(tenant: Tenant, upload_id: str) -> Copy:
    return Copy(organization_id=tenant.organization.id, upload_id=UUID(upload_id), size=1, stored=1, sealed=b"x")


def mixtures(endpoint: str, mine: Objects, theirs: Objects) -> Iterator[dict[str, str]]:
    """All theirs, and each one of theirs among what is mine."""
    names = [name for name in names_in(endpoint) if name not in NOBODYS]
    yield {**mine.named, **{name: theirs.named[name] for name in names}}
    for name in names:
        mixed = {**mine.named, name: theirs.named[name]}
        if mixed != mine.named:
            yield mixed


@pytest.mark.parametrize("endpoint", sorted(name for name in CASES if names_in(name)))
def test_what_is_anothers_is_nothing(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    mine, theirs = (furnish(one, CASES[endpoint].state) for one in (desk.mine, desk.theirs))
    nothing = {name: str(uuid4()) if name.endswith("_id") else f"no-{secrets.token_hex(4)}" for name in mine.named}
    as_nothing = call(desk, endpoint, {**mine.named, **nothing, "operation": "logo"}, desk.token("both"))
    for named in mixtures(endpoint, mine, theirs):
        refused = call(desk, endpoint, named, desk.token("both"))
        assert (refused.status_code, refused.json) == (404, as_nothing.json), named
        assert set(as_nothing.headers.keys()) == set(refused.headers.keys())
    by_owner = call(desk, endpoint, theirs.named, desk.token("their both"))
    assert by_owner.status_code == CASES[endpoint].status, by_owner.text
    by_me = call(desk, endpoint, mine.named, desk.token("both"))
    assert by_me.status_code == CASES[endpoint].status, by_me.text


@pytest.mark.parametrize("endpoint", sorted(name for name in CASES if names_in(name)))
def test_the_house_reaches_everybodys(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    answer = call(desk, endpoint, furnish(desk.mine, CASES[endpoint].state).named, desk.token("house both"))
    assert answer.status_code == CASES[endpoint].status, answer.text


@pytest.mark.parametrize("endpoint", sorted(name for name in CASES if not names_in(name)))
def test_what_names_nobody_tells_of_nobody_else(desk: Desk, endpoint: str) -> None:
    answer = call(desk, endpoint, {}, desk.token("both"))
    assert answer.status_code == (403 if CASES[endpoint].by_house else CASES[endpoint].status)
    assert desk.theirs.slug not in answer.text
    by_house = call(desk, endpoint, {}, desk.token("house both"))
    assert by_house.status_code == CASES[endpoint].status, by_house.text


@pytest.mark.parametrize("endpoint", sorted(name for name in CASES if ADDRESSES[name].house))
def test_the_house_is_nobodys_but_its_own(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    named = {**furnish(desk.mine, CASES[endpoint].state).named, "organization": "house"}
    assert call(desk, endpoint, named, desk.token("both")).status_code == 404


@pytest.mark.parametrize("endpoint", sorted(CASES))
def test_one_scope_opens_it_and_all_others_do_not(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    wanted, case = ADDRESSES[endpoint].scope, CASES[endpoint]
    named, owner = furnish(desk.mine, CASES[endpoint].state).named, None if case.by_house else desk.mine.organization.id
    secrets_of = {}
    with desk.database.transaction(owner) as session:
        for kind, scopes in {"one": [wanted] if wanted else [], "others": set(SCOPES) - {wanted}}.items():
            told = {"name": kind, "scopes": sorted(scopes)}
            _, secrets_of[kind] = tokens.create(session, organization_id=owner, **told)
    for kind in (None, "expired", "revoked"):
        assert call(desk, endpoint, named, desk.token(kind) if kind else None).status_code == 401
    if wanted is not None:
        refused = call(desk, endpoint, named, secrets_of["others"])
        assert (refused.status_code, refused.json["type"]) == (403, "/docs/problems#out-of-scope")
        # Of another's things it says the same: what a token may not do it may do to nobody's.
        foreign = call(desk, endpoint, {**named, "organization": desk.theirs.slug}, secrets_of["others"])
        assert (foreign.status_code, foreign.json) == (403, refused.json)
    done = call(desk, endpoint, named, secrets_of["one"])
    if endpoint not in {"create_token", "rotate_token"}:
        assert done.status_code == case.status, done.text
