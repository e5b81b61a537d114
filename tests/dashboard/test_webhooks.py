"""Webhooks on the dashboard: endpoints made, tried and changed, what each was told and what was answered."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.dashboard.webhooks import BECAUSE
from app.database import Database, utcnow
from app.records.models import WebhookDelivery
from app.tenants.models import WebhookEndpoint
from app.tenants.roles import Role
from app.webhooks import endpoints
from tests.dashboard.sitting import Two

URL = "https://hooks.example/<in>"


def rows(two: Two) -> dict[UUID, WebhookEndpoint]:
    with two.database.transaction(two.mine.id) as session:
        return {one.id: one for one in session.query(WebhookEndpoint)}


def told(two: Two, worker: Database, endpoint_id: UUID, **more: Any) -> UUID:
    """Let an endpoint have been told of something in vain; that delivery's id."""
    row = WebhookDelivery(
        **{
            "id": uuid4(),
            "organization_id": two.mine.id,
            "endpoint_id": endpoint_id,
            "event_id": uuid4(),
            "event": "upload.failed",
            "body": json.dumps({"type": "upload.failed", "data": {"filename": "<i>ñ</i>.pdf"}}),
            "tries": 3,
            "due_at": utcnow(),
            "deadline_at": utcnow(),
            "ended_at": utcnow(),
            "answer": "503",
        }
        | more
    )
    with worker.transaction(two.mine.id) as session:
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def endpoint_id(two: Two) -> UUID:
    """An endpoint that is enabled."""
    made = two.sit().send(f"{two.root}/webhooks", f"{two.root}/webhooks/new", url=URL, events=["upload.failed"])
    assert made.status_code == 200, made.text
    assert "whsec_" in made.text
    return next(key for key, one in rows(two).items() if one.url == URL)


def test_every_reason_has_its_words() -> None:
    assert set(BECAUSE) == set(endpoints.Because)


def test_an_endpoint_and_its_secret_which_is_shown_once(two: Two, endpoint_id: UUID) -> None:
    owner = two.sit()
    assert rows(two)[endpoint_id].events == ["upload.failed"]
    for page in (f"{two.root}/webhooks", f"{two.root}/webhooks/{endpoint_id}"):
        text = owner.see(page)
        assert "https://hooks.example/&lt;in&gt;" in text
        assert "whsec_" not in text
    another = owner.send(f"{two.root}/webhooks/{endpoint_id}/rotate-secret", overlap_seconds="3600")
    assert "whsec_" in another.text
    assert "The former one signs, too, until" in another.text


def test_where_none_can_be_is_said_at_the_field(two: Two) -> None:
    answer = two.sit().send(f"{two.root}/webhooks", f"{two.root}/webhooks/new", url="http://127.0.0.1/")
    assert answer.status_code == 422
    assert 'id="url-fault"' in answer.text
    assert 'value="http://127.0.0.1/"' in answer.text


def test_it_is_changed_disabled_enabled_and_deleted(two: Two, endpoint_id: UUID) -> None:
    owner, one = two.sit(), f"{two.root}/webhooks/{endpoint_id}"
    assert owner.send(one, url="https://hooks.example/new").status_code == 303
    assert (rows(two)[endpoint_id].url, rows(two)[endpoint_id].events) == ("https://hooks.example/new", [])
    assert owner.send(f"{one}/disable").status_code == 303
    assert rows(two)[endpoint_id].disabled_because == "operator"
    assert "Somebody disabled it." in owner.see(one)
    assert owner.send(f"{one}/enable").status_code == 303
    assert rows(two)[endpoint_id].disabled_at is None
    wrong = owner.send(one, url="ftp://x")
    assert (wrong.status_code, "url-fault" in wrong.text) == (422, True)
    assert owner.send(f"{one}/delete").status_code == 303
    assert endpoint_id not in rows(two)
    owner.see(one, 404)


def test_a_test_says_what_was_answered(two: Two, endpoint_id: UUID) -> None:
    owner, one = two.sit(), f"{two.root}/webhooks/{endpoint_id}"
    assert owner.send(f"{one}/test").status_code == 303
    assert "It did not arrive:" in owner.see(one)


def test_what_was_sent_and_answered_is_shown_and_sent_again(two: Two, worker: Database, endpoint_id: UUID) -> None:
    owner, one = two.sit(), f"{two.root}/webhooks/{endpoint_id}"
    failed = told(two, worker, endpoint_id)
    told(two, worker, endpoint_id, event="upload.delivered", arrived=True, answer="204")
    told(two, worker, endpoint_id, event="upload.delivered", answer="connect")
    assert owner.see(one).count("/deliveries/") == 3
    assert "<td>204</td>" in owner.see(one)
    assert "<td>no connection</td>" in owner.see(one)
    assert owner.see(f"{one}?failed=true").count("/deliveries/") == 2
    shown = owner.see(f"{one}/deliveries/{failed}")
    assert "503" in shown
    assert "&lt;i&gt;ñ&lt;/i&gt;.pdf" in shown
    assert owner.send(f"{one}/deliveries/{failed}/redeliver").status_code == 303
    with worker.transaction(two.mine.id) as session:
        assert session.get_one(WebhookDelivery, failed).ended_at is None
    assert "waiting" in owner.see(f"{one}/deliveries/{failed}")
    assert owner.send(f"{one}/redeliver").status_code == 303


def test_nobody_reaches_anothers(two: Two, worker: Database, endpoint_id: UUID) -> None:
    failed = told(two, worker, endpoint_id)
    theirs = f"/admin/organizations/{two.theirs.organization.slug}/webhooks/{endpoint_id}"
    owner = two.sit()
    owner.see(theirs, 404)
    owner.see(f"{theirs}/deliveries/{failed}", 404)
    owner.see(f"{two.root}/webhooks/{two.mine.endpoint.id}/deliveries/{failed}", 404)
    auditor = two.sit(Role.AUDITOR)
    assert "Send it again" not in auditor.see(f"{two.root}/webhooks/{endpoint_id}/deliveries/{failed}")
    assert auditor.send(f"{two.root}/webhooks/{endpoint_id}/deliveries/{failed}/redeliver").status_code == 403


def test_the_houses_are_the_owners(two: Two) -> None:
    owner = two.sit()
    url = f"https://hooks.example/{uuid4().hex}"
    made = owner.send("/admin/house/webhooks", "/admin/house/webhooks/new", url=url)
    assert "whsec_" in made.text
    assert url in owner.see("/admin/house/webhooks")
    assert f">{url}<" in owner.see(f"/admin/integrations/webhooks?q={url}")
    operator = two.sit(Role.OPERATOR)
    operator.see("/admin/house/webhooks", 403)
    assert f">{url}<" not in operator.see(f"/admin/integrations/webhooks?q={url}")
