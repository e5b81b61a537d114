"""Tells by mail how uploads ended, where somebody asked for it: at least once, and then the address is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Final
from uuid import UUID

import structlog
from procrastinate import JobContext
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import queue
from app.database import Database
from app.delivery import backoff
from app.delivery.backoff import Chance
from app.delivery.letters import NotEnded, letter
from app.mail import MailAway, Mailer, MailRefused, Message
from app.records import audit, mails, uploads
from app.records.models import OutcomeMail
from app.tenants import organizations
from app.tenants.vault import Vault, VaultError

log = structlog.get_logger("ventanilla.telling")

#: What a worker passes the handler, under this name; None where no mail can be sent.
TELLER: Final = "teller"
#: A mail that somebody has in hand is nobody else's for so long.
IN_HAND: Final = timedelta(minutes=5)
#: A mail that was tried so often is given up: a day and more.
MOST_TRIES: Final = 150
#: Mails that one round sends for one organization, so that each has its turn.
AT_ONCE: Final = 20

FIND: Final = text("SELECT ventanilla_find_mails(:now)")


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
        vault: Vault,
        mailer: Mailer,
        clock: Callable[[], datetime],
        *,
        chance: Chance = backoff.ANY,
    ) -> None:
        self._database = database
        self._vault = vault
        self._mailer = mailer
        self._now = clock
        self._chance = chance
        self._telling = Lock()

    def tell_all(self) -> int:
        """Send what is due, some of each organization's; how many were taken. One round at a time: a mail server that
        is slow is not to keep this process from its other work."""
        if not self._telling.acquire(blocking=False):
            return 0
        try:
            return self._tell_all()
        finally:
            self._telling.release()

    def _tell_all(self) -> int:
        with self._database.doors() as session:
            organizations: list[UUID] = list(session.scalars(FIND, {"now": self._now()}))
        told = 0
        for organization_id in organizations:
            for _ in range(AT_ONCE):
                if not self._tell_next(organization_id):
                    break
                told += 1
        return told

    def _tell_next(self, organization_id: UUID) -> bool:
        with self._database.transaction(organization_id) as session:
            mail = self._take(session)
        if mail is None:
            return False
        try:
            self._mailer.send(self._letter(mail))
        except (MailAway, VaultError, NotEnded) as exc:
            log.warning("mail was not sent", upload=str(mail.upload_id), tries=mail.tries, cause=str(exc))
            if mail.tries >= MOST_TRIES:
                self._end(mail, "upload.mail_given_up")
        except MailRefused as exc:
            log.warning("mail was refused", upload=str(mail.upload_id), cause=str(exc))
            self._end(mail, "upload.mail_refused")
        else:
            self._end(mail, "upload.mail_sent")
        return True

    def _take(self, session: Session) -> OutcomeMail | None:
        """Take one in hand. Whoever dies with it leaves it to be tried again, after the pause of a try that failed."""
        now = self._now()
        mail = mails.due(session, now)
        if mail is not None:
            mail.tries += 1
            mail.due_at = backoff.due(now + IN_HAND, mail.tries, chance=self._chance)
        return mail

    def _letter(self, mail: OutcomeMail) -> Message:
        with self._database.transaction(mail.organization_id) as session:
            upload = uploads.get(session, mail.upload_id)
            organization = organizations.get(session, mail.organization_id)
            to = mails.address(session, self._vault, mail)
        return letter(upload, organization, to=to, locale=mail.locale)

    def _end(self, mail: OutcomeMail, action: str) -> None:
        with self._database.transaction(mail.organization_id) as session:
            mails.forget(session, mail.id)
            audit.write(
                session,
                organization_id=mail.organization_id,
                actor=audit.SYSTEM,
                action=action,
                subject=uploads.get(session, mail.upload_id),
                now=self._now(),
            )
