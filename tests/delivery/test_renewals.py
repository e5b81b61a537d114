"""Certificates that end: told once at each step, with a link that leads in, by mail to who is known."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from app.database import HOUSE, Database
from app.delivery import renewals
from app.delivery.reminders import Reminders
from app.delivery.telling import Teller
from app.mail import MailAway, Message
from app.records import audit, notices, uploads
from app.records.models import CertificateMail, CertificateNotice, Upload
from app.records.states import State
from app.tenants import doors, links, organizations
from app.tenants.errors import LinkRevoked
from app.tenants.models import Form, Link
from app.tenants.roles import Role
from app.tenants.user_models import User
from app.tenants.vault import Vault
from tests.delivery.test_telling import Post
from tests.tenancy import NOW, Tenant, borrow, house, tenant

DAYS = (60, 30, 7, 1)
URL = "https://gateway.example"
ENDS = NOW + timedelta(days=45)
LINK = re.compile(re.escape(f"{URL}/l/") + r"([\w-]{32})\s")


class Killed(BaseException):
    """The worker dies."""


class Counter:
    """One organization, its certificate, and a worker that watches it and mails."""

    def __init__(self, database: Database, worker: Database, vault: Vault) -> None:
        self.database, self.worker, self.vault = database, worker, vault
        self.tenant: Tenant = tenant(database, vault, f"t-{secrets.token_hex(6)}")
        self.change(contact="ana@cliente.example")
        self.post = Post()
        self.now = NOW
        self.teller = Teller(worker, self.post, lambda: self.now, [Reminders(vault, URL)], chance=lambda: 0.0)

    def change(self, **values: Any) -> None:
        with self.database.transaction(self.tenant.id) as session:
            organizations.edit(organizations.get(session, self.tenant.id), **values)

    def deliver(self, not_after: datetime, number: str = "0001", **given: Any) -> Upload:
        """Let a certificate be handed in that ends then."""
        usual: dict[str, Any] = {
            "organization_id": self.tenant.id,
            "connection_id": self.tenant.connection.id,
            "operation": "facturapi/certificate",
            "mode": "direct",
            "state": State.DELIVERING,
            "process_id": self.tenant.upload.process_id,
            "actor": "tests",
            "now": self.now,
            "facts": {"not_after": not_after.isoformat(), "number": number},
        }
        with self.database.transaction(self.tenant.id) as session:
            upload = uploads.begin(session, **usual | given)
            return uploads.move(session, upload, State.DELIVERED, actor="tests", now=self.now)

    def watch(self, *, by_mail: bool = True, days: tuple[int, ...] = DAYS) -> int:
        return renewals.watch(self.worker, self.vault, self.now, days=days, by_mail=by_mail)

    def mails(self) -> list[Message]:
        """What one round sends."""
        self.post.sent = []
        self.teller.tell_all()
        return self.post.sent

    def rows(self, kind: type[Any]) -> list[Any]:
        with self.database.transaction(self.tenant.id) as session:
            return list(session.scalars(select(kind).order_by(kind.id)))

    def link(self, message: Message) -> Link:
        """What a mail leads to."""
        found = self.found(message)
        with self.database.transaction(self.tenant.id) as session:
            return session.get_one(Link, found.id)

    def found(self, message: Message) -> doors.Found:
        (token,) = LINK.findall(message.text)
        found = doors.link(self.database, token)
        assert found is not None
        return found

    def read(self, read: Callable[[Session], Any]) -> Any:
        with self.database.transaction(self.tenant.id) as session:
            return read(session)


@pytest.fixture
def counter(clean: None, database: Database, worker: Database, vault: Vault) -> Counter:
    return Counter(database, worker, vault)


def test_each_step_is_told_once(counter: Counter) -> None:
    counter.deliver(ENDS)
    told: dict[int, int] = {}
    for day in range(50):
        counter.now = NOW + timedelta(days=day)
        if number := counter.watch() + counter.watch():
            told[day] = number
        for message in counter.mails():
            assert message.to == "ana@cliente.example"
    assert told == {0: 1, 15: 1, 38: 1, 44: 1}
    assert [one.days for one in counter.rows(CertificateNotice)] == [60, 30, 7, 1]


@pytest.mark.parametrize(
    ("left", "told"), [(61, []), (60, [60]), (31, [60]), (30, [30]), (7, [7]), (1, [1]), (-3, [1])]
)
def test_who_comes_late_tells_of_the_last_step_alone(counter: Counter, left: int, told: list[int]) -> None:
    counter.deliver(NOW + timedelta(days=left))
    assert counter.watch() == len(told)
    assert [one.days for one in counter.rows(CertificateNotice)] == told


def test_the_mail_brings_a_link_into_the_form_of_that_operation(counter: Counter) -> None:
    counter.deliver(ENDS)
    counter.watch()
    (message,) = counter.mails()
    link = counter.link(message)
    assert (link.form_id, link.max_uses, link.uses) == (counter.tenant.form.id, 1, 0)
    assert link.expires_at == ENDS + notices.LATE
    links.check(link, ENDS)
    assert message.html.count(f"{URL}/l/") == 2
    assert "0001" in message.text
    assert counter.mails() == []


@pytest.mark.parametrize(
    ("locale", "left", "subject", "said"),
    [
        ("es", 45, "un certificado vence el 5 ene 2027, 08:05", "Tramita el siguiente en el SAT"),
        ("en", 45, "a certificate ends on 5 Jan 2027, 08:05", "Get the next one from the SAT"),
        ("es", -1, "un certificado venció el 20 nov 2026, 08:05", "ya no sirve"),
        ("en", -1, "a certificate ended on 20 Nov 2026, 08:05", "good for nothing any more"),
    ],
)
def test_in_the_recipient_s_language(counter: Counter, locale: str, left: int, subject: str, said: str) -> None:
    counter.change(locale=locale)
    counter.deliver(NOW + timedelta(days=left))
    counter.watch()
    (message,) = counter.mails()
    assert message.language == locale
    assert message.subject == f"{counter.tenant.organization.name}: {subject}"
    assert said in message.text
    assert said in message.html


def test_it_says_which_one_it_is_and_until_when_it_can_be_handed_in(counter: Counter) -> None:
    counter.change(locale="en", name="Kemper & Sons")
    counter.deliver(ENDS)
    counter.watch()
    (message,) = counter.mails()
    which = (
        "number 0001, of Kemper & Sons at Facturapi: it ends on 5 Jan 2027, 08:05 and is good for nothing afterwards"
    )
    assert f"“Your digital seal certificate (CSD)”, {which}" in message.text
    assert "It is good until 4 Feb 2027, 08:05." in message.text
    assert "the address that Kemper & Sons gave for questions" in message.text
    (address,) = re.findall(rf"{re.escape(URL)}/l/[\w-]+", message.text)
    assert f'<a href="{address}">{address}</a>' in message.html
    assert "Kemper &amp; Sons gave for questions" in message.html
    assert "Sons gave" not in message.html.replace("Kemper &amp; Sons", "")


def test_one_without_a_number_has_none(counter: Counter) -> None:
    counter.change(locale="en")
    counter.deliver(ENDS, number="")
    counter.watch()
    (message,) = counter.mails()
    assert "number –, of" in message.text


def person(database: Database, email: str, role: Role, manages: Any = None, locale: str = "en") -> None:
    with database.transaction(HOUSE) as session:
        session.add(
            User(
                email=email,
                name=email,
                role=role,
                manages=manages,
                locale=locale,
                password_hash="!",
                handle=secrets.token_bytes(32),
            )
        )


def test_without_an_address_its_managers_are_told_each_in_their_language(counter: Counter) -> None:
    counter.change(contact="Ana, 55 1234 5678")
    other = tenant(counter.database, counter.vault, f"o-{secrets.token_hex(6)}")
    person(counter.database, "eva@cliente.example", Role.MANAGER, counter.tenant.id, "es")
    person(counter.database, "leo@cliente.example", Role.MANAGER, counter.tenant.id, "en")
    person(counter.database, "ivo@otro.example", Role.MANAGER, other.id)
    person(counter.database, "operator@house.example", Role.OPERATOR)
    counter.deliver(ENDS)
    counter.watch()
    told = {message.to: message for message in counter.mails()}
    assert {to: message.language for to, message in told.items()} == {
        "eva@cliente.example": "es",
        "leo@cliente.example": "en",
    }
    assert len({counter.found(message).id for message in told.values()}) == 1, "the link is the same"
    assert "because you manage" in told["leo@cliente.example"].text


def test_without_managers_the_house_s_operators_are_told(counter: Counter) -> None:
    counter.change(contact=None)
    for role in (Role.OWNER, Role.OPERATOR, Role.AUDITOR):
        person(counter.database, f"{role}@house.example", role)
    counter.deliver(ENDS)
    counter.watch()
    sent = counter.mails()
    assert sorted(message.to for message in sent) == ["operator@house.example", "owner@house.example"]
    assert all("neither an address nor a manager" in message.text for message in sent)


def test_who_left_meanwhile_is_not_told(counter: Counter) -> None:
    counter.change(contact=None)
    person(counter.database, "eva@cliente.example", Role.MANAGER, counter.tenant.id)
    counter.deliver(ENDS)
    counter.watch()
    with counter.database.transaction(HOUSE) as session:
        session.scalars(select(User)).one().disabled_at = NOW
    assert counter.mails() == []
    assert counter.rows(CertificateMail) == []


def test_where_no_mail_can_be_sent_none_is_kept(counter: Counter) -> None:
    counter.deliver(ENDS)
    assert counter.watch(by_mail=False) == 1
    assert counter.rows(CertificateMail) == []


@pytest.mark.parametrize("column", ["open", "operation"])
def test_without_an_open_form_for_it_there_is_no_link(counter: Counter, column: str) -> None:
    with counter.database.transaction(counter.tenant.id) as session:
        form = session.get_one(Form, counter.tenant.form.id)
        setattr(form, column, {"open": False, "operation": "facturapi/fiel"}[column])
    counter.deliver(ENDS)
    counter.watch()
    (message,) = counter.mails()
    assert "http" not in message.text + message.html.partition("<body")[2]
    assert "El enlace sirve hasta" not in message.text
    assert "como entregaste este" in message.text


def test_a_renewed_one_is_told_of_no_more_and_its_links_lead_nowhere(counter: Counter) -> None:
    counter.deliver(ENDS)
    counter.watch()
    (message,) = counter.mails()
    counter.now += timedelta(minutes=1)
    counter.deliver(ENDS + timedelta(days=1000), "0002")
    assert counter.watch() == 0
    link = counter.link(message)
    with pytest.raises(LinkRevoked):
        links.check(link, counter.now)
    counter.now = ENDS
    assert counter.watch() == 0
    entries = counter.read(lambda session: audit.listing(session, subject=link))
    assert [entry.action for entry in entries] == ["link.revoked", "link.added"]


def test_one_that_was_renewed_before_its_mail_went_is_not_mailed(counter: Counter) -> None:
    counter.deliver(ENDS)
    counter.watch()
    counter.now += timedelta(minutes=1)
    counter.deliver(ENDS + timedelta(days=1000), "0002")
    assert counter.mails() == []
    assert counter.rows(CertificateMail) == []


@pytest.mark.parametrize("before", [True, False], ids=["before it is told", "before it is mailed"])
def test_a_suspended_organization_is_left_in_peace(counter: Counter, *, before: bool) -> None:
    def suspend() -> None:
        with counter.database.transaction(counter.tenant.id) as session:
            organizations.get(session, counter.tenant.id).suspended_at = NOW

    counter.deliver(ENDS)
    if before:
        suspend()
    assert counter.watch() == (0 if before else 1)
    suspend()
    assert counter.mails() == []


def test_whoever_dies_in_the_middle_has_told_nobody(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    counter.deliver(ENDS)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("app.records.notices.audit.write", die)
        counter.watch()
    assert (counter.rows(CertificateNotice), counter.rows(CertificateMail)) == ([], [])
    assert len(counter.rows(Link)) == 1, "the one that was there"
    assert counter.watch() == 1
    assert len(counter.mails()) == 1


def test_whoever_dies_while_sending_sends_the_same_message_again(counter: Counter) -> None:
    counter.deliver(ENDS)
    counter.watch()
    (row,) = counter.rows(CertificateMail)
    counter.post.answers = [Killed(), MailAway("421")]  # type: ignore[list-item]
    with pytest.raises(Killed):
        counter.mails()
    assert counter.mails() == [], "not at once"
    counter.now += timedelta(hours=1)
    assert counter.mails() == []
    counter.now += timedelta(hours=1)
    (message,) = counter.mails()
    assert (message.id, message.at) == (str(row.id), NOW)
    counter.now += timedelta(days=1)
    assert (counter.watch(), counter.mails()) == (0, [])


def test_two_workers_at_once_tell_once(counter: Counter) -> None:
    """The second has looked before the first was done."""
    counter.deliver(ENDS)
    give, rounds = notices.give, [0]

    def late(*given: Any, **named: Any) -> Any:
        if not rounds[0]:
            rounds[0] = 1
            assert counter.watch() == 1
        return give(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.delivery.renewals.notices.give", late)
        assert counter.watch() == 0
    assert len(counter.rows(CertificateNotice)) == len(counter.mails()) == 1


def test_who_borrows_the_house_s_credential_and_has_no_key_of_its_own(counter: Counter) -> None:
    lender = house(counter.database, counter.vault, f"house-{secrets.token_hex(6)}")
    made = organizations.add(counter.database, slug=f"b-{secrets.token_hex(6)}", name="B", contact="b@cliente.example")
    connection = borrow(counter.database, counter.vault, made.id, lender)
    with counter.database.transaction(made.id) as session:
        form = Form(
            organization_id=made.id,
            connection_id=connection.id,
            operation="facturapi/certificate",
            public_id=secrets.token_urlsafe(16),
        )
        session.add(form)
    with counter.database.transaction(made.id) as session:
        upload = uploads.begin(
            session,
            organization_id=made.id,
            connection_id=connection.id,
            operation="facturapi/certificate",
            mode="direct",
            state=State.DELIVERING,
            process_id=counter.tenant.upload.process_id,
            actor="tests",
            now=NOW,
            facts={"not_after": ENDS.isoformat(), "number": "7"},
        )
        uploads.move(session, upload, State.DELIVERED, actor="tests", now=NOW)
    assert counter.watch() == 1
    (message,) = counter.mails()
    assert counter.found(message).organization_id == made.id


def test_one_that_cannot_be_told_is_in_nobody_else_s_way(counter: Counter) -> None:
    counter.deliver(ENDS)
    broken = tenant(counter.database, counter.vault, "a-broken")
    with counter.database.transaction(broken.id) as session:
        facts = {"not_after": "no date", "number": "7"}
        uploads.move(session, broken.upload, State.DELIVERED, actor="tests", now=NOW, facts=facts)
    with capture_logs() as lines:
        assert counter.watch() == 1
    assert [line["organization"] for line in lines if line["log_level"] == "error"] == ["a-broken"]


def test_while_the_database_is_away_nobody_is_passed_over(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> int:
        raise PoolTimeout

    monkeypatch.setattr(renewals, "_watch", away)
    with pytest.raises(PoolTimeout):  # the job is done again
        counter.watch()


def test_what_is_logged_names_no_link(counter: Counter) -> None:
    counter.deliver(ENDS)
    with capture_logs() as lines:
        counter.watch()
    (line,) = [line for line in lines if line["event"] == "certificate ends"]
    assert (line["organization"], line["number"], line["days"]) == (counter.tenant.organization.slug, "0001", 45)
    what = counter.tenant.connection.name, "facturapi/certificate", ENDS.isoformat()
    assert (line["connection"], line["operation"], line["not_after"]) == what
    (message,) = counter.mails()
    (token,) = LINK.findall(message.text)
    kept = [entry.details for entry in counter.read(audit.listing)]
    assert token not in str(lines) + str(kept) + repr(message)
