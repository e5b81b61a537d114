"""Whether something arrived where nothing was read before it was sent: by when what is held was last changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.providers.base import HandIn
from app.providers.facturapi_kept import KEPT

SENT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASELINE = {"since": SENT.isoformat()}
HANDIN = HandIn(id=uuid4(), organization="acme", received_at=SENT, parts={}, facts={"number": "1"})


def held(number: str | None, changed: timedelta | None) -> dict[str, Any]:
    moment = None if changed is None else (SENT + changed).isoformat()
    return {"certificate": {"has_certificate": True, "serial_number": number, "updated_at": moment}}


@pytest.mark.parametrize(
    ("looked", "arrived"),
    [
        (held("1", timedelta(seconds=3)), True),
        (held("1", timedelta(minutes=-4)), True),  # two clocks are not one
        (held("1", timedelta(minutes=-6)), False),  # it was there before
        (held("2", timedelta(minutes=-6)), False),
        (held("2", timedelta(seconds=3)), None),  # another came since, perhaps after it
        (held("1", None), False),
        ({"certificate": {"has_certificate": False}}, False),
        ({}, False),
    ],
)
def test_a_certificate_tells_by_its_number_and_its_time(looked: dict[str, Any], arrived: bool | None) -> None:
    assert KEPT["certificate"].arrived(HANDIN, looked, BASELINE) is arrived


@pytest.mark.parametrize(("looked", "arrived"), [({"logo_url": "https://cdn/l"}, None), ({}, False)])
def test_a_logo_tells_only_that_there_is_none(looked: dict[str, Any], arrived: bool | None) -> None:
    assert KEPT["logo"].arrived(HANDIN, looked, BASELINE) is arrived
