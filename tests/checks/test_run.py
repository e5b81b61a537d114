from __future__ import annotations

import json
from datetime import timedelta

import pytest

from app.checks import CHECKS, Rejected
from app.providers.operation import Field
from app.sandbox.sat import issue
from tests.checks.cases import CASES, NOW, Case
from tests.checks.hand_ins import file, hand_in, operation

PASSWORD = Field(name="password", label="Password", kind="password")
REPRESENTATIVE = ("ROGA710304AB9", "ROGA710304MDFXXX07")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_an_operation_is_checked_as_it_declares(case: Case) -> None:
    wanted = operation(case.kind, "cer", "key", fields=(PASSWORD,))
    files = file("cer", case.cer, "any name.txt"), file("key", case.key)
    given = {"secrets": {"password": case.password}}
    if case.verdict == "ok":
        result = hand_in(wanted, *files, **given, expected_rfc=case.expected_rfc, now=case.now)
        assert result.facts["kind"] == case.kind
        assert result.secrets["password"].get_secret_value() == (case.forwarded or case.password)
        return
    with pytest.raises(Rejected) as refusal:
        hand_in(wanted, *files, **given, expected_rfc=case.expected_rfc, now=case.now)
    assert (refusal.value.slug, refusal.value.field) == (case.verdict, case.field)


def test_files_that_did_not_come_are_missing() -> None:
    wanted = operation("csd", "cer", "key", fields=(PASSWORD,))
    with pytest.raises(Rejected) as refusal:
        hand_in(wanted)
    assert (refusal.value.slug, refusal.value.field) == ("missing", "cer")
    one = issue()
    with pytest.raises(Rejected) as refusal:
        hand_in(wanted, file("cer", one.cer))
    assert (refusal.value.slug, refusal.value.field) == ("missing", "key")
    with pytest.raises(Rejected) as refusal:
        hand_in(wanted, file("cer", one.cer), file("key", one.key))
    assert (refusal.value.slug, refusal.value.field) == ("missing", "password")


def test_names_and_lengths_are_looked_at_before_the_certificate() -> None:
    wanted = operation("csd", "cer", "key", fields=(PASSWORD,))
    with pytest.raises(Rejected, match="bad-file-name"):
        hand_in(wanted, file("cer", b"", "../csd.cer"))
    with pytest.raises(Rejected, match="field-too-long"):
        hand_in(wanted, secrets={"password": "x" * 201})


def test_facts_are_json_and_name_no_representative() -> None:
    one = issue(representative=REPRESENTATIVE, not_before=NOW - timedelta(days=1))
    assert REPRESENTATIVE[0].encode() in one.cer
    assert REPRESENTATIVE[1].encode() in one.cer
    wanted = operation("csd", "cer", "key", fields=(PASSWORD,))
    result = hand_in(wanted, file("cer", one.cer), file("key", one.key), secrets={"password": one.password}, now=NOW)
    written = json.dumps(result.facts)
    assert one.rfc is not None
    assert one.rfc in written
    for personal in REPRESENTATIVE:
        assert personal not in written


def test_results_show_no_password() -> None:
    one = issue(password="a secret of mine", not_before=NOW - timedelta(days=1))
    wanted = operation("csd", "cer", "key", fields=(PASSWORD,))
    result = hand_in(wanted, file("cer", one.cer), file("key", one.key), secrets={"password": one.password}, now=NOW)
    assert result.secrets["password"].get_secret_value() == one.password
    assert one.password not in repr(result)
    assert one.password not in str(result.secrets)


def test_every_check_has_a_name() -> None:
    assert set(CHECKS) == {"csd", "fiel", "image", "policy"}
