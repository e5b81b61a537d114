"""A sixth provider, in one file: docs/adding-a-provider.md walks through it and shows these very lines.

The Locker is invented: a locker in a records office takes one PDF at a time, with a note beside it. The adapter comes
first, as a module of `app/providers` would have it; then what the suites want to know of it; then it is put to work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic import Field as Setting
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.database import Database
from app.errors import N_
from app.providers import reading, registry
from app.providers.base import (
    Account,
    CredentialField,
    Ending,
    HandIn,
    Listed,
    Look,
    Outcome,
    Page,
    RateLimit,
    Steps,
    Unavailable,
    Verdict,
    address,
)
from app.providers.operation import MIB, Field, Mode, Operation, Part
from app.providers.outcomes import by_cause, by_status, in_doubt, not_verified, unconfirmed, unlearnt
from app.providers.wire import Answer, Multipart, NoAnswer, Outgoing, OutgoingPart, Reply
from app.tenants import connections, forms, organizations, tokens
from app.tenants.models import Environment
from app.tenants.vault import Vault
from tests.delivery.wire import Line, playing
from tests.providers import samples, test_contract, test_registry
from tests.providers.samples import Fake, Sample, reply
from tests.relay.files import pdf

# ---- the adapter: what would stand in app/providers/locker.py --------------------------------------------------------

BASE_URL: Final = "https://api.locker.example/v1"
SANDBOX_PATH: Final = "/locker"

PAPER: Final = Operation(
    slug="locker/paper",
    title=N_("A paper for your file"),
    intro=N_("It is put into your locker at the records office."),
    modes=(Mode.RELAY,),
    parts=(Part(name="paper", label=N_("Paper"), max_bytes=20 * MIB, ending=".pdf", types=("pdf",)),),
    fields=(Field(name="subject", label=N_("Subject"), required=False, max_length=80),),
)


class LockerSettings(BaseModel):
    """What a connection says beside its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str = Setting(pattern=r"^\d{1,9}$", description="Number of the locker.")


class Locker:
    """The provider. It keeps the note that comes with a paper, so that a look at the list tells whether it came."""

    slug: ClassVar[str] = "locker"
    title: ClassVar[str] = "Locker"
    operations: ClassVar[tuple[Operation, ...]] = (PAPER,)
    settings: ClassVar[type[BaseModel]] = LockerSettings
    stores: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[tuple[RateLimit, ...]] = (RateLimit(requests=100, seconds=60.0),)

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:
        return (CredentialField(name="key"),)

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        return address(account, BASE_URL, sandbox=sandbox_url, path=SANDBOX_PATH)

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {credential['key'].get_secret_value()}"}

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Put it in. A yes has the paper's id; any other answer after all of it was sent leaves a doubt."""
        (file,) = handin.parts.values()
        texts = {"note": str(handin.id), "subject": handin.fields.get("subject", "")}
        answer = yield Outgoing(
            method="POST",
            path=_papers(account),
            body=Multipart(
                parts=(
                    *(OutgoingPart(name=name, value=value) for name, value in texts.items()),
                    OutgoingPart(name="paper", file=file),
                )
            ),
        )
        if id_ := reading.text(reading.body(answer), "id"):
            return Outcome(ending=Ending.DELIVERED, reference=id_, http_status=200)
        refused = _refusal(answer)
        return unconfirmed(refused) if in_doubt(answer) else refused

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """By our note, among what is there under that name."""
        (file,) = handin.parts.values()
        answer = yield Outgoing(method="GET", path=_papers(account), query={"name": file.filename})
        papers = reading.objects(reading.body(answer).get("papers"))
        if papers is None:
            return unlearnt(_refusal(answer))
        for one in papers:
            if one.get("note") == str(handin.id):
                return Outcome(ending=Ending.DELIVERED, reference=reading.text(one, "id"), http_status=200)
        return Outcome(ending=Ending.FAILED, problem="provider-error", http_status=200)

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:
        """Read the locker's own page, and say whose it is."""
        answer = yield Outgoing(method="GET", path=_locker(account))
        if owner := reading.text(reading.body(answer), "owner"):
            return Verdict(ok=True, detail=f"the locker of {owner}")
        return not_verified(_refusal(answer))

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:
        """Everything that is in the locker."""
        answer = yield Outgoing(method="GET", path=_papers(account))
        papers = reading.objects(reading.body(answer).get("papers"))
        if papers is None:
            raise Unavailable(_refusal(answer))
        named = ((one, reading.text(one, "id")) for one in papers)
        return Page(items=tuple(Listed(id=id_, name=reading.text(one, "name") or id_) for one, id_ in named if id_))


def _locker(account: Account) -> str:
    return f"/lockers/{account.settings['number']}"


def _papers(account: Account) -> str:
    return f"{_locker(account)}/papers"


def _refusal(answer: Answer) -> Outcome:
    """What an answer means that is not the one hoped for."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    return by_status(answer, message=reading.text(reading.complaint(answer), "error"))


# ---- what the suites want to know of it ------------------------------------------------------------------------------


class TrueLocker(Fake):
    """Holds what it was brought, and shows that and nothing else: for the contract suite."""

    def reply(self, outgoing: Outgoing) -> Reply:
        if outgoing.method == "POST":
            return reply({"id": "p-1"})
        if outgoing.path.endswith("/papers"):
            another = {"id": "p-0", "name": "f.pdf", "note": "another"}
            ours = {"id": "p-1", "name": "f.pdf", "note": str(self.handin.id)}
            return reply({"papers": [another, ours] if self.held else [another]})
        return reply({"owner": "Acme"})


SAMPLE: Final = Sample(fake=TrueLocker, settings={"number": "7"})


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be one of them for as long as a test takes; one in earnest has a line in the registry, and in SAMPLES."""
    monkeypatch.setitem(registry.PROVIDERS, Locker.slug, Locker())
    monkeypatch.setitem(registry.OPERATIONS, PAPER.slug, PAPER)
    monkeypatch.setitem(samples.SAMPLES, Locker.slug, SAMPLE)


RULES: Final[tuple[Callable[[Operation, int], None], ...]] = (
    test_contract.test_all_well_is_delivered,
    test_contract.test_one_answer_that_goes_wrong,
    test_contract.test_all_that_follows_goes_wrong,
    partial(test_contract.test_a_look_in_doubt_that_goes_wrong, arrives=False),
    partial(test_contract.test_a_look_in_doubt_that_goes_wrong, arrives=True),
    partial(test_contract.test_a_later_look, held=False),
    partial(test_contract.test_a_later_look, held=True),
    test_contract.test_following,
)


@pytest.mark.parametrize("rule", RULES)
def test_it_keeps_the_contract(rule: Callable[[Operation, int], None]) -> None:
    rule(PAPER, SAMPLE.sizes[0])


def test_its_looks_keep_the_contract() -> None:
    test_contract.test_what_only_looks(Locker.slug)


@pytest.mark.parametrize(
    "rule",
    [
        test_registry.test_an_operation_is_its_providers,
        test_registry.test_its_files_are_watched_or_checked_whole,
        test_registry.test_what_is_asked_for_has_words,
        test_registry.test_its_doubts_can_be_settled_later,
    ],
)
def test_its_declaration_is_complete(rule: Callable[[Operation], None]) -> None:
    rule(PAPER)


# ---- put to work: a gateway, a connection, and a locker that a script plays ------------------------------------------

CONTENT: Final = pdf(200_000)


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A gateway with one organization, whose connection leads to the locker."""

    client: FlaskClient
    database: Database
    organization: UUID
    slug: str
    form: str
    connection: UUID
    token: str = field(repr=False)

    def hand_in(self, content: bytes = CONTENT) -> TestResponse:
        body, content_type = encode_multipart_formdata({"subject": "Lease", "paper": ("lease.pdf", content)})
        return self.client.post(
            f"/api/v1/organizations/{self.slug}/locker/paper",
            data=body,
            content_type=content_type,
            headers={"Authorization": f"Bearer {self.token}"},
        )


@pytest.fixture
def counter(settings: Settings, database: Database, vault: Vault, clean: None) -> Callable[..., Any]:
    @contextmanager
    def serve(*scripts: Callable[[Line], None]) -> Iterator[Counter]:
        with playing(*scripts) as other:
            app = create_app(settings.model_copy(update={"sandbox_url": other.url, "egress_allow": (other.url,)}))
            try:
                yield _counter(app.test_client(), database, vault)
            finally:
                services = app.extensions["ventanilla"]
                services.process.stop()
                services.deliverer.close()
                services.database.dispose()

    return serve


def _counter(client: FlaskClient, database: Database, vault: Vault) -> Counter:
    organization = organizations.add(database, slug="acme", name="Acme", rfc="EKU9003173C9", locale="en")
    with database.transaction(organization.id) as session:
        connection = connections.add(
            session,
            vault,
            organization_id=organization.id,
            provider="locker",
            name="locker",
            environment=Environment.SANDBOX,
            settings=LockerSettings(number="7").model_dump(),
            credential={"key": SecretStr("k-0123456789")},
        )
        form = forms.add(
            session, organization_id=organization.id, connection_id=connection.id, operation=PAPER.slug, open=True
        )
        _, token = tokens.create(session, organization_id=organization.id, name="t", scopes=tokens.SCOPES)
    return Counter(
        client=client,
        database=database,
        organization=organization.id,
        slug=organization.slug,
        form=f"/f/{form.public_id}",
        connection=connection.id,
        token=token,
    )


def test_its_form_is_rendered_from_the_declaration(counter: Callable[..., Any]) -> None:
    with counter() as at:
        page = at.client.get(at.form)
    assert page.status_code == 200
    for words in (PAPER.title, PAPER.intro, 'name="paper"', 'name="subject"', "20"):
        assert words in page.text
    assert page.text.index('name="subject"') < page.text.index('name="paper"'), "the file comes last, to be streamed"


def test_a_paper_is_put_in(counter: Callable[..., Any]) -> None:
    seen = []

    def locker(line: Line) -> None:
        seen.append(line.request())
        line.answer(b'{"id": "p-1"}')

    with counter(locker) as at:
        answer = at.hand_in()
    assert (answer.status_code, answer.json["state"], answer.json["reference"]) == (201, "delivered", "p-1")
    ((head, body),) = seen
    assert head.startswith(b"POST /locker/lockers/7/papers HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer k-0123456789\r\n" in head
    assert CONTENT in body
    assert body.index(answer.json["id"].encode()) < body.index(b"Lease") < body.index(CONTENT)


def test_what_is_no_pdf_never_reaches_it(counter: Callable[..., Any]) -> None:
    with counter() as at:
        answer = at.hand_in(b"GIF89a" + bytes(100))
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (415, "#/paper")


def test_a_no_is_told_in_its_own_words(counter: Callable[..., Any]) -> None:
    def locker(line: Line) -> None:
        line.request()
        line.answer(b'{"error": "the locker is full"}', "422 Unprocessable Content")

    with counter(locker) as at:
        answer = at.hand_in()
    assert (answer.status_code, answer.json["errors"][0]["detail"]) == (424, "the locker is full")


def dropped(line: Line) -> None:
    """Take the paper, and never say so."""
    line.request()
    line.reset()


def test_a_dropped_answer_is_looked_into(counter: Callable[..., Any]) -> None:
    notes = []

    def taken(line: Line) -> None:
        notes.append(line.request()[1].partition(b'name="note"\r\n\r\n')[2][:36].decode())
        line.reset()

    def shown(line: Line) -> None:
        assert line.request()[0].startswith(b"GET /locker/lockers/7/papers?name=lease.pdf ")
        line.answer(b'{"papers": [{"id": "p-9", "name": "lease.pdf", "note": "%s"}]}' % notes[0].encode())

    with counter(taken, shown) as at:
        answer = at.hand_in()
    assert (answer.status_code, answer.json["reference"]) == (201, "p-9")


def test_what_is_not_there_yet_is_looked_for_again(counter: Callable[..., Any]) -> None:
    """Nothing there right after the silence: nobody knows. A person's 'check again' finds it later."""
    upload: list[str] = []

    def nothing(line: Line) -> None:
        line.request()
        line.answer(b'{"papers": []}', "200 OK", "Connection: close")

    def later(line: Line) -> None:
        line.request()
        line.answer(b'{"papers": [{"id": "p-9", "name": "lease.pdf", "note": "%s"}]}' % upload[0].encode())

    with counter(dropped, nothing, later) as at:
        answer = at.hand_in()
        assert (answer.status_code, answer.json["type"]) == (504, "/docs/problems#unconfirmed")
        upload.append(answer.json["upload"])
        deliverer = at.client.application.extensions["ventanilla"].deliverer
        assert deliverer.check_again(at.organization, UUID(upload[0]), actor="test").state == "delivered"


def test_the_key_is_tried(counter: Callable[..., Any]) -> None:
    def locker(line: Line) -> None:
        assert line.request()[0].startswith(b"GET /locker/lockers/7 ")
        line.answer(b'{"owner": "Acme"}')

    with counter(locker) as at:
        verdict = at.client.application.extensions["ventanilla"].deliverer.verify(at.organization, at.connection)
    assert (verdict.ok, verdict.detail) == (True, "the locker of Acme")
