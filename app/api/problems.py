"""Problems as `application/problem+json` (RFC 9457), in English unless Spanish is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from flask import Flask, Response, g, json, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, gettext
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException, InternalServerError

from app.api.errors import NotOffered, NotValid, Untold
from app.database import DatabaseAway
from app.delivery import Result
from app.errors import Refusal
from app.intake.digests import WANTED, DigestUnsupported
from app.providers.base import Outcome
from app.records.states import State
from app.tenants.errors import Unauthorized
from app.words import WORDS, sentence

log = structlog.get_logger("ventanilla.api")

PREFIX: Final = "/api/"
#: Where every problem stands, by its slug.
PAGE: Final = "/docs/problems"
MEDIA_TYPE: Final = "application/problem+json"
#: What a browser is told to make of an answer that is no page: a file, whatever it would take its bytes for.
ATTACHMENT: Final = 'attachment; filename="api.json"'
#: The first is spoken where none is asked for.
LANGUAGES: Final = ("en", "es")

#: Slugs of what HTTP itself finds wrong.
FAULTS: Final[Mapping[int, str]] = {404: "not-found", 405: "method-not-allowed", 500: "internal"}
#: All was sent, and nobody knows.
UNCONFIRMED: Final = 504
#: What HTTP calls a delivery that came to nothing, by its problem; the provider refused all others.
FAILURES: Final[Mapping[str | None, int]] = {
    "credential-refused": 503,
    "provider-busy": 503,
    "provider-unreachable": 502,
    "provider-too-slow": 502,
    "provider-error": 502,
    "unconfirmed": UNCONFIRMED,
    "interrupted": 500,
    "internal": 500,
}
REFUSED_THERE: Final = 424


class ProblemError(BaseModel):
    """One thing that is wrong, and where."""

    pointer: Annotated[str, Field(description="Where it lies: a JSON pointer, or empty for all of it.")]
    code: Annotated[str, Field(description="Its slug, or the provider's code.")]
    detail: str


class Problem(BaseModel):
    """Why something is not done (RFC 9457)."""

    type: Annotated[str, Field(description="Which problem it is: a page that says so.")]
    title: str
    status: int
    detail: str
    upload: Annotated[UUID | None, Field(description="The record that was made of it, where one was.")] = None
    errors: Annotated[tuple[ProblemError, ...], Field(description="What is wrong, where more can be said of it.")] = ()


def init_app(app: Flask) -> None:
    """Answer what no address fits, which never reaches the blueprint's handlers and would be shown as a page."""

    @app.before_request
    def nowhere() -> ResponseReturnValue | None:
        fault = request.routing_exception
        if fault is None or (fault.code or 500) < 400 or not request.path.startswith(PREFIX):
            return None
        return failed(fault)


def refused(refusal: Refusal) -> Response:
    """Say why it was not done, and which record there is of it."""
    detail = say(refusal.slug, refusal.params, check=g.get("check", ""))
    errors = []
    if refusal.field is not None:
        errors.append({"pointer": f"#/{refusal.field}", "code": refusal.slug, "detail": detail})
    if isinstance(refusal, NotValid):
        errors += [
            {"pointer": one.pointer, "code": one.slug, "detail": say(one.slug, one.params)} for one in refusal.faults
        ]
    response = problem(refusal.status, refusal.slug, detail, upload_id=refusal.upload_id, errors=errors)
    if isinstance(refusal, NotOffered):
        response.headers["Allow"] = ", ".join(refusal.allow)
    if isinstance(refusal, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="ventanilla"'
    if isinstance(refusal, DigestUnsupported):
        response.headers["Want-Content-Digest"] = response.headers["Want-Repr-Digest"] = WANTED
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(refusal.retry_after))
    return response


def away(fault: Exception) -> Response:
    """Say that the database is away; whoever lost it in the middle of something has told its record, or will."""
    log.error("database away", cause=type(fault).__name__)
    return refused(DatabaseAway())


def failed(fault: HTTPException) -> Response:
    """Say what HTTP finds wrong; our own faults say no more than that they are ours."""
    code = InternalServerError.code if fault.code is None else fault.code
    slug = FAULTS.get(code, "bad-request")
    response = problem(code, slug, say(slug))
    response.headers.extend((name, value) for name, value in fault.get_headers() if name == "Allow")
    return response


def undelivered(result: Result, organization: str) -> Response:
    """Say what became of a hand-in that is not delivered."""
    outcome = result.outcome
    if result.state in {State.UNKNOWN, State.DELIVERING}:
        outcome = replace(outcome, problem="unconfirmed")
    return _ended(outcome, organization, result.upload_id)


def untold(untold: Untold) -> Response:
    """Say why a provider did not do what it was asked for."""
    return _ended(untold.outcome, untold.organization, None)


def _ended(outcome: Outcome, organization: str, upload_id: UUID | None) -> Response:
    status, slug = FAILURES.get(outcome.problem, REFUSED_THERE), outcome.problem or "provider-error"
    errors = []
    if outcome.message and status == REFUSED_THERE:
        pointer = f"#/{outcome.field}" if outcome.field else ""
        errors.append({"pointer": pointer, "code": outcome.code or slug, "detail": outcome.message})
    detail = say(slug, {"organization": organization, **outcome.params})
    response = problem(status, slug, detail, upload_id=upload_id, errors=errors)
    if outcome.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(outcome.retry_after))
    return response


def problem(
    status: int,
    slug: str,
    detail: str,
    *,
    upload_id: UUID | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """Write a problem out."""
    told: dict[str, Any] = {
        "type": f"{PAGE}#{slug}",
        "title": slug.replace("-", " ").replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    if upload_id is not None:
        told["upload"] = str(upload_id)
    if errors:
        told["errors"] = errors
    response = Response(json.dumps(told), status, content_type=MEDIA_TYPE)
    response.headers["Content-Language"] = language()
    response.headers["Vary"] = "Accept-Language"
    response.headers["Content-Disposition"] = ATTACHMENT
    if upload_id is not None:
        response.headers["Location"] = url_for("api.upload", upload_id=upload_id)
    return response


def language() -> str:
    """Code of the language that the caller asks for, as its header says and nothing else."""
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def say(slug: str, params: Mapping[str, object] | None = None, *, check: str = "") -> str:
    """Write the sentence of a problem, its dates as a machine reads them too."""
    if slug not in WORDS:  # a slug that a provider's adapter made up is better than no answer
        return slug
    with force_locale(language()):
        written: str = gettext(sentence(slug, check))
    return written % _Values({name: _value(value) for name, value in (params or {}).items()})


class _Values(dict[str, object]):
    """An answer is worth more than a value that nobody gave."""

    def __missing__(self, name: str) -> str:
        return "…"


def _value(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else value
