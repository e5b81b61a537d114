"""Who is let through, to whose account; and what is not passed on at all."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from app.database import HOUSE, utcnow
from app.passthrough.faces import FACES
from app.tenants import connections, tokens
from app.tenants.models import Connection, Environment, Organization
from tests.passthrough.desk import Answer, Desk

pytestmark = pytest.mark.live

JSON = {"Content-Type": "application/json"}
FACTURAPI = "facturapi/v2/organizations/{organization_id}"


def mine(desk: Desk, template: str = FACTURAPI) -> str:
    return template.format_map(desk.house.places["facturapi"].settings)


def said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def token(desk: Desk, **told: object) -> str:
    """Another token of the organization's."""
    house = desk.house
    given = {"organization_id": house.organization.id, "name": "other", "scopes": [tokens.Scope.PROXY], **told}
    with house.database.transaction(given["organization_id"]) as session:  # type: ignore[arg-type]
        return tokens.create(session, **given)[1]  # type: ignore[arg-type]


def second(desk: Desk, name: str = "another") -> str:
    """A second connection to Facturapi; the account it leads to."""
    house, account, key = desk.house, secrets.token_hex(12), f"sk_live_{secrets.token_hex(16)}"
    house.sandbox.seed(
        facturapi={
            "organizations": [
                house.places["facturapi"].seed["organizations"][0],
                {"id": account, "name": "Other", "live_keys": [key]},
            ]
        }
    )
    with house.database.transaction(house.organization.id) as session:
        connections.add(
            session,
            desk.vault,
            organization_id=house.organization.id,
            provider="facturapi",
            name=name,
            environment=Environment.SANDBOX,
            settings={"organization_id": account},
            credential={"key": SecretStr(key)},
        )
    return account


def basic(user: str, password: str = "") -> Mapping[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_the_key_stands_where_any_of_its_clients_puts_it(desk: Desk) -> None:
    for headers in ({}, basic(desk.token), {"Authorization": f"bearer {desk.token}"}):
        assert desk.ask("GET", mine(desk), headers=headers).status == 200
    keys = {entry["authorization"] for entry in desk.house.sandbox.ledger("facturapi")}
    assert keys == {f"Bearer {desk.house.places['facturapi'].key}"}


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic !"}, basic("vnt_live_x"), basic("")],
)
def test_whoever_has_no_good_token_is_nobody(desk: Desk, headers: dict[str, str]) -> None:
    assert said(desk.ask("GET", mine(desk), headers=headers)) == (401, "api_key_invalid")
    assert desk.house.sandbox.ledger() == []


def test_a_token_has_to_be_good_for_this(desk: Desk) -> None:
    others = [
        (token(desk, scopes=[tokens.WRITE]), (401, "api_key_not_allowed")),
        (token(desk, networks=["192.0.2.0/24"]), (401, "api_key_not_allowed")),
        (token(desk, expires_at=utcnow()), (401, "api_key_invalid")),
    ]
    for other, expected in others:
        assert said(desk.ask("GET", mine(desk), token=other)) == expected
    assert desk.ask("GET", mine(desk), token=token(desk, networks=["127.0.0.0/8"])).status == 200
    assert len(desk.house.sandbox.ledger()) == 1


def test_the_vendors_own_key_opens_nothing(desk: Desk) -> None:
    key = desk.house.places["facturapi"].key
    assert said(desk.ask("GET", mine(desk), token=key)) == (401, "api_key_invalid")


def test_who_has_several_connections_says_which(desk: Desk) -> None:
    account = second(desk)
    asked = desk.ask("GET", mine(desk))
    assert said(asked) == (400, "invalid_request")
    assert "/proxy/facturapi@another" in asked.json["message"]
    at = "@another/v2/organizations/"
    assert desk.ask("GET", f"facturapi{at}{account}").json["id"] == account
    assert desk.ask("GET", f"facturapi%40another/v2/organizations/{account}").json["id"] == account
    assert desk.ask("GET", mine(desk).replace("/v2", "@facturapi/v2")).status == 200
    assert said(desk.ask("GET", mine(desk).replace("/v2", "@another/v2"))) == (404, "organization_not_found")
    assert said(desk.ask("GET", mine(desk).replace("/v2", "@nobody/v2"))) == (404, "not_found")
    assert said(desk.ask("GET", mine(desk).replace("/v2", "@codat/v2"))) == (404, "not_found")


def test_a_token_of_the_house_says_for_whom(desk: Desk) -> None:
    of_house = token(desk, organization_id=HOUSE)
    slug = desk.house.organization.slug
    for at, expected in (("", 404), ("@facturapi", 404), (f"@{slug}.facturapi", 200), ("@nobody.facturapi", 404)):
        assert desk.ask("GET", mine(desk).replace("/v2", f"{at}/v2"), token=of_house).status == expected
    assert desk.ask("GET", mine(desk).replace("/v2", f"@{slug}.facturapi/v2")).status == 200


@pytest.mark.attack("tenants", "another organization's name in a vendor's call", "404")
def test_nobody_names_another_organization(desk: Desk) -> None:
    theirs = Desk.build(desk.house.gateway, desk.house.sandbox, desk.house.database, desk.vault)
    at = f"@{theirs.house.organization.slug}.facturapi/v2"
    assert said(desk.ask("GET", mine(desk).replace("/v2", at))) == (404, "not_found")
    assert desk.house.sandbox.ledger() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_id_that_is_not_the_connections_is_unknown(desk: Desk, method: str) -> None:
    """Also where the key could: a house's is good for every organization of the account."""
    account = second(desk)
    desk.open("facturapi", "DELETE /organizations/{organization}/certificate")
    below = {"GET": "", "PUT": "/legal", "DELETE": "/certificate"}[method]
    for foreign in (account, "0" * 24, "ME"):
        asked = desk.ask(method, f"facturapi@facturapi/v2/organizations/{foreign}{below}", b"{}")
        assert said(asked) == (404, "organization_not_found")
    assert desk.house.sandbox.ledger() == []


def test_me_is_the_keys_own_organization_and_nobodys_where_the_key_is_lent(desk: Desk) -> None:
    assert desk.ask("GET", "facturapi/v2/organizations/me").json["id"] in mine(desk)
    assert (
        desk.ask("PUT", "facturapi/v2/organizations/me/customization", b'{"color": "BADA55"}', headers=JSON).status
        == 200
    )
    lend(desk)
    assert said(desk.ask("GET", "facturapi/v2/organizations/me")) == (401, "api_key_not_allowed")
    assert said(desk.ask("PUT", "facturapi/v2/organizations/me/legal", b"{}")) == (404, "organization_not_found")
    assert desk.ask("GET", mine(desk)).status == 200


def lend(desk: Desk) -> None:
    """Have the connection borrow an account's key from the house."""
    house, key = desk.house, f"sk_user_{secrets.token_hex(16)}"
    house.sandbox.seed(facturapi={"user_keys": [key], **house.places["facturapi"].seed})
    with house.database.transaction(HOUSE) as session:
        lender = connections.add(
            session,
            desk.vault,
            organization_id=None,
            provider="facturapi",
            name=f"h-{secrets.token_hex(6)}",
            environment=Environment.SANDBOX,
            settings={},
            credential={"key": SecretStr(key)},
        )
    desk.change(Connection, house.connections["facturapi"].id, house_connection_id=lender.id)


def test_a_key_that_is_lent_lists_nobody_elses(desk: Desk) -> None:
    desk.open("facturapi", "GET /organizations")
    lend(desk)
    assert said(desk.ask("GET", "facturapi/v2/organizations")) == (401, "api_key_not_allowed")
    assert desk.house.sandbox.ledger() == []


def test_what_has_to_be_asked_for_is_passed_on_once_it_was_opened(desk: Desk) -> None:
    call = "DELETE /organizations/{organization}/certificate"
    refused = desk.ask("DELETE", mine(desk) + "/certificate")
    assert said(refused) == (401, "api_key_not_allowed")
    assert call in refused.json["message"]
    assert desk.house.sandbox.ledger() == []
    desk.open("facturapi", call)
    assert desk.ask("DELETE", mine(desk) + "/certificate").status == 200
    desk.open("facturapi")
    assert desk.ask("DELETE", mine(desk) + "/certificate").status == 401


def test_what_is_denied_stays_so_whatever_was_opened(desk: Desk) -> None:
    denied = "PUT /organizations/{organization}/apikeys/test"
    desk.open("facturapi", denied)
    refused = desk.ask("PUT", mine(desk) + "/apikeys/test")
    assert said(refused) == (401, "api_key_not_allowed")
    assert "Anula la llave de prueba en uso" in refused.json["message"]
    assert desk.house.sandbox.ledger() == []


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", "/v2/invoices"),
        ("POST", "/v2/organizations/me"),
        ("GET", "/v1/organizations/me"),
        ("GET", "/v2"),
        ("GET", "/v2/"),
        ("GET", "/v2/organizations/me/"),
        ("GET", "/v2//organizations/me"),
        ("GET", "/v2/x/../organizations/me"),
        ("GET", "/v2/organizations/%6De"),
        ("GET", "/v2/organizations%2Fme"),
        ("GET", "/../facturapi/v2/organizations/me"),
        ("HEAD", "/v2/organizations/me"),
        ("OPTIONS", "/v2/organizations/me"),
    ],
)
def test_what_is_in_no_row_is_not_passed_on(desk: Desk, method: str, below: str) -> None:
    answer = desk.ask(method, f"facturapi{below}")
    assert answer.status == 401
    if method != "HEAD":
        assert answer.json["code"] == "api_key_not_allowed"
        assert "is in no rule" in answer.json["message"] or "no está en ninguna regla" in answer.json["message"]
    assert desk.house.sandbox.ledger() == []


@pytest.mark.parametrize("path", ["nobody/v2/organizations/me", "facturapi", "Facturapi/v2/organizations/me", "@x/y"])
def test_what_leads_to_no_provider_is_nothing(desk: Desk, path: str) -> None:
    assert desk.ask("GET", path).status == 404
    assert desk.house.sandbox.ledger() == []


@pytest.mark.attack(
    "tenants",
    "a call that a provider would take for another than was judged",
    "refused, or what makes it another is taken away",
)
@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"])
def test_nothing_makes_it_another_call_than_was_judged(desk: Desk, header: str) -> None:
    value = "DELETE" if "Method" in header else "/facturapi/v2/organizations"
    assert desk.ask("GET", mine(desk), headers={header: value}).status == 200
    (entry,) = desk.house.sandbox.ledger()
    assert header.lower() not in {name.lower() for name in entry["headers"]}


def test_an_organization_that_is_suspended_and_a_connection_that_is_paused_pass_nothing_on(desk: Desk) -> None:
    desk.change(Connection, desk.house.connections["facturapi"].id, paused_at=utcnow(), paused_because="x")
    assert said(desk.ask("GET", mine(desk))) == (500, "internal_error")
    desk.change(Connection, desk.house.connections["facturapi"].id, paused_at=None, paused_because=None)
    assert desk.ask("GET", mine(desk)).status == 200
    desk.change(Organization, desk.house.organization.id, suspended_at=utcnow())
    assert said(desk.ask("GET", mine(desk))) == (401, "api_key_not_allowed")


@pytest.mark.parametrize("provider", sorted(FACES))
def test_every_provider_is_refused_in_its_own_words(desk: Desk, provider: str) -> None:
    """Some known status, JSON, and a body that is not the API's own kind of problem."""
    for other, status in (("vnt_live_nobody", {401, 403}), (desk.token, {401, 403})):
        answer = desk.ask("GET", f"{provider}{FACES[provider].base_path}/nothing/of/the/kind", token=other)
        assert answer.status in status
        assert answer.header("content-type") == "application/json"
        assert "type" not in answer.json
