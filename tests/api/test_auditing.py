"""The audit log as a whole: written out however long it is, and looked at for what is not as it was signed."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.api import auditing
from app.database import Database
from app.intake.shedding import WISHES
from app.records import audit
from app.records.sealing import seal
from app.tenants.models import Organization
from app.tenants.vault import Vault
from tests.api.conftest import PNG, Desk
from tests.tenancy import NOW


def at(desk: Desk, what: str) -> str:
    return f"/api/v1/organizations/{desk.mine.slug}/audit/{what}"


def entries(desk: Desk) -> list[dict[str, Any]]:
    answer = desk.ask("GET", f"/api/v1/organizations/{desk.mine.slug}/audit?limit=200").json
    assert answer
    found: list[dict[str, Any]] = answer["items"]
    return found


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_a_log_is_written_out_some_entries_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(auditing, "AT_ONCE", at_once)
    for _ in range(2):
        desk.hand_in()
    lines = desk.ask("GET", at(desk, "export"))
    assert (lines.status_code, lines.mimetype) == (200, "application/jsonl")
    assert f"audit-{desk.mine.slug}-" in lines.headers["Content-Disposition"]
    assert [json.loads(line) for line in lines.text.splitlines()] == entries(desk)
    assert len(entries(desk)) > 2
    table = desk.ask("GET", at(desk, "export?format=csv"))
    assert table.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["id"] for row in rows] == [entry["id"] for entry in entries(desk)]
    assert [json.loads(row["details"]) for row in rows] == [entry["details"] for entry in entries(desk)]


def test_only_what_is_asked_for_is_written_out(desk: Desk) -> None:
    desk.hand_in()
    delivered = desk.ask("GET", at(desk, "export?action=upload.delivered")).text.splitlines()
    assert [json.loads(line)["action"] for line in delivered] == ["upload.delivered"]
    assert desk.ask("GET", at(desk, "export?action=nothing")).text == ""
    assert desk.ask("GET", at(desk, "export?action=nothing&format=csv")).text.startswith("id,number,at,actor,")
    assert desk.ask("GET", at(desk, "export?format=xls")).status_code == 422


@pytest.mark.attack("files", "a formula in what becomes a table", "it is text")
def test_nothing_in_a_table_is_a_formula(desk: Desk) -> None:
    with desk.database.transaction(desk.mine.organization.id) as session:
        subject = session.get_one(Organization, desk.mine.organization.id)
        for actor in ("=1+1", "@x", "-1", "+1"):
            audit.write(
                session, organization_id=subject.id, actor=actor, action="x.y", subject=subject, now=NOW, details={}
            )
    rows = csv.DictReader(io.StringIO(desk.ask("GET", at(desk, "export?format=csv&action=x.y")).text))
    assert sorted(row["actor"] for row in rows) == ["'+1", "'-1", "'=1+1", "'@x"]


def verified(desk: Desk, query: str = "") -> dict[str, Any]:
    answer = desk.ask("GET", at(desk, f"verify{query}"))
    assert answer.status_code == 200, answer.text
    assert answer.json
    return dict(answer.json)


def test_a_log_that_nobody_touched_is_whole(desk: Desk, worker: Database, vault: Vault) -> None:
    desk.hand_in(desk.mine.to_logo, file=("logo.png", PNG))
    assert verified(desk)["unsealed"] > 0
    seal(worker, vault)
    told = verified(desk)
    assert (told["whole"], told["faults"], told["unsealed"]) == (True, [], 0)
    assert told["entries"] == told["number"] == len(entries(desk)) - 1, "that it was looked at came behind all of them"
    assert verified(desk, f"?known={told['number']}:{told['hash']}")["whole"] is True
    assert verified(desk, f"?known={told['number']}:{64 * '0'}")["whole"] is False
    assert verified(desk, f"?known={told['number'] + 1}:{64 * '0'}")["faults"] == [
        {"wrong": "cut off", "number": told["number"] + 1, "entry": None, "belongs": None}
    ]


def test_a_planted_change_is_found_and_told_where(
    desk: Desk, worker: Database, vault: Vault, owner_engine: Engine
) -> None:
    desk.hand_in()
    seal(worker, vault)
    changed = entries(desk)[1]
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE audit_entries SET actor = 'nobody' WHERE id = :id"), {"id": changed["id"]})
    told = verified(desk)
    assert (told["whole"], told["fault_count"]) == (False, 1)
    assert [(one["wrong"], one["number"], one["entry"]) for one in told["faults"]] == [
        ("changed", changed["number"], changed["id"])
    ]


def test_whoever_takes_it_out_or_verifies_it_stands_in_it(desk: Desk, worker: Database, vault: Vault) -> None:
    verified(desk)
    assert desk.ask("GET", at(desk, "export?actor=nobody")).text == "", "nothing is given but what was asked for"
    taken = [json.loads(line) for line in desk.ask("GET", at(desk, "export")).text.splitlines()]
    assert taken[0]["action"] == "audit.exported", "the file says by whom it was taken"
    found = entries(desk)[:3]
    assert [one["action"] for one in found] == ["audit.exported", "audit.exported", "audit.verified"]
    assert {(one["subject_type"], one["subject_id"]) for one in found} == {
        ("audit_log", str(desk.mine.organization.id))
    }
    assert all(one["actor"].startswith("token:") for one in found)
    assert found[1]["details"] == {"format": "jsonl", "actor": "nobody"}
    assert found[2]["details"].keys() == {"whole", "number"}
    seal(worker, vault)
    assert verified(desk)["whole"], "they are sealed as all others are"
    theirs = desk.ask("GET", f"/api/v1/organizations/{desk.theirs.slug}/audit", "their both").json
    assert theirs
    assert not [one for one in theirs["items"] if one["subject_type"] == "audit_log"]


def test_the_houses_log_says_so_too(desk: Desk) -> None:
    desk.ask("GET", "/api/v1/organizations/house/audit/export?action=x", "house both")
    answer = desk.ask("GET", "/api/v1/organizations/house/audit?action=audit.*", "house both").json
    assert answer
    assert answer["items"][0]["details"] == {"format": "jsonl", "action": "x"}
    assert answer["items"][0]["subject_id"] == "00000000-0000-0000-0000-000000000000"


def test_a_stranger_who_checks_a_receipt_leaves_nothing(desk: Desk) -> None:
    before = entries(desk)
    assert desk.app.test_client().get("/verify").status_code == 200
    assert entries(desk) == before


def test_looking_has_a_pace_and_takes_no_strange_note(desk: Desk) -> None:
    assert desk.ask("GET", at(desk, "verify?known=abc")).status_code == 422
    codes = [desk.ask("GET", at(desk, "verify")).status_code for _ in range(WISHES + 1)]
    assert codes == [200] * WISHES + [429]


def test_the_house_has_a_log_of_its_own(desk: Desk) -> None:
    for what in ("export", "verify"):
        path = f"/api/v1/organizations/house/audit/{what}"
        assert desk.ask("GET", path, "house both").status_code == 200
        assert desk.ask("GET", path).status_code == 404
