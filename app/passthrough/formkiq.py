"""FormKiQ as its clients see it: the key as it is, or a token behind Bearer; the documents of one site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from app.passthrough.base import Spelled, Told, bearer
from app.passthrough.formkiq_calls import OPERATION, announce, inline
from app.passthrough.rules import Rules, allow, ask, deny, query
from app.providers import formkiq_replies as replies
from app.providers import reading
from app.providers.base import Account, Ending, HandIn, Outcome
from app.providers.operation import Operation
from app.providers.outcomes import in_doubt, unconfirmed
from app.providers.wire import Answer, Reply

#: Which site a call is about. One that does not say is about the default one, or the only one that the key is for.
SITE: Final = (query("siteId", "site_id", absent="default"),)

RULES: Final = Rules(
    allow(
        "POST /documents",
        "It adds a document whose content is in the call.",
        operation=OPERATION,
        make=inline,
        owned=SITE,
    ),
    allow(
        "POST /documents/upload",
        "It announces a document, and tells where its bytes are put: through the gateway.",
        make=announce,
        owned=SITE,
    ),
    allow("GET /documents/upload", "It announces a document by its path alone.", make=announce, owned=SITE),
    ask(
        "GET /documents/{document}/upload",
        "It tells where other bytes are put in the place of a document's.",
        make=announce,
        owned=SITE,
    ),
    allow("GET /documents", "It lists the site's documents.", owned=SITE),
    allow("GET /documents/{document}", "It shows what is known of a document.", owned=SITE),
    allow("GET /documents/{document}/content", "It gives a document's text, or where its bytes are.", owned=SITE),
    allow("GET /documents/{document}/url", "It tells where a document's bytes are.", owned=SITE),
    ask("DELETE /documents/{document}", "It takes a document away.", owned=SITE),
    deny("PATCH /documents/{document}", "It can replace what a document contains by what nobody has looked at."),
    deny("POST /public/documents", "It takes documents from nobody in particular: here everybody has a token."),
    deny("GET /configuration/apiKeys", "Keys are the operators' business."),
    deny("POST /configuration/apiKeys", "It makes a key that leads around the gateway."),
    deny("DELETE /configuration/apiKeys/{key}", "It kills a key, perhaps the one that the gateway itself uses."),
    deny("GET /sites", "It lists every site of the installation, so other organizations' too."),
)

#: The statuses that its clients know, beside 400 and 500.
STATUSES: Final = frozenset({401, 403, 404, 409, 413, 429, 502, 504})
REFUSED, AWAY = 400, 502


class Formkiq:
    """The face."""

    slug: ClassVar[str] = "formkiq"
    base_path: ClassVar[str] = ""
    rules: ClassVar[Rules] = RULES
    own_names: ClassVar[frozenset[str]] = frozenset()
    language: ClassVar[str] = "en"

    def token(self, authorization: str) -> str | None:
        """A key stands alone, and a token mostly behind Bearer; a gateway's is taken for either."""
        return bearer(authorization) or (None if " " in authorization.strip() else authorization.strip() or None)

    def spell(self, told: Told) -> Spelled:
        """What is wrong with a value, by its name; everything else as a message."""
        status = told.status
        if status not in STATUSES:
            status = AWAY if status > 500 else 500 if status == 500 else REFUSED
        body: Mapping[str, Any] = {"message": told.detail}
        if status == REFUSED and told.field:
            body = {"errors": [{"key": told.field, "error": told.detail}]}
        again = {} if told.retry_after is None else {"Retry-After": str(told.retry_after)}
        return Spelled(status=status, body=body, headers=again)

    def judge(self, operation: Operation, handin: HandIn, account: Account, answer: Answer) -> Outcome:  # noqa: ARG002
        """It tells the id of the document that it made."""
        made = reading.text(reading.body(answer), "documentId")
        if made is not None and isinstance(answer, Reply):
            return Outcome(ending=Ending.DELIVERED, reference=made, http_status=answer.status)
        refused = replies.refusal(answer)
        return unconfirmed(refused) if in_doubt(answer) else refused
