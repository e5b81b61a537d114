"""FormKiQ, core 1.19: a document with its path, tags, attributes, actions and metadata.

Every installation has addresses of its own, one for keys and one for tokens. Small documents go with their description
in one request; larger ones are announced first and then put into the bucket behind it, at an address that is presigned
for it. A document's id is the upload's: what came of an attempt can be looked up under it, and a second attempt finds
the first. Nothing counts as delivered before it was read back, because the record is there before its bytes are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic import Field as Setting

from app.errors import N_
from app.providers import formkiq_fields as fields
from app.providers import formkiq_replies as replies
from app.providers import formkiq_steps as steps
from app.providers import formkiq_tokens as tokens
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
)
from app.providers.operation import GIB, Field, Mode, Operation, Part
from app.providers.outcomes import not_verified, unconfirmed, unlearnt
from app.providers.wire import Answer, Outgoing, Reply

DOCUMENT: Final = Operation(
    slug="formkiq/document",
    title=N_("A document"),
    intro=N_("It is put among the documents of those who asked you for it."),
    repeatable=True,
    modes=(Mode.DURABLE, Mode.RELAY),
    parts=(
        Part(
            name="file",
            label=N_("Document"),
            max_bytes=5 * GIB,  # of a single PUT
            types=("pdf", "png", "jpeg", "text", "csv", "xml", "docx", "xlsx", "pptx", "doc", "xls", "ppt", "zip"),
        ),
    ),
    fields=(
        Field(
            name="path",
            label=N_("Path"),
            help=N_("Where it is put. {organization}, {date} and {filename} are filled in."),
            required=False,
            max_length=500,
            asked=False,
        ),
        *(
            Field(name=name, label=label, help=told, kind="long", required=False, max_length=8000, asked=False)
            for name, label, told in (
                ("tags", N_("Tags"), N_("One name=value a line.")),
                ("attributes", N_("Attributes"), N_("One name=value a line.")),
                ("actions", N_("Actions"), N_("What is done with it there, one kind of action a line.")),
                ("document_metadata", N_("Metadata"), N_("One name=value a line; for small files only.")),
            )
        ),
    ),
)

#: Largest file that goes inline: 4 MB in base64. The interface takes 5 MB, and what lies before it 6 MB in all. Always
#: in base64: text would have to be valid UTF-8, and its length once escaped is not known before its last byte.
INLINE: Final = 3_000_000
PAGE: Final = "100"


class Settings(BaseModel):
    """What a connection says beside its key or token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Setting(
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*[^\s?#/])?$",
        description="The installation's address for keys (KeyApiUrl) or for tokens (HttpApiUrl), as `auth` says.",
    )
    auth: Literal["token", "key"] = Setting(
        description="What it signs in with. Forms that nobody watches need a key: a token ends."
    )
    site_id: str = Setting(
        default="default", pattern=r"^[\w.-]{1,100}$", description="Id of the site that documents are put into."
    )
    direct_puts: bool = Setting(
        default=False,
        description="Whether clients of its own put bytes straight into the bucket, unseen by the gateway.",
    )


class Formkiq:
    """The provider."""

    slug: ClassVar[str] = "formkiq"
    title: ClassVar[str] = "FormKiQ"
    operations: ClassVar[tuple[Operation, ...]] = (DOCUMENT,)
    settings: ClassVar[type[BaseModel]] = Settings
    #: Buckets, and who renews tokens.
    stores: ClassVar[tuple[str, ...]] = (*S3, "cognito-idp.*.amazonaws.com")
    limits: ClassVar[tuple[RateLimit, ...]] = ()

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:
        if settings.get("auth") != "token":
            return (CredentialField(name="key"),)
        return (
            CredentialField(name="token"),
            CredentialField(name="refresh_token", required=False),
            CredentialField(name="client_id", required=False),
        )

    def base_url(self, account: Account, sandbox_url: str | None) -> str:  # noqa: ARG002 - its settings have it
        address = str(account.settings.get("base_url", ""))
        return address if address.startswith("https:") or account.environment == "sandbox" else ""

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:
        if account.settings.get("auth") == "token":
            return {"Authorization": f"Bearer {credential['token'].get_secret_value()}"}
        return {"Authorization": credential["key"].get_secret_value()}

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002 - there is one
        """Inline where the file is small, else announced and put into the bucket; then read back."""
        (file,) = handin.parts.values()
        try:
            described = fields.read(handin, file.filename)
        except fields.Unreadable as bad:
            return Outcome(ending=Ending.REJECTED, problem=bad.problem, field=bad.field, params=bad.params)
        described |= {"documentId": str(handin.id), "contentType": file.content_type}
        if file.size <= INLINE:
            return (yield from steps.inline(handin, account, file, described))
        if "metadata" in described:
            return Outcome(
                ending=Ending.REJECTED, problem="metadata-inline", field="document_metadata", params={"limit": INLINE}
            )
        return (yield from steps.presigned(handin, account, file, described))

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """By the document's id, which is the upload's; of what a client of its own sent, the id that this gave it."""
        (file,) = handin.parts.values()
        if "target" in handin.baseline:
            return (yield from steps.sent_by_a_client(handin, account, file))
        answer = yield steps.record(handin.id, account)
        shown = replies.document(answer, handin.id)
        if shown is None:
            if replies.is_missing(answer, handin.id):
                return replace(replies.refusal(answer), ending=Ending.FAILED, problem="provider-error")
            return unlearnt(replies.refusal(answer))
        if replies.is_equal(shown, file):
            return steps.delivered(handin.id, answer)
        if replies.has_content(shown):
            return unconfirmed(replies.refusal(answer))
        failed = replace(replies.refusal(answer), ending=Ending.FAILED, problem="provider-error")
        return (yield from steps.emptied(handin, account, failed))

    def follow(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """Until size and checksum of what was put into the bucket show up."""
        (file,) = handin.parts.values()
        id_ = handin.reference or str(handin.id)
        answer = yield steps.record(id_, account)
        shown = replies.document(answer, id_)
        if shown is None:
            return unlearnt(replies.refusal(answer))
        if not replies.has_content(shown):
            return steps.delivered(id_, answer, "processing")
        return steps.delivered(id_, answer, "ready" if replies.is_equal(shown, file) else "failed")

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:
        """Read what a token says of itself, then list one document; the house's key alone leads nowhere."""
        if not account.settings:
            return Verdict(ok=False, detail="the key was not tried: those that borrow it say for which installation")
        site, ends_at, note = (
            account.settings["site_id"],
            None,
            "whether it may write there shows with the first upload",
        )
        if account.settings["auth"] == "token":
            token = tokens.Token.read(credential["token"].get_secret_value())
            fault = token.fault(site, now) if token else "this is not a token (a JWT)"
            if token is None or fault:
                return Verdict(ok=False, detail=fault or "")
            note = "the token is renewed by itself"
            if not tokens.is_renewable(credential):
                ends_at, note = token.ends_at, "nothing renews the token: use a key for forms that nobody watches"
        answer = yield Outgoing(method="GET", path="/documents", query={"limit": "1", "siteId": site})
        if _documents(answer) is not None:
            return Verdict(ok=True, detail=f"site “{site}” can be read; {note}", ends_at=ends_at)
        return not_verified(replies.refusal(answer), ends_at=ends_at)

    def due(self, credential: Mapping[str, SecretStr], now: datetime) -> bool:
        return tokens.due(credential, now)

    def renew(self, account: Account, credential: Mapping[str, SecretStr]) -> Look[Mapping[str, SecretStr]]:
        return (yield from tokens.renew(account, credential))

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:
        query = {"limit": PAGE, **steps.site(account)} | ({"next": cursor} if cursor else {})
        answer = yield Outgoing(method="GET", path="/documents", query=query)
        found = _documents(answer)
        if found is None or not isinstance(answer, Reply):
            raise Unavailable(replies.refusal(answer))
        items = tuple(_listed(one) for one in found if isinstance(one, dict) and reading.text(one, "documentId"))
        return Page(items=items, next=reading.text(answer.json, "next"))

    def get(self, account: Account, id: str) -> Look[Listed | None]:  # noqa: A002 - the provider's id
        answer = yield steps.record(id, account)
        shown = replies.document(answer, id)
        if shown is None and not replies.is_missing(answer, id):
            raise Unavailable(replies.refusal(answer))
        return _listed(shown) if shown else None

    def content(self, account: Account, id: str) -> Look[Outgoing]:  # noqa: A002
        """From the bucket: the interface itself gives text decoded and other kinds not at all."""
        answer = yield Outgoing(
            method="GET", path=f"{steps.path(id)}/url", query={"duration": "1", **steps.site(account)}
        )
        shown = replies.document(answer, id)
        url = reading.text(shown, "url") if shown else None
        if url is None:
            raise Unavailable(replies.refusal(answer))
        return Outgoing(method="GET", url=url)

    def delete(self, account: Account, id: str) -> Steps:  # noqa: A002
        answer = yield steps.deletion(id, account)
        if replies.is_missing(answer, id) or (isinstance(answer, Reply) and answer.ok):
            return Outcome(ending=Ending.DELIVERED, reference=id)
        return replies.refusal(answer)


def _documents(answer: Answer) -> Sequence[Any] | None:
    """The documents that an answer lists; None where it lists none."""
    found = answer.json.get("documents") if isinstance(answer, Reply) and isinstance(answer.json, dict) else None
    return found if isinstance(answer, Reply) and answer.ok and isinstance(found, list) else None


def _listed(shown: Mapping[str, Any]) -> Listed:
    id_ = str(shown["documentId"])
    return Listed(
        id=id_,
        name=reading.text(shown, "path") or id_,
        size=shown["contentLength"] if replies.has_content(shown) else None,
        content_type=reading.text(shown, "contentType"),
        created_at=reading.moment(shown, "insertedDate"),
    )
