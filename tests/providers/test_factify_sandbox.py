"""Factify's generators over the wire, to the simulated service: what becomes of a file, and how that is known."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
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
from app.providers.base import Account, Ending, HandIn, Outcome, Unavailable
from app.providers.factify import DOCUMENT, VERSION, Factify
from app.providers.factify_search import Hash
from app.providers.operation import Operation
from app.providers.wire import Answer, FilePart, Outgoing
from tests.servers import Sandbox

pytestmark = pytest.mark.live

T = TypeVar("T")
FACTIFY = Factify()
ACCOUNT = Account(environment="sandbox", settings={})
CONTENT = b"%PDF-1.7\n" + bytes(3 << 20)
OPERATIONS = pytest.mark.parametrize("operation", [DOCUMENT, VERSION], ids=lambda one: one.slug)


@dataclass(kw_only=True)
class Way:
    """To an account of its own at the simulated service."""

    sandbox: Sandbox
    key: str
    http: Http
    baseline: dict[str, Any] = field(default_factory=dict)

    def drive(self, steps: Generator[Outgoing, Answer, T], key: str | None = None) -> T:
        """What comes of it; what was remembered with the mark is kept."""
        credential = {"token": SecretStr(key or self.key)}
        return Engine(
            self.http,
            FACTIFY.base_url(ACCOUNT, self.sandbox.url),
            FACTIFY.headers(ACCOUNT, credential),
            Deadlines(connect=5, answer=5, total=20),
            mark=self._remember,
            stores=FACTIFY.stores,
            clock=time.monotonic,
        ).drive(steps)

    def _remember(self, outgoing: Outgoing) -> None:
        self.baseline = dict(outgoing.baseline)

    def deliver(self, operation: Operation, handin: HandIn) -> Outcome:
        return self.drive(FACTIFY.deliver(operation, handin, ACCOUNT))

    def reconcile(self, operation: Operation, handin: HandIn) -> Outcome:
        return self.drive(FACTIFY.reconcile(operation, replace(handin, baseline=self.baseline), ACCOUNT))

    def control(self, path: str, **data: Any) -> Any:
        return self.sandbox.control("POST", f"/factify{path}", data)

    def document(self) -> str:
        """The id of a document that was there before."""
        outcome = self.deliver(DOCUMENT, handin(content=b"%PDF-1.7 former"))
        assert outcome.reference
        return outcome.reference

    def begin(self, operation: Operation, **fields: Any) -> HandIn:
        """Something to hand in, and what it needs."""
        needed: dict[str, Any] = {} if operation is DOCUMENT else {"document_id": self.document()}
        return handin(**needed, **fields)

    def uploads(self) -> list[Mapping[str, Any]]:
        """The forms that came by this key."""
        mine = f"Bearer {self.key}"
        return [one for one in self.sandbox.ledger("factify") if one["authorization"] == mine and one["parts"]]


@pytest.fixture
def way(sandbox: Sandbox) -> Generator[Way]:
    key = f"ffy_test_{secrets.token_hex(16)}"
    sandbox.seed(factify={"accounts": [{"key": key, "organization": "Acme"}]})
    sandbox.control("POST", "/factify/processing", {"key": key})
    http = Http(Egress((sandbox.url, sandbox.store_url)))
    yield Way(sandbox=sandbox, key=key, http=http)
    http.close()
    sandbox.control("DELETE", "/faults")


def handin(*, content: bytes = CONTENT, filename: str = "Señal “ñandú”.pdf", **fields: str) -> HandIn:
    digest = sha256(content).hexdigest()
    source = CollectedFile(name="file", filename=filename, content_type="x/y", content=content, sha256=digest)
    file = FilePart(name="file", filename=filename, content_type="application/pdf", size=len(content), source=source)
    return HandIn(id=uuid4(), organization="acme", received_at=datetime.now(UTC), parts={"file": file}, fields=fields)


@OPERATIONS
def test_a_file_is_delivered_and_followed(way: Way, operation: Operation) -> None:
    given = way.begin(operation, title="Título", description="ñ" * 2000)
    outcome = way.deliver(operation, given)
    assert (outcome.ending, outcome.provider_status) == (Ending.DELIVERED, "processing")
    sent = {part["name"]: part for part in way.uploads()[-1]["parts"]}
    assert sent["payload"]["sha256"] == sha256(CONTENT).hexdigest()
    assert (sent["payload"]["filename"], sent["payload"]["content_type"]) == ("Señal “ñandú”.pdf", "application/pdf")
    assert sent["title"]["sha256"] == sha256("Título".encode()).hexdigest()
    for status in ("ready", "failed"):
        way.control("/processed", id=outcome.reference, status=status)
        followed = way.drive(FACTIFY.follow(operation, replace(given, reference=outcome.reference), ACCOUNT))
        assert (followed.ending, followed.provider_status) == (Ending.DELIVERED, status)


@OPERATIONS
def test_a_lost_answer_is_made_up_for(way: Way, operation: Operation) -> None:
    given = way.begin(operation)
    way.control("/export", key=way.key, headers={"x-amz-request-payer": "requester"})
    way.sandbox.fault(provider="factify", method="POST", action="drop_answer")
    lost = way.deliver(operation, given)
    assert lost.ending is Ending.UNKNOWN
    found = way.reconcile(operation, given)
    assert (found.ending, found.provider_status) == (Ending.DELIVERED, "processing")
    content = way.drive(FACTIFY.content(ACCOUNT, found.reference or ""))
    sink = Hash()
    answer = way.drive(_fetch(replace(content, sink=sink)))
    assert (getattr(answer, "status", None), sink.sha256) == (200, sha256(CONTENT).hexdigest())


def _fetch(outgoing: Outgoing) -> Generator[Outgoing, Answer, Answer]:
    return (yield outgoing)


@OPERATIONS
@pytest.mark.parametrize("status", [500, 503])
def test_what_was_not_taken_is_not_found(way: Way, operation: Operation, status: int) -> None:
    given = way.begin(operation)
    way.sandbox.fault(provider="factify", method="POST", action="status", status=status)
    assert way.deliver(operation, given).ending is Ending.UNKNOWN
    assert way.reconcile(operation, given).ending is Ending.FAILED


def test_the_same_title_with_other_bytes_is_another_document(way: Way) -> None:
    given = handin(title="Contrato")
    way.sandbox.fault(provider="factify", method="POST", action="status", status=500)
    assert way.deliver(DOCUMENT, given).ending is Ending.UNKNOWN
    assert way.drive(FACTIFY.deliver(DOCUMENT, handin(title="Contrato", content=b"%PDF-other"), ACCOUNT)).reference
    assert way.reconcile(DOCUMENT, given).ending is Ending.FAILED


def test_duplicates_are_told_of(way: Way) -> None:
    first = way.deliver(DOCUMENT, handin(title="First"))
    second = way.deliver(DOCUMENT, handin(title="Second", duplicates="on"))
    assert second.facts == {"duplicates": [{"id": first.reference, "title": "First"}]}


def test_a_quota_that_is_used_up_keeps_the_file_here(way: Way, sandbox: Sandbox) -> None:
    key = f"{way.key}x"
    sandbox.seed(factify={"accounts": [{"key": key, "organization": "Small", "quota": 1}]})
    small = replace(way, key=key)
    assert small.deliver(DOCUMENT, handin()).ending is Ending.DELIVERED
    refused = small.deliver(DOCUMENT, handin())
    assert (refused.ending, refused.problem) == (Ending.FAILED, "quota-used-up")
    assert len(small.uploads()) == 1


@pytest.mark.parametrize("document_id", ["doc_" + "0" * 26, "nope"])
def test_a_document_that_is_not_there_gets_no_version(way: Way, document_id: str) -> None:
    refused = way.deliver(VERSION, handin(document_id=document_id))
    assert refused.ending in {Ending.FAILED, Ending.REJECTED}
    assert refused.field == "document_id"
    assert way.uploads() == []


def test_an_unknown_key_pauses_the_connection(way: Way) -> None:
    refused = way.drive(FACTIFY.deliver(DOCUMENT, handin(), ACCOUNT), key="ffy_test_nobody")
    assert (refused.ending, refused.http_status, refused.code) == (Ending.CREDENTIAL, 401, "invalid_api_key")
    verdict = way.drive(FACTIFY.verify(ACCOUNT, {"token": SecretStr("x")}, datetime.now(UTC)), key="ffy_test_nobody")
    assert not verdict.ok


def test_a_key_is_tried_without_harm(way: Way) -> None:
    verdict = way.drive(FACTIFY.verify(ACCOUNT, {"token": SecretStr(way.key)}, datetime.now(UTC)))
    assert verdict.ok
    assert "Acme" in verdict.detail
    assert way.drive(FACTIFY.list(ACCOUNT)).items == ()


def test_the_providers_limit_is_known_by_its_header(way: Way) -> None:
    way.sandbox.fault(provider="factify", method="POST", action="status", status=429)
    refused = way.deliver(DOCUMENT, handin())
    assert refused.ending is Ending.RETRY
    assert refused.retry_after is not None
    assert timedelta(seconds=50) < timedelta(seconds=refused.retry_after) <= timedelta(seconds=61)


def test_documents_are_listed_shown_and_thrown_away(way: Way) -> None:
    first, second = (way.deliver(DOCUMENT, handin(title=title)).reference or "" for title in ("First", "Second"))
    page = way.drive(FACTIFY.list(ACCOUNT))
    assert ([one.name for one in page.items], page.next) == (["Second", "First"], None)
    shown = way.drive(FACTIFY.get(ACCOUNT, first))
    assert shown is not None
    assert (shown.name, shown.status) == ("First", "processing")
    assert way.drive(FACTIFY.delete(ACCOUNT, second)).ending is Ending.DELIVERED
    assert [one.id for one in way.drive(FACTIFY.list(ACCOUNT)).items] == [first]
    assert way.drive(FACTIFY.get(ACCOUNT, "doc_" + "0" * 26)) is None
    with pytest.raises(Unavailable):
        way.drive(FACTIFY.content(ACCOUNT, "doc_" + "0" * 26))
