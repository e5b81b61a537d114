"""A token that is revoked while a file is on its way by it: the provider never has all of that file."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.database import utcnow
from app.local.processes import wait_until
from app.tenants import doors, tokens
from tests.relay.ending import LARGE, SECONDS, WAYS, never_whole, taken_back, upload_of
from tests.relay.house import House
from tests.relay.sending import RELAYED, Sending, ask

pytestmark = pytest.mark.live


def revoke(house: House) -> None:
    found = doors.token(house.database, house.token)
    assert found
    with house.database.transaction(house.organization.id) as session:
        assert tokens.revoke(session, found.id, utcnow())


@pytest.mark.attack("ways in", "a token that is revoked while its file is on the way", "the file does not arrive")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("query", [RELAYED, ""], ids=["relay", "durable"])
def test_what_is_on_its_way_does_not_arrive(house: House, way: str, query: str) -> None:
    sample = WAYS[way]
    with sample.sending(house, query=query) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: any(one["bytes"] for one in sample.arrivals(house)), SECONDS)
        revoke(house)
        answer = sending.give().answer()
    assert (answer.status, answer.body["type"]) == (401, "/docs/problems#token-revoked"), answer.body
    assert never_whole(house, sample)
    upload = upload_of(house)
    assert (upload.id, upload.state, upload.problem) == (UUID(answer.body["upload"]), "cancelled", "token-revoked")
    if way == "presigned":
        assert taken_back(house)
    assert ask(house, "GET", f"/api/v1/uploads/{upload.id}").status == 401


def test_nor_does_what_is_passed_through(house: House) -> None:
    """The vendor's client is told in its own shape."""
    sample, settings = WAYS["flatfile"], house.connections["flatfile"].settings
    with house.database.transaction(house.organization.id) as session:
        row, key = tokens.create(
            session, organization_id=house.organization.id, name="sdk", scopes=[tokens.Scope.PROXY]
        )
    through = Sending(
        house,
        "flatfile/file",
        files={"file": sample.file()},
        fields={"spaceId": settings["space_id"], "environmentId": settings["environment_id"]},
        at="/proxy/flatfile/v1/files",
        headers={"Authorization": f"Bearer {key}"},
    )
    with through as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: any(one["bytes"] for one in sample.arrivals(house)), SECONDS)
        with house.database.transaction(house.organization.id) as session:
            assert tokens.revoke(session, row.id, utcnow())
        answer = sending.give().answer()
    assert answer.status == 401, answer.body
    assert never_whole(house, sample)
    assert upload_of(house).state == "cancelled"


@pytest.mark.parametrize("way", LARGE[:1])
def test_what_waits_already_is_delivered_all_the_same(house: House, way: str) -> None:
    """It was promised when the token was good."""
    sample = WAYS[way]
    with sample.sending(house, query="?wait=0") as sending:
        answer = sending.give().answer()
    assert answer.status == 202, answer.body
    revoke(house)
    assert upload_of(house).state == "waiting"
