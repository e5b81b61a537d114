"""One session a connection, and no more of them than are in use."""

from __future__ import annotations

import pytest
from uuid_utils.compat import uuid7

from app.delivery.egress import Egress
from app.delivery.http import Http
from app.delivery.sessions import Sessions


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[Http]:
    seen: list[Http] = []
    monkeypatch.setattr(Http, "close", lambda http: seen.append(http))  # noqa: PLW0108 - so that it binds
    return seen


def test_a_connection_keeps_its_session_and_shares_it_with_none(closed: list[Http]) -> None:
    sessions = Sessions(Egress())
    mine, theirs = uuid7(), uuid7()
    first = sessions.of(mine)
    assert sessions.of(theirs) is not first
    assert sessions.of(mine) is first
    assert not closed


def test_all_of_them_ask_the_one_egress_and_share_the_trust_that_was_loaded_once() -> None:
    egress = Egress()
    sessions = Sessions(egress)
    first, second = (sessions.of(uuid7())._adapter for _ in range(2))
    assert first._egress is second._egress is egress
    assert first._context is second._context
    sessions.close()


def test_the_one_unused_for_longest_is_closed(closed: list[Http]) -> None:
    sessions = Sessions(Egress(), most=2)
    ids = [uuid7() for _ in range(3)]
    first, second = sessions.of(ids[0]), sessions.of(ids[1])
    assert sessions.of(ids[0]) is first
    sessions.of(ids[2])
    assert closed == [second]
    sessions.close()
    assert len(closed) == 3
