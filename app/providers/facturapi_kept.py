"""What Facturapi keeps of an organization, by kind: how it is sent, and how one state is told from the next."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from app.providers import facturapi_replies as replies
from app.providers import reading
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.outcomes import erred, unconfirmed
from app.providers.wire import Answer, Json, Multipart, OutgoingPart

Organization = Mapping[str, Any]

#: What a file is called there; the provider goes by the name of the part, and the customer's own name is theirs.
FILENAMES: Final = {"cer": "certificate.cer", "key": "certificate.key"}
IMAGE_TYPES: Final = {"png": ("logo.png", "image/png"), "jpeg": ("logo.jpg", "image/jpeg")}
OCTETS: Final = "application/octet-stream"
#: Legal data: what has to be given, and what the address beside it may have.
DATA: Final = ("name", "legal_name", "tax_system", "website", "support_email", "phone")
ADDRESS: Final = ("zip", "street", "exterior", "interior", "neighborhood", "city", "municipality", "state")
#: Most pending steps that are worth showing, and how much of each.
MOST_STEPS, STEP_LENGTH = 10, 200

#: In a baseline: when it was sent, where nothing was read before that; and how far our clock and its may be apart.
SINCE: Final = "since"
SKEW: Final = timedelta(minutes=5)


class Kept(Protocol):
    """One kind of what is kept."""

    def body(self, handin: HandIn) -> Multipart | Json: ...

    def question(self, handin: HandIn, account: Account, organization: Organization) -> Outcome | None:
        """What a customer has to say yes to first."""
        ...

    def baseline(self, handin: HandIn, organization: Organization) -> Mapping[str, str | None]:
        """What `arrived` compares with; remembered with the mark."""
        ...

    def says_so(self, handin: HandIn, organization: Organization) -> bool:
        """Whether the answer to an upload shows what was uploaded."""
        ...

    def arrived(self, handin: HandIn, looked: Organization, baseline: Mapping[str, Any]) -> bool | None:
        """Whether what is held now is what was handed in since `baseline`; None where that cannot be told."""
        ...


@dataclass(frozen=True, slots=True)
class Seal:
    """A certificate with its key: the CSD, or the e.firma."""

    name: str

    def body(self, handin: HandIn) -> Multipart:
        """The files, and behind them the password, as the vendor's own clients send them."""
        files = (
            OutgoingPart(name=part.name, file=part, filename=FILENAMES[part.name], content_type=OCTETS)
            for part in handin.parts.values()
        )
        secrets = (OutgoingPart(name=name, value=secret) for name, secret in handin.secrets.items())
        return Multipart(parts=(*files, *secrets))

    def question(self, handin: HandIn, account: Account, organization: Organization) -> Outcome | None:
        """Before something newer is replaced, or a test's is made the real one; an equal one is sent again unasked."""
        block = reading.block(organization, self.name)
        if handin.replace or reading.text(block, "serial_number") == handin.facts["number"]:
            return None
        if account.environment == "live" and handin.facts["test"]:
            return Outcome(ending=Ending.REJECTED, problem="test_certificate", field="cer")
        held, ours = reading.moment(block, "expires_at"), reading.moment(handin.facts, "not_after")
        if held and ours and held > ours:
            params = {"held_date": held, "date": ours}
            return Outcome(ending=Ending.REJECTED, problem="older_certificate", field="cer", params=params)
        return None

    def baseline(self, handin: HandIn, organization: Organization) -> Mapping[str, str | None]:  # noqa: ARG002
        block = reading.block(organization, self.name)
        return {"serial": reading.text(block, "serial_number"), "updated_at": reading.text(block, "updated_at")}

    def says_so(self, handin: HandIn, organization: Organization) -> bool:
        return bool(self.baseline(handin, organization)["serial"] == handin.facts["number"])

    def arrived(self, handin: HandIn, looked: Organization, baseline: Mapping[str, Any]) -> bool | None:
        held = self.baseline(handin, looked)
        if SINCE in baseline:
            return self._since(handin, looked, datetime.fromisoformat(baseline[SINCE]) - SKEW)
        if held == baseline:
            return False
        changed = held["updated_at"] != baseline.get("updated_at")
        return True if changed and held["serial"] == handin.facts["number"] else None

    def _since(self, handin: HandIn, looked: Organization, since: datetime) -> bool | None:
        """The same where nothing was read before: by when it was last changed."""
        changed_at = reading.moment(reading.block(looked, self.name), "updated_at")
        if changed_at is None or changed_at < since:
            return False
        return True if self.says_so(handin, looked) else None


@dataclass(frozen=True, slots=True)
class Logo:
    """An image, known by its address alone."""

    def body(self, handin: HandIn) -> Multipart:
        files = []
        for part in handin.parts.values():
            format_ = reading.text(reading.block(handin.facts, part.name), "format")
            filename, content_type = IMAGE_TYPES.get(format_ or "", (part.name, OCTETS))
            files.append(OutgoingPart(name=part.name, file=part, filename=filename, content_type=content_type))
        return Multipart(parts=tuple(files))

    def question(self, handin: HandIn, account: Account, organization: Organization) -> None: ...

    def baseline(self, handin: HandIn, organization: Organization) -> Mapping[str, str | None]:  # noqa: ARG002
        return {"logo_url": reading.text(organization, "logo_url")}

    def says_so(self, handin: HandIn, organization: Organization) -> bool:
        return self.baseline(handin, organization)["logo_url"] is not None

    def arrived(self, handin: HandIn, looked: Organization, baseline: Mapping[str, Any]) -> bool | None:
        held = self.baseline(handin, looked)
        if SINCE in baseline:
            return None if held["logo_url"] else False
        if held == baseline:
            # It may be replaced under the address that the former one had.
            return None if held["logo_url"] else False
        return True if held["logo_url"] else None


@dataclass(frozen=True, slots=True)
class Legal:
    """Who the organization is. What is remembered of it is a digest: enough to compare, and nothing to read."""

    def body(self, handin: HandIn) -> Json:
        given = {name: value.strip() for name, value in handin.fields.items() if value.strip()}
        data: dict[str, Any] = {name: given[name] for name in DATA if name in given}
        return Json(value={**data, "address": {name: given[name] for name in ADDRESS if name in given}})

    def question(self, handin: HandIn, account: Account, organization: Organization) -> None: ...

    def baseline(self, handin: HandIn, organization: Organization) -> Mapping[str, str | None]:
        return {"legal": _digest(reading.block(organization, "legal")), "sent": _digest(self.body(handin).value)}

    def says_so(self, handin: HandIn, organization: Organization) -> bool:
        told = self.baseline(handin, organization)
        return told["legal"] == told["sent"]

    def arrived(self, handin: HandIn, looked: Organization, baseline: Mapping[str, Any]) -> bool | None:  # noqa: ARG002
        held = _digest(reading.block(looked, "legal"))
        if held == baseline.get("sent"):
            return True
        return False if held == baseline.get("legal") else None


#: By the name of an operation.
KEPT: Final[Mapping[str, Kept]] = {
    "certificate": Seal("certificate"),
    "fiel": Seal("fiel"),
    "logo": Logo(),
    "legal": Legal(),
}


def path(account: Account) -> str:
    return f"/organizations/{account.settings['organization_id']}"


def settled(answer: Answer, account: Account, looked: Organization | None, arrived: object) -> Outcome:
    """What an answer in doubt comes to after the look: its own word for a failure counts if the look agrees."""
    if looked is not None and arrived is True:
        return delivered(account, looked, answer)
    refused = replies.refusal(answer)
    return replace(refused, ending=Ending.FAILED) if erred(answer) and arrived is False else unconfirmed(refused)


def delivered(account: Account, organization: Organization, answer: Answer) -> Outcome:
    """It is there; and so much is still to be done there."""
    steps = organization.get("pending_steps")
    pending = [
        text[:STEP_LENGTH]
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, dict) and (text := reading.text(step, "description") or reading.text(step, "type"))
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


def _digest(legal: Mapping[str, Any]) -> str:
    """Of what has to be given, however it is spelt: what is kept may come back in capitals, or without accents."""
    address = reading.block(legal, "address")
    told = [reading.text(legal, name) for name in DATA[:3]] + [reading.text(address, "zip")]
    return hashlib.sha256(json.dumps([_plain(one or "") for one in told]).encode()).hexdigest()


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if letter.isalnum())
