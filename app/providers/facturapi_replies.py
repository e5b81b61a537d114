"""What Facturapi's answers say: the organization that they show, or the code that refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from app.providers import reading
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.facturapi_operations import LEGAL
from app.providers.outcomes import DOUBTFUL, by_cause, by_status
from app.providers.wire import Answer, NoAnswer, Reply

#: Codes of its refusals, as the verdict of our own checks that they amount to and the field it belongs to.
VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    "certificate_files_required": ("missing", "cer"),
    "certificate_file_required": ("missing", "cer"),
    "private_key_file_required": ("missing", "key"),
    "private_key_password_incorrect": ("wrong_password", "password"),
    "private_key_certificate_mismatch": ("pair_mismatch", "key"),
    "certificate_expired": ("expired", "cer"),
    "certificate_not_yet_valid": ("not_yet_valid", "cer"),
    "certificate_files_invalid": ("key_unreadable", "key"),
    # Our own checks read it: what is left is what only the SAT knows.
    "certificate_invalid": ("revoked", "cer"),
    "fiel_invalid": ("revoked", "cer"),
    "csd_required": ("fiel_not_csd", "cer"),
    "fiel_required": ("csd_not_fiel", "cer"),
    "certificate_previous_rfc_mismatch": ("rfc_mismatch", "cer"),
    "certificate_fiel_rfc_mismatch": ("rfc_mismatch", "cer"),
    "fiel_rfc_mismatch": ("rfc_mismatch", "cer"),
    "image_file_required": ("missing-file", "file"),
    "invalid_image_file": ("image-unreadable", "file"),
}
#: Codes that judge the kind of key or where it points, not whether it is genuine: no reason to pause a connection.
SETTINGS: Final = frozenset(
    {"api_key_not_allowed", "live_api_key_required", "forbidden", "organization_not_found", "not_found"}
)
#: What is asked for beside files.
FIELDS: Final = frozenset(field.name for field in LEGAL.fields)


def organization(answer: Answer, account: Account) -> Mapping[str, Any] | None:
    """The organization that an answer shows; None where it shows none, or not the one that was asked for."""
    shown = any_organization(answer)
    return shown if shown and shown["id"] == account.settings["organization_id"] else None


def any_organization(answer: Answer) -> Mapping[str, Any] | None:
    """The organization that an answer shows, whichever it is; None where it shows none."""
    shown = reading.body(answer)
    return shown if reading.text(shown, "id") else None


def listed(answer: Answer) -> list[Mapping[str, Any]] | None:
    """The organizations that an answer lists; None where it lists none."""
    found = reading.objects(reading.body(answer).get("data"))
    return None if found is None else [one for one in found if reading.text(one, "id")]


def pages(answer: Reply) -> int:
    """How many pages there are of what an answer lists."""
    total = answer.json.get("total_pages")
    return total if isinstance(total, int) else 1


def is_of_another_key(answer: Answer) -> bool:
    """Whether it refuses the kind of key: an organization's own may not see others."""
    refused = isinstance(answer, Reply) and answer.status in {401, 403}
    return refused and reading.text(reading.complaint(answer), "code") in SETTINGS


def refusal(answer: Answer) -> Outcome:
    """What an answer means that is not the one hoped for."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    told = reading.complaint(answer)
    code = reading.text(told, "code")
    log_id = answer.headers.get("x-facturapi-log-id")
    outcome = by_status(answer, code=code, message=reading.text(told, "message"), log_id=log_id)
    if code == "invalid_request":
        outcome = replace(outcome, field=_field(told))
    if code in SETTINGS and answer.status not in DOUBTFUL:
        return replace(outcome, ending=Ending.FAILED, problem="settings-wrong")
    if answer.status == 403 and code is None:
        # Without a code it is not Facturapi that speaks but what stands before it, and it does not judge the key.
        return replace(outcome, ending=Ending.FAILED, problem="provider-error")
    return outcome


def verdict(outcome: Outcome, handin: HandIn, before: Mapping[str, Any]) -> Outcome:
    """The same, in the words of our own checks where the code is one that they know."""
    if outcome.ending is not Ending.FAILED or outcome.code is None or outcome.code not in VERDICTS:
        return outcome
    problem, field = VERDICTS[outcome.code]
    expected = reading.text(reading.block(before, "legal"), "tax_id")
    values: dict[str, dict[str, Any]] = {
        "expired": {"date": reading.moment(handin.facts, "not_after")},
        "not_yet_valid": {"date": reading.moment(handin.facts, "not_before")},
        "rfc_mismatch": {"rfc": reading.text(handin.facts, "rfc"), "expected": expected},
    }
    params = values.get(problem, {})
    if None in params.values():
        return outcome
    return replace(outcome, problem=problem, field=field, params=params)


def _field(told: Mapping[str, Any]) -> str | None:
    """The field of ours that it finds fault with: what it calls `address.zip` is asked for as `zip`."""
    first = next(iter(reading.objects(told.get("errors")) or []), {})
    named = (reading.text(told, "path") or reading.text(first, "path") or "").rpartition(".")[2]
    return named if named in FIELDS else None
