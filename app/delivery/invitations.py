"""What a mail says that brings somebody a personal link, in Spanish and English.

Whoever reads it can use the link, so it says nothing that a stranger should not know: no name but the organization's,
and never the passphrase.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from app.delivery.letters import REGIONS, page, plain, words_of
from app.errors import N_
from app.mail import Message
from app.tenants.models import Link, Organization

SUBJECT: Final = N_("%(organization)s asks you for something: %(title)s")
ASKS: Final = N_("%(organization)s asks you to hand something in: %(title)s")
HERE: Final = N_("This is your personal link. Whoever has it can use it, so pass it on to nobody:")
UNTIL: Final = N_("It is good until %(until)s.")
GUARDED: Final = N_("It asks for a passphrase, which you get from %(organization)s in another way.")
WHOM_AT: Final = N_("If you did not expect this, or have questions, ask %(organization)s: %(contact)s")
WHOM: Final = N_("If you did not expect this, or have questions, ask %(organization)s.")
FORGOTTEN: Final = N_("Your address was used for this message alone and is not kept. Nobody reads answers to it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link that is to be brought to somebody."""

    link: Link
    organization: Organization
    #: What is asked for, in the mail's language.
    title: str
    #: Where it leads in.
    address: str = field(repr=False)
    locale: str

    def letter(self, to: str, now: datetime) -> Message:
        """Write it."""
        words, organization = words_of(self.locale), self.organization
        until = format_datetime(
            self.link.expires_at, "d MMM y, HH:mm", tzinfo=ZoneInfo(organization.timezone), locale=REGIONS[self.locale]
        )
        values = {
            "organization": organization.name,
            "contact": organization.contact,
            "title": self.title,
            "until": until,
        }
        asks, here, good, whom, forgotten = (
            words.gettext(sentence) % values
            for sentence in (ASKS, HERE, UNTIL, WHOM_AT if organization.contact else WHOM, FORGOTTEN)
        )
        also = [words.gettext(GUARDED) % values] if self.link.passphrase_hash else []
        before, behind = [asks, here], [good, *also, whom, forgotten]
        subject, href = words.gettext(SUBJECT) % values, escape(self.address)
        marked = f'<a href="{href}">{href}</a>'
        return Message(
            id=str(self.link.id),
            to=to,
            subject=subject,
            text=plain([*before, self.address, *behind]),
            html=page(self.locale, subject, [*map(escape, before), marked, *map(escape, behind)]),
            language=self.locale,
            at=now,
        )
