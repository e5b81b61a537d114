"""What is done about uploads: to one, and to all that a filter leaves, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.dashboard import bulk_acts
from app.database import Database, utcnow
from app.delivery import retrying
from app.records import uploads
from app.records.models import AuditEntry, Copy, Upload
from app.records.states import State
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.dashboard.conftest import ORIGIN, token_of
from tests.tenancy import Tenant, tenant

Enter = Callable[..., FlaskClient]
HandIn = Callable[..., Upload]
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@pytest.fixture
def acme(app: Flask, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "acme")


@pytest.fixture
def other(app: Flask, database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, "other")


@pytest.fixture
def hand_in(database: Database) -> HandIn:
    """Writes down a document that was handed in, with a copy of it or without."""

    def hand_in(who: Tenant, state: State = State.FAILED, *, copied: bool = True, **told: Any) -> Upload:
        now = utcnow() - timedelta(minutes=1)
        usual: dict[str, Any] = {
            "organization_id": who.id,
            "connection_id": who.connection.id,
            "operation": "codat/file",
            "mode": "durable",
            "process_id": uuid4(),
            "actor": "tests",
            "now": now,
            "parts": [{"name": "file", "filename": "a.pdf", "size": 10, "sha256": "0" * 64}],
        }
        begins = state if state in {State.FAILED, State.REJECTED} else State.DELIVERING
        with database.transaction(who.id) as session:
            upload = uploads.begin(session, state=begins, **usual | told)
            if state is not begins:
                upload = uploads.move(session, upload, state, actor="tests", now=now)
            if copied:
                session.add(Copy(organization_id=who.id, upload_id=upload.id, size=10, stored=20, sealed=b"x"))
        return upload

    return hand_in


@pytest.fixture
def state(owner_engine: Engine) -> Callable[[Upload], State]:
    """The state of an upload now."""

    def state(upload: Upload) -> State:
        with owner_engine.connect() as owner:
            return State(owner.scalars(select(Upload.state).where(Upload.id == upload.id)).one())

    return state


def post(client: FlaskClient, address: str, **data: Any) -> Any:
    token = token_of(client.get("/admin/uploads"))
    return client.post(address, data={**data, "csrf_token": token}, headers={"Origin": ORIGIN})


def test_what_failed_is_sent_again(
    enter: Enter, acme: Tenant, hand_in: HandIn, state: Callable[[Upload], State], owner_engine: Engine
) -> None:
    upload, client = hand_in(acme), enter()
    assert "Send again" in client.get(f"/admin/uploads/{upload.id}").text
    answer = post(client, f"/admin/uploads/{upload.id}/retry")
    assert (answer.status_code, state(upload)) == (303, State.WAITING)
    with owner_engine.connect() as owner:
        actor = select(AuditEntry.actor).where(
            AuditEntry.subject_id == upload.id, AuditEntry.action == "upload.waiting"
        )
        assert owner.scalars(actor).one().startswith("user:")


def test_without_a_copy_it_is_not(
    enter: Enter, acme: Tenant, hand_in: HandIn, state: Callable[[Upload], State]
) -> None:
    upload, client = hand_in(acme, copied=False), enter()
    page = client.get(f"/admin/uploads/{upload.id}").text
    assert 'id="retry"' not in page
    assert "has to be handed in again" in page
    assert post(client, f"/admin/uploads/{upload.id}/retry").status_code == 409
    assert state(upload) is State.FAILED


def test_what_may_be_there_is_sent_again_only_by_whoever_says_so(
    enter: Enter, acme: Tenant, hand_in: HandIn, state: Callable[[Upload], State]
) -> None:
    upload, client = hand_in(acme, State.UNKNOWN), enter()
    assert "may be at the provider twice" in client.get(f"/admin/uploads/{upload.id}").text
    assert post(client, f"/admin/uploads/{upload.id}/retry").status_code == 409
    assert post(client, f"/admin/uploads/{upload.id}/retry", may_be_there="1").status_code == 303
    assert state(upload) is State.WAITING


def test_what_waits_is_cancelled(enter: Enter, acme: Tenant, hand_in: HandIn, state: Callable[[Upload], State]) -> None:
    upload, client = hand_in(acme, State.WAITING), enter()
    assert post(client, f"/admin/uploads/{upload.id}/cancel").status_code == 303
    assert state(upload) is State.CANCELLED
    assert post(client, f"/admin/uploads/{upload.id}/cancel").status_code == 409


@pytest.mark.parametrize("act", ["retry", "cancel", "reconcile"])
def test_nobody_acts_on_anothers(
    enter: Enter, acme: Tenant, other: Tenant, hand_in: HandIn, state: Callable[[Upload], State], act: str
) -> None:
    upload = hand_in(other)
    assert post(enter(Role.MANAGER, acme.organization), f"/admin/uploads/{upload.id}/{act}").status_code == 404
    assert post(enter(Role.AUDITOR), f"/admin/uploads/{upload.id}/{act}").status_code == 403
    assert state(upload) is State.FAILED
    assert post(enter(Role.MANAGER, other.organization), f"/admin/uploads/{upload.id}/{act}").status_code in {303, 409}


def fields(page: str) -> dict[str, str]:
    return {name: value for name, value in HIDDEN.findall(page) if name != "csrf_token"}


def begin(client: FlaskClient, act: str, query: str = "") -> tuple[str, dict[str, str]]:
    """Open the page of acts, and what its dialog for one of them sends."""
    page = client.get(f"/admin/uploads/act?{query}").text
    dialog = page.partition(f'id="act-{act}-form"')[2].partition("</form>")[0]
    return page, fields(dialog)


def test_all_that_failed_is_sent_again_step_by_step(
    enter: Enter,
    acme: Tenant,
    other: Tenant,
    hand_in: HandIn,
    state: Callable[[Upload], State],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = replace(bulk_acts.ACTS["retry"], step=2)
    monkeypatch.setattr(bulk_acts, "ACTS", {**bulk_acts.ACTS, "retry": step})
    failed = [hand_in(who) for who in (acme, other, acme)]
    gone = hand_in(acme, copied=False)
    rejected = hand_in(acme, State.REJECTED)
    client = enter()
    page, sent = begin(client, "retry")
    assert ">4</span>" in page
    first = post(client, "/admin/uploads/act", **sent).text
    assert "2 of 4 looked at" in first
    assert "Go on" in first
    last = post(client, "/admin/uploads/act", **fields(first.partition('id="run"')[2])).text
    assert "4 of 4 looked at" in last
    assert "Go on" not in last
    assert 'class="number">3</strong>' in last
    assert 'class="number">1</span> ' in last
    assert {state(one) for one in failed} == {State.WAITING}
    assert (state(gone), state(rejected)) == (State.FAILED, State.REJECTED)


def test_what_is_sent_again_is_taken_back_while_it_waits(
    enter: Enter, acme: Tenant, hand_in: HandIn, state: Callable[[Upload], State], database: Database
) -> None:
    mine, arrived, anothers = hand_in(acme), hand_in(acme), hand_in(acme, State.WAITING)
    client = enter()
    _, sent = begin(client, "retry")
    services = hand_in(acme, now=utcnow())
    done = post(client, "/admin/uploads/act", **sent).text
    with database.transaction(acme.id) as session:
        uploads.move(session, arrived, State.DELIVERED, actor="tests", now=utcnow())
        retrying.retry(session, services.id, actor="token:x", now=utcnow())
    undo = fields(done.partition('id="undo-form"')[2].partition("</form>")[0])
    post(client, "/admin/uploads/act", **undo)
    assert (state(mine), state(arrived)) == (State.CANCELLED, State.DELIVERED)
    assert state(anothers) is State.WAITING  # it waited before, by nobody's word
    assert state(services) is State.WAITING  # it waits since then, by another's word


def test_a_filter_bounds_what_is_done(
    enter: Enter, acme: Tenant, other: Tenant, hand_in: HandIn, state: Callable[[Upload], State]
) -> None:
    mine, theirs = hand_in(acme), hand_in(other)
    client = enter()
    _, sent = begin(client, "retry", "organization=acme")
    assert sent["organization"] == "acme"
    later = hand_in(acme, now=utcnow() + timedelta(seconds=1))
    post(client, "/admin/uploads/act", **sent)
    assert (state(mine), state(theirs), state(later)) == (State.WAITING, State.FAILED, State.FAILED)


def test_a_state_that_an_act_is_not_for_leaves_nothing(
    enter: Enter, acme: Tenant, hand_in: HandIn, state: Callable[[Upload], State]
) -> None:
    failed = hand_in(acme)
    page, sent = begin(enter(), "retry", "state=rejected")
    assert sent == {}
    assert state(failed) is State.FAILED
    assert page.count(">0</span>") == 3


def test_a_manager_acts_on_their_own_alone(
    enter: Enter, acme: Tenant, other: Tenant, hand_in: HandIn, state: Callable[[Upload], State]
) -> None:
    mine, theirs = hand_in(acme), hand_in(other)
    client = enter(Role.MANAGER, acme.organization)
    _, sent = begin(client, "retry")
    post(client, "/admin/uploads/act", **sent, organization="other")
    assert (state(mine), state(theirs)) == (State.WAITING, State.FAILED)


@pytest.mark.parametrize("said", [{"act": "erase"}, {"act": "retry"}, {"act": "retry", "began": "2026-01-01"}])
def test_what_no_page_says_is_refused(enter: Enter, acme: Tenant, said: dict[str, str]) -> None:
    assert post(enter(), "/admin/uploads/act", **said).status_code in {400, 404, 422}


def test_an_auditor_is_offered_nothing(enter: Enter, acme: Tenant, hand_in: HandIn) -> None:
    upload, client = hand_in(acme), enter(Role.AUDITOR)
    assert 'id="retry"' not in client.get(f"/admin/uploads/{upload.id}").text
    assert "Act on all" not in client.get("/admin/uploads").text
    assert client.get("/admin/uploads/act").status_code == 403
