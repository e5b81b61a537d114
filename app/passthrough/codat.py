"""Codat as its clients see it: Basic with the key alone; the uploads of one company of the client's."""

from __future__ import annotations

import base64
import binascii
from typing import Any, ClassVar, Final
from uuid import uuid4

from app.passthrough.base import Spelled, Told
from app.passthrough.rules import Rules, allow, deny, path
from app.providers import codat_replies as replies
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.operation import Operation
from app.providers.outcomes import in_doubt, unconfirmed
from app.providers.wire import Answer, Reply

COMPANY: Final = path("company", "company_id")

RULES: Final = Rules(
    allow(
        "POST /companies/{company}/connections/{connection}/files",
        "It uploads a file for the company, over the connection that takes its files.",
        operation="codat/file",
        parts={"fileName": "file"},  # the vendor's package calls it otherwise than the vendor's description
        owned=(COMPANY, path("connection", "connection_id")),
    ),
    allow("GET /companies/{company}/files", "It lists what was uploaded for the company.", owned=(COMPANY,)),
    allow(
        "GET /companies/{company}/files/download",
        "It gives what was uploaded for the company, all of it or that of a day.",
        owned=(COMPANY,),
    ),
    allow("GET /companies/{company}", "It shows the company.", owned=(COMPANY,)),
    allow(
        "GET /companies/{company}/connections",
        "It lists the company's connections, and which of them take files.",
        owned=(COMPANY,),
    ),
    deny("GET /companies", "It lists every company of the client, so other organizations' too."),
    deny("POST /companies", "Companies are made by the operators, who give each organization its own."),
    deny("PUT /companies/{company}", "What a company is called is the operators' business."),
    deny("DELETE /companies/{company}", "It would end all that was ever shared of the company."),
    deny(
        "POST /companies/{company}/connections", "Which sources a company is connected to is the operators' business."
    ),
    deny("PATCH /companies/{company}/connections/{connection}", "It can cut the company off from its sources."),
    deny("DELETE /companies/{company}/connections/{connection}", "It would end what the company shares."),
    deny("GET /integrations", "It is of the client's account, and says nothing of a company."),
)

#: The statuses that its clients know. They come again, for up to an hour, after those that say that it may pass.
PASSES: Final = (429, 503)
STATUSES: Final = frozenset({400, 401, 403, 404, *PASSES, 500})
REFUSED, AWAY = 400, 503


class Codat:
    """The face."""

    slug: ClassVar[str] = "codat"
    base_path: ClassVar[str] = ""
    rules: ClassVar[Rules] = RULES
    own_names: ClassVar[frozenset[str]] = frozenset()
    language: ClassVar[str] = "en"

    def token(self, authorization: str) -> str | None:
        """Of Basic, which holds the key and neither a name nor a colon."""
        scheme, _, rest = authorization.partition(" ")
        try:
            key = base64.b64decode(rest.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            return None
        return key or None

    def spell(self, told: Told) -> Spelled:
        """One object for all of them, whole every time; `canBeRetried` is a text, for its package takes no other."""
        status = told.status if told.status in STATUSES else AWAY if told.status > 500 else REFUSED
        again = "Unknown" if told.slug == "unconfirmed" else str(status in PASSES)
        fault = {"itemId": told.field, "message": told.detail, "validatorName": told.slug}
        body: dict[str, Any] = {
            "statusCode": status,
            "service": "PublicApi",
            "error": told.detail,
            "correlationId": (told.upload_id or uuid4()).hex,
            "validation": {"errors": [fault], "warnings": []} if told.field and status == REFUSED else None,
            "canBeRetried": again,
            "detailedErrorCode": 0,
        }
        headers = {} if told.retry_after is None else {"Retry-After": str(told.retry_after)}
        return Spelled(status=status, body=body, headers=headers)

    def judge(self, operation: Operation, handin: HandIn, account: Account, answer: Answer) -> Outcome:  # noqa: ARG002
        """Exactly 200 says that it is there, and nothing else of it."""
        if isinstance(answer, Reply) and answer.status == 200:
            return Outcome(ending=Ending.DELIVERED, http_status=answer.status)
        refused = replies.refusal(answer)
        return unconfirmed(refused) if in_doubt(answer) else refused
