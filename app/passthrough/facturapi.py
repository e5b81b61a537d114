"""Facturapi as its clients see it: Bearer, or Basic with the key for a user's name; one organization of the account."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from app.errors import N_
from app.passthrough.base import Spelled, Told, bearer
from app.passthrough.rules import Rules, allow, ask, deny, path
from app.providers import facturapi_replies as replies
from app.providers.base import Account, HandIn, Outcome
from app.providers.facturapi_kept import KEPT, delivered
from app.providers.operation import Operation
from app.providers.outcomes import in_doubt, unconfirmed
from app.providers.wire import Answer

ONE: Final = "/organizations/{organization}"
OWN: Final = (path("organization", "organization_id"),)

RULES: Final = Rules(
    deny("POST /organizations", N_("An account's organizations are made by the operators of this gateway.")),
    ask("GET /organizations", N_("It lists every organization of the account."), borrowed=False),
    allow("GET /organizations/me", N_("It shows the organization of the key."), borrowed=False),
    allow(f"GET {ONE}", N_("It shows the connection's organization."), owned=OWN),
    deny(f"DELETE {ONE}", N_("It deletes the organization with everything in it.")),
    allow(f"PUT {ONE}/legal", N_("It changes what invoices say of the organization."), owned=OWN),
    allow(f"PUT {ONE}/customization", N_("It changes how invoices look."), owned=OWN),
    allow(f"PUT {ONE}/receipts", N_("It changes how receipts are numbered and end."), owned=OWN),
    ask(f"PUT {ONE}/self-invoice", N_("It opens a page to customers, who make invoices by it."), owned=OWN),
    ask(f"PUT {ONE}/domain", N_("It moves the address of the organization's public pages."), owned=OWN),
    allow("GET /organizations/domain-check", N_("It asks whether an address is free.")),
    allow(
        f"PUT {ONE}/logo",
        N_("It replaces the logo."),
        operation="facturapi/logo",
        parts={"file": "file"},
        owned=OWN,
        again=ONE,
    ),
    allow(
        f"PUT {ONE}/certificate",
        N_("It replaces the certificate that invoices are sealed with."),
        operation="facturapi/certificate",
        parts={"cer": "cer", "key": "key"},
        fields=("password",),
        owned=OWN,
        again=ONE,
    ),
    ask(f"DELETE {ONE}/certificate", N_("Without a certificate nothing can be invoiced."), owned=OWN),
    ask(
        f"PUT {ONE}/fiel",
        N_("An e.firma signs for its owner: it is taken where an operator wants it."),
        operation="facturapi/fiel",
        parts={"cer": "cer", "key": "key"},
        fields=("password",),
        owned=OWN,
        again=ONE,
    ),
    deny(f"GET {ONE}/apikeys/test", N_("It shows a key, which nobody outside of the gateway has.")),
    deny(f"PUT {ONE}/apikeys/test", N_("It kills the test key that is in use, and shows another.")),
    ask(f"GET {ONE}/apikeys/live", N_("It lists the organization's keys by their first letters."), owned=OWN),
    deny(f"PUT {ONE}/apikeys/live", N_("It makes a key that leads around the gateway.")),
    deny(f"DELETE {ONE}/apikeys/live/{{key}}", N_("It kills a key, perhaps the one that the gateway itself uses.")),
    deny(
        f"PUT {ONE}/apikeys/live/{{key}}", N_("One client kills keys so, perhaps the one that the gateway itself uses.")
    ),
    *(
        ask(
            f"{method} {ONE}/series-group{more}",
            N_("It changes how the organization's invoices are numbered."),
            owned=OWN,
        )
        for method, more in (("POST", ""), ("PUT", "/{series}"), ("DELETE", "/{series}"))
    ),
    allow(f"GET {ONE}/series-group", N_("It lists the series that invoices are numbered by."), owned=OWN),
    *(
        deny(call, N_("Who works in the account is its owner's business."))
        for call in (
            f"GET {ONE}/team",
            f"GET {ONE}/team/{{access}}",
            f"DELETE {ONE}/team/{{access}}",
            f"PUT {ONE}/team/{{access}}/role",
            f"GET {ONE}/team/invites",
            f"POST {ONE}/team/invites",
            f"DELETE {ONE}/team/invites/{{key}}",
            f"GET {ONE}/team/roles",
            f"POST {ONE}/team/roles",
            f"GET {ONE}/team/roles/{{role}}",
            f"PUT {ONE}/team/roles/{{role}}",
            f"DELETE {ONE}/team/roles/{{role}}",
            f"GET {ONE}/team/roles/templates",
            f"GET {ONE}/team/roles/operations",
            "GET /organizations/invites/pending",
            "POST /organizations/invites/{key}/response",
        )
    ),
)

#: Code of a refusal of ours, by its slug; the reverse of what the provider's own codes mean to us.
CODES: Final = {
    **{slug: code for code, (slug, _) in reversed(list(replies.VERDICTS.items()))},
    "unauthorized": "api_key_invalid",
    "token-revoked": "api_key_invalid",
    "missing-file": "image_file_required",
    "too_large": "payload_too_large",
    "file-too-large": "payload_too_large",
    "body-too-large": "payload_too_large",
    "not-multipart": "invalid_multipart_form_data",
    "malformed": "invalid_multipart_form_data",
    "truncated": "invalid_multipart_form_data",
    "bad-boundary": "invalid_multipart_form_data",
    "empty-file": "invalid_image_file",
    **dict.fromkeys(("swapped", "not_der", "cer_unreadable", "key_decrypted"), "certificate_files_invalid"),
    **dict.fromkeys(("not_sat", "revoked"), "certificate_invalid"),
    "password_encoding": "private_key_password_incorrect",
}
#: Codes of what is missing, by the part that is.
MISSING: Final = {"cer": "certificate_file_required", "key": "private_key_file_required", "password": "invalid_request"}
#: Status and code where a slug has none of its own, by the status that the API has for it. Its clients know 400, 401,
#: 404, 429 and 500; a length that is missing is told as HTTP tells it, since none of them leaves it out.
BY_STATUS: Final = {
    401: (401, "unauthorized"),
    403: (401, "api_key_not_allowed"),
    404: (404, "not_found"),
    411: (411, "invalid_request"),
    429: (429, "rate_limit_exceeded"),
}
REFUSED: Final = (400, "invalid_request")
BROKEN: Final = (500, "internal_error")


class Facturapi:
    """The face."""

    slug: ClassVar[str] = "facturapi"
    base_path: ClassVar[str] = "/v2"
    rules: ClassVar[Rules] = RULES
    own_names: ClassVar[frozenset[str]] = frozenset({"me"})
    language: ClassVar[str] = "es"

    def token(self, authorization: str) -> str | None:
        """Of Bearer, or of Basic: the key is the user's name, and there is no password."""
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() != "basic":
            return bearer(authorization)
        try:
            user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user if user and not password else None

    def spell(self, told: Told) -> Spelled:
        """A body whose `status` is the answer's, for its clients believe that one."""
        status, code = BY_STATUS.get(told.status, BROKEN if told.status >= 500 else REFUSED)
        if told.slug == "not-found":
            code = "organization_not_found"
        elif status != BROKEN[0]:
            code = MISSING[told.field] if told.slug == "missing" and told.field else CODES.get(told.slug, code)
        headers = {} if told.upload_id is None else {"X-Facturapi-Log-Id": str(told.upload_id)}
        if told.retry_after is not None:
            headers["Retry-After"] = str(told.retry_after)
        body = {"ok": False, "message": told.detail, "status": status, "code": code}
        if told.field:
            body |= {"location": "body", "path": told.field}
        return Spelled(status=status, body=body, headers=headers)

    def baseline(self, operation: Operation, fields: Mapping[str, str], now: datetime) -> Mapping[str, str]:  # noqa: ARG002
        """When it was sent: nothing is read before, for a call is one call."""
        return {"since": now.isoformat()}

    def judge(self, operation: Operation, handin: HandIn, account: Account, answer: Answer) -> Outcome:
        """By the organization that it shows, as it is after the upload."""
        after = replies.organization(answer, account)
        if after is not None and KEPT[operation.name].says_so(handin, after):
            return delivered(account, after, answer)
        refused = replies.refusal(answer)
        if in_doubt(answer):
            return unconfirmed(refused)
        return replies.verdict(refused, handin, {})
