"""Mails that somebody wants about an upload's end: who asked, until it was sent, and not for longer.

Nothing has to remember to send one. A mail is due because its upload has ended, whoever ended it and how.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import tink
from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app.records import uploads
from app.records.models import OutcomeMail, Upload
from app.records.states import MOVING, State
from app.tenants.vault import Vault, VaultError

#: An upload that is still to end.
OPEN: Final = MOVING | {State.WAITING}


def ask(session: Session, vault: Vault, upload_id: UUID, *, address: str, locale: str, now: datetime) -> bool:
    """Have an address told of an upload's end, in place of one that was given before; False where it has ended.

    Whoever ends the upload waits for this transaction, or this one sees the end.
    """
    upload = uploads.lock(session, upload_id)
    if upload.state not in OPEN:
        return False
    cipher = vault.cipher(session, upload.organization_id)
    mail = session.scalars(select(OutcomeMail).where(OutcomeMail.upload_id == upload_id)).one_or_none()
    if mail is None:
        mail = OutcomeMail(organization_id=upload.organization_id, upload_id=upload_id, created_at=now)
        session.add(mail)
    mail.sealed = cipher.encrypt(address.encode(), _place(upload.organization_id, upload_id))
    mail.locale, mail.tries, mail.due_at = locale, 0, now
    return True


def asked(session: Session, upload_id: UUID) -> bool:
    """Whether somebody is to be told."""
    return session.scalar(select(exists().where(OutcomeMail.upload_id == upload_id))) or False


def due(session: Session, now: datetime) -> OutcomeMail | None:
    """A mail of the session's organization that is to be sent, locked; one that another has in hand is left to it."""
    wanted = (
        select(OutcomeMail)
        .join(Upload, Upload.id == OutcomeMail.upload_id)
        .where(OutcomeMail.due_at <= now, Upload.state.not_in(OPEN))
        .order_by(OutcomeMail.due_at)
        .limit(1)
        .with_for_update(of=OutcomeMail, skip_locked=True)
    )
    return session.scalars(wanted).one_or_none()


def address(session: Session, vault: Vault, mail: OutcomeMail) -> str:
    """Whom it goes to; raises VaultError."""
    cipher = vault.cipher(session, mail.organization_id)
    try:
        plain: bytes = cipher.decrypt(mail.sealed, _place(mail.organization_id, mail.upload_id))
    except tink.TinkError:
        raise VaultError(f"The address for upload {mail.upload_id} does not open.") from None
    return plain.decode()


def forget(session: Session, mail_id: UUID) -> None:
    """Forget the address: it was told, or nobody can tell it."""
    session.execute(delete(OutcomeMail).where(OutcomeMail.id == mail_id))


def _place(organization_id: UUID, upload_id: UUID) -> bytes:
    return f"ventanilla/outcome-mail/1|{organization_id}|{upload_id}".encode()
