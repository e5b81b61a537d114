"""An antivirus that has to agree: whichever way a file comes, without its verdict none is whole at a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, select

from app.config import Settings
from app.database import Database
from app.local import processes
from app.local.place import ROOT
from app.records.models import Upload
from app.sandbox import sat
from app.tenants.vault import Vault
from tests.passthrough.desk import Desk as Counter
from tests.relay.files import pdf
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION
from tests.relay.sending import RELAYED, Sending, upload
from tests.resumable.desk import CONTENT
from tests.resumable.desk import Desk as Pieces
from tests.scanning import HARMFUL, clamd, short
from tests.servers import Sandbox, Server, environment_of

pytestmark = pytest.mark.live

#: So large that it is on its way to its provider before its end is known.
LARGE: Final = 1 << 20
MOST: Final = 2 << 20
OCTETS: Final = "application/octet-stream"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the daemon listens while it runs."""
    with short() as folder:
        yield folder


@pytest.fixture(scope="module")
def careful(place: Path, settings: Settings, folder: Path) -> Iterator[Server]:
    """A gateway that hands nothing in without a verdict."""
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}"]
    asked = {"ANTIVIRUS": "required", "ANTIVIRUS_URL": f"unix://{folder}/clamd.ctl", "ANTIVIRUS_MAX_BYTES": str(MOST)}
    environment = environment_of(settings) | {"PUBLIC_URL": "{url}", "CONNECT_SECONDS": "2", **asked}
    with Server.running("careful", command, place, environment, ready="/healthz") as server:
        yield server


@dataclass(frozen=True, kw_only=True)
class Ways:
    """An organization, and every way in which it can hand a text or a document in."""

    counter: Counter
    pieces: Pieces

    @property
    def house(self) -> House:
        return self.counter.house

    def document(self, content: bytes, query: str) -> int:
        sample = BY_OPERATION["factify/document"]
        files = {"file": ("a.pdf", "application/pdf", _within(pdf(LARGE), content))}
        return upload(self.house, sample.operation, files=files, fields=sample.fields(self.house), query=query).status

    def relay(self, content: bytes) -> int:
        return self.document(content, RELAYED)

    def durable(self, content: bytes) -> int:
        return self.document(content, "")

    def direct(self, content: bytes) -> int:
        issued = sat.issue(name=content.decode())
        cer, key = ("s.cer", OCTETS, issued.cer), ("s.key", OCTETS, issued.key)
        fields = {"password": issued.password}
        return upload(self.house, "facturapi/certificate", files={"cer": cer, "key": key}, fields=fields).status

    def passthrough(self, content: bytes) -> int:
        files = {"payload": ("a.pdf", "application/pdf", _within(pdf(LARGE), content))}
        headers = {"Authorization": f"Bearer {self.counter.token}"}
        at = "/proxy/factify/v1beta/documents"
        with Sending(self.house, "", files=files, at=at, headers=headers, fields={"title": "a"}) as one:
            return one.give().answer().status

    def tus(self, content: bytes) -> int:
        whole = CONTENT + content + b",1\n"
        path = self.pieces.fresh(Upload_Length=str(len(whole)))
        self.pieces.patch(path, 0, whole[:30])
        return self.pieces.patch(path, 30, whole[30:]).status

    def arrived(self) -> int:
        """How many requests that hand in were whole at a provider."""
        ledger = self.house.sandbox.ledger(complete=True)
        return sum(entry["method"] in {"POST", "PUT"} and entry["bytes"] > 0 for entry in ledger)

    def recorded(self) -> list[tuple[str, str | None]]:
        """State and problem of each upload, oldest first."""
        with self.house.database.transaction(self.house.organization.id) as session:
            return [(one.state.value, one.problem) for one in session.scalars(select(Upload).order_by(Upload.id))]


@pytest.fixture
def ways(careful: Server, sandbox: Sandbox, database: Database, vault: Vault, owner_engine: Engine) -> Ways:
    sandbox.clear()
    counter = Counter.build(careful, sandbox, database, vault)
    return Ways(counter=counter, pieces=Pieces(house=counter.house, owner=owner_engine))


Way = Callable[[Ways, bytes], int]
#: Each with what is said where a file is taken, is refused, and cannot be judged. One in pieces waits for a worker, and
#: what passes through is refused in the vendor's words.
EVERY: Final[dict[str, tuple[Way, int, int, int]]] = {
    "relay": (Ways.relay, 201, 422, 503),
    "durable": (Ways.durable, 201, 422, 503),
    "direct": (Ways.direct, 201, 422, 503),
    "passthrough": (Ways.passthrough, 200, 400, 500),
    "tus": (Ways.tus, 204, 422, 503),
}
BY_EVERY_WAY = pytest.mark.parametrize(("way", "taken", "refused", "away"), EVERY.values(), ids=EVERY)


@pytest.mark.attack("files", "a file that the antivirus knows", "refused; the provider has nothing whole")
@BY_EVERY_WAY
@pytest.mark.attack(
    "files", "A virus by every way in: relay, durable, direct, passthrough, tus", "never whole over there"
)
def test_what_it_finds_goes_nowhere(ways: Ways, folder: Path, way: Way, taken: int, refused: int, away: int) -> None:
    assert way(ways, b"CLEAN") == away  # it does not run yet
    assert ways.arrived() == 0
    with clamd(folder):
        assert way(ways, HARMFUL) == refused
        assert ways.arrived() == 0
        assert way(ways, b"CLEAN") == taken
    (*_, infected, clean) = ways.recorded()
    assert infected == ("rejected", "infected")
    assert clean == ("waiting" if way is Ways.tus else "delivered", None)
    assert ways.arrived() == (way is not Ways.tus)


def test_a_file_in_pieces_is_kept_until_the_daemon_is_back(ways: Ways, folder: Path) -> None:
    path = ways.pieces.begun()
    rest = CONTENT[9:]
    assert ways.pieces.patch(path, 9, rest).status == 503
    assert ways.recorded() == []
    with clamd(folder):
        assert ways.pieces.patch(path, len(CONTENT), b"").status == 204
    assert ways.recorded() == [("waiting", None)]


def _within(content: bytes, mark: bytes) -> bytes:
    """With a mark in its middle, and as long as before."""
    at = len(content) // 2
    return content[:at] + mark + content[at + len(mark) :]
