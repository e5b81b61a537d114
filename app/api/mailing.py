"""Links by mail: sent while whoever makes one waits, for its address is known then and never again."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from flask_babel import force_locale, gettext

from app.api.asking import Asker
from app.delivery.invitations import Invitation
from app.mail import MailError
from app.providers import registry
from app.services import services
from app.tenants import forms, names, organizations
from app.tenants.errors import NoMail
from app.tenants.models import Form, Link

log = structlog.get_logger("ventanilla.mailing")

#: Sends a link into a form, which leads in at an address; whether the mail server took it.
Send = Callable[[Form, Link, str], bool]


def to(address: str, asker: Asker) -> Send:
    """Get ready to mail a link; raises what is wrong with that before a link is made: BadEmail, NoMail, TooMany."""
    to = names.email(address, "email")
    mailer = services().mailer
    if mailer is None:
        raise NoMail(field="email")
    services().shedding.wishes.count([f"links:{asker.the_organization}"])

    def send(form: Form, link: Link, leads_in: str) -> bool:
        now = services().clock()
        try:
            mailer.send(_invitation(asker, form, link, leads_in).letter(to, now))
        except MailError as exc:
            log.warning("link was not mailed", link=str(link.id), cause=str(exc))
            return False
        with asker.transaction() as session:
            asker.written(session, "link.mailed", link)
        return True

    return send


def _invitation(asker: Asker, form: Form, link: Link, leads_in: str) -> Invitation:
    with asker.transaction() as session:
        organization = organizations.get(session, asker.the_organization)
    locale = link.locale or organization.locale
    with force_locale(locale):
        title = forms.own_words(form, "title", locale) or str(gettext(registry.operation(form.operation).title))
    return Invitation(link=link, organization=organization, title=title, address=leads_in, locale=locale)
