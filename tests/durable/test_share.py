"""What one organization may keep, at a real gateway: its own files fill its share, nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.config import Settings
from app.database import Database
from app.records.models import Copy, Promise
from app.tenants.vault import Vault
from tests.durable.conftest import keeping
from tests.durable.test_first_pass import chunked, hand_in, sending
from tests.relay.ending import WAYS, order
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION
from tests.resumable.desk import Desk
from tests.servers import Sandbox, Server

pytestmark = pytest.mark.live

FULL = "/docs/problems#spool-share-full"


@pytest.fixture(scope="module")
def sharing(place: Path, settings: Settings) -> Iterator[Server]:
    """A gateway that keeps a megabyte for each organization."""
    with keeping("sharing", place, settings, SPOOL_SHARE_BYTES="1000000") as server:
        yield server


def test_a_share_that_is_full_refuses_its_organization_alone(
    sharing: Server, sandbox: Sandbox, database: Database, vault: Vault
) -> None:
    sandbox.clear()
    house, sample = House.build(sharing, sandbox, database, vault), WAYS["flatfile"]
    sandbox.fault(**order(house, sample), action="reset", times=1)
    content = sample.file(700_000)[2]
    assert hand_in(house, sample, content).status == 202, "it waits, and takes up most of the share"
    with sending(house, sample, content) as one:
        answer = one.give_share(0.0).answer()
        assert (answer.status, answer.body["type"]) == (507, FULL), "before a byte of it is read"
        assert "1000000 bytes" in answer.body["detail"]
    status, body = chunked(house, BY_OPERATION["formkiq/document"], BY_OPERATION["formkiq/document"].file(700_000)[2])
    assert (status, body["type"]) == (507, FULL), "nor does it get in by hiding its length"
    assert sample.hand_in(house).status == 201, "what is relayed is not kept"
    assert hand_in(house, sample, sample.file(2000)[2]).status == 201, "what fits is taken"
    other = House.build(sharing, sandbox, database, vault)
    assert hand_in(other, sample, content).status == 201, "and another organization has its own"
    for one_of in (house, other):
        with database.transaction(one_of.organization.id) as session:
            assert session.scalars(select(Promise.bytes)).all() == [], "nothing is promised any more"
    with database.transaction(house.organization.id) as session:
        assert len(session.scalars(select(Copy.stored)).all()) == 1


def test_pieces_take_up_the_share_too(
    sharing: Server, sandbox: Sandbox, database: Database, vault: Vault, owner_engine: Engine
) -> None:
    """A whole that would be too much is not begun; one that was begun goes no further than the share."""
    desk = Desk(house=House.build(sharing, sandbox, database, vault), owner=owner_engine)
    content = b"name,amount\n" + b"ana,1\n" * 100_000  # 600 kB
    refused = desk.create(Upload_Length="2000000")
    assert (refused.status, json.loads(refused.body)["type"]) == (507, FULL)
    begun, other = (desk.fresh(Upload_Length=str(len(content))) for _ in range(2))
    assert desk.patch(begun, 0, content[:-6]).status == 204
    turned_away = desk.patch(other, 0, content)
    assert (turned_away.status, json.loads(turned_away.body)["type"]) == (507, FULL)
    assert desk.patch(begun, len(content) - 6, content[-6:]).status == 204, "what was begun is ended"
    assert desk.patch(other, 0, content).status == 507, "and waits for a worker, in the room that it has"
    assert desk.patch(other, 0, content[:100_000]).status == 204, "what fits beside it is taken"
    with database.transaction(desk.house.organization.id) as session:
        assert session.scalars(select(Promise.bytes)).all() == []
