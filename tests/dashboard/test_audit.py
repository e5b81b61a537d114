"""The audit log on the dashboard: searched, taken out, and looked at for what is not as it was signed."""

from __future__ import annotations

import json
import re
from html import unescape

from sqlalchemy import Engine, text

from app.dashboard.audit import WRONG
from app.database import Database
from app.records.chain import Wrong
from app.records.sealing import seal
from app.tenants.roles import Role
from app.tenants.vault import Vault
from tests.dashboard.sitting import Two


def make_some(two: Two, count: int = 1) -> None:
    owner = two.sit()
    for number in range(count):
        owner.send(f"{two.root}/tokens", f"{two.root}/tokens/new", name=f"till {number}", scopes=["uploads:read"])


def test_every_fault_has_its_words() -> None:
    assert set(WRONG) == set(Wrong)


def test_a_log_is_narrowed_by_its_address(two: Two) -> None:
    make_some(two)
    auditor = two.sit(Role.AUDITOR)
    assert "api_token.added" in auditor.see(f"{two.root}/audit")
    narrowed = auditor.see(f"{two.root}/audit?action=upload.*&since=2000-01-01&until=2100-01-01")
    assert 'value="upload.*"' in narrowed
    assert "<code>api_token.added</code>" not in narrowed
    assert "Nothing like that was done" in auditor.see(f"{two.root}/audit?since=2100-01-01")
    assert auditor.client.get(f"{two.root}/audit?since=soon").status_code == 422


def test_what_is_shown_is_taken_out(two: Two) -> None:
    make_some(two, 2)
    auditor = two.sit(Role.AUDITOR)
    lines = auditor.see(f"{two.root}/audit/export?format=jsonl&action=api_token.added").splitlines()
    assert [json.loads(line)["details"]["name"] for line in lines] == ["till 1", "till 0"]
    assert auditor.see(f"{two.root}/audit/export?format=csv").startswith("id,number,at,")
    link = re.search(r'href="([^"]+format=csv[^"]*)"', auditor.see(f"{two.root}/audit?action=api_token.added"))
    assert link
    assert auditor.see(unescape(link[1])).count("api_token.added") == 2


def test_a_planted_change_is_found_on_the_page(two: Two, worker: Database, vault: Vault, owner_engine: Engine) -> None:
    make_some(two)
    seal(worker, vault)
    auditor, at = two.sit(Role.AUDITOR), f"{two.root}/audit"
    whole = auditor.send(f"{at}/verify", at)
    assert whole.status_code == 200
    assert "none is missing" in whole.text
    with two.database.transaction(two.mine.id) as session:
        planted = session.execute(text("SELECT id, number FROM audit_entries WHERE action = 'api_token.added'")).one()
    with owner_engine.begin() as connection:
        change = text('UPDATE audit_entries SET details = \'{"name": "<b>other</b>"}\' WHERE id = :id')
        connection.execute(change, {"id": planted.id})
    found = auditor.send(f"{at}/verify", at)
    assert "The log is not what was signed." in found.text
    assert f"Number {planted.number}:" in found.text
    assert "It was changed: it is not what was signed." in found.text
    assert "&lt;b&gt;other" in found.text or "\\u003cb\\u003eother" in found.text
    assert "<b>other" not in found.text
    assert auditor.send(f"{at}/verify", at, known="nonsense").status_code == 422


def test_all_logs_are_searched_together_and_a_manager_sees_their_own(two: Two) -> None:
    make_some(two)
    subject = two.actions("api_token.added")[0][1]
    found = two.sit(Role.AUDITOR).see(f"/admin/audit?actor={subject}")
    assert f"/admin/organizations/{two.mine.organization.slug}/audit" in found
    assert two.sit(Role.OPERATOR).see("/admin/organizations/house/audit")
    manager = two.sit(Role.MANAGER, at_mine=True)
    own = manager.client.get("/admin/audit")
    assert (own.status_code, own.headers["Location"]) == (302, f"{two.root}/audit")
    manager.see("/admin/organizations/house/audit", 404)
    for kind in ("audit", "audit/export"):
        manager.see(f"/admin/organizations/{two.theirs.organization.slug}/{kind}", 404)
