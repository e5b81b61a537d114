"""What a mail about an upload's end says, in Spanish and English.

It names no file and leads nowhere: an address that was mistyped is a stranger's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.support import NullTranslations, Translations
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app.delivery.telling import NotNow
from app.errors import N_
from app.mail import Message
from app.providers import registry
from app.records import mails, uploads
from app.records.models import OutcomeMail, Upload
from app.records.states import State
from app.tenants import organizations
from app.tenants.models import Organization
from app.tenants.vault import Vault

TRANSLATIONS: Final = Path(__file__).parent.parent.parent / "translations"
#: Code → how its speakers here write dates.
REGIONS: Final = {"es": "es_MX", "en": "en"}

#: By the state that it ended in: the subject, and what became of it.
ENDS: Final[Mapping[State, tuple[str, str]]] = {
    State.DELIVERED: (
        N_("%(organization)s: it arrived"),
        N_("It arrived: %(provider)s has it since %(ended)s. There is nothing left for you to do."),
    ),
    State.FAILED: (
        N_("%(organization)s: it did not arrive"),
        N_("It did not arrive: %(provider)s did not keep it. You can hand it in again."),
    ),
    State.REJECTED: (
        N_("%(organization)s: it was not sent"),
        N_("It was not sent: we looked at it, and something is wrong with it. You can hand it in again."),
    ),
    State.CANCELLED: (
        N_("%(organization)s: it was cancelled"),
        N_("It was cancelled before all of it was sent. You can hand it in again."),
    ),
    State.UNKNOWN: (
        N_("%(organization)s: we do not know whether it arrived"),
        N_(
            "We do not know whether it arrived: all of it was sent, and the answer of %(provider)s was lost on the "
            "way. Do not hand it in again yet. Ask, or open the page that you were shown when you handed it in."
        ),
    ),
}
ASKED: Final = N_("You wanted to be told how this ended: %(operation)s, handed in on %(handed_in)s.")
WHOM_AT: Final = N_("If you have questions, ask %(organization)s (%(contact)s) and give them this number: %(upload)s")
WHOM: Final = N_("If you have questions, ask %(organization)s and give them this number: %(upload)s")
FORGOTTEN: Final = N_("Your address was kept for this message alone and has been deleted. Nobody reads answers to it.")

PAGE: Final = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="margin: 0 auto; max-width: 36rem; padding: 24px; font: 16px/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere">
{paragraphs}
</body></html>
"""


class Ends:
    """Mails about the ends of uploads, where somebody asked for them; their address is forgotten with them."""

    about: ClassVar[str] = "upload"
    find: ClassVar[TextClause] = text("SELECT ventanilla_find_mails(:now)")

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def due(self, session: Session, now: datetime) -> OutcomeMail | None:
        return mails.due(session, now)

    def letter(self, session: Session, mail: OutcomeMail, now: datetime) -> Message:
        del now
        upload = uploads.get(session, mail.upload_id)
        organization = organizations.get(session, mail.organization_id)
        return letter(upload, organization, to=mails.address(session, self._vault, mail), locale=mail.locale)

    def subject(self, session: Session, mail: OutcomeMail) -> Upload:
        return uploads.get(session, mail.upload_id)

    def forget(self, session: Session, mail_id: UUID) -> None:
        mails.forget(session, mail_id)


def letter(upload: Upload, organization: Organization, *, to: str, locale: str) -> Message:
    """Tell of an upload as it is now; raises NotNow where somebody had it tried once more, and it has not ended."""
    if upload.state not in ENDS:
        raise NotNow(upload.state)
    operation = registry.operation(upload.operation)
    words, zone = words_of(locale), ZoneInfo(organization.timezone)

    def when(moment: datetime) -> str:
        return str(format_datetime(moment, "d MMM y, HH:mm", tzinfo=zone, locale=REGIONS[locale]))

    values = {
        "organization": organization.name,
        "contact": organization.contact,
        "provider": registry.provider(operation.provider).title,
        "operation": words.gettext(operation.title),
        "handed_in": when(upload.created_at),
        "ended": when(upload.updated_at),
        "upload": upload.id,
    }
    subject, became = ENDS[upload.state]
    said = (ASKED, became, WHOM_AT if organization.contact else WHOM, FORGOTTEN)
    paragraphs = [words.gettext(sentence) % values for sentence in said]
    return Message(
        id=f"{upload.id}.{upload.state}",
        to=to,
        subject=words.gettext(subject) % values,
        text=plain(paragraphs),
        html=page(locale, words.gettext(subject) % values, [escape(one) for one in paragraphs]),
        language=locale,
        at=upload.updated_at,
    )


def plain(paragraphs: Sequence[str]) -> str:
    """What a mail says, for programs that show no pages."""
    return "\n\n".join(paragraphs) + "\n"


def page(locale: str, title: str, paragraphs: Sequence[str]) -> str:
    """The same as a page; its paragraphs are HTML already."""
    written = "\n".join(f"<p>{one}</p>" for one in paragraphs)
    return PAGE.format(language=locale, title=escape(title), paragraphs=written)


@cache
def words_of(locale: str) -> NullTranslations:
    """The sentences of a language."""
    return Translations.load(TRANSLATIONS, [locale])
