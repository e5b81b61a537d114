"""Factify, API v1beta: documents, which are PDFs, and further versions of them.

An upload's id is known from its answer alone, and nothing keeps a second one from making a second document. What was
sent without an answer is looked for by time and title, and by the bytes that the provider gives back. Its codes and
reasons decide; its messages may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, SecretStr

from app.errors import N_
from app.providers import factify_replies as replies
from app.providers import factify_steps as steps
from app.providers import reading
from app.providers.base import (
    S3,
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
    address,
)
from app.providers.factify_search import ON_A_PAGE, ROOT, Finding, exported, search
from app.providers.operation import GIB, Field, Mode, Operation, Part
from app.providers.outcomes import not_verified, unconfirmed, unlearnt
from app.providers.wire import Answer, Json, Outgoing, Reply

BASE_URL: Final = "https://api.factify.com"
SANDBOX_PATH: Final = "/factify"
DESCRIPTION_LENGTH: Final = 2000
#: Most organizations that are named where a key is tried.
MOST_NAMES: Final = 5

_FILE: Final = Part(name="file", label=N_("Document (PDF)"), max_bytes=5 * GIB, ending=".pdf", types=("pdf",))
_DESCRIPTION: Final = Field(
    name="description", label=N_("Description"), kind="long", required=False, max_length=DESCRIPTION_LENGTH
)
DOCUMENT: Final = Operation(
    slug="factify/document",
    title=N_("A PDF document"),
    intro=N_("It is put among the documents of those who asked you for it."),
    modes=(Mode.DURABLE, Mode.RELAY),
    parts=(_FILE,),
    fields=(
        Field(
            name="title",
            label=N_("Title"),
            help=N_("Without one, it is called as its file."),
            required=False,
            max_length=steps.TITLE_LENGTH,
        ),
        _DESCRIPTION,
        Field(
            name="access_level",
            label=N_("Who can see it"),
            kind="choice",
            required=False,
            choices=(
                ("private", N_("Its owner")),
                ("organization", N_("The organization")),
                ("public", N_("Everybody")),
            ),
            asked=False,
        ),
        Field(
            name="duplicates",
            label=N_("Look for duplicates"),
            help=N_("Afterwards, whether there are documents that look the same."),
            kind="checkbox",
            required=False,
            asked=False,
        ),
    ),
)
VERSION: Final = Operation(
    slug="factify/version",
    title=N_("A new version of a PDF document"),
    intro=N_("It takes the place of the version that is shown now."),
    modes=(Mode.DURABLE, Mode.RELAY),
    parts=(_FILE,),
    fields=(
        Field(
            name="document_id",
            label=N_("Document"),
            help=N_("Its id at Factify: “doc_” and 26 letters and digits."),
            max_length=30,
            asked=False,
        ),
        Field(
            name="title",
            label=N_("Title"),
            help=N_("Of this version alone."),
            required=False,
            max_length=steps.TITLE_LENGTH,
        ),
        _DESCRIPTION,
    ),
)


class Settings(BaseModel):
    """A connection says nothing beside its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Factify:
    """The provider. Its key (`ffy_prod_`, `ffy_test_`) belongs to one organization there."""

    slug: ClassVar[str] = "factify"
    title: ClassVar[str] = "Factify"
    operations: ClassVar[tuple[Operation, ...]] = (DOCUMENT, VERSION)
    settings: ClassVar[type[BaseModel]] = Settings
    #: It does not say on which host exported files are: its own domain, or the store that presigned addresses usually
    #: lead to. From any other nothing is fetched, and what was sent without an answer stays unconfirmed.
    stores: ClassVar[tuple[str, ...]] = ("*.factify.com", *S3)
    limits: ClassVar[tuple[RateLimit, ...]] = (
        RateLimit(requests=1000, seconds=60),
        RateLimit(requests=100, seconds=60, methods=frozenset({"POST"})),
    )

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:  # noqa: ARG002
        return (CredentialField(name="token"),)

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        return address(account, BASE_URL, sandbox=sandbox_url, path=SANDBOX_PATH)

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:  # noqa: ARG002
        return {"Authorization": f"Bearer {credential['token'].get_secret_value()}", "Accept": "application/json"}

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """Look first, at the quota or at the document, then send."""
        if operation is VERSION:
            return (yield from steps.version(handin))
        return (yield from steps.document(handin))

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """By what the provider has since, of the same title and bytes: the upload left nothing else."""
        if operation is VERSION and "document_id" not in handin.baseline:
            return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")
        found = yield from search(steps.wanted(handin))
        refused = replies.refusal(found.answer)
        if found.shown is not None:
            return steps.delivered(found.shown, found.answer)
        if found.finding is Finding.UNANSWERED:
            return unlearnt(refused)
        if found.finding is Finding.UNCLEAR:
            return unconfirmed(refused)
        return replace(refused, ending=Ending.FAILED, problem="provider-error")

    def follow(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """How far processing got."""
        reference = handin.reference or ""
        answer = yield steps.one(reference)
        shown = steps.asked_for(reference, answer)
        return steps.delivered(shown, answer) if shown is not None else unlearnt(replies.refusal(answer))

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:  # noqa: ARG002
        """Ask who it is, which a key may not be allowed to, for whom it is, and how many documents are left."""
        answer = yield Outgoing(method="GET", path=f"{ROOT}/me")
        user = reading.body(answer).get("user")
        names = [_name(user)] if isinstance(user, dict) else []
        organizations = reading.body(answer).get("organizations")
        if replies.is_forbidden(answer):
            answer = yield Outgoing(method="GET", path=f"{ROOT}/organizations", query={"page_size": "1"})
            organizations = replies.items(answer)
        if isinstance(organizations, list):
            names += [_name(one) for one in organizations[:MOST_NAMES] if isinstance(one, dict)]
        quota = yield Outgoing(method="GET", path=f"{ROOT}/documents/quota")
        answered = isinstance(quota, Reply) and quota.ok
        if answered or names:
            return Verdict(ok=True, detail="; ".join(filter(None, [*names, _left(quota) if answered else None])))
        refused = replies.refusal(quota if isinstance(answer, Reply) and answer.ok else answer)
        return not_verified(refused)

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:  # noqa: ARG002
        query = {"page_size": str(ON_A_PAGE)} | ({"page_token": cursor} if cursor else {})
        answer = yield Outgoing(method="GET", path=f"{ROOT}/documents", query=query)
        found = replies.items(answer)
        if found is None:
            raise Unavailable(replies.refusal(answer))
        items = tuple(replies.listed(one) for one in found if replies.DOCUMENT_ID.fullmatch(str(one.get("id"))))
        following = replies.next_page(answer)
        # A token that leads to the same page again would do so for ever.
        return Page(items=items, next=following if following != cursor else None)

    def get(self, account: Account, id: str) -> Look[Listed | None]:  # noqa: A002, ARG002 - the provider's id
        if not steps.is_id(id):
            return None
        answer = yield steps.one(id)
        shown = steps.asked_for(id, answer)
        if shown is None and not replies.is_missing(answer):
            raise Unavailable(replies.refusal(answer))
        return replies.listed(shown) if shown is not None else None

    def content(self, account: Account, id: str) -> Look[Outgoing]:  # noqa: A002, ARG002
        """From where the provider exports it to; of a version, by way of its document."""
        if not steps.is_id(id):
            raise Unavailable(Outcome(ending=Ending.FAILED, problem="not-found"))
        asked = exported(id)
        if replies.VERSION_ID.fullmatch(id):
            answer = yield steps.one(id)
            document_id = reading.text(replies.version(answer) or {}, "document_id") or ""
            if not replies.DOCUMENT_ID.fullmatch(document_id):
                raise Unavailable(replies.refusal(answer))
            asked = exported(document_id, id)
        answer = yield asked
        fetch = replies.export(answer)
        if fetch is None:
            raise Unavailable(replies.refusal(answer))
        return fetch

    def delete(self, account: Account, id: str) -> Steps:  # noqa: A002, ARG002
        """Put a document into the provider's trash; single versions stay."""
        if not replies.DOCUMENT_ID.fullmatch(id):
            return Outcome(ending=Ending.FAILED, problem="provider-refused")
        answer = yield Outgoing(method="POST", path=f"{ROOT}/documents/{id}/trash", body=Json(value={}))
        if replies.is_missing(answer) or (isinstance(answer, Reply) and answer.ok):
            return Outcome(ending=Ending.DELIVERED, reference=id)
        return replies.refusal(answer)


def _name(shown: Mapping[str, Any]) -> str | None:
    return reading.text(shown, "name") or reading.text(shown, "email")


def _left(quota: Answer) -> str:
    """How many documents more it takes, in words."""
    left = replies.left(quota)
    return "no limit of documents" if left is None else f"{left} documents left"
