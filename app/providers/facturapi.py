"""Facturapi, API v2: an organization's seal certificate (CSD), e.firma, logo and legal data.

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

from app.providers import facturapi_replies as replies
from app.providers import reading
from app.providers.base import (
    Account,
    CredentialField,
    Ending,
    HandIn,
    Listed,
    Look,
    Page,
    RateLimit,
    Steps,
    Unavailable,
    Verdict,
    address,
)
from app.providers.facturapi_kept import KEPT, delivered, path, settled
from app.providers.facturapi_operations import CERTIFICATE, FIEL, LEGAL, LOGO
from app.providers.operation import Operation
from app.providers.outcomes import in_doubt, not_verified, unconfirmed, unlearnt
from app.providers.wire import Json, Outgoing, Reply

__all__ = ["BASE_URL", "CERTIFICATE", "FIEL", "LEGAL", "LOGO", "Facturapi"]

BASE_URL: Final = "https://www.facturapi.io/v2"
SANDBOX_PATH: Final = "/facturapi/v2"

#: Organizations on one page of those to choose from, and the last page that there can be.
PAGE_SIZE, LAST_PAGE = 50, 30
#: Longest name of an organization.
LONGEST_NAME: Final = 100


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
    operations: ClassVar[tuple[Operation, ...]] = (CERTIFICATE, FIEL, LOGO, LEGAL)
    settings: ClassVar[type[BaseModel]] = Settings
    stores: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[tuple[RateLimit, ...]] = ()
    choosable: ClassVar[Mapping[str, bool]] = {"organization_id": True}

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:  # noqa: ARG002
        return (CredentialField(name="key"),)

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        return address(account, BASE_URL, sandbox=sandbox_url, path=SANDBOX_PATH)

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:  # noqa: ARG002
        return {"Authorization": f"Bearer {credential['key'].get_secret_value()}"}

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Look, ask where it matters, send, and look again where the answer leaves it in doubt."""
        kept = KEPT[operation.name]
        look = Outgoing(method="GET", path=path(account))
        answer = yield look
        before = replies.organization(answer, account)
        if before is None:
            return replies.refusal(answer)
        if question := kept.question(handin, account, before):
            return question
        baseline = kept.baseline(handin, before)
        answer = yield Outgoing(
            method="PUT",
            path=f"{look.path}/{operation.name}",
            body=kept.body(handin),
            without_file=not operation.parts,
            baseline=baseline,
        )
        after = replies.organization(answer, account)
        if after is not None and kept.says_so(handin, after):
            return delivered(account, after, answer)
        if in_doubt(answer):
            looked = replies.organization((yield look), account)
            return settled(answer, account, looked, looked and kept.arrived(handin, looked, baseline))
        return replies.verdict(replies.refusal(answer), handin, before)

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """By what the organization held before: the upload itself left no id."""
        answer = yield Outgoing(method="GET", path=path(account))
        looked = replies.organization(answer, account)
        refused = replies.refusal(answer)
        if looked is None:
            return unlearnt(refused)
        arrived = KEPT[operation.name].arrived(handin, looked, handin.baseline)
        if arrived:
            return delivered(account, looked, answer)
        return unconfirmed(refused) if arrived is None else replace(refused, ending=Ending.FAILED)

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:  # noqa: ARG002
        """Read the organization; with a house's key, which belongs to none, the account's list of them."""
        if not account.settings:
            answer = yield Outgoing(method="GET", path="/organizations", query={"limit": "1"})
            if isinstance(answer, Reply) and answer.ok and isinstance(answer.json, dict):
                return Verdict(ok=True, detail=f"the account has {answer.json.get('total_results')} organizations")
        else:
            answer = yield Outgoing(method="GET", path=path(account))
            found = replies.organization(answer, account)
            if found is not None:
                legal = reading.block(found, "legal")
                name = (
                    reading.text(legal, "legal_name") or reading.text(legal, "name") or "an organization without a name"
                )
                return Verdict(ok=True, detail=f"{name}, RFC {reading.text(legal, 'tax_id') or 'not known there yet'}")
        return not_verified(replies.refusal(answer))

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:  # noqa: ARG002 - there is one page
        """What the organization holds: its certificates by their number, its logo by its address."""
        answer = yield Outgoing(method="GET", path=path(account))
        found = replies.organization(answer, account)
        if found is None:
            raise Unavailable(replies.refusal(answer))
        listed = []
        for name in ("certificate", "fiel"):
            block = reading.block(found, name)
            if serial := reading.text(block, "serial_number"):
                changed, ends = (reading.moment(block, one) for one in ("updated_at", "expires_at"))
                listed.append(Listed(id=serial, name=name, created_at=changed, ends_at=ends))
        if logo := reading.text(found, "logo_url"):
            listed.append(Listed(id=logo, name="logo"))
        return Page(items=tuple(listed))

    def choices(self, account: Account, setting: str, cursor: str | None = None) -> Look[Page]:  # noqa: ARG002 - there is one
        """The account's organizations; with an organization's own key, that one."""
        page = int(cursor) if cursor and cursor.isdecimal() else 1
        query = {"page": str(page), "limit": str(PAGE_SIZE)}
        answer = yield Outgoing(method="GET", path="/organizations", query=query)
        found = replies.listed(answer)
        if found is not None and isinstance(answer, Reply):
            more = page < min(LAST_PAGE, replies.pages(answer))
            return Page(items=tuple(map(_listed, found)), next=str(page + 1) if more else None)
        if replies.is_of_another_key(answer):
            answer = yield Outgoing(method="GET", path="/organizations/me")
            if (own := replies.any_organization(answer)) is not None:
                return Page(items=(_listed(own),))
        raise Unavailable(replies.refusal(answer))

    def make(self, account: Account, setting: str, name: str) -> Look[Listed]:  # noqa: ARG002
        """A new organization; sent once, for nothing tells a second from the first."""
        answer = yield Outgoing(method="POST", path="/organizations", body=Json(value={"name": name[:LONGEST_NAME]}))
        made = replies.any_organization(answer)
        if made is None:
            refused = replies.refusal(answer)
            raise Unavailable(unconfirmed(refused) if in_doubt(answer) else refused)
        return _listed(made)


def _listed(organization: Mapping[str, Any]) -> Listed:
    legal = reading.block(organization, "legal")
    name = reading.text(legal, "name") or reading.text(legal, "legal_name") or "an organization without a name"
    rfc = reading.text(legal, "tax_id")
    return Listed(
        id=str(organization["id"]),
        name=f"{name}, RFC {rfc}" if rfc else name,
        created_at=reading.moment(organization, "created_at"),
    )
