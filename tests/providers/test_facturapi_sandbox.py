"""Legal data and the choice of an organization, over the wire to the simulated Facturapi."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from pydantic import SecretStr

from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.delivery.engine import Engine
from app.delivery.http import Http
from app.providers.base import Account, Ending, HandIn, Unavailable
from app.providers.facturapi import LEGAL, Facturapi
from app.providers.wire import Answer, Outgoing
from tests.servers import Sandbox

pytestmark = pytest.mark.live

T = TypeVar("T")
FACTURAPI = Facturapi()
FIELDS = {"name": "Kemper", "legal_name": "Escuela Kemper Urgate", "tax_system": "601", "zip": "26015", "city": "Ñ"}

Drive = Callable[[Generator[Outgoing, Answer, Any], str], Any]


@pytest.fixture
def user_key() -> str:
    return f"sk_user_{secrets.token_hex(16)}"


@pytest.fixture
def live_key() -> str:
    return f"sk_live_{secrets.token_hex(16)}"


@pytest.fixture
def account(sandbox: Sandbox, user_key: str, live_key: str) -> Account:
    id_ = secrets.token_hex(12)
    organization = {"id": id_, "name": "Acme", "live_keys": [live_key]}
    sandbox.seed(facturapi={"user_keys": [user_key], "organizations": [organization]})
    return Account(environment="sandbox", settings={"organization_id": id_})


@pytest.fixture
def drive(sandbox: Sandbox, account: Account) -> Iterator[Drive]:
    http = Http(Egress((sandbox.url,)))

    def driving(steps: Generator[Outgoing, Answer, Any], key: str) -> Any:
        headers = FACTURAPI.headers(account, {"key": SecretStr(key)})
        deadlines = Deadlines(connect=5, answer=5, total=20)
        base_url = FACTURAPI.base_url(account, sandbox.url)
        return Engine(http, base_url, headers, deadlines, mark=lambda _: None, clock=time.monotonic).drive(steps)

    yield driving
    http.close()
    sandbox.control("DELETE", "/faults")


def handin(**fields: str) -> HandIn:
    return HandIn(id=uuid4(), organization="acme", received_at=datetime.now(UTC), parts={}, fields=FIELDS | fields)


def test_legal_data_is_kept_and_its_step_is_done(drive: Drive, account: Account, user_key: str) -> None:
    outcome = drive(FACTURAPI.deliver(LEGAL, handin(), account), user_key)
    assert (outcome.ending, outcome.reference) == (Ending.DELIVERED, account.settings["organization_id"])
    assert outcome.facts["pending_steps"]
    assert not any("fiscales" in step for step in outcome.facts["pending_steps"])
    outcome = drive(FACTURAPI.deliver(LEGAL, handin(tax_system="6011"), account), user_key)
    assert (outcome.ending, outcome.field) == (Ending.FAILED, "tax_system")
    assert outcome.message


def test_an_answer_that_is_lost_is_looked_for(drive: Drive, account: Account, live_key: str, sandbox: Sandbox) -> None:
    path = f"/facturapi/v2/organizations/{account.settings['organization_id']}/legal"
    sandbox.fault(provider="facturapi", method="PUT", path=path, action="drop_answer", times=1)
    assert drive(FACTURAPI.deliver(LEGAL, handin(), account), live_key).ending is Ending.DELIVERED
    sandbox.fault(provider="facturapi", method="PUT", path=path, action="status", status=500, times=1)
    assert drive(FACTURAPI.deliver(LEGAL, handin(name="B"), account), live_key).ending is Ending.FAILED


def test_an_organization_is_chosen_or_made(drive: Drive, account: Account, user_key: str, live_key: str) -> None:
    nowhere = Account(environment="sandbox", settings={})

    def chosen_from(key: str) -> Iterator[str]:
        cursor = None
        while True:
            page = drive(FACTURAPI.choices(nowhere, "organization_id", cursor), key)
            yield from (one.id for one in page.items)
            if (cursor := page.next) is None:
                return

    id_ = account.settings["organization_id"]
    assert id_ in chosen_from(user_key)
    assert list(chosen_from(live_key)) == [id_]
    made = drive(FACTURAPI.make(nowhere, "organization_id", "Nueva"), user_key)
    assert made.name == "Nueva"
    assert made.id in chosen_from(user_key)
    with pytest.raises(Unavailable):
        drive(FACTURAPI.make(nowhere, "organization_id", "Nueva"), live_key)
