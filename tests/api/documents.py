"""Documents of which a copy is kept: a connection of the tests' organization that takes them, and a worker by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from app.config import Settings
from app.database import Database, utcnow
from app.delivery.redelivery import Redeliverer
from app.intake.spool import Spool
from app.records.processes import Work
from app.tenants.vault import Vault
from tests.api.conftest import Desk
from tests.relay.house import PLACES, furnish

TABLE = ("tabla.csv", b"a,b\n1,2\n", "text/csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Where they are handed in, and what has arrived."""

    desk: Desk
    path: str

    def hand_in(self, query: str = "", **parts: Any) -> TestResponse:
        """Hand one in; `headers` aside, all are its parts."""
        return self.desk.hand_in(self.path, query=query, **({"file": TABLE} | parts))

    def arrived(self) -> list[str]:
        """SHA-256 of each file that the provider has."""
        found = self.desk.sandbox.ledger("codat", complete=True)
        return [part["sha256"] for one in found for part in one["parts"] if part["filename"]]


def documents(desk: Desk, vault: Vault) -> Documents:
    """Give the organization a connection that takes documents."""
    organization = desk.mine.organization
    with desk.database.transaction(organization.id) as session:
        furnish(session, vault, desk.sandbox, organization, {"codat": PLACES["codat"](desk.sandbox)})
    return Documents(desk=desk, path=f"/api/v1/organizations/{desk.mine.slug}/codat/file")


@contextmanager
def redelivering(worker: Database, vault: Vault, settings: Settings) -> Iterator[Redeliverer]:
    """What a worker delivers with."""
    found = Redeliverer(worker, vault, Spool.from_settings(settings), settings, clock=utcnow, work=Work())
    try:
        yield found
    finally:
        found.close()
