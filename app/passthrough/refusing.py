"""From why something was not done, as the gateway knows it, to what a face is told to spell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from flask import Response, g, jsonify
from flask_babel import force_locale, gettext

from app.delivery import Result
from app.errors import Refusal
from app.passthrough.base import Speaks, Told
from app.passthrough.errors import NoAnswerCame
from app.providers.base import Ending, Outcome
from app.records.states import State
from app.words import WORDS, sentence

#: What HTTP calls it that nothing came of a call, by its problem; of all others the provider said so itself.
FAILURES: Final[Mapping[str | None, int]] = {
    "credential-refused": 503,
    "provider-busy": 429,
    "provider-unreachable": 502,
    "provider-too-slow": 504,
    "provider-error": 502,
    "settings-wrong": 500,
    "interrupted": 500,
    "internal": 500,
    "unconfirmed": 504,
}
OTHERWISE: Final = 502
#: Slugs of what HTTP itself finds wrong.
FAULTS: Final[Mapping[int, str]] = {404: "not-found", 405: "method-not-allowed", 500: "internal"}


def of_refusal(face: Speaks | None, refusal: Refusal) -> Told:
    """What a refusal comes to."""
    if isinstance(refusal, NoAnswerCame):
        return _of_outcome(face, refusal.outcome)
    return Told(
        status=refusal.status,
        slug=refusal.slug,
        detail=_say(face, refusal.slug, refusal.params),
        field=refusal.field,
        retry_after=math.ceil(refusal.retry_after) if refusal.retry_after is not None else None,
        upload_id=refusal.upload_id,
    )


def of_result(face: Speaks, result: Result) -> Told:
    """What a hand-in comes to that the provider gave no answer to."""
    outcome = result.outcome
    if result.state in {State.UNKNOWN, State.DELIVERING, State.DELIVERED}:  # there, but nobody can show it now
        outcome = Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")
    told = _of_outcome(face, outcome)
    return Told(
        status=told.status,
        slug=told.slug,
        detail=told.detail,
        retry_after=told.retry_after,
        upload_id=result.upload_id,
    )


def of_fault(face: Speaks | None, status: int) -> Told:
    """What a fault of HTTP's, or of our own, comes to."""
    slug = FAULTS.get(status, "bad-request" if status < 500 else "internal")
    return Told(status=status, slug=slug, detail=_say(face, slug, {}))


def plain(told: Told) -> Response:
    """Say it where nobody knows in whose words."""
    response = jsonify(status=told.status, detail=told.detail)
    response.status_code = told.status
    return response


def _of_outcome(face: Speaks | None, outcome: Outcome) -> Told:
    slug = outcome.problem or "provider-error"
    return Told(
        status=FAILURES.get(slug, OTHERWISE),
        slug=slug,
        detail=_say(face, slug, outcome.params),
        retry_after=math.ceil(outcome.retry_after) if outcome.retry_after is not None else None,
    )


def _say(face: Speaks | None, slug: str, params: Mapping[str, Any]) -> str:
    if slug not in WORDS:
        return slug
    with force_locale(face.language if face else "en"):
        written: str = gettext(sentence(slug, g.get("check", "")))
        if reason := params.get("reason"):  # a row's, in the vendor's language where it is not ours
            params = {**params, "reason": gettext(reason)}
    return written % _Values({name: _value(value) for name, value in params.items()})


class _Values(dict[str, object]):
    """An answer is worth more than a value that nobody gave."""

    def __missing__(self, name: str) -> str:
        return "…"


def _value(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else value
