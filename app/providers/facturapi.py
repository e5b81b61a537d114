"""Facturapi, API v2: an organization's seal certificate (CSD), e.firma and logo.

None of its uploads has an id of its own or can be made idempotent: what the organization holds is read before, so that
a customer is asked before something newer is replaced, and after, where the answer to an upload leaves it in doubt.
Its codes decide; its messages are Spanish and may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic import Field as Setting

from app.errors import N_
from app.providers import facturapi_replies as replies
from app.providers.base import (
    Account,
    CredentialField,
    Ending,
    HandIn,
    Listed,
    Look,
    Outcome,
    Page,
    RateLimit,
    Steps,
    Unavailable,
    Verdict,
)
from app.providers.operation import KIB, Field, Mode, Operation, Part
from app.providers.outcomes import DOUBTFUL
from app.providers.wire import Answer, Multipart, NoAnswer, Outgoing, OutgoingPart, Reply

BASE_URL: Final = "https://www.facturapi.io/v2"
SANDBOX_PATH: Final = "/facturapi/v2"

CERTIFICATE: Final = Operation(
    slug="facturapi/certificate",
    title=N_("Your digital seal certificate (CSD)"),
    intro=N_(
        "Your invoices are sealed with it. We need the two files that you got when you made it, "
        "and the password that you chose for it."
    ),
    where=N_("They lie where you saved them when you asked the SAT for the CSD; your accountant may have them too."),
    modes=(Mode.DIRECT,),
    parts=(
        Part(name="cer", label=N_("Certificate (.cer)"), max_bytes=16 * KIB, ending=".cer"),
        Part(name="key", label=N_("Private key (.key)"), max_bytes=16 * KIB, ending=".key"),
    ),
    fields=(
        Field(
            name="password",
            label=N_("Password of the private key"),
            help=N_("The CSD's own. It is not the one that you sign in to the SAT's site with."),
            kind="password",
        ),
    ),
    check="csd",
)
FIEL: Final = Operation(
    slug="facturapi/fiel",
    title=N_("Your e.firma (FIEL)"),
    intro=N_(
        "It signs for you, so hand it in only if you were asked for it. We need its two files and the password "
        "that you chose for it."
    ),
    where=N_("They lie where you saved them at the SAT's office or when you renewed it; often on a USB stick."),
    modes=(Mode.DIRECT,),
    parts=CERTIFICATE.parts,
    fields=(
        Field(
            name="password",
            label=N_("Password of the private key"),
            help=N_("The e.firma's own. It is not the one that you sign in to the SAT's site with."),
            kind="password",
        ),
    ),
    check="fiel",
    open=False,
)
LOGO: Final = Operation(
    slug="facturapi/logo",
    title=N_("Your logo"),
    intro=N_("It is printed on your invoices."),
    modes=(Mode.RELAY,),
    parts=(
        Part(
            name="file",
            label=N_("Logo (JPG or PNG)"),
            help=N_("At most 500 kB; 800 × 500 pixels look best."),
            max_bytes=500_000,
        ),
    ),
    check="image",
)

#: What a file is called there; the provider goes by the name of the part, and the customer's own name is theirs.
FILENAMES: Final = {"cer": "certificate.cer", "key": "certificate.key"}
IMAGE_TYPES: Final = {"png": ("logo.png", "image/png"), "jpeg": ("logo.jpg", "image/jpeg")}
OCTETS: Final = "application/octet-stream"
#: Most pending steps that are worth showing, and how much of each.
MOST_STEPS, STEP_LENGTH = 10, 200
#: Listed in one page, which is what the list of things to choose from needs.
PAGE: Final = "100"


class Settings(BaseModel):
    """What a connection says beside its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organization_id: str = Setting(
        pattern=r"^[0-9a-f]{24}$", description="Id of the organization at Facturapi, 24 hexadecimal digits."
    )


class Facturapi:
    """The provider. Its key is the account's (`sk_user_`, the house's) or one organization's own (`sk_live_`)."""

    slug: ClassVar[str] = "facturapi"
    title: ClassVar[str] = "Facturapi"
    operations: ClassVar[tuple[Operation, ...]] = (CERTIFICATE, FIEL, LOGO)
    settings: ClassVar[type[BaseModel]] = Settings
    stores: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[tuple[RateLimit, ...]] = ()

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:  # noqa: ARG002
        return (CredentialField(name="key"),)

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        if account.environment != "sandbox":
            return BASE_URL
        return sandbox_url + SANDBOX_PATH if sandbox_url else ""

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:  # noqa: ARG002
        return {"Authorization": f"Bearer {credential['key'].get_secret_value()}"}

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Look, ask where it matters, send, and look again where the answer leaves it in doubt."""
        look = Outgoing(method="GET", path=_path(account))
        answer = yield look
        before = replies.organization(answer, account)
        if before is None:
            return replies.refusal(answer)
        if question := _question(operation, handin, account, before):
            return question
        baseline = _held(operation, before)
        answer = yield Outgoing(
            method="PUT",
            path=f"{look.path}/{operation.name}",
            body=Multipart(parts=_parts(handin)),
            baseline=baseline,
        )
        after = replies.organization(answer, account)
        if after is not None and _says_so(operation, handin, after):
            return _delivered(account, after, answer)
        if _in_doubt(answer):
            looked = replies.organization((yield look), account)
            return _settled(answer, account, looked, _arrived(operation, handin, looked, baseline))
        return replies.verdict(replies.refusal(answer), handin, before)

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """By what the organization held before: the upload itself left no id."""
        answer = yield Outgoing(method="GET", path=_path(account))
        looked = replies.organization(answer, account)
        if looked is None:
            refused = replies.refusal(answer)
            return replace(refused, ending=Ending.RETRY) if refused.ending is Ending.FAILED else refused
        arrived = _arrived(operation, handin, looked, handin.baseline)
        if arrived:
            return _delivered(account, looked, answer)
        ending, problem = (Ending.UNKNOWN, "unconfirmed") if arrived is None else (Ending.FAILED, "provider-error")
        return replace(replies.refusal(answer), ending=ending, problem=problem)

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:  # noqa: ARG002
        """Read the organization; with a house's key, which belongs to none, the account's list of them."""
        if not account.settings:
            answer = yield Outgoing(method="GET", path="/organizations", query={"limit": "1"})
            if isinstance(answer, Reply) and answer.ok and isinstance(answer.json, dict):
                return Verdict(ok=True, detail=f"the account has {answer.json.get('total_results')} organizations")
        else:
            answer = yield Outgoing(method="GET", path=_path(account))
            found = replies.organization(answer, account)
            if found is not None:
                legal = replies.block(found, "legal")
                name = (
                    replies.text(legal, "legal_name") or replies.text(legal, "name") or "an organization without a name"
                )
                return Verdict(ok=True, detail=f"{name}, RFC {replies.text(legal, 'tax_id') or 'not known there yet'}")
        refused = replies.refusal(answer)
        told = (refused.message, refused.code, str(refused.http_status or ""))
        return Verdict(ok=False, detail=f"{refused.problem}: " + "; ".join(filter(None, told)))

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:  # noqa: ARG002 - there is one page
        """What the organization holds: its certificates by their number, its logo by its address."""
        answer = yield Outgoing(method="GET", path=_path(account))
        found = replies.organization(answer, account)
        if found is None:
            raise Unavailable(replies.refusal(answer))
        listed = []
        for name in ("certificate", "fiel"):
            block = replies.block(found, name)
            if serial := replies.text(block, "serial_number"):
                listed.append(Listed(id=serial, name=name, created_at=replies.date(block, "updated_at")))
        if logo := replies.text(found, "logo_url"):
            listed.append(Listed(id=logo, name="logo"))
        return Page(items=tuple(listed))


def _path(account: Account) -> str:
    return f"/organizations/{account.settings['organization_id']}"


def _parts(handin: HandIn) -> tuple[OutgoingPart, ...]:
    """The files, and behind them the password, as the vendor's own clients send them."""
    files = []
    for part in handin.parts.values():
        format_ = replies.block(handin.facts, part.name).get("format")
        filename, content_type = IMAGE_TYPES.get(str(format_), (FILENAMES.get(part.name, part.name), OCTETS))
        files.append(OutgoingPart(name=part.name, file=part, filename=filename, content_type=content_type))
    secrets = (OutgoingPart(name=name, value=secret) for name, secret in handin.secrets.items())
    return (*files, *secrets)


def _question(
    operation: Operation, handin: HandIn, account: Account, organization: Mapping[str, Any]
) -> Outcome | None:
    """What a customer has to say yes to first; an equal certificate is sent again unasked."""
    if operation is LOGO or handin.replace:
        return None
    block = replies.block(organization, operation.name)
    if replies.text(block, "serial_number") == handin.facts["number"]:
        return None
    if account.environment == "live" and handin.facts["test"]:
        return Outcome(ending=Ending.REJECTED, problem="test_certificate", field="cer")
    held, ours = replies.date(block, "expires_at"), replies.date(handin.facts, "not_after")
    if held and ours and held > ours:
        params = {"held_date": held, "date": ours}
        return Outcome(ending=Ending.REJECTED, problem="older_certificate", field="cer", params=params)
    return None


def _held(operation: Operation, organization: Mapping[str, Any]) -> dict[str, str | None]:
    """What tells one state of the organization's file from the next."""
    if operation is LOGO:
        return {"logo_url": replies.text(organization, "logo_url")}
    block = replies.block(organization, operation.name)
    return {"serial": replies.text(block, "serial_number"), "updated_at": replies.text(block, "updated_at")}


def _says_so(operation: Operation, handin: HandIn, organization: Mapping[str, Any]) -> bool:
    """Whether the answer to an upload shows what was uploaded."""
    held = _held(operation, organization)
    return held["logo_url"] is not None if operation is LOGO else held["serial"] == handin.facts["number"]


def _arrived(
    operation: Operation, handin: HandIn, looked: Mapping[str, Any] | None, baseline: Mapping[str, Any]
) -> bool | None:
    """Whether what is held now is what was handed in since `baseline`; None where that cannot be told."""
    if looked is None:
        return None
    held = _held(operation, looked)
    if held == baseline:
        # A logo may be replaced under the address that the former one had.
        return None if held.get("logo_url") else False
    if operation is LOGO:
        return True if held["logo_url"] else None
    changed = held["updated_at"] != baseline.get("updated_at")
    return True if changed and held["serial"] == handin.facts["number"] else None


def _in_doubt(answer: Answer) -> bool:
    """Whether only a look can tell if the file was taken: also after a 200 that does not show it."""
    if isinstance(answer, NoAnswer):
        return answer.released
    return answer.ok or answer.status in DOUBTFUL


def _settled(answer: Answer, account: Account, looked: Mapping[str, Any] | None, arrived: bool | None) -> Outcome:  # noqa: FBT001
    """What an answer in doubt comes to after the look: its own word for a failure counts if the look agrees."""
    if looked is not None and arrived:
        return _delivered(account, looked, answer)
    erred = isinstance(answer, Reply) and not answer.ok
    if erred and arrived is False:
        return replace(replies.refusal(answer), ending=Ending.FAILED)
    return replace(replies.refusal(answer), ending=Ending.UNKNOWN, problem="unconfirmed")


def _delivered(account: Account, organization: Mapping[str, Any], answer: Answer) -> Outcome:
    steps = organization.get("pending_steps")
    pending = [
        text[:STEP_LENGTH]
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, dict) and (text := replies.text(step, "description") or replies.text(step, "type"))
    ]
    told = replies.refusal(answer)
    return Outcome(
        ending=Ending.DELIVERED,
        reference=account.settings["organization_id"],
        facts={"pending_steps": pending[:MOST_STEPS]},
        http_status=told.http_status,
        code=told.code,
        log_id=told.log_id,
    )
