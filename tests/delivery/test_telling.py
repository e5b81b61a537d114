"""Mails about an upload's end: sent because it ended, whoever ended it, once where nothing breaks, then forgotten."""

from __future__ import annotations

import secrets
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text

from app.database import Database
from app.delivery import telling
from app.delivery.letters import Ends
from app.delivery.telling import IN_HAND, MOST_TRIES, Kind, Teller
from app.mail import MailAway, MailRefused, Message
from app.records import audit, mails, uploads
from app.records.models import OutcomeMail, Upload
from app.records.states import State
from app.tenants import organizations
from app.tenants.vault import Vault
from tests.tenancy import NOW, Tenant, tenant

ANA, EVA = "ana@cliente.example", "eva@cliente.example"
ENDS = [State.DELIVERED, State.FAILED, State.REJECTED, State.CANCELLED, State.UNKNOWN]


class Post:
    """Takes what it is given, or raises what it is told to."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.answers: list[Exception] = []

    def send(self, message: Message) -> None:
        if self.answers:
            raise self.answers.pop(0)
        self.sent.append(message)


class Desk:
    """One organization, its upload, and who asks to be told of it."""

    def __init__(self, database: Database, vault: Vault, worker: Database) -> None:
        self.database = database
        self.vault = vault
        self.tenant: Tenant = tenant(database, vault, f"t-{secrets.token_hex(6)}")
        self.post = Post()
        self.now = NOW
        self.teller = Teller(worker, self.post, lambda: self.now, [Ends(vault)], chance=lambda: 0.0)

    def ask(self, address: str = ANA, locale: str = "es") -> bool:
        with self.database.transaction(self.tenant.id) as session:
            return mails.ask(session, self.vault, self.tenant.upload.id, address=address, locale=locale, now=self.now)

    def end(self, state: State, **told: Any) -> None:
        with self.database.transaction(self.tenant.id) as session:
            uploads.move(session, self.tenant.upload, state, actor="tests", now=self.now, **told)

    def tell(self) -> list[Message]:
        """What one round sends."""
        self.post.sent = []
        self.teller.tell_all()
        return self.post.sent

    @property
    def asked(self) -> bool:
        with self.database.transaction(self.tenant.id) as session:
            return mails.asked(session, self.tenant.upload.id)

    @property
    def actions(self) -> list[str]:
        with self.database.transaction(self.tenant.id) as session:
            entries = audit.listing(session, subject=self.tenant.upload)
        return [entry.action for entry in entries if ".mail_" in entry.action]


@pytest.fixture
def desk(clean: None, database: Database, vault: Vault, worker: Database) -> Desk:
    return Desk(database, vault, worker)


@pytest.mark.parametrize("state", ENDS)
def test_it_is_sent_once_and_forgotten(desk: Desk, state: State) -> None:
    desk.ask()
    assert desk.tell() == [], "it has not ended"
    desk.end(state)
    (message,) = desk.tell()
    assert (message.to, message.id) == (ANA, f"{desk.tenant.upload.id}.{state}")
    assert not desk.asked
    assert desk.actions == ["upload.mail_sent"]
    desk.now += timedelta(days=1)
    assert desk.tell() == []


@pytest.mark.parametrize(
    ("state", "locale", "words"),
    [
        (State.DELIVERED, "es", "Llegó: Facturapi lo tiene desde el 21 nov 2026, 08:05."),
        (State.DELIVERED, "en", "It arrived: Facturapi has it since 21 Nov 2026, 08:05."),
        (State.FAILED, "es", "No llegó"),
        (State.FAILED, "en", "It did not arrive"),
        (State.REJECTED, "en", "something is wrong with it"),
        (State.CANCELLED, "es", "Se canceló"),
        (State.UNKNOWN, "es", "No sabemos si llegó"),
        (State.UNKNOWN, "en", "We do not know whether it arrived"),
    ],
)
def test_it_says_what_became_of_it(desk: Desk, state: State, locale: str, words: str) -> None:
    desk.ask(locale=locale)
    desk.end(state)
    (message,) = desk.tell()
    assert message.language == locale
    assert words in message.text
    assert words in message.html
    assert str(desk.tenant.upload.id) in message.text
    assert desk.tenant.organization.name in message.subject


def test_it_says_whom_to_ask_and_nothing_that_a_stranger_could_use(desk: Desk) -> None:
    with desk.database.transaction(desk.tenant.id) as session:
        organization = organizations.get(session, desk.tenant.id)
        organization.name, organization.contact = "Tom & <Co>", "ayuda@acme.example"
        upload = session.get_one(Upload, desk.tenant.upload.id)
        upload.parts = [{"name": "cer", "filename": "secreto.cer", "size": 1, "sha256": "ab"}]
    desk.ask()
    desk.end(State.DELIVERED, reference="REF-1")
    (message,) = desk.tell()
    assert "Tom & <Co> (ayuda@acme.example)" in message.text
    assert "Tom &amp; &lt;Co&gt; (ayuda@acme.example)" in message.html
    assert message.subject == "Tom & <Co>: ya llegó"
    for secret in ("secreto", "REF-1", desk.tenant.outcome_token, "http"):
        assert secret not in message.text + message.html + message.subject


def test_the_address_lies_sealed_and_another_takes_its_place(desk: Desk, owner_engine: Engine) -> None:
    desk.ask()
    desk.ask(EVA, "en")
    with owner_engine.connect() as connection:
        lies = connection.execute(text("SELECT sealed FROM outcome_mails")).scalars().all()
    assert len(lies) == 1
    assert b"cliente" not in bytes(lies[0])
    desk.end(State.FAILED)
    assert [message.to for message in desk.tell()] == [EVA]


@pytest.mark.parametrize("state", ENDS)
def test_of_what_has_ended_nobody_is_told(desk: Desk, state: State) -> None:
    desk.end(state)
    assert not desk.ask()


def test_a_server_that_is_away_is_tried_again(desk: Desk) -> None:
    desk.ask()
    desk.end(State.DELIVERED)
    desk.post.answers = [MailAway("421"), MailAway("421")]
    for _ in range(2):
        assert desk.tell() == []
        assert desk.tell() == [], "not at once"
        desk.now += IN_HAND
    (message,) = desk.tell()
    assert message.to == ANA
    assert (desk.asked, desk.actions) == (False, ["upload.mail_sent"])


def test_a_worker_that_dies_with_it_leaves_it_to_the_next(desk: Desk) -> None:
    class Killed(BaseException):
        pass

    desk.ask()
    desk.end(State.DELIVERED)
    desk.post.answers = [Killed()]  # type: ignore[list-item]
    with pytest.raises(Killed):
        desk.tell()
    desk.now += IN_HAND
    (message,) = desk.tell()
    assert message.id == f"{desk.tenant.upload.id}.delivered"


def test_an_address_that_is_refused_is_forgotten(desk: Desk) -> None:
    desk.ask()
    desk.end(State.DELIVERED)
    desk.post.answers = [MailRefused("550")]
    assert desk.tell() == []
    assert (desk.asked, desk.actions) == (False, ["upload.mail_refused"])


def test_what_is_tried_for_too_long_is_given_up(desk: Desk) -> None:
    desk.ask()
    desk.end(State.DELIVERED)
    with desk.database.transaction(desk.tenant.id) as session:
        session.execute(text("UPDATE outcome_mails SET tries = :tries"), {"tries": MOST_TRIES - 1})
    desk.post.answers = [MailAway("421")]
    assert desk.tell() == []
    assert (desk.asked, desk.actions) == (False, ["upload.mail_given_up"])


def test_what_does_not_open_is_in_nobody_elses_way(desk: Desk, database: Database, vault: Vault) -> None:
    desk.ask()
    desk.end(State.DELIVERED)
    with desk.database.transaction(desk.tenant.id) as session:
        session.execute(text("UPDATE outcome_mails SET sealed = 'x'"))
    other = tenant(database, vault, f"u-{secrets.token_hex(6)}")
    with database.transaction(other.id) as session:
        mails.ask(session, vault, other.upload.id, address=EVA, locale="en", now=NOW)
        uploads.move(session, other.upload, State.FAILED, actor="tests", now=NOW)
    assert [message.to for message in desk.tell()] == [EVA]
    assert desk.asked


def test_what_is_tried_once_more_is_told_of_at_its_end(desk: Desk) -> None:
    desk.ask()
    desk.end(State.FAILED)
    desk.end(State.WAITING)
    assert desk.tell() == []
    desk.end(State.DELIVERED)
    (message,) = desk.tell()
    assert message.id.endswith(".delivered")


def test_what_is_tried_once_more_in_that_moment_is_told_of_at_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its mail was taken in hand, and before anything was written in it."""
    desk.ask()
    desk.end(State.FAILED)
    letter = desk.teller._letter

    def overtaken(kind: Kind[OutcomeMail], mail: OutcomeMail) -> Message:
        monkeypatch.undo()
        desk.end(State.WAITING)
        return letter(kind, mail)

    monkeypatch.setattr(desk.teller, "_letter", overtaken)
    assert desk.tell() == []
    assert (desk.asked, desk.actions) == (True, [])
    desk.end(State.DELIVERED)
    desk.now += IN_HAND
    (message,) = desk.tell()
    assert message.id.endswith(".delivered")


def test_a_round_sends_some_of_each_organizations(
    desk: Desk, database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "AT_ONCE", 2)
    for _ in range(3):
        fail(desk, desk.tenant, ANA)
    fail(desk, tenant(database, vault, f"u-{secrets.token_hex(6)}"), EVA)
    rounds = [sorted(message.to for message in desk.tell()) for _ in range(3)]
    assert rounds == [[ANA, ANA, EVA], [ANA], []]


def fail(desk: Desk, whose: Tenant, address: str) -> None:
    """Let another upload of an organization fail, of which somebody is to be told."""
    with desk.database.transaction(whose.id) as session:
        upload = uploads.begin(
            session,
            organization_id=whose.id,
            connection_id=whose.connection.id,
            operation=whose.upload.operation,
            mode=whose.upload.mode,
            state=State.DELIVERING,
            process_id=whose.upload.process_id,
            actor="tests",
            now=desk.now,
        )
        assert mails.ask(session, desk.vault, upload.id, address=address, locale="es", now=desk.now)
        uploads.move(session, upload, State.FAILED, actor="tests", now=desk.now)


def test_the_job_sends_what_is_due_where_mail_can_be_sent(desk: Desk) -> None:
    desk.ask()
    desk.end(State.DELIVERED)
    for given, sent in (({}, 0), ({telling.TELLER: None}, 0), ({telling.TELLER: desk.teller}, 1)):
        telling.tell(cast("Any", SimpleNamespace(additional_context=given)), 0)
        assert len(desk.post.sent) == sent


def test_one_round_at_a_time(desk: Desk) -> None:
    rounds: list[int] = []

    class Again(Post):
        def send(self, message: Message) -> None:
            rounds.append(desk.teller.tell_all())

    desk.ask()
    desk.end(State.DELIVERED)
    desk.teller._mailer = Again()
    assert desk.teller.tell_all() == 1
    assert rounds == [0]
