"""Keeps a copy of what is handed in: a provider that fails is let go, and what is kept is delivered from there."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.checks import HEAD_BYTES, Policy
from app.delivery import breaker
from app.delivery.contents import Contents
from app.delivery.destinations import Destination
from app.delivery.journal import Journal
from app.delivery.origin import Origin, Result
from app.delivery.outcome import HELD, consequence
from app.delivery.passing import Passing
from app.delivery.sender import HandedIn, Sender, part_of, told
from app.delivery.spooling import Reread, Shelf, Spooled, Spooling, put_by
from app.delivery.surviving import effect_of, withdraw
from app.delivery.way import NoWay, Way
from app.errors import Refusal
from app.intake import Arriving, Streamed
from app.intake.arriving import Unmeasured
from app.intake.spool import Spool
from app.providers.base import Ending, Outcome
from app.providers.operation import Mode, Operation
from app.records.copies import Whole
from app.records.states import State
from app.tenants.models import Connection

log = structlog.get_logger("ventanilla.delivery")

#: Why nothing is sent although it is taken: the copy waits until the credential is repaired, or the provider is.
PAUSED: Final = Outcome(ending=Ending.RETRY, problem="connection-paused")
LET_BE: Final = Outcome(ending=Ending.RETRY, problem="provider-unreachable")
#: It was not tried yet.
UNTRIED: Final = Outcome(ending=Ending.RETRY)


class Keeper(Sender):
    """Takes files into the spool for every organization of this process."""

    def __init__(self, *args: Any, spool: Spool, **more: Any) -> None:
        super().__init__(*args, **more)
        self._spool = spool

    def keep(
        self, handed_in: HandedIn, streamed: Streamed, destination: Destination | None = None, *, later: bool = False
    ) -> Result:
        """Take a file into the spool and, if anything may leave now, pass it on at the same time; not so if `later`.

        The client is heard to its end whatever the provider does; what it hands in is refused, or left off, as any is.
        """
        journal = handed_in.journal
        shelf, to = self._known(handed_in, destination, later=later) or self._look_up(handed_in, later=later)
        arriving = handed_in.file_of(streamed)
        if isinstance(arriving, Unmeasured) or arriving.look_ahead(HEAD_BYTES):
            return self._put_by(handed_in, arriving, shelf)
        try:
            return self._pass_on(handed_in, arriving, shelf, to)
        finally:
            self._forget(journal)

    def accept(self, origin: Origin, operation: Operation, spooled: Spooled, *, policy: Policy) -> Result:
        """Judge a file that lies whole in the spool already, and let it wait there to be delivered at once.

        All that is written is written in one transaction: until then it can be tried again. Raises Rejected, which has
        the id of its record and after which there is no copy, LinkClosed, SpoolAway, CopyLost, Busy and ScannerAway.
        """
        with self._journal(origin, operation, Mode.DURABLE, spooled.upload_id) as journal:
            handed_in = HandedIn(
                journal=journal,
                origin=origin,
                operation=operation,
                fields=spooled.fields,
                secrets={},
                policy=policy,
            )
            with self._database.transaction(origin.organization.id) as session:
                shelf = self._shelf(session, origin, spooled.upload_id)
            return self._accept(handed_in, Reread(shelf, spooled))

    def turn_away(self, origin: Origin, operation: Operation, refusal: Refusal, file: Arriving | None = None) -> None:
        """Write down that a file which came with others was not taken, or that more of them were to come."""
        with self._journal(origin, operation, Mode.DURABLE) as journal:
            journal.contents = Contents.of([file] if file else [])
            journal.refuse(refusal, effect_of(refusal))

    def _known(
        self, handed_in: HandedIn, destination: Destination | None, *, later: bool
    ) -> tuple[Shelf, Way | NoWay | Outcome] | None:
        """Where a copy goes and the file with it, by what was found at the door; None: it has to be looked up."""
        if destination is None or destination.cipher is None:
            return None
        owner, connection = destination.organization.id, destination.connection
        held = _held(connection, later=later)
        if held is None and not breaker.is_closed(self._database.alone(), owner, connection.id):
            return None
        shelf = Shelf(
            spool=self._spool, cipher=destination.cipher, organization_id=owner, upload_id=handed_in.journal.id
        )
        return shelf, held or destination.way

    def _look_up(self, handed_in: HandedIn, *, later: bool) -> tuple[Shelf, Way | NoWay | Outcome]:
        """Where a copy goes, and the file with it or why it does not, as it is now."""
        origin = handed_in.origin
        with self._database.transaction(origin.organization.id) as session:
            connection = self._enter(session, origin)
            shelf = self._shelf(session, origin, handed_in.journal.id)
            way, held = self._ways.open(session, connection), _held(connection, later=later)
            if held is None and not breaker.allows(session, connection.id, self.now()):
                held = LET_BE
        return shelf, held or way

    def _pass_on(self, handed_in: HandedIn, arriving: Arriving, shelf: Shelf, to: Way | NoWay | Outcome) -> Result:
        """Take a file in, and send it; `to` is why not, where nothing may leave."""
        journal = handed_in.journal
        watch = self._begin(handed_in, arriving)
        until = time.monotonic() + self._streaming[Mode.DURABLE].total
        sealed = shelf.seal(watch.content_type, handed_in.fields)
        with closing(Spooling(arriving, watch, shelf, size=arriving.size, sealed=sealed, until=until)) as source:
            handin = self._with_file(handed_in, arriving, watch, source)
            held = isinstance(to, Outcome)
            journal.begin(State.RECEIVING if held else State.DELIVERING)
            try:
                outcome = to if isinstance(to, Outcome) else self._send(to, handed_in.operation, handin, journal)
                source.drain()
            except Refusal as refusal:
                source.close()  # before it is written down: nothing of it is left then
                withdraw(journal, refusal)
                raise
            if source.stored is not None:
                return self._accept(handed_in, _reread(handed_in, arriving, shelf, arriving.size, source.stored))
            journal.contents, journal.copy = Contents.of(handin.parts.values(), source.facts), source.copy
        return self._end(journal, outcome, HELD if held else consequence(outcome.ending, Mode.DURABLE))

    def _put_by(self, handed_in: HandedIn, arriving: Arriving, shelf: Shelf) -> Result:
        """Take a file of which nobody knows how large it is: only when it is whole can it be judged, and sent."""
        journal = handed_in.journal
        journal.contents = Contents.of([arriving])
        journal.begin(State.RECEIVING)
        try:
            size, stored = put_by(arriving, shelf)
        except Refusal as refusal:
            withdraw(journal, refusal)
            raise
        return self._accept(handed_in, _reread(handed_in, arriving, shelf, size, stored))

    def _accept(self, handed_in: HandedIn, reread: Reread) -> Result:
        journal, spooled, shelf = handed_in.journal, reread.spooled, reread.shelf
        try:
            watch = self._begin(handed_in, reread)
            source = Passing(reread, watch)
            try:
                for _ in source.blocks():
                    pass
            except Refusal as refusal:
                withdraw(journal, refusal)
                raise
            journal.contents = Contents.of([part_of(reread, watch, source)], source.facts)
            sealed = shelf.seal(watch.content_type, spooled.fields)
            journal.copy = Whole(segments=spooled.segments, size=spooled.size, stored=spooled.stored, sealed=sealed)
            state = journal.end(UNTRIED, HELD) if journal.begun else journal.hold(UNTRIED)
        finally:
            self._forget(journal)
        return told(journal, UNTRIED, state)

    def _shelf(self, session: Session, origin: Origin, upload_id: UUID) -> Shelf:
        cipher = self._vault.cipher(session, origin.organization.id)
        return Shelf(spool=self._spool, cipher=cipher, organization_id=origin.organization.id, upload_id=upload_id)

    def _forget(self, journal: Journal) -> None:
        """Remove the bytes of a copy that is not needed; one that is counts by its row now."""
        if not journal.keeps_copy:
            self._spool.discard(journal.id)
        self._spool.settle(journal.organization_id, journal.id)


def _held(connection: Connection, *, later: bool) -> Outcome | None:
    if connection.paused_at is not None:
        return PAUSED
    return UNTRIED if later else None


def _reread(handed_in: HandedIn, arriving: Arriving, shelf: Shelf, size: int, stored: int) -> Reread:
    """A file that was put by as it arrived."""
    spooled = Spooled(
        upload_id=shelf.upload_id,
        name=arriving.name,
        filename=arriving.filename,
        content_type=arriving.content_type,
        size=size,
        stored=stored,
        fields=handed_in.fields,
    )
    return Reread(shelf, spooled)
