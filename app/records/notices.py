"""Notices: that a certificate ends soon is told once each time that it has only so many days left.

A notice, the link by which the next certificate is handed in, its mails and its entry in the log are one transaction.
Whoever dies in it has told nobody, and whoever comes after tells nobody twice. The link's token is kept nowhere: it is
made from the notice by the organization's own key, whenever it is sent.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.records import audit, certificates, uploads
from app.records.certificates import Ending
from app.records.models import CertificateMail, CertificateNotice, Upload
from app.tenants import forms, links, stewards
from app.tenants.models import Link, Organization
from app.tenants.vault import Vault

#: What the log says of one; services are told of it by the same name.
EXPIRING: Final = "certificate.expiring"
#: How long after its end a certificate can still be replaced by the links that were sent.
LATE: Final = timedelta(days=30)


def days_left(one: Ending, now: datetime, days: Sequence[int]) -> int | None:
    """The least of the `days` that it has no more than; None: it has more than all of them."""
    return min((number for number in days if one.not_after - now <= timedelta(days=number)), default=None)


def give(
    session: Session,
    vault: Vault,
    organization: Organization,
    one: Ending,
    now: datetime,
    *,
    days: Sequence[int],
    by_mail: bool,
) -> CertificateNotice | None:
    """Tell of a certificate that has come to have no more than one of the `days` left; None: of that was told."""
    left = days_left(one, now, days)
    if left is None:
        return None
    upload = uploads.lock(session, one.upload_id)  # of two at once, the second sees what the first has done
    told = CertificateNotice.upload_id == upload.id, CertificateNotice.days <= left
    if session.scalar(select(exists().where(*told))):
        return None
    notice = CertificateNotice(id=uuid7(), organization_id=organization.id, upload_id=upload.id, days=left)
    link = _link(session, vault, notice, one, now)
    notice.link_id, notice.created_at = link.id if link else None, now
    session.add(notice)
    session.flush()
    if by_mail:
        session.add_all(
            CertificateMail(
                organization_id=organization.id, notice_id=notice.id, user_id=who.user_id, due_at=now, created_at=now
            )
            for who in stewards.of(session, organization)
        )
    details = {"number": one.number, "not_after": one.not_after, "days": left}
    _written(session, EXPIRING, upload, now, details)
    return notice


def find(session: Session, upload_id: UUID, days: int) -> CertificateNotice | None:
    """The notice of a certificate at so many days, as the log's entry tells of it."""
    wanted = CertificateNotice.upload_id == upload_id, CertificateNotice.days == days
    return session.scalars(select(CertificateNotice).where(*wanted)).one_or_none()


def is_wanted(session: Session, notice: CertificateNotice) -> bool:
    """Whether its certificate is still the one in use."""
    return any(one.upload_id == notice.upload_id for one in certificates.in_use(session))


def address(session: Session, vault: Vault, notice: CertificateNotice, public_url: str) -> str | None:
    """Where its link leads in, for whoever it is sent to; None: it has none. Raises VaultError."""
    return f"{public_url}/l/{_token(session, vault, notice)}" if notice.link_id else None


def withdraw(session: Session, used: Collection[UUID], now: datetime) -> None:
    """Let no link lead in that was sent for a certificate which is not among the `used` uploads any more."""
    outdated = select(CertificateNotice.link_id).where(CertificateNotice.upload_id.not_in(used))
    lead_in = Link.revoked_at.is_(None), Link.expires_at > now, Link.uses < Link.max_uses
    withdrawn = update(Link).where(Link.id.in_(outdated), *lead_in).values(revoked_at=now).returning(Link)
    for link in session.scalars(withdrawn).all():
        _written(session, "link.revoked", link, now)


def due(session: Session, now: datetime) -> CertificateMail | None:
    """A mail of the session's organization that is to be sent, locked; one that another has in hand is left to it."""
    wanted = select(CertificateMail).where(CertificateMail.due_at <= now).order_by(CertificateMail.due_at).limit(1)
    return session.scalars(wanted.with_for_update(skip_locked=True)).one_or_none()


def forget(session: Session, mail_id: UUID) -> None:
    """Forget a mail: it was sent, or is not to be."""
    session.execute(delete(CertificateMail).where(CertificateMail.id == mail_id))


def _link(session: Session, vault: Vault, notice: CertificateNotice, one: Ending, now: datetime) -> Link | None:
    """A fresh link into a form that takes the next one; None where there is no such form."""
    form = forms.published(session, one.connection_id, one.operation)
    if form is None:
        return None
    link, _ = links.create(
        session, form=form, expires_at=max(one.not_after, now) + LATE, token=_token(session, vault, notice)
    )
    _written(session, "link.added", link, now, {"form": str(form.id), "notice": str(notice.id)})
    return link


def _token(session: Session, vault: Vault, notice: CertificateNotice) -> str:
    made = vault.prints(session, notice.organization_id)(f"ventanilla/certificate-link/1|{notice.id}".encode())
    return base64.urlsafe_b64encode(made[: links.TOKEN_BYTES]).decode()


def _written(
    session: Session, action: str, subject: Upload | Link, now: datetime, details: Mapping[str, object] | None = None
) -> None:
    audit.write(
        session,
        organization_id=subject.organization_id,
        actor=audit.SYSTEM,
        action=action,
        subject=subject,
        details=details,
        now=now,
    )
