"""Hand-ins against a real sandbox and a real database: what the provider gets, and what is written of it."""

from __future__ import annotations

import json
import socket
import struct
import zlib
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import checks
from app.checks import Rejected
from app.delivery import ConnectionPaused, journal, looking, settling
from app.delivery.engine import Engine
from app.delivery.journal import Journal
from app.intake import Collected
from app.local import processes
from app.providers.base import Ending, Outcome
from app.providers.facturapi import CERTIFICATE, LOGO
from app.providers.facturapi_replies import VERDICTS
from app.records import attempts, uploads
from app.records.states import State
from app.sandbox import sat
from app.tenants import connections, links
from app.tenants.errors import LinkUsedUp
from app.tenants.models import Connection, Link
from app.words import WORDS
from tests.delivery.tenant import NUMBER, PASSWORD, Tenant, collected, file


def png() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\xff\xff")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def code(status: int, code: str, message: str = "No.", **more: Any) -> dict[str, Any]:
    """A fault that answers as Facturapi refuses."""
    body = {"ok": False, "status": status, "code": code, "message": message}
    return {"action": "status", "status": status, "body": body, **more}


def test_a_certificate_arrives_whole(tenant: Tenant) -> None:
    given = collected(sat.issue())
    result = tenant.hand_in(given)
    assert result.state == "delivered"
    assert result.outcome_token
    (put,) = tenant.requests("PUT")
    assert put["authorization"] == f"Bearer {tenant.key}"
    assert [(part["name"], part["filename"], part["content_type"]) for part in put["parts"]] == [
        ("cer", "certificate.cer", "application/octet-stream"),
        ("key", "certificate.key", "application/octet-stream"),
        ("password", None, None),
    ]
    sent = {part["name"]: part["sha256"] for part in put["parts"]}
    assert sent["cer"] == given.files["cer"].sha256
    assert sent["key"] == given.files["key"].sha256


def test_what_arrived_is_on_record(tenant: Tenant) -> None:
    given = collected(sat.issue())
    result = tenant.hand_in(given)
    upload, attempt = tenant.upload(result.upload_id), tenant.attempt(result.upload_id)
    assert (upload.state, upload.problem, upload.reference, upload.mode) == (
        "delivered",
        None,
        tenant.account,
        "direct",
    )
    assert upload.facts["number"] == NUMBER
    assert upload.facts["pending_steps"]
    assert upload.notice_version == "2026-01"
    cer = given.files["cer"]
    assert upload.parts[0] == {
        "name": "cer",
        "filename": "mi sello.cer",
        "size": len(cer.content),
        "sha256": cer.sha256,
    }
    assert (attempt.outcome, attempt.provider_http_status) == ("delivered", 200)
    assert attempt.provider_log_id
    assert attempt.baseline == {"serial": None, "updated_at": None}
    assert attempt.started_at <= attempt.completing_at <= attempt.ended_at  # type: ignore[operator]
    assert [entry.action for entry in tenant.audit(upload)] == ["upload.delivering", "upload.delivered"]


def test_the_outcome_is_found_by_its_token(tenant: Tenant) -> None:
    result = tenant.hand_in()
    token = result.outcome_token or ""
    assert tenant.upload(result.upload_id).outcome_hash == links.token_hash(token)


def test_what_a_check_refuses_never_leaves(tenant: Tenant) -> None:
    now = tenant.clock()
    old = sat.issue(not_before=now - timedelta(days=900), not_after=now - timedelta(days=1))
    with pytest.raises(Rejected) as caught:
        tenant.hand_in(collected(old))
    assert (caught.value.slug, caught.value.field) == ("expired", "cer")
    assert caught.value.upload_id is not None
    upload = tenant.upload(caught.value.upload_id)
    assert (upload.state, upload.problem) == ("rejected", "expired")
    assert upload.problem_params["date"].startswith(str(old.not_after.date()))
    assert not tenant.requests("GET")
    assert not tenant.requests("PUT")


def test_a_name_that_cannot_be_used_is_still_on_record(tenant: Tenant) -> None:
    issued = sat.issue()
    given = collected(issued)
    given.files["cer"] = file("cer", "a\u202eb\ud800.cer", issued.cer)
    with pytest.raises(Rejected, match="bad-file-name") as caught:
        tenant.hand_in(given)
    assert caught.value.upload_id is not None
    assert tenant.upload(caught.value.upload_id).parts[0]["filename"] == "a\ufffdb\ufffd.cer"


# What the provider, or the way to it, makes of it


@pytest.mark.parametrize("slug", sorted(VERDICTS))
def test_each_code_of_the_provider_is_said_in_our_words(tenant: Tenant, slug: str) -> None:
    account = {"id": tenant.account, "name": "Kemper", "live_keys": [tenant.key], "legal": {"tax_id": "CACX7605101P8"}}
    tenant.sandbox.seed(facturapi={"organizations": [account]})
    tenant.fault(method="PUT", **code(400, slug, "El archivo no sirve."))
    result = tenant.hand_in()
    problem, field = VERDICTS[slug]
    upload = tenant.upload(result.upload_id)
    assert (result.state, result.outcome.problem, result.outcome.field) == ("failed", problem, field)
    assert (upload.state, upload.problem, upload.provider_message) == ("failed", problem, "El archivo no sirve.")
    assert WORDS[problem] % upload.problem_params
    assert tenant.attempt(upload.id).provider_code == slug
    assert tenant.paused() is None


@pytest.mark.parametrize(
    ("fault", "problem", "message"),
    [
        (code(400, "invalid_request", "Falta algo."), "provider-refused", "Falta algo."),
        (code(402, "payment_required", "Sin plan."), "plan-not-allowed", None),
        (code(404, "organization_not_found"), "settings-wrong", None),
        (code(401, "live_api_key_required"), "settings-wrong", None),
        (code(413, "payload_too_large", "Muy grande."), "provider-refused", "Muy grande."),
        (code(500, "internal_error", "Error."), "provider-error", None),
        (code(503, "internal_error", "Error."), "provider-error", None),
        ({"action": "status", "status": 307, "headers": {"Location": "/elsewhere"}}, "provider-error", None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_refusal_fails_without_pausing(
    tenant: Tenant, fault: dict[str, Any], problem: str, message: str | None, method: str
) -> None:
    tenant.fault(method=method, **fault)
    result = tenant.hand_in()
    upload, attempt = tenant.upload(result.upload_id), tenant.attempt(result.upload_id)
    assert (result.state, upload.state, upload.problem) == ("failed", "failed", problem)
    assert upload.provider_message == message
    assert attempt.provider_http_status == fault["status"]
    assert (attempt.completing_at is not None) == (method == "PUT")
    assert tenant.paused() is None


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_refused_credential_pauses_the_connection(tenant: Tenant, status: int, method: str) -> None:
    tenant.fault(method=method, **code(status, "api_key_invalid", "La llave secreta no es válida."))
    result = tenant.hand_in()
    upload = tenant.upload(result.upload_id)
    assert (result.state, upload.problem, upload.provider_message) == ("failed", "credential-refused", None)
    assert tenant.attempt(upload.id).provider_message == "La llave secreta no es válida."
    assert tenant.paused() == "credential-refused"
    (entry,) = tenant.audit(tenant.connection)
    assert (entry.action, entry.details["code"]) == ("connection.paused", "api_key_invalid")


def test_a_paused_connection_takes_nothing(tenant: Tenant) -> None:
    tenant.fault(method="GET", **code(401, "api_key_invalid"))
    tenant.hand_in()
    tenant.sandbox.clear()
    with pytest.raises(ConnectionPaused):
        tenant.hand_in()
    assert not tenant.sandbox.ledger("facturapi")
    assert len(tenant.uploads()) == 1


def test_two_that_find_the_credential_refused_say_so_once(tenant: Tenant) -> None:
    tenant.fault(method="GET", times=2, **code(401, "api_key_invalid"))
    first = tenant.deliverer()
    with tenant.database.transaction(tenant.organization.id) as session:
        settling.pause(session, tenant.connection, Outcome(ending=Ending.CREDENTIAL), tenant.clock())
        settling.pause(session, tenant.connection, Outcome(ending=Ending.CREDENTIAL), tenant.clock())
    with pytest.raises(ConnectionPaused):
        tenant.hand_in(deliverer=first)
    assert len(tenant.audit(tenant.connection)) == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_busy_provider_is_not_pressed(tenant: Tenant, method: str) -> None:
    tenant.fault(method=method, headers={"Retry-After": "7"}, **code(429, "rate_limit_exceeded"))
    result = tenant.hand_in()
    assert (result.state, result.outcome.problem, result.outcome.retry_after) == ("failed", "provider-busy", 7.0)
    assert len(tenant.requests(method)) == 1


def test_a_provider_that_is_down_gets_nothing(tenant: Tenant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    result = tenant.hand_in(sandbox_url=url, egress_allow=(url,))
    upload, attempt = tenant.upload(result.upload_id), tenant.attempt(result.upload_id)
    assert (upload.state, upload.problem) == ("failed", "provider-unreachable")
    assert (attempt.completing_at, attempt.provider_code, attempt.outcome) == (None, "connect", "retry")


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9"])
def test_where_egress_leads_nowhere_nothing_is_asked(tenant: Tenant, url: str | None) -> None:
    result = tenant.hand_in(sandbox_url=url, egress_allow=())
    assert (result.state, result.outcome.problem, result.outcome.code) == ("failed", "settings-wrong", "egress")


def test_a_provider_too_slow_to_look_at_gets_nothing(tenant: Tenant) -> None:
    tenant.fault("stall", "GET", seconds=5)
    result = tenant.hand_in(answer_seconds=0.3)
    assert (result.state, result.outcome.problem) == ("failed", "provider-too-slow")
    assert tenant.attempt(result.upload_id).provider_code == "timeout"
    assert not tenant.requests("PUT")


@pytest.mark.parametrize("action", ["drop_answer", "truncate"])
def test_a_lost_answer_is_looked_up(tenant: Tenant, action: str) -> None:
    tenant.fault(action)
    result = tenant.hand_in()
    assert result.state == "delivered"
    assert (len(tenant.requests("PUT")), len(tenant.requests("GET"))) == (1, 2)
    assert tenant.attempt(result.upload_id).provider_code in {"reset", "truncated"}


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "reset", "after_bytes": 1},
        {"action": "status", "status": 200, "body": "<html>hello</html>"},
        {"action": "status", "status": 200, "body": {"id": "another", "certificate": {"serial_number": NUMBER}}},
        {"action": "status", "status": 200, "body": {}},
        {"action": "status", "status": 204, "body": ""},
    ],
    ids=["reset", "not JSON", "another's", "empty object", "nothing"],
)
def test_what_is_not_known_is_called_unknown(tenant: Tenant, fault: dict[str, Any]) -> None:
    tenant.fault(**fault)
    result = tenant.hand_in()
    upload, attempt = tenant.upload(result.upload_id), tenant.attempt(result.upload_id)
    assert (result.state, upload.state, upload.problem) == ("unknown", "unknown", "unconfirmed")
    assert attempt.outcome == "unknown"
    assert len(tenant.requests("GET")) == 2


def test_a_slow_provider_that_takes_it_late_is_found_out_later(tenant: Tenant) -> None:
    tenant.fault("delay", seconds=1.0)
    result = tenant.hand_in(answer_seconds=0.3)
    assert (result.state, tenant.attempt(result.upload_id).provider_code) == ("unknown", "timeout")
    assert processes.wait_until(lambda: [one["status"] for one in tenant.requests("PUT")] == [200], 10)
    assert check(tenant, result.upload_id).state == "delivered"
    assert len(tenant.requests("PUT")) == 1


def test_an_error_after_which_it_is_there_is_a_delivery(tenant: Tenant) -> None:
    """The sandbox cannot store and fail in one: the look finds what another hand-in of the same stored meanwhile."""
    body = {"id": tenant.account, "certificate": {"serial_number": NUMBER, "updated_at": "2026-11-21T10:00:00.000Z"}}
    tenant.fault(method="PUT", **code(500, "internal_error"))
    tenant.fault("delay", "GET", seconds=0)
    tenant.fault("status", "GET", status=200, body=body)
    result = tenant.hand_in()
    assert (result.state, result.outcome.http_status, result.outcome.code) == ("delivered", 500, "internal_error")


def test_nothing_secret_that_the_provider_quotes_is_kept(tenant: Tenant) -> None:
    given = collected(sat.issue(password="correct horse battery"), password="correct horse battery")
    says = f"“correct horse battery” does not open it, said {tenant.key}"
    tenant.fault(method="PUT", **code(400, "private_key_password_incorrect", says))
    result = tenant.hand_in(given)
    kept = tenant.upload(result.upload_id).provider_message
    assert kept == "“…” does not open it, said …"
    assert tenant.attempt(result.upload_id).provider_message == kept
    assert PASSWORD not in json.dumps(tenant.upload(result.upload_id).facts)


# What is replaced


def test_an_older_certificate_asks_first(tenant: Tenant) -> None:
    now = tenant.clock()
    tenant.holds(number="30001000000500003499", not_after=now + timedelta(days=1400))
    older = collected(sat.issue(not_after=now + timedelta(days=300)))
    with pytest.raises(Rejected) as caught:
        tenant.hand_in(older)
    refusal = caught.value
    assert (refusal.slug, refusal.field) == ("older_certificate", "cer")
    assert WORDS["older_certificate"] % refusal.params
    assert refusal.upload_id is not None
    upload = tenant.upload(refusal.upload_id)
    assert (upload.state, upload.problem) == ("rejected", "older_certificate")
    assert upload.problem_params["held_date"] > upload.problem_params["date"]
    assert tenant.attempt(upload.id).completing_at is None
    assert not tenant.requests("PUT")


def test_and_is_sent_when_the_customer_says_yes(tenant: Tenant) -> None:
    now = tenant.clock()
    tenant.holds(number="30001000000500003499", not_after=now + timedelta(days=1400))
    result = tenant.hand_in(collected(sat.issue(not_after=now + timedelta(days=300))), replace=True)
    assert result.state == "delivered"
    baseline = tenant.attempt(result.upload_id).baseline
    assert baseline["serial"] == "30001000000500003499"
    assert baseline["updated_at"]


def test_an_equal_certificate_is_sent_again_unasked(tenant: Tenant) -> None:
    given = collected(sat.issue())
    assert tenant.hand_in(given).state == "delivered"
    assert tenant.hand_in(given).state == "delivered"
    assert len(tenant.requests("PUT")) == 2


def test_an_equal_one_whose_answer_is_lost_is_told_by_when_it_changed(tenant: Tenant) -> None:
    given = collected(sat.issue())
    tenant.hand_in(given)
    tenant.fault("drop_answer")
    assert tenant.hand_in(given).state == "delivered"
    tenant.fault("reset", after_bytes=1)
    assert tenant.hand_in(given).state == "unknown"


# Personal links


def test_a_use_of_a_link_counts_when_it_arrives(tenant: Tenant) -> None:
    link = tenant.link()
    assert tenant.hand_in(link=link).state == "delivered"
    assert tenant.uses(link) == 1


@pytest.mark.parametrize(
    ("fault", "uses"), [(code(500, "internal_error"), 0), ({"action": "reset", "after_bytes": 1}, 1)]
)
def test_a_use_is_given_back_when_it_did_not_arrive_for_sure(tenant: Tenant, fault: dict[str, Any], uses: int) -> None:
    link = tenant.link()
    tenant.fault(**fault)
    tenant.hand_in(link=link)
    assert tenant.uses(link) == uses


def test_a_link_that_is_used_up_is_refused_before_anything(tenant: Tenant) -> None:
    link = tenant.link()
    tenant.hand_in(link=link)
    tenant.sandbox.clear()
    with pytest.raises(LinkUsedUp):
        tenant.hand_in(link=link)
    assert not tenant.sandbox.ledger("facturapi")


def test_a_link_used_up_on_the_way_keeps_the_file_from_leaving(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once pass the first look; the mark lets only as many through as there are uses."""
    link = tenant.link()
    run = checks.run

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        with tenant.database.transaction(tenant.organization.id) as session:
            links.reserve(session, link, tenant.clock())
        return run(*args, **kwargs)

    monkeypatch.setattr(checks, "run", overtaken)
    with pytest.raises(LinkUsedUp):
        tenant.hand_in(link=link)
    assert not tenant.requests("PUT")
    assert not tenant.uploads()
    assert tenant.uses(link) == 1


# Connections that lead nowhere


def test_without_a_credential_nothing_is_asked(tenant: Tenant) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, tenant.connection, {})
    result = tenant.hand_in()
    assert (result.state, result.outcome.problem) == ("failed", "settings-wrong")
    assert not tenant.requests("GET")


def test_a_credential_without_the_right_field_is_no_credential(tenant: Tenant) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, tenant.connection, {"token": SecretStr("t")})
    assert tenant.hand_in().outcome.problem == "settings-wrong"


def test_settings_that_are_not_the_providers_lead_nowhere(tenant: Tenant) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        session.get_one(Connection, tenant.connection.id).settings = {"organization_id": "../keys"}
    assert tenant.hand_in().outcome.problem == "settings-wrong"
    verdict = tenant.deliverer().verify(tenant.organization.id, tenant.connection.id)
    assert (verdict.ok, verdict.detail) == (False, "its settings are not the provider's")


# What ends in the middle


class Death(BaseException):
    """The process ends."""


def test_a_process_that_dies_after_the_mark_leaves_it(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Death

    monkeypatch.setattr(Journal, "end", die)
    with pytest.raises(Death):
        tenant.hand_in()
    (upload,) = tenant.uploads()
    attempt = tenant.attempt(upload.id)
    assert upload.state == "delivering"
    assert attempt.completing_at is not None
    assert attempt.ended_at is None


def test_a_process_that_dies_at_the_mark_leaves_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Death

    monkeypatch.setattr(Journal, "mark", die)
    with pytest.raises(Death):
        tenant.hand_in()
    assert not tenant.uploads()
    assert not tenant.requests("PUT")


def test_a_fault_of_ours_before_the_file_left_fails(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    monkeypatch.setattr(Journal, "mark", break_)
    result = tenant.hand_in()
    assert (result.state, result.outcome.problem) == ("failed", "internal")
    assert tenant.upload(result.upload_id).problem == "internal"
    assert not tenant.requests("PUT")


def test_a_fault_of_ours_after_it_left_is_unknown(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Engine.drive

    def break_(self: Engine, steps: Any) -> Any:
        drive(self, steps)
        raise ValueError

    monkeypatch.setattr(Engine, "drive", break_)
    result = tenant.hand_in()
    assert (result.state, result.outcome.problem) == ("unknown", "unconfirmed")


@pytest.mark.parametrize("away", [OperationalError("UPDATE", {}, Exception("starting")), PoolTimeout("all are in use")])
def test_an_outcome_is_written_once_the_database_is_back(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, away: Exception
) -> None:
    monkeypatch.setattr(journal, "PATIENCE", (0.0, 0.0))
    end, tries = Journal._end, []

    def stumble(self: Journal, outcome: Any, effect: Any) -> Any:
        tries.append(outcome)
        if len(tries) < 3:
            raise away
        return end(self, outcome, effect)

    monkeypatch.setattr(Journal, "_end", stumble)
    assert tenant.hand_in().state == "delivered"
    assert len(tries) == 3


def away_for_good(*_: object) -> Any:
    """What the journal meets when the database does not come back."""
    raise OperationalError("UPDATE", {}, Exception("starting"))


def test_a_marked_one_whose_outcome_cannot_be_written_is_left_to_the_sweeper(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PATIENCE", (0.0,))
    monkeypatch.setattr(Journal, "_end", away_for_good)
    result = tenant.hand_in()
    assert (result.state, tenant.upload(result.upload_id).state) == ("delivering", "delivering")
    assert result.outcome_token, "its page tells what becomes of it"


def test_without_a_mark_there_is_nothing_to_leave(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PATIENCE", (0.0,))
    monkeypatch.setattr(Journal, "_end", away_for_good)
    tenant.fault("status", method="GET", status=500)
    with pytest.raises(OperationalError):
        tenant.hand_in()
    assert not tenant.uploads()
    assert not tenant.requests("PUT")


@pytest.mark.parametrize(("meanwhile", "fault"), [(State.UNKNOWN, None), (State.UNKNOWN, "reset")])
def test_an_outcome_takes_the_place_of_the_sweepers_doubt(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, meanwhile: State, fault: str | None
) -> None:
    """A process that was only slow is taken for dead; when it is done it knows better."""
    if fault:
        tenant.fault(fault, after_bytes=1)
    result = swept(tenant, monkeypatch, meanwhile)
    expected = "unknown" if fault else "delivered"
    assert result == expected
    assert tenant.uploads()[0].state == expected


def test_what_is_known_for_good_meanwhile_stands(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.fault(method="PUT", **code(400, "invalid_request"))
    assert swept(tenant, monkeypatch, State.DELIVERED) == "delivered"
    assert tenant.uploads()[0].state == "delivered"


def test_an_outcome_that_has_no_place_any_more_changes_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert swept(tenant, monkeypatch, State.FAILED, attempt_outcome="unknown") == "failed"
    (upload,) = tenant.uploads()
    assert (upload.state, tenant.attempt(upload.id).outcome) == ("failed", "unknown")


def swept(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, state: State, attempt_outcome: str | None = None) -> State:
    """Hand in while somebody else ends the attempt."""
    end = Journal.end

    def late(self: Journal, outcome: Any, effect: Any) -> State:
        with tenant.database.transaction(tenant.organization.id) as session:
            (attempt,) = attempts.listing(session, self.id)
            attempts.end(session, attempt, outcome=attempt_outcome or state.value, now=tenant.clock())
            uploads.move(session, uploads.get(session, self.id), state, actor="system", now=tenant.clock())
        return end(self, outcome, effect)

    monkeypatch.setattr(Journal, "end", late)
    return tenant.hand_in().state


# Asking again


def unknown(tenant: Tenant, link: Link | None = None) -> Any:
    """An upload that arrived nowhere and whose answer was lost."""
    tenant.fault("reset", after_bytes=1)
    result = tenant.hand_in(link=link)
    assert result.state == "unknown"
    tenant.sandbox.clear()
    return result.upload_id


def check(tenant: Tenant, upload_id: Any) -> Any:
    return tenant.deliverer().check_again(tenant.organization.id, upload_id, actor="operator")


def test_asking_again_finds_what_arrived_late(tenant: Tenant) -> None:
    upload_id = unknown(tenant)
    tenant.holds()
    result = check(tenant, upload_id)
    upload = tenant.upload(upload_id)
    assert (result.state, upload.state, upload.problem, upload.reference) == (
        "delivered",
        "delivered",
        None,
        tenant.account,
    )
    assert tenant.attempt(upload_id).outcome == "delivered"
    assert tenant.audit(upload)[-1].actor == "operator"


def test_not_there_yet_is_no_knowledge(tenant: Tenant) -> None:
    upload_id = unknown(tenant)
    assert check(tenant, upload_id).state == "unknown"
    last = tenant.audit(tenant.upload(upload_id))[-1]
    assert (last.action, last.details["learnt"]) == ("upload.checked", "failed")


def test_not_there_after_a_while_is_a_failure(tenant: Tenant) -> None:
    link = tenant.link()
    upload_id = unknown(tenant, link)
    assert tenant.uses(link) == 1
    tenant.clock.ahead = looking.SETTLED
    assert check(tenant, upload_id).state == "failed"
    assert tenant.upload(upload_id).problem == "provider-error"
    assert tenant.uses(link) == 0


def test_another_certificate_there_settles_nothing(tenant: Tenant) -> None:
    upload_id = unknown(tenant)
    tenant.holds(number="30001000000500003499")
    tenant.clock.ahead = looking.SETTLED
    assert check(tenant, upload_id).state == "unknown"


def test_an_answer_that_says_nothing_leaves_it_unknown(tenant: Tenant) -> None:
    upload_id = unknown(tenant)
    tenant.clock.ahead = looking.SETTLED
    tenant.fault("status", "GET", status=404)
    assert check(tenant, upload_id).state == "unknown"


def test_asking_with_a_credential_that_is_refused_pauses(tenant: Tenant) -> None:
    upload_id = unknown(tenant)
    tenant.fault(method="GET", **code(401, "api_key_invalid"))
    assert check(tenant, upload_id).state == "unknown"
    assert tenant.paused() == "credential-refused"


def test_asking_without_a_way_leaves_it_unknown(tenant: Tenant) -> None:
    upload_id = unknown(tenant)
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, tenant.connection, {})
    assert check(tenant, upload_id).state == "unknown"


def test_what_is_known_is_told_as_it_is(tenant: Tenant) -> None:
    delivered = tenant.hand_in().upload_id
    tenant.fault(method="PUT", **code(400, "invalid_request", "No."))
    failed = tenant.hand_in().upload_id
    tenant.sandbox.clear()
    assert check(tenant, delivered).outcome.ending is Ending.DELIVERED
    assert check(tenant, failed).outcome.message == "No."
    assert not tenant.sandbox.ledger("facturapi")


# Other operations, and no operation


def test_an_e_firma_goes_where_it_belongs(tenant: Tenant) -> None:
    from app.providers.facturapi import FIEL

    result = tenant.deliverer().hand_in(tenant.origin(), FIEL, collected(sat.issue(kind="fiel")), replace=False)
    assert result.state == "delivered"
    assert tenant.requests("PUT")[0]["path"].endswith("/fiel")


def test_a_logo_is_called_by_what_it_is(tenant: Tenant) -> None:
    given = Collected(fields={}, secrets={}, files={"file": file("file", "mi logo.jpg", png())})
    result = tenant.deliverer().hand_in(tenant.origin(), LOGO, given, replace=False)
    assert result.state == "delivered"
    assert tenant.upload(result.upload_id).mode == "relay"
    (part,) = tenant.requests("PUT")[0]["parts"]
    assert (part["name"], part["filename"], part["content_type"]) == ("file", "logo.png", "image/png")


def test_a_connection_is_tried_without_a_change(tenant: Tenant) -> None:
    verdict = tenant.deliverer().verify(tenant.organization.id, tenant.connection.id)
    assert verdict.ok
    assert "Kemper" in verdict.detail
    assert not tenant.requests("PUT")


def test_a_wrong_key_is_named_in_the_providers_words(tenant: Tenant) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, tenant.connection, {"key": SecretStr("sk_live_wrong1234")})
    verdict = tenant.deliverer().verify(tenant.organization.id, tenant.connection.id)
    assert not verdict.ok
    assert "api_key_invalid" in verdict.detail
    assert "sk_live_wrong1234" not in verdict.detail


def test_a_house_connection_is_tried_by_itself(tenant: Tenant, house: Connection) -> None:
    verdict = tenant.deliverer().verify(None, house.id)
    assert verdict.ok
    assert "organizations" in verdict.detail


def test_a_borrowed_key_is_the_houses(tenant: Tenant, house: Connection) -> None:
    with tenant.database.transaction(tenant.organization.id) as session:
        connections.set_credential(session, tenant.vault, tenant.connection, {})
        session.get_one(Connection, tenant.connection.id).house_connection_id = house.id
    assert tenant.hand_in().state == "delivered"
    assert tenant.requests("PUT")[0]["authorization"].startswith("Bearer sk_user_")


def test_the_first_mode_is_the_one_in_use() -> None:
    assert CERTIFICATE.modes == ("direct",)
