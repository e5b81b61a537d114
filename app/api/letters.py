"""Letters to people: written in their language, and sent beside the answer or while somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from html import escape
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from babel.dates import format_datetime
from flask import copy_current_request_context, url_for
from uuid_utils.compat import uuid7

from app.api.asking import Asker
from app.database import HOUSE
from app.delivery.letters import REGIONS, page, plain, words_of
from app.errors import N_
from app.mail import Mailer, MailError, Message
from app.services import services
from app.tenants import people
from app.tenants.models import Organization
from app.tenants.user_models import User

log = structlog.get_logger("ventanilla.people")

BESIDE: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="letters")

DELETING: Final = N_("%(organization)s is to be deleted from %(place)s")
DELETES: Final = N_(
    "%(who)s deleted %(organization)s just now. It is suspended, and can be restored by any owner until %(until)s; "
    "after that nobody can open what it has sealed, credentials and files, ever again."
)
RESTORE: Final = N_("If that is not wanted, restore it here, and find out who it was:")
A_TOKEN: Final = N_("A token of the house")


def tell_of_deletion(asker: Asker, organization: Organization) -> None:
    """Tell every owner, beside the answer, that an organization is to be deleted, and who did that: one can restore it.

    Whoever it was is told, too: it may have been their session, and not they.
    """
    if services().mailer is not None:
        beside(partial(_tell_of_deletion, asker, organization))


def _tell_of_deletion(asker: Asker, organization: Organization) -> None:
    with services().database.transaction(HOUSE) as session:
        owners = people.owners(session)
        by = session.get(User, asker.id)
    ends = organization.deletes_at or services().clock()
    leads_to = url_for("dashboard.show_organization", organization=organization.slug)
    address = services().settings.public_url + leads_to
    for owner in owners:
        named = {
            "organization": organization.name,
            "who": by.email if by else words_of(owner.locale).gettext(A_TOKEN),
        }
        said = [DELETES, RESTORE, address]
        send(letter(uuid7(), owner.email, owner.locale, DELETING, said, until=ends, zone=owner.timezone, **named))


def send(message: Message) -> bool:
    """Send a letter while somebody waits; whether it went."""
    mailer = services().mailer
    return mailer is not None and _sent(mailer, message)


def send_later(message: Message) -> None:
    """Send a letter beside the answer."""
    beside(partial(send, message))


def beside(work: Callable[[], object]) -> None:
    """Do something beside the answer, which comes as soon whether there is anything to do; one after the other."""

    @copy_current_request_context
    def done() -> None:
        try:
            work()
        except Exception:  # nobody waits for it who could be told
            log.exception("letter not written")

    BESIDE.submit(done)


def letter(
    number: UUID,
    to: str,
    locale: str,
    subject: str,
    said: Sequence[str],
    *,
    until: datetime,
    zone: str,
    **named: str,
) -> Message:
    """Write one: its lines are sentences that `named`, `place` and `until` belong into, and addresses."""
    words = words_of(locale)
    values = {
        "place": services().settings.public_url.partition("://")[2],
        "until": format_datetime(until, "d MMM y, HH:mm", tzinfo=ZoneInfo(zone), locale=REGIONS[locale]),
        **named,
    }
    title = words.gettext(subject) % values
    lines = [one if one.startswith("http") else words.gettext(one) % values for one in said]
    return Message(
        id=str(number),
        to=to,
        subject=title,
        text=plain(lines),
        html=page(locale, title, [_paragraph(one) for one in lines]),
        language=locale,
        at=services().clock(),
    )


def _sent(mailer: Mailer, message: Message) -> bool:
    try:
        mailer.send(message)
    except MailError as exc:
        log.warning("letter not sent", why=str(exc))
        return False
    return True


def _paragraph(line: str) -> str:
    written = escape(line)
    return f'<a href="{written}">{written}</a>' if line.startswith("http") else written
