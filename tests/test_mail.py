"""The mail door: what a real server gets from it, what is never said in the clear, and what an answer means."""

from __future__ import annotations

import email
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from app import mail
from app.config import Settings
from app.mail import Folder, MailAway, MailRefused, Message, Server, mailer
from tests.intake.serving import self_signed

SENDER = "Ventanilla <ventanilla@gateway.example>"
MESSAGE = Message(
    id="018f.delivered",
    to="ana@cliente.example",
    subject="Compañía: ya llegó",
    text="Ya llegó — «todo».\n",
    html="<p>Ya llegó</p>",
    language="es",
    at=datetime(2026, 11, 21, 20, 5, tzinfo=UTC),
)


class Mailbox:
    """Keeps what it gets; answers as it is told to."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.to_recipient = "250 OK"
        self.to_content = "250 OK"
        self.logins: list[tuple[bytes, bytes]] = []
        self.tls: list[bool] = []

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.append(envelope)
        assert server.transport
        self.tls.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.to_content

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == b"right & proper", handled=False)

    def message(self) -> EmailMessage:
        """The last."""
        content = self.got[-1].content
        assert isinstance(content, bytes)
        found = email.message_from_bytes(content, policy=default)
        assert isinstance(found, EmailMessage)
        return found


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


@pytest.fixture
def serve(mailbox: Mailbox, certificate: tuple[Path, Path]) -> Iterator[Callable[..., int]]:
    """Runs a server with or without TLS; its port."""
    running: list[Controller] = []

    class Knocked(Controller):
        def _trigger_server(self) -> None:
            """Knock as the library does, with a client's context."""
            client = ssl.create_default_context(cafile=certificate[0])
            with (
                socket.create_connection((self.hostname, self.port), 5) as plain,
                client.wrap_socket(plain, server_hostname="localhost") as secure,
            ):
                secure.recv(1024)

    def start(*, starttls: bool = False, tls: bool = False) -> int:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        options: dict[str, Any] = {"authenticator": mailbox.login, "auth_require_tls": False}
        if starttls:
            options |= {"tls_context": context}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        kind = Knocked if tls else Controller
        controller = kind(
            mailbox, hostname="127.0.0.1", port=port, ssl_context=context if tls else None, ready_timeout=20, **options
        )
        controller.start()
        running.append(controller)
        return port

    yield start
    for controller in running:
        controller.stop()


def settings_with(**more: Any) -> Settings:
    nowhere = SecretStr("postgresql://nowhere")
    return Settings(secret_key=SecretStr(40 * "k"), database_url=nowhere, vault_keyset=Path("nowhere"), **more)


def server(url: str, certificate: tuple[Path, Path] | None = None) -> Server:
    context = ssl.create_default_context(cafile=certificate[0]) if certificate else None
    return Server(urlsplit(url), SENDER, context=context)


def test_a_message_arrives_as_it_was_meant(serve: Callable[..., int], mailbox: Mailbox) -> None:
    server(f"smtp://127.0.0.1:{serve()}").send(MESSAGE)
    (envelope,) = mailbox.got
    assert (envelope.mail_from, envelope.rcpt_tos) == ("ventanilla@gateway.example", ["ana@cliente.example"])
    found = mailbox.message()
    assert found["Subject"] == "Compañía: ya llegó"
    assert found["From"] == SENDER
    assert found["To"] == "ana@cliente.example"
    assert found["Message-ID"] == "<018f.delivered@gateway.example>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Date"].datetime == MESSAGE.at
    plain, page = found.get_body(("plain",)), found.get_body(("html",))
    assert plain
    assert page
    assert plain.get_content().splitlines() == MESSAGE.text.splitlines()
    assert page.get_content().strip() == MESSAGE.html
    assert mailbox.tls == [False]


@pytest.mark.parametrize(("scheme", "how"), [("smtp", {"starttls": True}), ("smtps", {"tls": True})])
def test_a_password_is_said_behind_tls(
    serve: Callable[..., int],
    mailbox: Mailbox,
    certificate: tuple[Path, Path],
    scheme: str,
    how: dict[str, bool],
) -> None:
    server(f"{scheme}://me%40home:right%20%26%20proper@localhost:{serve(**how)}", certificate).send(MESSAGE)
    assert mailbox.logins == [(b"me@home", b"right & proper")]
    assert mailbox.tls == [True]


def test_a_password_is_never_said_in_the_clear(serve: Callable[..., int], mailbox: Mailbox) -> None:
    with pytest.raises(MailAway, match="STARTTLS"):
        server(f"smtp://me:secret@127.0.0.1:{serve()}").send(MESSAGE)
    assert (mailbox.logins, mailbox.got) == ([], [])


def test_a_certificate_of_somebody_else_is_none(serve: Callable[..., int], mailbox: Mailbox) -> None:
    with pytest.raises(MailAway, match="SSL"):
        server(f"smtp://me:secret@localhost:{serve(starttls=True)}").send(MESSAGE)
    assert (mailbox.logins, mailbox.got) == ([], [])


def test_a_wrong_password_is_the_operators_to_put_right(
    serve: Callable[..., int], mailbox: Mailbox, certificate: tuple[Path, Path]
) -> None:
    with pytest.raises(MailAway, match="535") as caught:
        server(f"smtps://me:wrong@localhost:{serve(tls=True)}", certificate).send(MESSAGE)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("450 4.2.1 <ana@cliente.example> is busy", MailAway), ("550 5.1.1 <ana@cliente.example> who?", MailRefused)],
)
@pytest.mark.parametrize("whose", ["to_recipient", "to_content"])
def test_a_no_is_for_now_or_for_ever_and_quotes_nobody(
    serve: Callable[..., int], mailbox: Mailbox, answer: str, kind: type[Exception], whose: str
) -> None:
    setattr(mailbox, whose, answer)
    with pytest.raises(kind, match=answer[:3]) as caught:
        server(f"smtp://127.0.0.1:{serve()}").send(MESSAGE)
    assert "ana" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


def test_a_server_that_is_not_there_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(MailAway, match="ConnectionRefusedError"):
        server(f"smtp://127.0.0.1:{port}").send(MESSAGE)


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailAway, match="SMTPServerDisconnected"):
        server(f"smtp://127.0.0.1:{silent.getsockname()[1]}").send(MESSAGE)


def test_a_folder_keeps_messages_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    Folder(folder, SENDER).send(MESSAGE)
    (path,) = folder.iterdir()
    assert path.name == "20261121T200500Z-018f.delivered.eml"
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert email.message_from_bytes(path.read_bytes(), policy=default)["To"] == MESSAGE.to
    Folder(folder, SENDER).send(MESSAGE)
    assert len(list(folder.iterdir())) == 1, "the same message, once"


def test_a_folder_that_cannot_be_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MailAway):
        Folder(tmp_path / "file", SENDER).send(MESSAGE)


def test_nothing_of_the_message_is_shown_by_accident() -> None:
    assert "ana" not in repr(MESSAGE)
    assert "todo" not in repr(MESSAGE)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("smtp://mail.example", Server),
        ("smtps://me:secret@mail.example:2465", Server),
        (f"file://{os.sep}var/mail", Folder),
    ],
)
def test_the_settings_name_the_way(url: str, kind: type) -> None:
    assert isinstance(mailer(settings_with(mail_url=SecretStr(url), mail_from=SENDER)), kind)


def test_without_a_setting_there_is_no_mail() -> None:
    assert mailer(settings_with()) is None


def test_a_folder_can_be_tried_and_nothing_is_left_there(tmp_path: Path) -> None:
    Folder(tmp_path / "mail", SENDER).check()
    assert [*(tmp_path / "mail").iterdir()] == []
    (tmp_path / "file").touch()
    with pytest.raises(MailAway):
        Folder(tmp_path / "file", SENDER).check()


def test_a_server_can_be_tried_and_gets_no_message(serve: Callable[..., int], mailbox: Mailbox) -> None:
    server(f"smtp://localhost:{serve()}").check()
    assert mailbox.got == []
    with pytest.raises(MailAway):
        server("smtp://127.0.0.1:1").check()
