"""Hands an upload over: checks, the way to the provider, its generator over the wire, and the record of it all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.checks import Policy
from app.config import Settings
from app.database import Database
from app.delivery.destinations import Destination, Destinations
from app.delivery.errors import ConnectionPaused
from app.delivery.fetching import Fetcher
from app.delivery.journal import Journal
from app.delivery.limits import Limits
from app.delivery.origin import Origin, Result
from app.delivery.outcome import consequence
from app.delivery.passing import Passing
from app.delivery.sender import HandedIn
from app.delivery.surviving import withdraw
from app.delivery.way import NoWay, Way
from app.errors import Refusal
from app.intake import Collected, Streamed
from app.intake.spool import Spool
from app.providers.base import HandIn
from app.providers.operation import Mode, Operation
from app.records.processes import Work
from app.tenants.doors import Admitted
from app.tenants.vault import Vault


class Deliverer(Fetcher):
    """Delivers for every organization of this process, and asks what became of it."""

    def __init__(  # noqa: PLR0917 - its parts, one of each
        self,
        database: Database,
        vault: Vault,
        spool: Spool,
        settings: Settings,
        clock: Callable[[], datetime],
        work: Work,
        *,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(database, vault, settings, clock, work, spool=spool, limits=limits)
        self._destinations = Destinations(database, self._ways, vault)

    def hand_in(
        self,
        origin: Origin,
        operation: Operation,
        collected: Collected,
        *,
        replace: bool,
        destination: Destination | None = None,
    ) -> Result:
        """Check a hand-in that is whole, or has no file, send it, and say what became of it.

        `destination`: of who came in just now, and found it at the door. Raises ConnectionPaused, LinkClosed, KeyInUse,
        and Rejected for what a check or a look at the provider refuses; that one has the id of its record.
        """
        with self._journal(origin, operation, operation.modes[0]) as journal:
            way = destination.way if destination else self._open(origin)
            handin = self._checked(origin, operation, collected, journal, replace=replace)
            return self._hand_over(origin, journal, way, operation, handin)

    def stream(
        self,
        origin: Origin,
        operation: Operation,
        streamed: Streamed,
        *,
        policy: Policy,
        mode: Mode | None = None,
        destination: Destination | None = None,
        later: bool = False,
    ) -> Result:
        """Pass a file on while it arrives, watch it pass, and say what became of it; `mode`: the operation's first.

        Raises as `hand_in` does, and what intake has to say of the file on its way. Whatever of that has a record has
        its id. What is durable is taken although its connection is paused, and may find no room in the spool; `later`:
        it is only taken, and delivered from its copy.
        """
        mode = mode or operation.modes[0]
        with self._journal(origin, operation, mode) as journal:
            handed_in = HandedIn(
                journal=journal,
                origin=origin,
                operation=operation,
                fields=streamed.fields,
                secrets=streamed.secrets,
                policy=policy,
            )
            if mode is Mode.DURABLE:
                return self.keep(handed_in, streamed, destination, later=later)
            way = destination.way if destination else self._open(origin)
            arriving = handed_in.file_of(streamed)
            watch = self._begin(handed_in, arriving)
            handin = self._with_file(handed_in, arriving, watch, Passing(arriving, watch))
            return self._hand_over(origin, journal, way, operation, handin)

    def destination(self, admitted: Admitted, connection: str) -> Destination | None:
        """Return the organization's connection of that name, with the way to its provider; None: there is none."""
        if admitted.organization_id is None or admitted.version is None:
            return None
        return self._destinations.find(admitted.organization_id, connection, admitted.version)

    def _open(self, origin: Origin) -> Way | NoWay:
        """Look once more whether link and connection are open: the page may have been open for long."""
        with self._database.transaction(origin.organization.id) as session:
            connection = self._enter(session, origin)
            if connection.paused_at is not None:
                raise ConnectionPaused
            return self._ways.open(session, connection)

    def _hand_over(
        self, origin: Origin, journal: Journal, way: Way | NoWay, operation: Operation, handin: HandIn
    ) -> Result:
        if origin.key:  # whoever is second is not to ask the provider for anything either
            journal.begin()
        try:
            outcome = self._send(way, operation, handin, journal)
        except Refusal as refusal:
            withdraw(journal, refusal)
            raise
        return self._end(journal, outcome, consequence(outcome.ending, journal.mode))
