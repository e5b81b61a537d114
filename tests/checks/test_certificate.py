from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from app.checks import Rejected
from app.checks.certificate import Accepted, check
from app.words import CERTIFICATE
from tests.checks.cases import CASES, NOW, Case, issued
from tests.checks.samples import FOLDER, SAMPLES, WHY_SKIPPED

#: Verdicts that only a look at what the provider holds can give.
FOUND_LATER = {"revoked", "older_certificate", "test_certificate"}


def judge(case: Case) -> Accepted:
    return check(
        case.cer,
        case.key,
        SecretStr(case.password),
        kind=case.kind,
        expected_rfc=case.expected_rfc,
        now=case.now,
    )


def assert_verdict(case: Case) -> None:
    if case.verdict != "ok":
        with pytest.raises(Rejected) as refusal:
            judge(case)
        assert (refusal.value.slug, refusal.value.field, refusal.value.params) == (
            case.verdict,
            case.field,
            case.params,
        )
        return
    accepted = judge(case)
    facts = accepted.certificate.facts()
    assert {name: facts[name] for name in case.facts} == case.facts
    forwarded = case.password if case.forwarded is None else case.forwarded
    assert accepted.password.get_secret_value() == forwarded


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_verdict(case: Case) -> None:
    assert_verdict(case)


@pytest.mark.skipif(FOLDER is None, reason=WHY_SKIPPED)
@pytest.mark.parametrize("case", SAMPLES, ids=lambda case: case.id)
def test_verdict_on_the_sats_own_files(case: Case) -> None:
    assert_verdict(case)


def test_every_verdict_is_in_the_table() -> None:
    assert {case.verdict for case in CASES} == (set(CERTIFICATE) - FOUND_LATER) | {"ok"}


def test_every_sentence_can_be_filled_in() -> None:
    for case in CASES:
        if case.verdict != "ok":
            assert CERTIFICATE[case.verdict] % case.params


@pytest.mark.parametrize(
    ("now", "verdict", "verdict_field", "params"),
    [
        (NOW - timedelta(seconds=1), "not_yet_valid", "cer", {"date": NOW}),
        (NOW, "ok", None, {}),
        (NOW + timedelta(hours=1), "ok", None, {}),
        (NOW + timedelta(hours=1, seconds=1), "expired", "cer", {"date": NOW + timedelta(hours=1)}),
    ],
)
def test_both_ends_of_validity_count(
    now: datetime, verdict: str, verdict_field: str | None, params: dict[str, datetime]
) -> None:
    make = issued(not_before=NOW, not_after=NOW + timedelta(hours=1))
    assert_verdict(Case(id="", make=make, now=now, verdict=verdict, field=verdict_field, params=params))
