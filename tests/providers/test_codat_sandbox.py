"""Codat's generators over the wire, to the simulated service."""

from __future__ import annotations

import io
import secrets
import time
import zipfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from pydantic import SecretStr

from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.delivery.engine import Engine
from app.delivery.http import Http
from app.intake import CollectedFile
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.codat import FILE, Codat
from app.providers.wire import Answer, FilePart, Outgoing
from tests.servers import Sandbox

pytestmark = pytest.mark.live

T = TypeVar("T")
CODAT = Codat()
CONTENT = b"%PDF-1.7\n" + bytes(2 << 20)


@dataclass(kw_only=True)
class Way:
    """To a company of its own at the simulated service."""

    sandbox: Sandbox
    http: Http
    key: str = field(repr=False)
    settings: dict[str, str]

    @property
    def account(self) -> Account:
        return Account(environment="sandbox", settings=self.settings)

    def drive(self, steps: Generator[Outgoing, Answer, T]) -> T:
        return Engine(
            self.http,
            CODAT.base_url(self.account, self.sandbox.url),
            CODAT.headers(self.account, {"key": SecretStr(self.key)}),
            Deadlines(connect=5, answer=5, total=20),
            mark=lambda _: None,
            clock=time.monotonic,
        ).drive(steps)

    def deliver(self, handin: HandIn) -> Outcome:
        return self.drive(CODAT.deliver(FILE, handin, self.account))

    def posts(self) -> list[dict[str, Any]]:
        """What came for the company."""
        told = self.sandbox.ledger("codat")
        return [one for one in told if one["method"] == "POST" and self.settings["company_id"] in one["path"]]


@pytest.fixture
def way(sandbox: Sandbox) -> Iterator[Way]:
    key, company = secrets.token_hex(16), str(uuid4())
    kinds = {kind: str(uuid4()) for kind in ("banking", "other")}
    connections = [{"id": id_, "kind": kind} for kind, id_ in kinds.items()]
    sandbox.seed(
        codat={"clients": [{"key": key, "companies": [{"id": company, "name": "A", "connections": connections}]}]}
    )
    http = Http(Egress((sandbox.url,)))
    yield Way(sandbox=sandbox, http=http, key=key, settings={"company_id": company, "connection_id": kinds["banking"]})
    http.close()
    sandbox.control("DELETE", "/faults")


def handin(content: bytes = CONTENT) -> HandIn:
    digest = sha256(content).hexdigest()
    source = CollectedFile(name="file", filename="f", content_type="x/y", content=content, sha256=digest)
    file = FilePart(
        name="file", filename="Señal “a”.pdf", content_type="application/pdf", size=len(content), source=source
    )
    return HandIn(id=uuid4(), organization="acme", received_at=datetime.now(UTC), parts={"file": file})


def test_a_file_is_there_and_comes_back_in_its_days_archive(way: Way) -> None:
    given = handin()
    assert way.deliver(given).ending is Ending.DELIVERED
    (post,) = way.posts()
    assert [(one["name"], one["filename"], one["sha256"]) for one in post["parts"]] == [
        ("file", "Señal “a”.pdf", sha256(CONTENT).hexdigest())
    ]
    assert "authorization" not in post["parts"][0]
    page = way.drive(CODAT.list(way.account))
    assert [one.name for one in page.items] == ["Señal “a”.pdf"]

    class Kept:
        def __init__(self) -> None:
            self.content = b""

        def feed(self, block: bytes, /) -> None:
            self.content += block

    def download() -> Generator[Outgoing, Answer, bytes]:
        kept = Kept()
        asked = yield from CODAT.content(way.account, page.items[0].id)
        yield replace(asked, sink=kept)
        return kept.content

    archive = zipfile.ZipFile(io.BytesIO(way.drive(download())))
    assert [archive.read(name) for name in archive.namelist()] == [CONTENT]


def test_an_answer_that_is_lost_is_looked_for_and_never_sent_again(way: Way) -> None:
    way.sandbox.fault(provider="codat", method="POST", action="drop_answer", times=1)
    assert way.deliver(handin()).ending is Ending.DELIVERED
    assert len(way.posts()) == 1
    way.sandbox.fault(provider="codat", method="POST", action="status", status=500, times=1)
    outcome = way.deliver(handin(CONTENT + b"x"))
    assert (outcome.ending, outcome.http_status) == (Ending.RETRY, 500)
    assert len(way.posts()) == 2


def test_what_never_arrived_is_not_found_later(way: Way) -> None:
    given = handin()
    assert way.drive(CODAT.reconcile(FILE, given, way.account)).ending is Ending.FAILED
    way.deliver(handin(b"%PDF-1.7 of the same name"))
    assert way.drive(CODAT.reconcile(FILE, given, way.account)).ending is Ending.FAILED
    way.deliver(given)
    assert way.drive(CODAT.reconcile(FILE, given, way.account)).ending is Ending.DELIVERED


def test_a_connection_is_tried(way: Way) -> None:
    def verdict() -> Any:
        return way.drive(CODAT.verify(way.account, {"key": SecretStr(way.key)}, datetime.now(UTC)))

    assert (verdict().ok, verdict().detail) == (True, "the connection takes banking files")
    banking = way.settings["connection_id"]
    way.settings["connection_id"] = str(uuid4())
    assert "it has: Xero, banking" in verdict().detail
    way.settings = {}
    assert verdict().ok
    way.settings = {"company_id": str(uuid4()), "connection_id": banking}
    assert (verdict().ok, "settings-wrong" in verdict().detail) == (False, True)
    way.key = "another"
    assert (verdict().ok, "credential-refused" in verdict().detail) == (False, True)


def test_how_long_to_wait_is_kept(way: Way) -> None:
    way.sandbox.fault(provider="codat", method="POST", action="status", status=429, times=1)
    outcome = way.deliver(handin())
    assert (outcome.ending, outcome.problem, outcome.retry_after) == (Ending.RETRY, "provider-busy", 30.0)
