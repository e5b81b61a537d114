"""What a mail says that tells of a certificate which ends soon, in Spanish and English.

It brings a personal link: whoever reads it can hand the next certificate in, once, and see nothing of what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.delivery.letters import REGIONS, page, plain, words_of
from app.delivery.telling import NotWanted
from app.errors import N_
from app.mail import Message
from app.providers import registry
from app.records import notices, uploads
from app.records.models import CertificateMail, CertificateNotice, Upload
from app.tenants import organizations, stewards
from app.tenants.models import Link, Organization
from app.tenants.stewards import Steward
from app.tenants.vault import Vault

#: Of one that is still good, and of one that has ended: the subject, and what it is.
GOOD: Final = (
    N_("%(organization)s: a certificate ends on %(end)s"),
    N_(
        "It is about “%(operation)s”, number %(number)s, of %(organization)s at %(provider)s: it ends on %(end)s and "
        "is good for nothing afterwards."
    ),
)
ENDED: Final = (
    N_("%(organization)s: a certificate ended on %(end)s"),
    N_(
        "It is about “%(operation)s”, number %(number)s, of %(organization)s at %(provider)s: it ended on %(end)s and "
        "is good for nothing any more."
    ),
)
RENEW: Final = N_("Get the next one from the SAT and hand it in here. It is a personal link, for this once:")
AS_BEFORE: Final = N_("Get the next one from the SAT and hand it in the way this one was.")
UNTIL: Final = N_("It is good until %(until)s. Whoever has it can use it, so pass it on only to who does this for you.")
#: Why it comes to whom it comes.
OWN: Final = N_("This comes to you because it is the address that %(organization)s gave for questions.")
MANAGER: Final = N_("This comes to you because you manage %(organization)s here.")
HOUSE: Final = N_(
    "This comes to you because %(organization)s has neither an address nor a manager here. Please see that it gets "
    "there."
)
ONCE: Final = N_("Once the next one is handed in, you hear no more of this one. Nobody reads answers to this message.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A notice that is to be brought to somebody."""

    notice: CertificateNotice
    #: What the certificate was delivered by.
    upload: Upload
    organization: Organization
    to: Steward
    #: Where the next one is handed in, and until when; None: no form is open for it.
    link: Link | None
    address: str | None = field(repr=False)

    def letter(self, mail: CertificateMail, now: datetime) -> Message:
        """Write it."""
        words, locale, values = words_of(self.to.locale), self.to.locale, self._values()
        subject, what = GOOD if self._ends > now else ENDED
        before = [what, RENEW if self.address else AS_BEFORE]
        behind = [*([UNTIL] if self.address else []), self._why, ONCE]
        said, more = ([words.gettext(one) % values for one in part] for part in (before, behind))
        title, href = words.gettext(subject) % values, escape(self.address or "")
        address = [self.address] if self.address else []
        marked = [f'<a href="{href}">{href}</a>'] if href else []
        return Message(
            id=str(mail.id),
            to=self.to.email,
            subject=title,
            text=plain([*said, *address, *more]),
            html=page(locale, title, [*map(escape, said), *marked, *map(escape, more)]),
            language=locale,
            at=self.notice.created_at,
        )

    @property
    def _ends(self) -> datetime:
        return datetime.fromisoformat(self.upload.facts["not_after"])

    @property
    def _why(self) -> str:
        if self.to.user_id is None:
            return OWN
        return HOUSE if self.to.house else MANAGER

    def _values(self) -> dict[str, str]:
        operation, locale = registry.operation(self.upload.operation), self.to.locale
        zone = ZoneInfo(self.organization.timezone)

        def when(moment: datetime) -> str:
            return str(format_datetime(moment, "d MMM y, HH:mm", tzinfo=zone, locale=REGIONS[locale]))

        return {
            "organization": self.organization.name,
            "provider": registry.provider(operation.provider).title,
            "operation": words_of(locale).gettext(operation.title),
            "number": self.upload.facts.get("number") or "–",
            "end": when(self._ends),
            "until": when(self.link.expires_at) if self.link else "",
        }


class Reminders:
    """Mails that bring such notices, for as long as the certificate is the one in use."""

    about: ClassVar[str] = "certificate"
    find: ClassVar[TextClause] = text("SELECT ventanilla_find_certificate_mails(:now)")

    def __init__(self, vault: Vault, public_url: str) -> None:
        self._vault = vault
        self._public_url = public_url

    def due(self, session: Session, now: datetime) -> CertificateMail | None:
        return notices.due(session, now)

    def letter(self, session: Session, mail: CertificateMail, now: datetime) -> Message:
        notice = session.get_one(CertificateNotice, mail.notice_id)
        organization = organizations.get(session, mail.organization_id)
        to = next((one for one in stewards.of(session, organization) if one.user_id == mail.user_id), None)
        if to is None or organization.suspended_at or not notices.is_wanted(session, notice):
            raise NotWanted
        reminder = Reminder(
            notice=notice,
            upload=uploads.get(session, notice.upload_id),
            organization=organization,
            to=to,
            link=session.get_one(Link, notice.link_id) if notice.link_id else None,
            address=notices.address(session, self._vault, notice, self._public_url),
        )
        return reminder.letter(mail, now)

    def subject(self, session: Session, mail: CertificateMail) -> Upload:
        return uploads.get(session, session.get_one(CertificateNotice, mail.notice_id).upload_id)

    def forget(self, session: Session, mail_id: UUID) -> None:
        notices.forget(session, mail_id)
