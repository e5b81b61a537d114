"""Another master key takes the place of the one that encrypts, while everything runs.

Each step can be told from the keyset's file and the rows, so whoever is killed between two of them begins again where
that was:

1. a key is added, which encrypts nothing yet; everybody has to know it before
2. it becomes the primary; everybody has to know that before
3. every row that lies under another is put under it: data keys, signing keys. What lies under those, credentials and
   copies in the spool among it, is not touched and opens all the while;
4. the former keys are taken away, once nothing lies under them.

A process says with every heartbeat which keys it knows. One that says nothing is of a version that cannot be told.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.database import HOUSE, Database, utcnow
from app.records import audit
from app.records.models import Process, SigningKey
from app.tenants.keyset import Keyset, KeysetFile, number_of, number_of_wrapped
from app.tenants.models import DataKey
from app.tenants.vault import Vault

#: Rows that one transaction puts under the new key.
BATCH: Final = 100
PAUSE_SECONDS: Final = 0.5
#: Who was silent for so long is waited for no more. Longer than where an upload is at stake (`DEAD_AFTER`): a process
#: that stood still for a while is no reason to take a key away from it.
GONE_AFTER: Final = timedelta(minutes=1)
#: One rotation at a time, whoever begins it.
LOCK: Final = "ventanilla vault rotation"
#: Waits for whoever is making a row, and lets nobody begin to, until the transaction ends.
STILL: Final = text("LOCK TABLE data_keys, signing_keys IN SHARE MODE")


class NotYet(Exception):  # noqa: N818 - no fault of anybody's
    """It cannot go on for now; given again, it goes on where it is."""


class AnotherRuns(NotYet):
    """Somebody else is rotating."""


class NotKnown(NotYet):
    """Processes do not know what they have to."""

    def __init__(self, missing: Sequence[Knowing], key: int) -> None:
        self.missing = tuple(missing)
        self.key = key
        super().__init__(f"key {key} is not known to {len(self.missing)} processes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowing:
    """A process, and the master keys that it knows, the one that encrypts first."""

    id: UUID
    kind: str
    node: str
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was done; `what` is a word of `added`, `promoted`, `rewrapped` and `retired`."""

    what: str
    keys: tuple[int, ...] = ()
    rows: int = 0


def rotate(
    file: KeysetFile,
    owner: Database,
    *,
    actor: str,
    patience: float,
    finish: bool = False,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Step, None, None]:
    """Bring it to its end and tell each step; raises NotYet, ConfigurationError and VaultError.

    `owner`: the tables', with two connections at least. `patience`: seconds to wait, at each step, for processes that
    do not know yet. `finish`: only end what was begun.
    """
    waiting = _Waiting(owner, patience, pause, clock)
    with _alone(owner):
        keyset = file.read()
        if not keyset.following and not keyset.former:
            if finish:
                return
            keyset = _put(file, keyset.with_another())
            yield Step(what="added", keys=keyset.following)
        if keyset.following:
            newest = keyset.numbers[-1]
            waiting.until(newest, lambda keys: newest in keys)
            _write_down(owner, actor, "vault.rotated", primary=newest, former=keyset.primary)
            keyset = _put(file, keyset.promoted())
            yield Step(what="promoted", keys=(newest,))
        primary = keyset.primary
        waiting.until(primary, lambda keys: keys[:1] == (primary,))
        yield Step(what="rewrapped", keys=(primary,), rows=rewrap(owner, Vault(file)))
        _write_down(owner, actor, "vault.retired", primary=primary, former=list(keyset.former))
        while not _retire(file, owner, keyset):
            rewrap(owner, Vault(file))  # what was being made just then
        yield Step(what="retired", keys=keyset.former)


def rewrap(owner: Database, vault: Vault) -> int:
    """Put every row under the key that encrypts now; how many were under another. Raises VaultError."""
    return _rewrap_data_keys(owner, vault) + _rewrap_signing_keys(owner, vault)


def standing(owner: Database) -> Mapping[int | None, int]:
    """How much lies under each master key; None: what does not say."""
    with owner.doors() as session:
        return _standing(session)


def knowing(owner: Database) -> list[Knowing]:
    """Every process that lives, and what it knows."""
    alive = Process.beat_at > func.clock_timestamp() - GONE_AFTER
    with owner.doors() as session:
        rows = session.scalars(select(Process).where(alive).order_by(Process.node, Process.kind, Process.id))
        return [Knowing(id=row.id, kind=row.kind, node=row.node, keys=tuple(row.vault_keys)) for row in rows]


class _Waiting:
    """Waits for what processes say of themselves."""

    def __init__(
        self, owner: Database, patience: float, pause: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self._owner = owner
        self._patience = patience
        self._pause = pause
        self._clock = clock

    def until(self, key: int, knows: Callable[[tuple[int, ...]], bool]) -> None:
        """Return when every living process knows; raises NotKnown."""
        deadline = self._clock() + self._patience
        while missing := [one for one in knowing(self._owner) if not knows(one.keys)]:
            if self._clock() >= deadline:
                raise NotKnown(missing, key)
            self._pause(PAUSE_SECONDS)


@contextmanager
def _alone(owner: Database) -> Iterator[None]:
    """As long as nobody else rotates; raises AnotherRuns. Whoever is killed lets go."""
    key = func.hashtextextended(LOCK, 0)
    with owner.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(key))):
            raise AnotherRuns
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):  # then the server lets go of it by itself
                connection.execute(select(func.pg_advisory_unlock(key)))


def _put(file: KeysetFile, keyset: Keyset) -> Keyset:
    file.replace(keyset)
    return keyset


def _rewrap_data_keys(owner: Database, vault: Vault) -> int:
    done, last = 0, None
    while True:
        batch = select(DataKey).order_by(DataKey.id).limit(BATCH).with_for_update()
        with owner.doors() as session:
            keys = session.scalars(batch if last is None else batch.where(DataKey.id > last)).all()
            done += sum([vault.rewrap(session, key) for key in keys])
        if not keys:
            return done
        last = keys[-1].id


def _rewrap_signing_keys(owner: Database, vault: Vault) -> int:
    with owner.doors() as session:
        keys = {row.id: row.wrapped for row in session.execute(select(SigningKey.id, SigningKey.wrapped))}
    done = 0
    for key_id, former in keys.items():
        wrapped = vault.rewrap_signing_key(key_id, former)
        if wrapped != former:
            with owner.doors() as session:
                session.execute(update(SigningKey).where(SigningKey.id == key_id).values(wrapped=wrapped))
            done += 1
    return done


def _retire(file: KeysetFile, owner: Database, keyset: Keyset) -> bool:
    """Take the former keys away if nothing lies under them. While that is looked at, nobody puts anything under any."""
    with owner.doors() as session:
        session.execute(STILL)
        if _standing(session).keys() - {keyset.primary}:
            return False
        _put(file, keyset.without_former())
    return True


def _write_down(owner: Database, actor: str, action: str, **details: Any) -> None:
    """Say so in the house's log, before it can have happened."""
    with owner.transaction(HOUSE) as session:
        signing = session.scalars(select(SigningKey).order_by(SigningKey.id.desc()).limit(1)).one_or_none()
        if signing is not None:  # else nothing was ever sealed
            told: dict[str, Any] = {"actor": actor, "action": action, "details": details}
            audit.write(session, organization_id=HOUSE, subject=signing, now=utcnow(), **told)


def _standing(session: Session) -> Counter[int | None]:
    found = Counter(
        number_of_wrapped(wrapped)
        for row in session.execute(select(DataKey.wrapped, DataKey.wrapped_prints))
        for wrapped in row
    )
    found.update(number_of(wrapped) for wrapped in session.scalars(select(SigningKey.wrapped)))
    return found
