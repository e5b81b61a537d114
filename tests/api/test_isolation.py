"""No token reaches what is not its organization's: every address, by every object that it names, in every mixture.

In the same cell its owner does it, so that a 404 is for whose it is and for nothing else. An address that has no case
fails the first test.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask

from app.api import problems
from app.api.resources import ADDRESSES
from app.tenants import tokens
from app.tenants.names import RESERVED
from app.tenants.tokens import SCOPES
from tests.api.addresses import CASES, CONNECTION, call, names_in
from tests.api.conftest import Desk, Furnish, Objects

#: What anybody may read, and nothing of anybody's is in.
PUBLIC = {"api.openapi", "api.page"}
#: They stand in an address and are no object: the same for everybody.
NOBODYS = {"operation"}


def test_every_address_has_its_case(app: Flask) -> None:
    served = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith(problems.PREFIX)}
    assert served == {f"api.{endpoint}" for endpoint in ADDRESSES} | PUBLIC
    assert set(CASES) == set(ADDRESSES)


def mixtures(endpoint: str, mine: Objects, theirs: Objects) -> Iterator[dict[str, str]]:
    """All theirs, and each one of theirs among what is mine."""
    names = [name for name in names_in(endpoint) if name not in NOBODYS]
    yield {**mine.named, **{name: theirs.named[name] for name in names}}
    for name in names:
        mixed = {**mine.named, name: theirs.named[name]}
        if mixed != mine.named:
            yield mixed


def test_no_connection_is_called_what_addresses_mean(desk: Desk) -> None:
    meant = {found[1] for one in ADDRESSES.values() if (found := re.search(r"/<organization>/([a-z]+)", one.path))}
    assert meant <= RESERVED
    made = desk.ask("POST", f"/api/v1/organizations/{desk.mine.slug}/connections", json=CONNECTION | {"name": "forms"})
    assert (made.status_code, made.json and made.json["type"]) == (409, "/docs/problems#name-taken")
    assert desk.ask("POST", f"/api/v1/organizations/{desk.mine.slug}/forms/x").status_code == 404


@pytest.mark.attack(
    "tenants", "every address of the API for another organization's things", "404, as if there were none"
)
@pytest.mark.parametrize("endpoint", sorted(name for name in CASES if names_in(name)))
def test_what_is_anothers_is_nothing(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    mine, theirs = (furnish(one, CASES[endpoint].state, names_in(endpoint)) for one in (desk.mine, desk.theirs))
    nothing = {name: str(uuid4()) if name.endswith("_id") else f"no-{secrets.token_hex(4)}" for name in mine.named}
    as_nothing = call(desk, endpoint, {**mine.named, **nothing, "operation": "logo"}, desk.token("both"))
    for named in mixtures(endpoint, mine, theirs):
        refused = call(desk, endpoint, named, desk.token("both"))
        assert (refused.status_code, refused.json) == (404, as_nothing.json), named
        assert set(as_nothing.headers.keys()) == set(refused.headers.keys())
    of_house = CASES[endpoint].by_house
    by_owner = call(desk, endpoint, theirs.named, desk.token("house both" if of_house else "their both"))
    assert by_owner.status_code == CASES[endpoint].status, by_owner.text
    by_me = call(desk, endpoint, mine.named, desk.token("house both" if of_house else "both"))
    assert by_me.status_code == CASES[endpoint].status, by_me.text


@pytest.mark.parametrize("endpoint", sorted(name for name in CASES if names_in(name)))
def test_the_house_reaches_everybodys(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    answer = call(
        desk, endpoint, furnish(desk.mine, CASES[endpoint].state, names_in(endpoint)).named, desk.token("house both")
    )
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
    named = {**furnish(desk.mine, CASES[endpoint].state, names_in(endpoint)).named, "organization": "house"}
    assert call(desk, endpoint, named, desk.token("both")).status_code == 404


@pytest.mark.parametrize("endpoint", sorted(CASES))
def test_one_scope_opens_it_and_all_others_do_not(desk: Desk, furnish: Furnish, endpoint: str) -> None:
    wanted, case = ADDRESSES[endpoint].scope, CASES[endpoint]
    named = furnish(desk.mine, case.state, names_in(endpoint)).named
    owner = None if case.by_house else desk.mine.organization.id
    shown: dict[str, str] = {}
    with desk.database.transaction(owner) as session:
        for kind, scopes in {"one": [wanted] if wanted else [], "others": set(SCOPES) - {wanted}}.items():
            shown[kind] = tokens.create(session, organization_id=owner, name=kind, scopes=sorted(scopes))[1]
    for bad in (None, desk.token("expired"), desk.token("revoked")):
        assert call(desk, endpoint, named, bad).status_code == 401
    if wanted is not None:
        refused = call(desk, endpoint, named, shown["others"])
        assert (refused.status_code, refused.json["type"]) == (403, "/docs/problems#out-of-scope")
        # Of another's things it says the same: what a token may not do it may do to nobody's.
        foreign = call(desk, endpoint, {**named, "organization": desk.theirs.slug}, shown["others"])
        assert (foreign.status_code, foreign.json) == (403, refused.json)
    done = call(desk, endpoint, named, shown["one"])
    if endpoint not in {"create_token", "rotate_token"}:
        assert done.status_code == case.status, done.text
