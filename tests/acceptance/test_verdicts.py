"""Every verdict on a certificate as the customer meets it: next to the right field, in both languages, nothing sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.support import Translations

from app import words
from app.local.place import ROOT
from app.records.states import State
from tests.acceptance.counter import NOTICE, Counter
from tests.checks.cases import CASES, NOW, Case
from tests.checks.samples import FOLDER, SAMPLES, WHY_SKIPPED

MONTHS = {
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
}

OURS = [pytest.param(case, id=case.id) for case in CASES]
THE_SATS = [
    pytest.param(case, id=f"sat-{case.id}", marks=pytest.mark.skipif(FOLDER is None, reason=WHY_SKIPPED))
    for case in SAMPLES
]
pytestmark = pytest.mark.live

Open = Callable[..., Counter]


def written(value: object, language: str) -> str:
    """A value as a sentence has it: dates as people of the organization's zone write them."""
    if not isinstance(value, datetime):
        return str(value)
    local = value.astimezone(ZoneInfo("America/Mexico_City"))
    month = MONTHS[language].split()[local.month - 1]
    return f"{local.day} {month} {local.year}, {local:%H:%M}"


def sentence(slug: str, params: Mapping[str, Any], language: str, check: str = "") -> str:
    """What a problem is called in a language, of the files that a check looks at."""
    text = english = words.sentence(slug, check)
    if language == "es":
        text = Translations.load(str(ROOT / "translations"), ["es"]).gettext(text)
        assert text != english, f"{slug} has no Spanish"
    return " ".join((text % {name: written(value, language) for name, value in params.items()}).split())


def counter_for(case: Case, open_counter: Open) -> Counter:
    operation = "facturapi/certificate" if case.kind == "csd" else "facturapi/fiel"
    counter = open_counter(rfc=case.expected_rfc.strip().upper() if case.expected_rfc else None, operation=operation)
    counter.world.set_clock(None if case.now == NOW else case.now)
    return counter


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("case", [*OURS, *THE_SATS])
def test_verdict(case: Case, language: str, open_counter: Open) -> None:
    counter = counter_for(case, open_counter)

    page = counter.hand_in(case.files, language=language)

    assert page.language == language
    if case.verdict == "ok":
        check_delivered(counter, case)
        return
    assert page.status == 422
    assert case.field is not None
    assert page.errors == {case.field: sentence(case.verdict, case.params, language, case.kind)}
    assert page.focus == case.field
    assert case.password not in str(page.html) or not case.password
    assert counter.puts == []
    check_recorded(counter, case)


def check_delivered(counter: Counter, case: Case) -> None:
    (put,) = counter.puts
    kind = counter.form.operation.partition("/")[2]
    assert put["path"] == f"/facturapi/v2/organizations/{counter.account}/{kind}"
    assert put["authorization"] == f"Bearer {counter.key}"
    assert put["complete"]
    assert put["status"] == 200
    password = (case.forwarded or case.password).encode()
    contents = {"cer": case.cer, "key": case.key, "password": password}
    assert {part["name"]: part["sha256"] for part in put["parts"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    upload = counter.upload
    assert upload.state == State.DELIVERED
    assert upload.notice_version == NOTICE
    assert {name: upload.facts[name] for name in case.facts} == case.facts
    (attempt,) = counter.attempts
    assert (
        attempt.started_at <= (attempt.completing_at or attempt.started_at) <= (attempt.ended_at or attempt.started_at)
    )


def check_recorded(counter: Counter, case: Case) -> None:
    """What was refused is in the record with its reason, for the operator; no attempt was made."""
    upload = counter.upload
    assert (upload.state, upload.problem) == (State.REJECTED, case.verdict)
    assert counter.attempts == []
