"""Factify as its clients see it: Bearer; documents and versions of one organization there.

Its key knows no tenant below that organization: with one that several of ours share, nothing is passed on but what
neither shows nor changes another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

from app.passthrough import rules
from app.passthrough.base import Spelled, Told, bearer
from app.passthrough.rules import Rules, deny
from app.providers import factify_replies as replies
from app.providers import factify_steps as steps
from app.providers.base import Account, HandIn, Outcome
from app.providers.factify import DOCUMENT, VERSION
from app.providers.factify_search import ROOT
from app.providers.operation import Operation
from app.providers.wire import Answer

D, V, O = f"{ROOT}/documents", f"{ROOT}/versions", f"{ROOT}/organizations"  # noqa: E741 - as its contract calls them
ONE, ORG = f"{D}/{{document_id}}", f"{O}/{{organization_id}}"
#: What is shared with whoever has the same key.
allow, ask = partial(rules.allow, borrowed=False), partial(rules.ask, borrowed=False)

RULES: Final = Rules(
    # documents
    allow(f"GET {D}", "It lists documents."),
    rules.allow(
        f"POST {D}",
        "It makes a document of a file.",
        operation=DOCUMENT.slug,
        parts={"payload": "file"},
        fields=("title", "description", "access_level"),
        again=f"{D}/{{reference}}",
    ),
    rules.allow(f"GET {D}/quota", "It tells how many documents more are taken."),
    allow(f"GET {ONE}", "It shows a document."),
    allow(f"PATCH {ONE}", "It changes what a document is called, and what is said of it."),
    allow(f"GET {ONE}/duplicates", "It lists documents that are the same."),
    allow(f"GET {ONE}/export", "It tells where a document's bytes can be had for a while."),
    allow(f"POST {ONE}/process", "It has a document processed again."),
    ask(f"POST {ONE}/transfer", "A document that was given to another owner does not come back."),
    allow(f"POST {ONE}/trash", "It puts a document into the trash, from where it can be taken back."),
    allow(f"POST {ONE}/untrash", "It takes a document back."),
    # versions
    allow(f"GET {ONE}/versions", "It lists a document's versions."),
    allow(
        f"POST {ONE}/versions",
        "It makes a file the newest version of a document.",
        operation=VERSION.slug,
        parts={"payload": "file"},
        fields=("title", "description"),
        again=f"{V}/{{reference}}",
    ),
    allow(f"GET {V}/{{version_id}}", "It shows a version."),
    allow(f"PATCH {V}/{{version_id}}", "It changes what a version is called, and what is said of it."),
    allow(f"GET {V}/{{version_id}}/record", "It shows what was recorded of a version."),
    # entry pages, timelines
    allow(f"POST {ONE}/entry_page", "It makes a page that leads to a document."),
    allow(f"GET {ONE}/timeline", "It tells what has happened to a document."),
    # policies
    allow(f"GET {ONE}/policies", "It lists what a document is held to."),
    allow(f"POST {ONE}/policies", "It holds a document to something more."),
    ask(f"DELETE {ONE}/policies/{{policy_id}}", "It frees a document of what it was held to."),
    # sharing
    allow(f"GET {ONE}/general-access", "It tells who may see a document."),
    ask(f"PUT {ONE}/general-access", "It may show a document to everybody."),
    allow(f"GET {ONE}/share", "It lists whom a document is shared with."),
    allow(f"POST {ONE}/share", "It shares a document with somebody."),
    allow(f"PATCH {ONE}/share/{{recipient_id}}", "It changes what somebody may do with a document."),
    allow(f"DELETE {ONE}/share/{{recipient_id}}", "It takes a document from somebody."),
    ask(f"POST {ONE}/share-links", "Whoever has such a link sees the document."),
    # access requests
    allow(f"GET {ONE}/access", "It tells what the key may do with a document."),
    ask(f"PUT {ONE}/access", "In newer versions of the API it may show a document to everybody."),
    allow(f"GET {ONE}/capabilities", "It tells what the key may do with a document."),
    allow(f"GET {ONE}/access-requests", "It lists who has asked for a document."),
    allow(f"POST {ONE}/access-requests", "It asks for a document."),
    allow(f"GET {ONE}/access-requests/status", "It tells whether the document was asked for."),
    ask(f"POST {ONE}/access-requests/{{access_request_id}}/approve", "It lets somebody at a document."),
    allow(f"POST {ONE}/access-requests/{{access_request_id}}/deny", "It lets nobody at it."),
    # API keys
    ask(f"GET {ROOT}/api-keys", "It lists the organization's keys by their first letters."),
    deny(f"POST {ROOT}/api-keys", "It makes a key that leads around the gateway."),
    deny(
        f"POST {ROOT}/api-keys/{{api_key_id}}/revoke", "It kills a key, perhaps the one that the gateway itself uses."
    ),
    # organizations
    allow(f"GET {O}", "It lists the organizations of the key's owner."),
    deny(f"POST {O}", "Organizations are made by the operators of this gateway."),
    allow(f"GET {ORG}", "It shows an organization."),
    ask(f"PATCH {ORG}", "It changes what the whole organization is called."),
    allow(f"GET {ORG}/public-profile", "It shows what everybody sees of an organization."),
    deny(f"POST {ORG}/logo", "Its picture comes inside of JSON, where the gateway does not look at files."),
    # organizations: invites, members
    allow(f"GET {ORG}/invites", "It lists who was invited."),
    ask(f"POST {ORG}/invites", "It lets somebody into the organization, with all of its documents."),
    ask(f"POST {ORG}/invites/accept", "It joins an organization."),
    ask(f"POST {ORG}/invites/{{invite_id}}/resend", "It invites somebody again."),
    ask(f"POST {ORG}/invites/{{invite_id}}/revoke", "It takes an invitation back."),
    allow(f"GET {ORG}/members", "It lists who belongs to the organization."),
    ask(f"POST {ORG}/members", "It lets somebody into the organization, with all of its documents."),
    ask(f"PATCH {ORG}/members/{{user_id}}", "It changes what somebody may do in the organization."),
    ask(f"DELETE {ORG}/members/{{user_id}}", "It puts somebody out of the organization."),
    # usage
    allow(f"GET {ROOT}/quota", "It tells how much is used."),
    allow(f"GET {ROOT}/quota/usage", "It tells how much was used, day by day."),
    allow(f"GET {ROOT}/quota/keys", "It tells how much may be used by each key."),
    ask(f"PUT {ROOT}/quota/keys/{{api_key_id}}", "It limits a key, perhaps the one that the gateway itself uses."),
    ask(f"DELETE {ROOT}/quota/keys/{{api_key_id}}", "It lifts the limit of a key."),
    # users, user preferences
    allow(f"GET {ROOT}/me", "It tells whose the key is."),
    allow(f"GET {ROOT}/user-preferences", "It tells what the key's owner prefers."),
)

#: Status, code and reason of a refusal, by the status that the API has for it. Its clients read those statuses alone
#: as errors of its own; a length that is missing is told as HTTP tells it, since none of them leaves it out.
BY_STATUS: Final[Mapping[int, tuple[int, str, str]]] = {
    401: (401, "unauthenticated", "invalid_api_key"),
    403: (403, "permission_denied", "insufficient_permissions"),
    404: (404, "not_found", "resource_not_found"),
    411: (411, "invalid_argument", "missing_required_field"),
    429: (429, "resource_exhausted", "rate_limit_exceeded"),
    500: (500, "internal", "internal_error"),
}
REFUSED: Final = (400, "invalid_argument", "invalid_field_value")
MISSING: Final = (400, "invalid_argument", "missing_required_field")
IN_DOUBT: Final = (500, "unknown", "internal_error")
AWAY: Final = (500, "internal", "service_unavailable")
#: Slugs of what was not sent at all.
LACKING: Final = frozenset({"missing-file", "missing-field", "not-multipart"})


class Factify:
    """The face."""

    slug: ClassVar[str] = "factify"
    base_path: ClassVar[str] = ""
    rules: ClassVar[Rules] = RULES
    own_names: ClassVar[frozenset[str]] = frozenset()
    language: ClassVar[str] = "en"

    def token(self, authorization: str) -> str | None:
        return bearer(authorization)

    def spell(self, told: Told) -> Spelled:
        """A code and a reason out of its lists: a client that meets another buries all of it."""
        status, code, reason = BY_STATUS.get(told.status, AWAY if told.status > 500 else REFUSED)
        if told.slug == "unconfirmed":
            status, code, reason = IN_DOUBT
        elif (status, code, reason) == REFUSED and told.slug in LACKING:
            status, code, reason = MISSING
        detail: dict[str, Any] = {"reason": reason}
        if told.field:
            detail["param"] = "payload" if told.field == "file" else told.field
        if told.upload_id is not None:
            detail["request_id"] = str(told.upload_id)
        headers = {} if told.retry_after is None else {"Retry-After": str(told.retry_after)}
        return Spelled(status=status, body={"code": code, "message": told.detail, "details": [detail]}, headers=headers)

    def baseline(self, operation: Operation, fields: Mapping[str, str], now: datetime) -> Mapping[str, str]:  # noqa: ARG002
        """What a later search goes by: nothing else is left of an upload that nobody answered."""
        return {name: fields[name] for name in ("title", "document_id") if fields.get(name)}

    def judge(self, operation: Operation, handin: HandIn, account: Account, answer: Answer) -> Outcome:  # noqa: ARG002
        """By the document or the version that it shows."""
        document_id = handin.fields.get("document_id")
        shown = replies.version(answer, document_id) if operation == VERSION else replies.document(answer)
        return steps.delivered(shown, answer) if shown is not None else steps.undelivered(answer)
