"""The one door to mail: a message goes to a mail server, or into a folder where there is none."""

from __future__ import annotations

import os
import smtplib
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import uuid4

from app.config import Settings

#: Longest wait for a mail server, each time that it is waited for.
SECONDS: Final = 15.0
PORTS: Final = {"smtp": 25, "smtps": 465}


class MailError(RuntimeError):
    """A message was not taken; what it says is about the server, never about who was to get the message."""


class MailAway(MailError):  # noqa: N818 - says what happened
    """Not now: the server does not answer, or asks to come again."""


class MailRefused(MailError):  # noqa: N818 - the same
    """Never: there is no such mailbox, or the server will not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What somebody is told. `id` is the same for the same message sent again, so that a mailbox may show it once."""

    id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    language: str
    at: datetime


class Mailer(Protocol):
    """A way for messages."""

    def send(self, message: Message) -> None:
        """Hand a message over; raises MailAway and MailRefused."""
        ...


def mailer(settings: Settings) -> Server | Folder | None:
    """The way that the settings name; None where there is none, and then no mail is offered."""
    if settings.mail_url is None or settings.mail_from is None:
        return None
    url = urlsplit(settings.mail_url.get_secret_value())
    if url.scheme == "file":
        return Folder(Path(unquote(url.path)), settings.mail_from)
    return Server(url, settings.mail_from)


class Folder:
    """Writes each message into a file of its own, for who has no mail server and wants to see what it would get."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    def check(self) -> None:
        """See whether messages could be kept there; raises MailAway."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self._folder).close()
        except OSError as exc:
            raise MailAway(exc.strerror or type(exc).__name__) from None

    def send(self, message: Message) -> None:
        content = _written(message, self._sender).as_bytes()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            begun = self._folder / f".{uuid4()}"
            with os.fdopen(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            begun.rename(self._folder / f"{message.at:%Y%m%dT%H%M%SZ}-{message.id}.eml")
        except OSError as exc:
            raise MailAway(exc.strerror or type(exc).__name__) from None


class Server:
    """Speaks SMTP: over TLS from the start (`smtps`), or after STARTTLS where the server has it (`smtp`).

    A password is never said in the clear, and a certificate that is not good is as bad as none.
    """

    def __init__(self, url: SplitResult, sender: str, *, context: ssl.SSLContext | None = None) -> None:
        self._host = url.hostname or ""
        self._port = url.port or PORTS[url.scheme]
        self._tls = url.scheme == "smtps"
        self._user, self._password = unquote(url.username or ""), unquote(url.password or "")
        self._sender = sender
        self._context = context or ssl.create_default_context()

    def check(self) -> None:
        """Greet the server as for a message, and say none; raises MailAway and MailRefused."""
        failure = None
        try:
            with self._connected():
                pass
        except OSError as exc:
            failure = _judged(exc)
        if failure:
            raise failure

    def send(self, message: Message) -> None:
        failure = None
        try:
            with self._connected() as server:
                server.send_message(_written(message, self._sender), parseaddr(self._sender)[1], [message.to])
        except OSError as exc:  # whatever the library raises is one, too
            failure = _judged(exc)
        if failure:  # raised out here, because the library's exceptions hold on to the address
            raise failure

    def _connected(self) -> smtplib.SMTP:
        if self._tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=SECONDS, context=self._context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=SECONDS)
        try:
            self._greet(server)
        except BaseException:
            server.close()
            raise
        return server

    def _greet(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        if not self._tls and server.has_extn("starttls"):
            server.starttls(context=self._context)
            server.ehlo()
        elif not self._tls and self._user:
            raise MailAway("the server has no STARTTLS, and a password is not said in the clear")
        if self._user:
            server.login(self._user, self._password)


def _judged(exc: OSError) -> MailError:
    """What an answer of the server's means, by its code alone: its text may quote the address."""
    match exc:
        case smtplib.SMTPRecipientsRefused():
            return _failure("the recipient was refused", max(code for code, _ in exc.recipients.values()))
        case smtplib.SMTPAuthenticationError():
            return MailAway(f"the password was refused ({exc.smtp_code})")  # the operator can put that right
        case smtplib.SMTPResponseException():
            return _failure("the server refused it", exc.smtp_code)
    return MailAway(type(exc).__name__)


def _failure(what: str, code: int) -> MailError:
    kind = MailRefused if 500 <= code < 600 else MailAway
    return kind(f"{what} ({code})")


def _written(message: Message, sender: str) -> EmailMessage:
    """The message as mail programs read it: plain text first, and the same as a page."""
    name, address = parseaddr(sender)
    written = EmailMessage(policy=SMTP)
    written["Subject"] = message.subject
    written["From"] = Address(display_name=name, addr_spec=address)
    written["To"] = message.to
    written["Date"] = format_datetime(message.at)
    written["Message-ID"] = f"<{message.id}@{address.rpartition('@')[2]}>"
    written["Content-Language"] = message.language
    written["Auto-Submitted"] = "auto-generated"  # nobody's absence is to answer it
    written.set_content(message.text)
    written.add_alternative(message.html, subtype="html")
    return written
