from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask

from app.database import Database, utcnow
from app.intake.shedding import Caller
from app.records import uploads
from app.records.states import State
from app.seeing import metrics
from app.tenants.vault import Vault
from tests.tenancy import Tenant, tenant


def read(name: str, **labels: str) -> float:
    """What was counted under these labels so far."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def mine(database: Database, vault: Vault) -> Tenant:
    return tenant(database, vault, f"acme-{uuid4().hex[:8]}")


def counted(state: State) -> float:
    return read("ventanilla_uploads_total", operation="facturapi/certificate", mode="direct", state=state.value)


def test_a_state_counts_once_it_is_true(database: Database, mine: Tenant) -> None:
    before, bytes_before = (
        counted(State.DELIVERED),
        read("ventanilla_delivered_bytes_total", operation=mine.upload.operation),
    )
    with pytest.raises(ZeroDivisionError), database.transaction(mine.id) as session:
        uploads.move(session, mine.upload, State.DELIVERED, actor="system", now=utcnow())
        1 / 0  # noqa: B018
    assert counted(State.DELIVERED) == before
    with database.transaction(mine.id) as session:
        uploads.move(session, mine.upload, State.DELIVERED, actor="system", now=utcnow())
        assert counted(State.DELIVERED) == before
    assert counted(State.DELIVERED) == before + 1
    sizes = sum(part.get("size") or 0 for part in mine.upload.parts)
    assert read("ventanilla_delivered_bytes_total", operation=mine.upload.operation) == bytes_before + sizes


@pytest.mark.parametrize(("problem", "label"), [("interrupted", "interrupted"), ("made-up-by-a-provider", "other")])
def test_problems_count_by_our_own_words(database: Database, mine: Tenant, problem: str, label: str) -> None:
    labels = {"operation": mine.upload.operation, "problem": label}
    before = read("ventanilla_upload_problems_total", **labels)
    with database.transaction(mine.id) as session:
        uploads.move(session, mine.upload, State.FAILED, actor="system", now=utcnow(), problem=problem)
    assert read("ventanilla_upload_problems_total", **labels) == before + 1


def test_requests_and_refusals_count_by_face(app: Flask) -> None:
    requests = {"face": "api", "method": "GET", "status": "401"}
    refusals = {"face": "api", "problem": "unauthorized"}
    before = read("ventanilla_requests_total", **requests), read("ventanilla_refusals_total", **refusals)
    app.test_client().get("/api/v1/me")
    assert read("ventanilla_requests_total", **requests) == before[0] + 1
    assert read("ventanilla_refusals_total", **refusals) == before[1] + 1


def test_what_is_in_hand_is_shown_while_it_is(app: Flask) -> None:
    shedding, before = app.extensions["ventanilla"].shedding, read("ventanilla_uploads_in_hand")
    with pytest.raises(ZeroDivisionError), shedding.admit(Caller(organization_id=uuid4())):
        assert read("ventanilla_uploads_in_hand") == before + 1
        1 / 0  # noqa: B018
    assert read("ventanilla_uploads_in_hand") == before


def test_a_method_that_is_none_has_no_label_of_its_own(app: Flask) -> None:
    app.test_client().open("/healthz", method="BREW")
    assert read("ventanilla_requests_total", face="health", method="BREW", status="405") == 0
    names = {sample.labels.get("method") for one in metrics.REQUESTS.collect() for sample in one.samples}
    assert names <= {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "other"}
