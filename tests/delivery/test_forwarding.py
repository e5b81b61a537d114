"""Calls of others that hand in, in this process: what becomes of them, and what their clients are answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from urllib3.filepost import encode_multipart_formdata

from app.delivery import Deliverer, Origin
from app.delivery.calls import Answered, Call, CutOff, Whole, read_whole
from app.delivery.handing import HandedOn, Handing, InDoubt
from app.delivery.way import NoWay, Way
from app.errors import Refusal
from app.intake import Deadlines, Limits
from app.intake.alongside import Names, read_along
from app.passthrough.facturapi import Facturapi as Face
from app.providers.base import Outcome, RateLimit
from app.providers.codat import FILE as TABLE
from app.providers.facturapi import CERTIFICATE, LOGO, Facturapi
from app.providers.operation import Operation
from app.providers.wire import NoAnswer
from app.records.states import State
from app.sandbox import sat
from app.tenants import tokens
from tests.delivery.tenant import PASSWORD, Tenant
from tests.delivery.test_deliverer import png
from tests.delivery.test_put_by import large
from tests.intake.test_alongside import Pieces
from tests.intake.test_reception import environ

NAMES = Names(files={"cer": "cer", "key": "key"}, secrets=("password",))
FIELDS = ("note", *(f"n{number}" for number in range(18)))
ISSUED = sat.issue()
SEAL: dict[str, Any] = {"cer": ("a.cer", ISSUED.cer), "key": ("a.key", ISSUED.key), "password": PASSWORD}


def token(tenant: Tenant) -> Origin:
    """An origin by a gateway token."""
    with tenant.database.transaction(tenant.organization.id) as session:
        made, _ = tokens.create(session, organization_id=tenant.organization.id, name="t", scopes=[tokens.Scope.PROXY])
    return replace(tenant.origin(), api_token_id=made.id)


def way_of(tenant: Tenant, deliverer: Deliverer) -> Way:
    with tenant.database.transaction(tenant.organization.id) as session:
        way = deliverer._ways.open(session, tenant.connection)
    assert isinstance(way, Way)
    return way


@contextmanager
def handing(
    tenant: Tenant, operation: Operation = CERTIFICATE, parts: Mapping[str, Any] | None = None, **changes: Any
) -> Iterator[Handing]:
    """A call that hands in, ready to be taken."""
    content, content_type = encode_multipart_formdata(parts or SEAL, boundary="B")
    given = {**environ(content), "CONTENT_TYPE": content_type, "wsgi.input": Pieces(content, 1 << 16)}
    names = NAMES if operation is CERTIFICATE else Names(files={"file": "file"}, fields=FIELDS)
    path = f"/organizations/{tenant.account}"
    face = Face()
    with read_along(given, names, Limits.of(operation), Deadlines()) as along:
        headers = [("Content-Type", content_type), ("Content-Length", str(len(content)))]
        yield Handing(
            call=Call(method="PUT", target=f"{path}/{operation.name}", headers=headers),
            operation=operation,
            along=along,
            judge=lambda handin, account, answer: face.judge(operation, handin, account, answer),
            check=lambda _fields, _all: None,
            baseline=lambda fields, now: face.baseline(operation, fields, now),
            recall=changes.pop("recall", lambda _: Call(method="GET", target=path, headers=())),
            **changes,
        )


def hand_in(tenant: Tenant, deliverer: Deliverer, way: Way | NoWay | None = None, **given: Any) -> HandedOn:
    origin = given.pop("origin", tenant.origin())
    with handing(tenant, **given) as one:
        return deliverer.hand_in_call(origin, one, way or way_of(tenant, deliverer))


def status(handed: HandedOn) -> int | None:
    return handed.answered.status if handed.answered else None


def test_it_arrives_and_is_answered_by_the_provider(tenant: Tenant) -> None:
    handed = hand_in(tenant, tenant.deliverer())
    assert (handed.result.state, status(handed)) == (State.DELIVERED, 200)
    assert len(tenant.requests("PUT")) == 1


def test_no_way_is_no_answer(tenant: Tenant) -> None:
    deliverer = tenant.deliverer()
    handed = hand_in(tenant, deliverer, NoWay("it has no credential"))
    assert (handed.result.state, handed.result.outcome.problem, status(handed)) == (
        State.FAILED,
        "settings-wrong",
        None,
    )
    outcome = deliverer.hand_on(NoWay("it has no credential"), Call(method="GET", target="/x", headers=()))
    assert isinstance(outcome, Outcome)
    assert outcome.problem == "settings-wrong"


def test_a_limit_that_is_used_up_is_kept(tenant: Tenant) -> None:
    class Limited(Facturapi):
        limits: ClassVar[tuple[RateLimit, ...]] = (RateLimit(requests=1, seconds=3600.0),)

    deliverer = tenant.deliverer()
    way = replace(way_of(tenant, deliverer), provider=Limited())
    call = Call(method="GET", target=f"/organizations/{tenant.account}", headers=())
    first = deliverer.hand_on(way, call)
    assert isinstance(first, Answered)
    first.close()
    second = deliverer.hand_on(way, call)
    assert isinstance(second, Outcome)
    assert (second.problem, second.retry_after is not None) == ("provider-busy", True)
    handed = hand_in(tenant, deliverer, way)
    assert (handed.result.state, handed.result.outcome.problem) == (State.FAILED, "provider-busy")
    assert len(tenant.requests("GET")) == 1


def blind(tenant: Tenant, *, answers: bool) -> None:
    """Have the next hand-in end in doubt, with or without an answer to it."""
    if answers:
        tenant.fault("status", status=500)
    else:
        tenant.fault("drop_answer")
    tenant.fault("status", method="GET", status=503, times=20)


def test_what_its_provider_said_to_have_failed_is_sent_again_once_a_look_agrees(tenant: Tenant) -> None:
    deliverer, origin = tenant.deliverer(), token(tenant)
    blind(tenant, answers=True)
    assert hand_in(tenant, deliverer, origin=origin).result.state is State.UNKNOWN
    tenant.sandbox.control("DELETE", "/faults")
    assert hand_in(tenant, deliverer, origin=origin).result.state is State.DELIVERED
    assert {one.state for one in tenant.uploads()} == {State.FAILED, State.DELIVERED}


def test_what_may_be_there_is_looked_for_and_not_sent_again(tenant: Tenant) -> None:
    deliverer, origin = tenant.deliverer(), token(tenant)
    blind(tenant, answers=False)
    assert hand_in(tenant, deliverer, origin=origin).result.state is State.UNKNOWN
    with pytest.raises(InDoubt):
        hand_in(tenant, deliverer, origin=origin)
    tenant.sandbox.control("DELETE", "/faults")
    again = hand_in(tenant, deliverer, origin=origin)
    assert (again.result.state, status(again)) == (State.DELIVERED, 200)
    assert len(tenant.requests("PUT")) == 1
    assert [one.state for one in tenant.uploads()] == [State.DELIVERED]


def test_without_a_token_nobody_is_known_again(tenant: Tenant) -> None:
    deliverer = tenant.deliverer()
    blind(tenant, answers=False)
    assert hand_in(tenant, deliverer).result.state is State.UNKNOWN
    tenant.sandbox.control("DELETE", "/faults")
    assert hand_in(tenant, deliverer).result.state is State.DELIVERED
    assert len(tenant.requests("PUT")) == 2


def test_after_ten_minutes_it_is_no_retry(tenant: Tenant) -> None:
    deliverer, origin = tenant.deliverer(), token(tenant)
    blind(tenant, answers=False)
    hand_in(tenant, deliverer, origin=origin)
    tenant.sandbox.control("DELETE", "/faults")
    tenant.clock.ahead += timedelta(minutes=10, seconds=1)
    assert hand_in(tenant, deliverer, origin=origin).result.state is State.DELIVERED
    assert len(tenant.requests("PUT")) == 2


@pytest.mark.parametrize(
    ("recall", "expected"),
    [
        (lambda _: None, None),
        (lambda _: Whole(status=200, reason="", headers=[], content=b"{}"), 200),
        (lambda _: Call(method="GET", target="/nothing", headers=()), None),
    ],
)
def test_what_is_there_although_its_answer_was_lost_is_answered_as_it_can_be(
    tenant: Tenant, recall: Callable[[Outcome], Any], expected: int | None
) -> None:
    tenant.fault("drop_answer")
    handed = hand_in(tenant, tenant.deliverer(), recall=recall)
    assert (handed.result.state, status(handed)) == (State.DELIVERED, expected)


def test_nothing_is_answered_where_the_provider_has_gone_meanwhile(tenant: Tenant) -> None:
    tenant.fault("drop_answer")
    tenant.sandbox.fault(action="reset", method="GET", path="/facturapi/v2/nothing")
    recall = lambda _: Call(method="GET", target="/nothing", headers=())  # noqa: E731
    assert status(hand_in(tenant, tenant.deliverer(), recall=recall)) is None


@pytest.mark.parametrize("fields", [{}, {"note": "x"}])
def test_an_empty_file_is_refused_wherever_it_stands(tenant: Tenant, fields: dict[str, str]) -> None:
    parts = {"file": ("logo.png", b"", "image/png"), **fields}
    with pytest.raises(Refusal) as caught:
        hand_in(tenant, tenant.deliverer(), operation=LOGO, parts=parts)
    assert caught.value.slug in {"empty-file", "image-unreadable"}
    assert tenant.requests("PUT") == []


@pytest.mark.parametrize("fields", [{"note": "x"}, dict.fromkeys(FIELDS, "x" * 4_000)], ids=["small", "large"])
def test_an_empty_table_is_seen_to_be_empty_at_its_end(tenant: Tenant, fields: dict[str, str]) -> None:
    """Of what is large nobody knows before how much of it the file is."""
    parts = {"file": ("tabla.csv", b"", "text/csv"), **fields}
    with pytest.raises(Refusal) as caught:
        hand_in(tenant, tenant.deliverer(), operation=TABLE, parts=parts)
    assert caught.value.slug == "empty-file"
    assert tenant.requests("PUT") == []


def test_a_large_one_that_is_sent_again_leaves_a_record_of_its_own(tenant: Tenant) -> None:
    deliverer, origin = tenant.deliverer(), token(tenant)
    parts = {"file": ("logo.png", large(), "image/png")}
    blind(tenant, answers=False)
    assert hand_in(tenant, deliverer, origin=origin, operation=LOGO, parts=parts).result.state is State.UNKNOWN
    tenant.sandbox.control("DELETE", "/faults")
    (first,) = tenant.uploads()
    with pytest.raises(InDoubt) as caught:  # a logo tells nobody which it is
        hand_in(tenant, deliverer, origin=origin, operation=LOGO, parts=parts)
    assert caught.value.upload_id == first.id
    assert {one.state for one in tenant.uploads()} == {State.UNKNOWN, State.CANCELLED}
    assert len(tenant.requests("PUT")) == 1


def test_a_file_before_its_fields_has_its_size_on_record(tenant: Tenant) -> None:
    parts = {"file": ("logo.png", png(), "image/png"), "note": "x"}
    handed = hand_in(tenant, tenant.deliverer(), operation=LOGO, parts=parts)
    assert handed.result.state is State.DELIVERED
    (upload,) = tenant.uploads()
    assert upload.parts[0]["size"] == len(png())


def test_a_fault_of_ours_is_told_as_one(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Face, "judge", broken)
    handed = hand_in(tenant, tenant.deliverer())
    assert handed.result.state in {State.UNKNOWN, State.DELIVERED}


class Long(Answered):
    """An answer without an end, or one that is cut off."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__(status=200, reason="", headers=[])
        self._blocks = blocks
        self.closed = False

    def blocks(self) -> Iterator[bytes]:
        yield from self._blocks

    def close(self) -> None:
        self.closed = True


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(1 << 20)


def cut_off() -> Iterator[bytes]:
    yield b"a"
    raise CutOff


@pytest.mark.parametrize("make", [endless, cut_off])
def test_an_answer_to_a_hand_in_has_an_end_in_sight(make: Callable[[], Iterator[bytes]]) -> None:
    answer = Long(make())
    assert read_whole(answer) == NoAnswer(cause="truncated", released=True)
    assert answer.closed
