from __future__ import annotations

from datetime import timedelta

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
        assert (refusal.value.slug, refusal.value.field, refusal.value.params) == (case.verdict, case.field, case.params)
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
    ("now", "verdict"),
    [
        (NOW - timedelta(seconds=1), "not_yet_valid"),
        (NOW, "ok"),
        (NOW + timedelta(hours=1), "ok"),
        (NOW + timedelta(hours=1, seconds=1), "expired"),
    ],
)
def test_both_ends_of_validity_count(now: object, verdict: str) -> None:
    files = issued(not_before=NOW, not_after=NOW + timedelta(hours=1))()
    case = Case(id="", make=lambda: files, now=now, verdict=verdict)
    if verdict == "ok":
        assert judge(case).certificate.not_before == NOW
    else:
        with pytest.raises(Rejected, match=verdict):
            judge(case)
