"""Why a page of the portal does not open, or does not take what was sent."""

from __future__ import annotations

from app.errors import Refusal


class NothingHere(Refusal):
    """No form, link or outcome has this address."""

    slug = "not-found"
    status = 404


class Closed(Refusal):
    """There is a form, but nobody may hand in through it now."""

    status = 403


class FormClosed(Closed):
    """An operator closed the form, or never opened it."""

    slug = "form-closed"


class LinkOnly(Closed):
    """The form opens by a personal link alone."""

    slug = "form-link-only"


class Suspended(Closed):
    """The organization hands nothing in at the moment."""

    slug = "organization-suspended"


class NotEmbedded(Closed):
    """The form is not shown inside other pages."""

    slug = "not-embedded"


class StalePage(Refusal):
    """The token that a page of ours carries is missing, too old or another session's."""

    slug = "csrf"
    status = 403


class MailNotOffered(Refusal):
    """No mail is sent for this upload."""

    slug = "mail-not-offered"
    status = 404


class NoticeNotAccepted(Refusal):
    """The privacy notice in force was not accepted."""

    slug = "notice"
    status = 422


class ReceiptMissing(Refusal):
    """Somebody asked whether a receipt is genuine, and showed none."""

    slug = "receipt-missing"
    status = 422
