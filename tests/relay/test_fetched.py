"""What lies at a provider comes back as it comes: whole on a connection that goes on, or visibly cut off."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from app.local.processes import wait_until
from app.tenants import tokens
from tests.relay.ending import SECONDS
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION
from tests.relay.sending import RELAYED

pytestmark = pytest.mark.live

SAMPLE = BY_OPERATION["flatfile/file"]


@pytest.fixture
def headers(house: House) -> dict[str, str]:
    organization_id = house.organization.id
    with house.database.transaction(organization_id) as session:
        scopes = [tokens.Scope.FILES_READ]
        _, token = tokens.create(session, organization_id=organization_id, name="reader", scopes=scopes)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def connection(house: House) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection(urlsplit(house.gateway.url).netloc, timeout=30)
    yield made
    made.close()


@pytest.fixture
def path(house: House) -> str:
    """Of what was handed in just now."""
    answer = SAMPLE.hand_in(house, query=RELAYED)
    assert answer.status == 201, answer.body
    return f"/api/v1/organizations/{house.organization.slug}/flatfile/files/{answer.body['reference']}/content"


def test_it_is_what_was_handed_in_and_the_connection_goes_on(
    connection: http.client.HTTPConnection, headers: dict[str, str], path: str
) -> None:
    for method in ("GET", "HEAD", "GET"):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        assert (answer.status, answer.will_close) == (200, False)
        if method == "GET":
            assert hashlib.sha256(content).digest() == hashlib.sha256(SAMPLE.file()[2]).digest()


def test_what_the_provider_cuts_off_does_not_look_whole(
    house: House, connection: http.client.HTTPConnection, headers: dict[str, str], path: str
) -> None:
    house.sandbox.fault(
        provider="flatfile", method="GET", path="/flatfile/v1/files", action="truncate", after_bytes=70_000
    )
    before = house.gateway.log()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    assert wait_until(lambda: "content cut off" in house.gateway.log()[len(before) :], SECONDS)
    assert "Traceback" not in house.gateway.log()[len(before) :]


def test_who_leaves_leaves_nothing_behind(
    house: House, connection: http.client.HTTPConnection, headers: dict[str, str], path: str
) -> None:
    for _ in range(3):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        assert len(answer.read(1000)) == 1000
        connection.close()
    connection.request("GET", path, headers=headers)
    assert len(connection.getresponse().read()) == len(SAMPLE.file()[2])
