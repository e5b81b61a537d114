"""Uploads that wait with a copy in the spool, as a durable hand-in leaves them, and what becomes of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy import select, update

from app.config import Settings
from app.database import Database, utcnow
from app.delivery import breaker, retrying
from app.delivery.redelivery import Redeliverer
from app.delivery.spooling import Shelf
from app.intake.spool import Spool
from app.intake.spool.local import Folder
from app.records import attempts, copies, uploads
from app.records.models import Attempt, Breaker, Copy, Process, Upload
from app.records.processes import Work
from app.records.states import State
from app.tenants import connections, organizations
from app.tenants.models import Connection, Organization
from app.tenants.vault import Vault
from tests.relay import files
from tests.relay.house import PLACES, Place, furnish
from tests.relay.samples import BY_OPERATION
from tests.servers import Sandbox

#: Where nobody listens.
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Clock:
    """Tells the real time, moved by as much as a test says."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return utcnow() + self.ahead


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One organization with a connection to each provider that documents go to, and a spool."""

    database: Database
    worker: Database
    vault: Vault
    sandbox: Sandbox
    settings: Settings
    spool: Spool
    #: Where its copies lie.
    folder: Path
    organization: Organization
    connections: Mapping[str, Connection]
    places: Mapping[str, Place]
    clock: Clock = field(default_factory=Clock)
    redeliverers: list[Redeliverer] = field(default_factory=list)

    @classmethod
    def build(
        cls, database: Database, worker: Database, vault: Vault, sandbox: Sandbox, settings: Settings, folder: Path
    ) -> Self:
        """Make it, with nothing in it that another test could meet."""
        organization = organizations.add(database, slug=f"t-{secrets.token_hex(6)}", name="Acme", locale="en")
        places = {slug: PLACES[slug](sandbox) for slug in ("codat", "factify", "flatfile", "formkiq")}
        with database.transaction(organization.id) as session:
            made = furnish(session, vault, sandbox, organization, places)
        return cls(
            database=database,
            worker=worker,
            vault=vault,
            sandbox=sandbox,
            settings=settings,
            spool=Spool(Folder(folder)),
            folder=folder,
            organization=organization,
            connections=made,
            places=places,
        )

    def leave(
        self,
        operation: str = "codat/file",
        *,
        size: int = 2000,
        due: timedelta = timedelta(seconds=-1),
        fields: Mapping[str, str] | None = None,
        lost: bool = False,
        bare: bool = False,
    ) -> UUID:
        """Leave an upload that waits, due so long from now; its id.

        `lost`: its copy is not there any more. `bare`: there never were any bytes, only the row of its copy.
        """
        sample, now = BY_OPERATION[operation], self.clock()
        filename, content_type, make = files.MAKERS[sample.type]
        content = make(size)
        filename = f"{secrets.token_hex(4)}-{filename}"
        if fields is None:
            fields = sample.fields(self)  # type: ignore[arg-type]
        sha256 = hashlib.sha256(content).hexdigest()
        with self.database.transaction(self.organization.id) as session:
            upload = uploads.begin(
                session,
                organization_id=self.organization.id,
                connection_id=self.connections[sample.connection].id,
                operation=operation,
                mode="durable",
                state=State.RECEIVING,
                process_id=uuid4(),
                actor="test",
                now=now,
                parts=[{"name": "file", "filename": filename, "size": len(content), "sha256": sha256}],
            )
            cipher = self.vault.cipher(session, self.organization.id)
            shelf = Shelf(spool=self.spool, cipher=cipher, organization_id=self.organization.id, upload_id=upload.id)
            if not bare:
                with self.spool.write(cipher, self.organization.id, upload.id) as writer:
                    writer.feed(content)
            whole = copies.Whole(size=len(content), stored=len(content), sealed=shelf.seal(content_type, fields))
            copies.add(session, upload, whole, now)
            uploads.change(session, upload, State.WAITING, actor="test", now=now)
            upload.due_at = now + due
        if lost:
            self.spool.remove(upload.id)
        return upload.id

    def arrive(self, now: datetime) -> None:
        """Let an upload that was relayed arrive, as far as the records know."""
        with self.database.transaction(self.organization.id) as session:
            upload = uploads.begin(
                session,
                organization_id=self.organization.id,
                connection_id=self.connections["codat"].id,
                operation="codat/file",
                mode="relay",
                state=State.DELIVERING,
                process_id=uuid4(),
                actor="tests",
                now=now,
            )
        with self.database.transaction(self.organization.id) as session:
            uploads.move(session, upload, State.DELIVERED, actor="tests", now=now)

    def attempted(self, upload_id: UUID, outcome: str | None, *, marked: bool = True, **ended: Any) -> UUID:
        """Let an upload have had an attempt that ended so; None: it was under way when its process died."""
        now, process_id = self.clock(), uuid4()
        with self.database.transaction(self.organization.id) as session:
            upload = uploads.lock(session, upload_id)
            attempt = attempts.start(session, upload, process_id=process_id, now=now)
            if marked:
                attempt = attempts.mark(session, attempt, now=now)
            if outcome is None:
                uploads.change(session, uploads.lock(session, upload_id), State.DELIVERING, actor="test", now=now)
            else:
                attempts.end(session, attempt, outcome=outcome, now=now, **ended)
        return process_id

    def attempted_ends(self, upload_id: UUID) -> None:
        """Let whoever has it in hand be taken for dead, as the sweeper would."""
        now = self.clock()
        with self.database.transaction(self.organization.id) as session:
            upload = uploads.lock(session, upload_id)
            attempt = attempts.listing(session, upload_id)[-1]
            if attempt.ended_at is None:
                attempts.end(session, attempt, outcome=attempts.INTERRUPTED, now=now)
            uploads.change(session, upload, State.WAITING, actor="test", now=now)

    def redeliverer(self, kind: type[Redeliverer] = Redeliverer, **options: Any) -> Redeliverer:
        """A worker's redeliverer, under other settings if told; the worker is alive."""
        work = Work()
        with self.worker.doors() as session:
            session.add(Process(id=work.process_id, kind="worker"))
        given = {"share": options.pop("share", None)}
        allowed = {"egress_allow": (*self.settings.egress_allow, NOWHERE)}
        settings = self.settings.model_copy(update=allowed | options)
        made = kind(self.worker, self.vault, self.spool, settings, clock=self.clock, work=work, **given)
        self.redeliverers.append(made)
        return made

    def forget_copy(self, upload_id: UUID) -> None:
        """Let there be no row of its copy."""
        with self.database.transaction(self.organization.id) as session:
            assert copies.drop(session, upload_id)

    def pause(self, provider: str) -> None:
        with self.database.transaction(self.organization.id) as session:
            assert connections.pause(session, self.connections[provider], "credential-refused", self.clock())

    def open_breaker(self, provider: str) -> None:
        """As the last of so many failures in a row does."""
        with self.database.transaction(self.organization.id) as session:
            for _ in range(breaker.FAILURES):
                breaker.note(session, self.connections[provider].id, False, self.clock())

    def repair(self, provider: str) -> bool:
        """Let a connection's credential be good again."""
        with self.database.transaction(self.organization.id) as session:
            return retrying.resume(session, self.connections[provider], self.clock())

    def retry(self, upload_id: UUID, *, may_be_there: bool = False) -> None:
        """Have somebody send it again."""
        with self.database.transaction(self.organization.id) as session:
            retrying.retry(session, upload_id, actor="somebody", now=self.clock(), may_be_there=may_be_there)

    def without_credential(self, provider: str) -> Mapping[str, SecretStr]:
        """Take a connection's credential away, and say what it was."""
        with self.database.transaction(self.organization.id) as session:
            had = connections.credential(session, self.vault, self.connections[provider])
            connections.set_credential(session, self.vault, self.connections[provider], {})
        return had

    def give_credential(self, provider: str, credential: Mapping[str, SecretStr]) -> None:
        with self.database.transaction(self.organization.id) as session:
            connections.set_credential(session, self.vault, self.connections[provider], credential)

    def flatfile(self, *, up: bool) -> None:
        """Let that provider be where it is, or nowhere."""
        known = dict(self.places["flatfile"].settings)
        with self.database.transaction(self.organization.id) as session:
            connection = session.get_one(Connection, self.connections["flatfile"].id)
            connection.settings = known if up else known | {"base_url": f"{NOWHERE}/v1"}

    def upload(self, upload_id: UUID) -> Upload:
        """The upload as it is now."""
        with self.database.transaction(self.organization.id) as session:
            return uploads.get(session, upload_id)

    def state(self, upload_id: UUID) -> State:
        return self.upload(upload_id).state

    def states(self, upload_ids: Sequence[UUID]) -> list[State]:
        with self.database.transaction(self.organization.id) as session:
            return [uploads.get(session, one).state for one in upload_ids]

    def attempts(self, upload_id: UUID) -> list[Attempt]:
        with self.database.transaction(self.organization.id) as session:
            return list(attempts.listing(session, upload_id))

    def outcomes(self, upload_id: UUID) -> list[str | None]:
        return [attempt.outcome for attempt in self.attempts(upload_id)]

    def copy(self, upload_id: UUID) -> Copy | None:
        with self.database.transaction(self.organization.id) as session:
            return copies.find(session, upload_id)

    def lies(self, upload_id: UUID) -> bool:
        """Whether anything of it lies in the spool."""
        return any(found.upload_id == upload_id for found in self.spool.place.listing())

    def breaker(self, provider: str) -> Breaker | None:
        with self.database.transaction(self.organization.id) as session:
            wanted = select(Breaker).where(Breaker.connection_id == self.connections[provider].id)
            return session.scalars(wanted).one_or_none()

    def paused(self, provider: str) -> str | None:
        with self.database.transaction(self.organization.id) as session:
            return session.get_one(Connection, self.connections[provider].id).paused_because

    def due_now(self, upload_id: UUID) -> None:
        """Let it be due, as time would."""
        with self.database.transaction(self.organization.id) as session:
            session.execute(update(Upload).where(Upload.id == upload_id).values(due_at=self.clock()))

    def deliveries(self, operation: str) -> list[dict[str, Any]]:
        """Whole requests that brought a file of this organization there, whatever was answered to them."""
        with self.database.transaction(self.organization.id) as session:
            parts = session.scalars(select(Upload.parts).where(Upload.operation == operation)).all()
        known = {part["sha256"] for uploaded in parts for part in uploaded}
        return [
            entry
            for entry in self.sandbox.ledger(operation.partition("/")[0], complete=True)
            if known & {entry["sha256"], *(part["sha256"] for part in entry["parts"] or ())}
        ]
