"""Sends the mails that rows say are due: at least once each, and then the row is forgotten.

What they are about is not known here: each kind of them says which is next, what it says, and what its end is called.
A mail that is sent once more, because whoever sent it died, has the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, ClassVar, Final, Protocol, TypeVar
from uuid import UUID

import structlog
from procrastinate import JobContext
from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from app import queue
from app.database import Base, Database
from app.delivery import backoff
from app.delivery.backoff import Chance
from app.mail import MailAway, Mailer, MailRefused, Message
from app.records import audit
from app.records.models import CertificateMail, OutcomeMail
from app.tenants.vault import VaultError

log = structlog.get_logger("ventanilla.telling")

#: What a worker passes the handler, under this name; None where no mail can be sent.
TELLER: Final = "teller"
#: A mail that somebody has in hand is nobody else's for so long.
IN_HAND: Final = timedelta(minutes=5)
#: A mail that was tried so often is given up: a day and more.
MOST_TRIES: Final = 150
#: Mails that one round sends for one organization, so that each has its turn.
AT_ONCE: Final = 20


class NotNow(RuntimeError):  # noqa: N818 - says what is wrong
    """What the mail tells of has changed since it was due: it is looked at again later."""


class NotWanted(RuntimeError):  # noqa: N818 - the same
    """What the mail tells of is not so any more, or its recipient is gone: it is forgotten."""


#: Rows that say that a mail is due.
Mail = OutcomeMail | CertificateMail
Row = TypeVar("Row", bound=Mail)


class Kind(Protocol[Row]):
    """One kind of mail: which organizations have some, which is next, and what it says."""

    #: What log entries about its end begin with.
    about: ClassVar[str]
    #: Which organizations have something due.
    find: ClassVar[TextClause]

    def due(self, session: Session, now: datetime) -> Row | None:
        """The next of the session's organization, locked."""
        ...

    def letter(self, session: Session, mail: Row, now: datetime) -> Message:
        """Write it; raises NotNow, NotWanted and VaultError."""
        ...

    def subject(self, session: Session, mail: Row) -> Base:
        """What the log's entry about its end is about."""
        ...

    def forget(self, session: Session, mail_id: UUID) -> None:
        """Let nobody send it any more."""
        ...


# No `lock`: a round whose worker was killed would hold it for ever, and two rounds at once do no harm.
@queue.jobs.periodic(cron="* * * * * */5")
@queue.jobs.task(name="tell", queue=queue.ERRANDS, queueing_lock="tell", pass_context=True)
def tell(context: JobContext, timestamp: int) -> None:
    """Every five seconds: send the mails whose uploads have ended."""
    del timestamp  # when it was due
    teller: Teller | None = context.additional_context.get(TELLER)
    if teller is not None:
        teller.tell_all()


class Teller:
    """Sends for every organization; `database` is the worker's."""

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        clock: Callable[[], datetime],
        kinds: Sequence[Kind[Any]],
        *,
        chance: Chance = backoff.ANY,
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._now = clock
        self._kinds = kinds
        self._chance = chance
        self._telling = Lock()

    def tell_all(self) -> int:
        """Send what is due, some of each organization's; how many were taken. One round at a time: a mail server that
        is slow is not to keep this process from its other work."""
        if not self._telling.acquire(blocking=False):
            return 0
        try:
            return sum(self._tell_all(kind) for kind in self._kinds)
        finally:
            self._telling.release()

    def _tell_all(self, kind: Kind[Any]) -> int:
        with self._database.doors() as session:
            organizations: list[UUID] = list(session.scalars(kind.find, {"now": self._now()}))
        told = 0
        for organization_id in organizations:
            for _ in range(AT_ONCE):
                if not self._tell_next(kind, organization_id):
                    break
                told += 1
        return told

    def _tell_next(self, kind: Kind[Any], organization_id: UUID) -> bool:
        with self._database.transaction(organization_id) as session:
            mail = self._take(kind, session)
        if mail is None:
            return False
        which = {"kind": kind.about, "mail": str(mail.id)}
        try:
            self._mailer.send(self._letter(kind, mail))
        except NotWanted:
            with self._database.transaction(organization_id) as session:
                kind.forget(session, mail.id)
        except (MailAway, VaultError, NotNow) as exc:
            log.warning("mail was not sent", **which, tries=mail.tries, cause=str(exc))
            if mail.tries >= MOST_TRIES:
                self._end(kind, mail, "mail_given_up")
        except MailRefused as exc:
            log.warning("mail was refused", **which, cause=str(exc))
            self._end(kind, mail, "mail_refused")
        else:
            self._end(kind, mail, "mail_sent")
        return True

    def _take(self, kind: Kind[Any], session: Session) -> Mail | None:
        """Take one in hand. Whoever dies with it leaves it to be tried again, after the pause of a try that failed."""
        now = self._now()
        mail: Mail | None = kind.due(session, now)
        if mail is not None:
            mail.tries += 1
            mail.due_at = backoff.due(now + IN_HAND, mail.tries, chance=self._chance)
        return mail

    def _letter(self, kind: Kind[Any], mail: Mail) -> Message:
        with self._database.transaction(mail.organization_id) as session:
            return kind.letter(session, mail, self._now())

    def _end(self, kind: Kind[Any], mail: Mail, how: str) -> None:
        with self._database.transaction(mail.organization_id) as session:
            subject = kind.subject(session, mail)
            kind.forget(session, mail.id)
            audit.write(
                session,
                organization_id=mail.organization_id,
                actor=audit.SYSTEM,
                action=f"{kind.about}.{how}",
                subject=subject,
                now=self._now(),
            )
