"""FormKiQ's generators over the wire, to the simulated service and the store behind it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from app.delivery.deadlines import Deadlines
from app.delivery.egress import Egress
from app.delivery.engine import Engine
from app.delivery.http import Http
from app.errors import Refusal
from app.intake import CollectedFile
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.formkiq import DOCUMENT, INLINE, Formkiq
from app.providers.wire import Answer, FilePart, Outgoing
from tests.servers import Sandbox

pytestmark = pytest.mark.live

T = TypeVar("T")
FORMKIQ = Formkiq()
SMALL = b"%PDF-1.7\n" + bytes(1 << 20)
LARGE = b"%PDF-1.7\n" + bytes(INLINE)
SIZES = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["inline", "presigned"])


class Refused(Refusal):
    """A file that is refused at its last byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A source that is refused behind its first half."""

    half: bytes
    sha256: str | None = None

    def blocks(self) -> Iterator[bytes]:
        yield self.half
        raise Refused


@dataclass(kw_only=True)
class Way:
    """To the simulated service, by a key or a token."""

    sandbox: Sandbox
    http: Http
    settings: dict[str, str]
    credential: dict[str, SecretStr] = field(repr=False)

    @property
    def account(self) -> Account:
        return Account(environment="sandbox", settings=self.settings)

    def drive(self, steps: Generator[Outgoing, Answer, T]) -> T:
        return self.engine().drive(steps)

    def engine(self) -> Engine:
        return Engine(
            self.http,
            FORMKIQ.base_url(self.account, self.sandbox.url),
            FORMKIQ.headers(self.account, self.credential),
            Deadlines(connect=5, answer=5, total=20),
            mark=lambda _: None,
            stores=FORMKIQ.stores,
            clock=time.monotonic,
        )

    def deliver(self, handin: HandIn) -> Outcome:
        return self.drive(FORMKIQ.deliver(DOCUMENT, handin, self.account))

    def about(self, handin: HandIn) -> list[dict[str, Any]]:
        """The requests of one hand-in."""
        told = self.sandbox.ledger("formkiq")
        return [one for one in told if str(handin.id) in one["path"] or one["parts"]]

    def get(self, handin: HandIn) -> Any:
        return self.drive(FORMKIQ.get(self.account, str(handin.id)))


@pytest.fixture
def way(sandbox: Sandbox) -> Iterator[Way]:
    key = secrets.token_hex(16)
    sandbox.seed(formkiq={"api_keys": [{"key": key, "sites": {"default": "write", "legal": "read"}}]})
    http = Http(Egress((sandbox.url, sandbox.store_url)))
    settings = {"base_url": f"{sandbox.url}/formkiq", "auth": "key", "site_id": "default"}
    yield Way(sandbox=sandbox, http=http, settings=settings, credential={"key": SecretStr(key)})
    http.close()
    sandbox.control("DELETE", "/faults")
    sandbox.control("DELETE", "/formkiq/switches")


def handin(content: bytes, sha: str | None = "", **fields: str) -> HandIn:
    digest = sha256(content).hexdigest() if sha == "" else sha
    source = CollectedFile(name="file", filename="f", content_type="x/y", content=content, sha256=digest or "")
    file = FilePart(name="file", filename="Año 1.pdf", content_type="application/pdf", size=len(content), source=source)
    return HandIn(id=uuid7(), organization="acme", received_at=datetime.now(UTC), parts={"file": file}, fields=fields)


@SIZES
@pytest.mark.parametrize("sha", ["", None], ids=["signed", "unsigned"])
def test_a_document_is_there_and_its_bytes_come_back(way: Way, content: bytes, sha: str | None) -> None:
    given = handin(content, sha, path="{organization}/{date}/", tags="kind=statement", actions="ocr", attributes="a=b")
    outcome = way.deliver(given)
    assert (outcome.ending, outcome.reference, outcome.provider_status) == (Ending.DELIVERED, str(given.id), None)
    shown = way.get(given)
    assert (shown.name, shown.size) == (f"acme/{given.received_at.date()}/Año 1.pdf", len(content))

    class Kept:
        def __init__(self) -> None:
            self.content = b""

        def feed(self, block: bytes, /) -> None:
            self.content += block

    def download() -> Generator[Outgoing, Answer, bytes]:
        kept = Kept()
        asked = yield from FORMKIQ.content(way.account, str(given.id))
        yield replace(asked, sink=kept)
        return kept.content

    assert way.drive(download()) == content
    assert way.drive(FORMKIQ.reconcile(DOCUMENT, given, way.account)).ending is Ending.DELIVERED
    assert way.drive(FORMKIQ.delete(way.account, str(given.id))).ending is Ending.DELIVERED
    assert way.get(given) is None
    assert way.drive(FORMKIQ.reconcile(DOCUMENT, given, way.account)).ending is Ending.FAILED


def test_the_store_gets_the_bytes_and_nothing_of_ours(way: Way) -> None:
    given = handin(LARGE)
    way.deliver(given)
    (put,) = [one for one in way.about(given) if one["method"] == "PUT"]
    assert put["authorization"] is None
    assert put["sha256"] == sha256(LARGE).hexdigest()
    names = {name.lower() for name in put["headers"]}
    assert {"content-type", "content-length", "x-amz-checksum-sha256"} <= names
    assert not {"cookie", "expect", "transfer-encoding", "authorization"} & names


@SIZES
def test_what_is_withdrawn_leaves_nothing(way: Way, content: bytes) -> None:
    given = handin(content)
    file = replace(given.parts["file"], source=Spoilt(half=content[: len(content) // 2]))
    engine = way.engine()
    with pytest.raises(Refused):
        engine.drive(FORMKIQ.deliver(DOCUMENT, replace(given, parts={"file": file}), way.account))
    assert engine.taken_back is not None
    assert engine.taken_back.empty_record == ("deleted" if content is LARGE else None)
    assert way.get(given) is None


def test_what_shows_late_is_followed(way: Way) -> None:
    way.sandbox.control("PUT", "/formkiq/switches", {"delay_seconds": 1})
    given = handin(LARGE)
    assert way.deliver(given).provider_status is None  # waited for
    way.sandbox.control("PUT", "/formkiq/switches", {"delay_seconds": 60})
    given = handin(LARGE)
    assert way.deliver(given).provider_status == "processing"
    assert way.drive(FORMKIQ.follow(DOCUMENT, given, way.account)).provider_status == "processing"


@SIZES
def test_an_answer_that_is_lost_is_looked_for(way: Way, content: bytes) -> None:
    method, path = ("POST", "/formkiq/documents") if content is SMALL else ("PUT", "/formkiq/")
    way.sandbox.fault(provider="formkiq", method=method, path=path, action="drop_answer", times=1)
    outcome = way.deliver(handin(content))
    assert outcome.ending is Ending.DELIVERED


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_store_that_refuses_gets_its_record_taken_back(way: Way, status: int) -> None:
    way.sandbox.fault(provider="formkiq", method="PUT", action="status", status=status, times=1)
    given = handin(LARGE)
    outcome = way.deliver(given)
    assert outcome.ending in {Ending.FAILED, Ending.RETRY}
    assert (outcome.empty_record, outcome.http_status) == ("deleted", status)
    assert outcome.code
    assert way.get(given) is None


def test_an_address_that_has_ended_is_asked_for_again_and_never_used(way: Way) -> None:
    way.sandbox.control("PUT", "/formkiq/switches", {"lifetime_scale": 0})
    given = handin(LARGE)
    outcome = way.deliver(given)
    assert (outcome.ending, outcome.empty_record) == (Ending.RETRY, "deleted")
    mine = [(one["method"], one["path"].rpartition("/")[2]) for one in way.about(given) if str(given.id) in one["path"]]
    assert mine == [("GET", "upload"), ("DELETE", str(given.id))]


@SIZES
def test_a_second_attempt_finds_the_first(way: Way, content: bytes) -> None:
    given = handin(content)
    for _ in range(2):
        assert way.deliver(given).ending is Ending.DELIVERED
    puts = [one for one in way.about(given) if one["method"] == "PUT"]
    assert len(puts) == (1 if content is LARGE else 0)


def test_who_may_only_read_is_refused_without_a_pause(way: Way) -> None:
    way.settings["site_id"] = "legal"
    for content in (SMALL, LARGE):
        outcome = way.deliver(handin(content))
        assert (outcome.ending, outcome.problem) == (Ending.FAILED, "settings-wrong")
    way.credential["key"] = SecretStr("another")
    assert way.deliver(handin(SMALL)).ending is Ending.CREDENTIAL


def test_a_token_is_tried_and_renewed(way: Way) -> None:
    way.settings |= {"base_url": f"{way.sandbox.url}/formkiq/jwt", "auth": "token"}
    now = datetime.now(UTC)

    def credential(**asked: Any) -> dict[str, SecretStr]:
        told = way.sandbox.control("POST", "/formkiq/token", {"groups": ["default"], **asked})
        return {name: SecretStr(value) for name, value in told.items()}

    def verdict() -> Any:
        return way.drive(FORMKIQ.verify(way.account, way.credential, now))

    for asked, says in (
        ({"use": "id"}, "ID token"),
        ({"seconds": -5}, "ended"),
        ({"groups": ["default_read"]}, "does not let it write"),
    ):
        way.credential = credential(**asked)
        assert (verdict().ok, says in verdict().detail) == (False, True)
    way.credential = credential(seconds=300)
    assert verdict().ok
    assert FORMKIQ.due(way.credential, now)
    way.credential |= way.drive(FORMKIQ.renew(way.account, way.credential))
    assert not FORMKIQ.due(way.credential, now)
    assert way.deliver(handin(SMALL)).ending is Ending.DELIVERED
    assert way.deliver(handin(LARGE)).ending is Ending.DELIVERED
