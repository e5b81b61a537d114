"""Markup that somebody wrote into what is kept: wherever pages show it, it is text.

Every column that can hold what others wrote gets a script of its own, by its number; then all pages are looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import pytest
from pydantic import SecretStr
from sqlalchemy import ARRAY, Engine, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from app.dashboard.pages import PAGES
from app.dashboard.whose import TWIN
from app.database import HOUSE, Base, utcnow
from app.records.states import State
from app.tenants import people, ways_in
from app.tenants.roles import Role
from app.tenants.user_models import Passkey
from tests.dashboard.conftest import PASSWORD, sign_in
from tests.dashboard.sitting import Two
from tests.dashboard.told import told

LONG: Final = 1_000


def script(number: int) -> str:
    """As short as such a thing can be: some columns hold 40 characters."""
    return f"\"'><script>alert({number})</script>"


def inside(name: str) -> str:
    """A column of JSON, with the script where pages look for words."""
    return json.dumps({name: "?"})


PARTS: Final = json.dumps([{"name": "file", "filename": "?", "size": 5, "sha256": "0" * 64}])
TEXTS: Final = json.dumps({"texts": {"es": {"title": "?"}, "en": {"title": "?"}}})
#: What others write → how it is kept: `?` is where the script goes.
WRITTEN: Final[Mapping[str, str]] = {
    "api_tokens.name": "?",
    "attempts.provider_code": "?",
    "attempts.provider_log_id": "?",
    "attempts.provider_message": "?",
    "audit_entries.details": inside("name"),
    "connections.settings": inside("organization_id"),
    "forms.settings": TEXTS,
    "invitations.email": "?",
    "links.recipient": "?",
    "organizations.contact": "?",
    "organizations.name": "?",
    "passkeys.name": "?",
    "uploads.external_id": "?",
    "uploads.facts": inside("number"),
    "uploads.parts": PARTS,
    "uploads.problem_params": json.dumps({"name": "?", "limit": 1}),
    "uploads.provider_message": "?",
    "uploads.reference": "?",
    "user_sessions.device": "?",
    "users.name": "?",
    "webhook_deliveries.body": inside("name"),
}
#: Of our own making, or held to a form in which there is no markup, or shown by no page.
HARMLESS: Final = frozenset(
    """
    api_tokens.scopes attempts.baseline attempts.problem audit_entries.action audit_entries.actor
    audit_entries.subject_type connections.name connections.opened_calls connections.paused_because
    connections.provider credentials.field forms.operation idempotency_keys.answer invitations.invited_by
    links.passphrase_hash organizations.notice_url organizations.notice_version organizations.slug
    organizations.timezone receipts.body resumables.parts resumables.refused signing_keys.kid tallies.answers
    tallies.operation tallies.problems tallies.states uploads.metadata uploads.notice_version uploads.operation
    uploads.problem user_sessions.address users.email users.password_hash users.timezone
    processes.node webhook_deliveries.event webhook_endpoints.events webhook_endpoints.url
    """.split()  # noqa: SIM905 - a list of so many would be longer than the test
)


def _holds(kind: TypeEngine[Any]) -> bool:
    """Whether a script would find room in it."""
    kind = kind.item_type if isinstance(kind, ARRAY) else kind
    return isinstance(kind, String) and (kind.length or LONG) >= len(script(0))


def test_every_column_is_one_or_the_other() -> None:
    texts = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, JSONB) or _holds(column.type)
    }
    assert texts - HARMLESS == set(WRITTEN)


@pytest.fixture
def planted(two: Two, owner_engine: Engine) -> Mapping[str, Any]:
    """Plant them in all there is; what stands in addresses."""
    added: dict[str, Any] = {"locale": "en", "now": utcnow()}
    with two.database.transaction(HOUSE) as session:
        ana = people.add(
            session, email="ana@x.example", name="Ana", role=Role.OWNER, password=SecretStr(PASSWORD), **added
        )
        invite: dict[str, Any] = {"role": Role.OWNER, "manages": None, "invited_by": "test", **added}
        ways_in.invite(session, email="x@x.example", life=two.app.permanent_session_lifetime, **invite)
    client = two.app.test_client()
    assert sign_in(client, "ana@x.example").status_code == 303
    with two.database.transaction(HOUSE) as session:
        session.add(Passkey(user_id=ana.id, name="", credential_id=b"x", public_key=b"x"))
    events = {**told(owner_engine, two.mine.id), **told(owner_engine, HOUSE, TWIN)}
    with owner_engine.begin() as owner:
        owner.execute(
            text("UPDATE uploads SET state = :failed, problem = 'file-too-large'"), {"failed": State.FAILED.value}
        )
        owner.execute(text("UPDATE attempts SET outcome = 'failed', ended_at = started_at, provider_http_status = 422"))
        owner.execute(text("UPDATE attempts SET problem = 'settings-wrong'"))
        for number, (place, how) in enumerate(WRITTEN.items()):
            table, _, column = place.partition(".")
            value = how.replace("?", json.dumps(script(number))[1:-1] if how != "?" else script(number))
            cast = "jsonb" if _is_json(table, column) else "text"
            owner.execute(text(f"UPDATE {table} SET {column} = CAST(:value AS {cast})"), {"value": value})  # noqa: S608
    return {
        "client": client,
        "organization": two.mine.organization.slug,
        "connection": two.mine.connection.name,
        "upload_id": two.mine.upload.id,
        "form_id": two.mine.form.id,
        "link_id": two.mine.link.id,
        "user_id": ana.id,
        **events,
    }


def _is_json(table: str, column: str) -> bool:
    return isinstance(Base.metadata.tables[table].columns[column].type, JSONB)


def _named(names: Mapping[str, Any], found: re.Match[str]) -> str:
    return str(names.get(found[1]))


@pytest.mark.attack(
    "browsers", "a script in every text that is stored (stored XSS)", "text, on every page that shows it"
)
def test_it_is_text_wherever_it_is_shown(two: Two, planted: Mapping[str, Any]) -> None:
    shown: dict[int, set[str]] = {}
    paths = {"form": f"/f/{two.mine.form.public_id}", "link": f"/l/{two.mine.link_token}"}
    paths["outcome"] = f"/o/{two.mine.outcome_token}"
    for endpoint, page in PAGES.items():
        if page.method == "GET" and not page.anybody:
            house = endpoint.startswith(TWIN)
            names = {name: planted.get(TWIN + name if house else name, planted.get(name)) for name in planted}
            paths[endpoint] = re.sub(r"<(?:\w+:)?(\w+)>", partial(_named, names), page.path)
    for endpoint, path in paths.items():
        answer = planted["client"].get(path, follow_redirects=True)
        if answer.mimetype != "text/html":
            continue
        assert "<script>alert" not in answer.text, endpoint
        assert "\"'>" not in answer.text, endpoint
        for number in map(int, re.findall(r"(?:&lt;|u003c)script(?:&gt;|\\u003e)alert\((\d+)\)", answer.text)):
            shown.setdefault(number, set()).add(endpoint)
    unseen = {place for number, place in enumerate(WRITTEN) if number not in shown}
    assert not unseen  # each is shown somewhere, or it was not tried
