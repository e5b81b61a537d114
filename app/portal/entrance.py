"""Who comes in, through which form or link, and to what: the one place where the portal looks things up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import g, request, session
from flask_babel import gettext
from sqlalchemy.orm import Session

from app.checks import Policy
from app.delivery import Origin
from app.intake.addresses import address
from app.intake.shedding import Caller
from app.portal import framing, language
from app.portal.accepting import Picker
from app.portal.errors import FormClosed, LinkOnly, MailNotOffered, NothingHere, Suspended
from app.providers import registry
from app.providers.operation import Field, Mode, Operation
from app.records import mails, receipts, uploads
from app.records.models import Upload
from app.records.states import State
from app.seeing import ids
from app.services import services
from app.tenants import doors, forms, links, organizations
from app.tenants.errors import LinkUsedUp
from app.tenants.models import Connection, Form, Link, Organization

#: Files that one page takes at most.
MOST_FILES: Final = 20
#: Links of this visitor whose passphrase was said, as ids in the session.
UNLOCKED = "unlocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """An open way in: a form, and the personal link it was reached by, if one was."""

    organization: Organization
    connection: Connection
    form: Form
    operation: Operation
    link: Link | None = None
    #: Where the page is and posts to.
    address: str

    @property
    def provider(self) -> str:
        """The provider's own name."""
        return registry.provider(self.operation.provider).title

    @property
    def title(self) -> str:
        """What is asked for, in the language in use: the form's own words, or the operation's."""
        return self._own("title") or str(gettext(self.operation.title))

    @property
    def explanation(self) -> str:
        """What it is for, likewise; lines end in it."""
        return self._own("explanation") or str(gettext(self.operation.intro))

    def _own(self, name: str) -> str | None:
        return forms.own_words(self.form, name, language.language())

    @property
    def streams(self) -> bool:
        """Whether a file is sent on while it arrives, so that all else has to come before it."""
        return bool(self.operation.parts) and self.mode is not Mode.DIRECT

    @property
    def mode(self) -> Mode:
        """How what is handed in travels; a form may say that no copy is kept."""
        return self.operation.mode(durable=(self.form.settings or {}).get("durable"))

    @property
    def files(self) -> int:
        """How many files one page may bring: more than one, where a copy is kept and whoever comes may come again."""
        several = self.mode is Mode.DURABLE and len(self.operation.parts) == 1
        return MOST_FILES if several and (self.left is None or self.left > 1) else 1

    @property
    def left(self) -> int | None:
        """Uses that the link still has; None without one."""
        return self.link.max_uses - self.link.uses if self.link else None

    @property
    def presets(self) -> Mapping[str, str]:
        """Fields whose value the operator gave, by name; nobody is asked for them."""
        return forms.presets(self.form)

    @property
    def fields(self) -> tuple[Field, ...]:
        """What a customer is asked for beside the files: also what an operator should have preset and did not."""
        return tuple(
            one for one in self.operation.fields if (one.asked or one.required) and one.name not in self.presets
        )

    @property
    def pickers(self) -> tuple[Picker, ...]:
        """The inputs for its files."""
        types = (self.form.settings or {}).get("types")
        narrowed = None if types is None else frozenset(types)
        return tuple(Picker.of(part, narrowed) for part in self.operation.parts)

    @property
    def policy(self) -> Policy:
        """What the form lets pass; without more, what the operation does."""
        return Policy.parse(self.form.settings or {})

    @property
    def locked(self) -> bool:
        """Whether the link's passphrase has still to be said."""
        link = self.link
        return link is not None and link.passphrase_hash is not None and str(link.id) not in session.get(UNLOCKED, ())

    def unlock(self) -> None:
        """Remember, for this visitor and browser session, that the passphrase was right."""
        if self.link is not None:
            session[UNLOCKED] = [*session.get(UNLOCKED, ())[-9:], str(self.link.id)]

    @property
    def caller(self) -> Caller:
        """Whom the limits at the door are about."""
        link_id = self.link.id if self.link else None
        return Caller(organization_id=self.organization.id, link_id=link_id, address=address_of_caller())

    def origin(self, *, notice_version: str | None, outcome_token: str | None = None) -> Origin:
        """Tell delivery where a hand-in comes from."""
        return Origin(
            organization=self.organization,
            connection=self.connection,
            form_id=self.form.id,
            link=self.link,
            api_token_id=None,
            locale=language.language(),
            notice_version=notice_version,
            actor=f"link:{self.link.id}" if self.link else f"form:{self.form.id}",
            outcome_token=outcome_token,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """An upload as its outcome page shows it."""

    organization: Organization
    connection: Connection
    operation: Operation
    upload: Upload
    #: The form it came through, where that can be opened again without a link.
    form: Form | None
    #: Whether its receipt is sealed.
    receipted: bool = False
    #: Whether somebody is to be told of its end by mail, where that can be done; None where it cannot.
    mail: bool | None = None


def address_of_caller() -> str | None:
    """Where the request comes from."""
    return address(request.environ, services().settings.forwarded_allow_ips)


def by_form(public_id: str) -> Entrance:
    """Open a form by its address; raises what keeps it closed."""
    found = doors.form(services().database, public_id)
    if found is None:
        raise NothingHere
    with services().database.transaction(found.organization_id) as db:
        organization, form, connection = _form(db, found.organization_id, found.id)
    arrive(organization)
    framing.enter(form, f"form:{form.id}")
    if form.link_only:
        raise LinkOnly
    return _enter(organization, form, connection, None, framing.at("form", public_id=public_id))


def by_link(token: str, *, sending: bool = False) -> Entrance:
    """Open a form by a personal link; looking uses nothing up. Raises what keeps it closed.

    `sending`: a page that was opened before is on its way in. That the link is used up may be its own doing, so that is
    left to delivery to say.
    """
    found = doors.link(services().database, token)
    if found is None:
        raise NothingHere
    with services().database.transaction(found.organization_id) as db:
        link = db.get_one(Link, found.id)
        organization, form, connection = _form(db, found.organization_id, link.form_id)
    arrive(organization, link.locale)
    framing.enter(form, f"link:{link.id}")
    try:
        links.check(link, services().clock())
    except LinkUsedUp:
        if not sending:
            raise
    return _enter(organization, form, connection, link, framing.at("link", token=token))


def found(token: str) -> Upload | None:
    """The upload that an outcome page of that token would show, if there is one."""
    known = doors.outcome(services().database, token)
    if known is None:
        return None
    with services().database.transaction(known.organization_id) as db:
        return uploads.get(db, known.id)


def by_outcome(token: str) -> HandedIn:
    """Find an upload by the token that its outcome page's address ends with."""
    found = doors.outcome(services().database, token)
    if found is None:
        raise NothingHere
    with services().database.transaction(found.organization_id) as db:
        upload = uploads.get(db, found.id)
        organization = organizations.get(db, found.organization_id)
        connection = db.get_one(Connection, upload.connection_id)
        form = db.get(Form, upload.form_id) if upload.form_id else None
        mail = mails.asked(db, upload.id) if services().mailer and _may_be_left(upload) else None
        receipted = upload.state is State.DELIVERED and receipts.of_upload(db, upload.id) is not None
    arrive(organization, upload.locale)
    framing.enter(form, f"upload:{upload.id}")
    return HandedIn(
        organization=organization,
        connection=connection,
        operation=registry.operation(upload.operation),
        upload=upload,
        form=form if form and form.open and not form.link_only else None,
        receipted=receipted,
        mail=mail,
    )


def ask_for_mail(handed_in: HandedIn, address: str) -> None:
    """Have an address told of an upload's end; where it has just ended, the page says so. Raises MailNotOffered."""
    if handed_in.mail is None:
        raise MailNotOffered
    with services().database.transaction(handed_in.organization.id) as db:
        mails.ask(
            db,
            services().vault,
            handed_in.upload.id,
            address=address,
            locale=language.language(),
            now=services().clock(),
        )


def _may_be_left(upload: Upload) -> bool:
    """Whether it goes on without whoever handed it in, and has not ended yet."""
    return upload.mode == Mode.DURABLE and upload.state in mails.OPEN


def _form(db: Session, organization_id: UUID, form_id: UUID) -> tuple[Organization, Form, Connection]:
    form = db.get_one(Form, form_id)
    return organizations.get(db, organization_id), form, db.get_one(Connection, form.connection_id)


def _enter(organization: Organization, form: Form, connection: Connection, link: Link | None, address: str) -> Entrance:
    if organization.suspended_at:
        raise Suspended
    if not form.open:
        raise FormClosed
    return Entrance(
        organization=organization,
        connection=connection,
        form=form,
        operation=registry.operation(form.operation),
        link=link,
        address=address,
    )


def arrive(organization: Organization, locale: str | None = None) -> None:
    """Let the page, and any refusal from here on, speak for the organization and in its language."""
    g.organization = organization
    ids.bind(organization=organization.id)
    language.prefer(locale, organization.locale, timezone=organization.timezone)
