"""Flatfile, API v1: files put into a space of an environment, where tables are made of them.

An upload has no id of ours and cannot be made idempotent. Where an answer leaves it in doubt, the space's files of that
name and size are read back and compared by their SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic import Field as Setting

from app.errors import N_
from app.providers import flatfile_looking as looking
from app.providers import flatfile_replies as replies
from app.providers import reading
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
    address,
)
from app.providers.operation import GIB, Field, Mode, Operation, Part
from app.providers.outcomes import erred, in_doubt, not_verified, unconfirmed, unlearnt
from app.providers.wire import Answer, FilePart, Json, Multipart, Outgoing, OutgoingPart, Reply

BASE_URL: Final = "https://api.x.flatfile.com/v1"
SANDBOX_PATH: Final = "/flatfile/v1"

FILE: Final = Operation(
    slug="flatfile/file",
    title=N_("A table"),
    intro=N_("Its rows are taken over by those who asked you for it."),
    modes=(Mode.DURABLE, Mode.RELAY),
    parts=(
        Part(
            name="file",
            label=N_("Table"),
            max_bytes=5 * GIB,  # Flatfile names no limit
            types=("csv", "tsv", "xlsx", "xls", "json", "xml"),
        ),
    ),
    fields=(
        Field(
            name="mode",
            label=N_("Purpose"),
            kind="choice",
            required=False,
            choices=(("import", N_("Import")), ("export", N_("Export"))),
            asked=False,
        ),
    ),
)

#: What is chosen, by its setting: where it is listed and made.
PLACES: Final[Mapping[str, str]] = {"environment_id": "/environments", "space_id": "/spaces"}


class Settings(BaseModel):
    """What a connection says beside its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Setting(
        default=BASE_URL,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*[^\s?#/])?$",
        description="The API's address for this account, without a slash at its end. "
        "The other one in use is https://platform.flatfile.com/api/v1; other regions have their own.",
    )
    environment_id: str = Setting(pattern=r"^[\w-]{1,100}$", description="Id of the environment, us_env_….")
    space_id: str = Setting(pattern=r"^[\w-]{1,100}$", description="Id of the space that files are put into, us_sp_….")


class Flatfile:
    """The provider. Its key (`sk_…`) is one environment's, or the account's."""

    slug: ClassVar[str] = "flatfile"
    title: ClassVar[str] = "Flatfile"
    operations: ClassVar[tuple[Operation, ...]] = (FILE,)
    settings: ClassVar[type[BaseModel]] = Settings
    stores: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[tuple[RateLimit, ...]] = ()
    choosable: ClassVar[Mapping[str, bool]] = dict.fromkeys(PLACES, True)

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:  # noqa: ARG002
        return (CredentialField(name="key"),)

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        chosen = str(account.settings.get("base_url", BASE_URL))
        if account.environment == "sandbox" and chosen != BASE_URL:
            return chosen
        live = chosen if chosen.startswith("https:") else ""
        return address(account, live, sandbox=sandbox_url, path=SANDBOX_PATH)

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:  # noqa: ARG002
        return {"Authorization": f"Bearer {credential['key'].get_secret_value()}"}

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002 - there is one
        """Send, and look where the answer leaves it in doubt."""
        (file,) = handin.parts.values()
        answer = yield Outgoing(method="POST", path="/files", body=Multipart(parts=_parts(handin, account, file)))
        taken = replies.file(replies.data(answer))
        if taken is not None and taken.size == file.size:
            return _delivered(taken, answer)
        refused = replies.refusal(answer)
        if not in_doubt(answer):
            return refused
        try:
            found = yield from looking.search(handin, account)
        except Unavailable:
            return unconfirmed(refused)
        if found:
            return _delivered(found, answer)
        return refused if erred(answer) and found is False else unconfirmed(refused)

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """By name, size and SHA-256, among what the space has got since."""
        try:
            found = yield from looking.search(handin, account)
        except Unavailable as unavailable:
            return unavailable.outcome
        if found:
            return _delivered(found)
        if found is None:
            return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")
        return Outcome(ending=Ending.FAILED, problem="provider-error")

    def follow(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """Until all of its bytes have come in there."""
        if handin.reference is None:
            return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")
        answer = yield looking.get("/files", handin.reference)
        found = replies.file(replies.data(answer))
        return _delivered(found, answer) if found else unlearnt(replies.refusal(answer))

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:  # noqa: ARG002
        """Read the environment and the space, and say what they are called; with the house's key, try that alone."""
        if not account.settings:
            answer = yield Outgoing(method="GET", path=PLACES["environment_id"], query={"pageSize": "1"})
            if replies.page(answer) is None:
                return not_verified(replies.refusal(answer))
            return Verdict(ok=True, detail="the key works; which spaces it is for shows with their connections")
        told = []
        for setting, path in PLACES.items():
            answer = yield looking.get(path, account.settings[setting])
            shown = replies.data(answer)
            found, what = replies.named(shown), path.strip("/").removesuffix("s")
            if shown is None or found is None:
                return not_verified(replies.refusal(answer), f"{what} {account.settings[setting]}")
            told.append(f"{what} “{found.name}”")
            environment = reading.text(shown, "environmentId")
            if environment not in {None, account.settings["environment_id"]}:
                return Verdict(ok=False, detail=f"settings-wrong: {told[-1]} is in another environment, {environment}")
        return Verdict(ok=True, detail=", ".join(told))

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:
        """The files in the space, in the order in which Flatfile gives them."""
        shown, after = yield from looking.page("/files", {"spaceId": account.settings["space_id"]}, cursor)
        files = (replies.file(one) for one in shown.items)
        return Page(items=tuple(one.listed for one in files if one), next=after)

    def get(self, account: Account, id: str) -> Look[Listed | None]:  # noqa: A002, ARG002 - the provider's id
        answer = yield looking.get("/files", id)
        found = replies.file(replies.data(answer))
        if found is None and not replies.is_missing(answer):
            raise Unavailable(replies.refusal(answer))
        return found.listed if found else None

    def content(self, account: Account, id: str) -> Look[Outgoing]:  # noqa: A002, ARG002
        yield from ()
        return looking.get("/files", id, "/download")

    def delete(self, account: Account, id: str) -> Steps:  # noqa: A002, ARG002
        answer = yield replace(looking.get("/files", id), method="DELETE")
        if replies.is_missing(answer) or (isinstance(answer, Reply) and answer.ok):
            return Outcome(ending=Ending.DELIVERED, reference=id)
        return replies.refusal(answer)

    def choices(self, account: Account, setting: str, cursor: str | None = None) -> Look[Page]:
        """Environments; spaces of the environment, once one is set."""
        environment = account.settings.get("environment_id") if setting == "space_id" else None
        query = {"environmentId": str(environment)} if environment else {}
        shown, after = yield from looking.page(PLACES[setting], query, cursor)
        found = (replies.named(one) for one in shown.items)
        return Page(items=tuple(one for one in found if one), next=after)

    def make(self, account: Account, setting: str, name: str) -> Look[Listed]:
        """A new environment, in earnest where the connection is; or a new space in the environment that is set."""
        value: dict[str, Any] = {"name": name}
        if setting == "environment_id":
            value["isProd"] = account.environment == "live"
        elif environment := account.settings.get("environment_id"):
            value["environmentId"] = environment
        answer = yield Outgoing(method="POST", path=PLACES[setting], body=Json(value=value))
        made = replies.named(replies.data(answer))
        if made is None:
            raise Unavailable(replies.refusal(answer))
        return made


def _parts(handin: HandIn, account: Account, file: FilePart) -> tuple[OutgoingPart, ...]:
    """As the vendor's own client sends them; the file is the last."""
    texts = {"spaceId": account.settings["space_id"], "environmentId": account.settings["environment_id"]}
    texts |= looking.mode(handin)
    return (
        *(OutgoingPart(name=name, value=value) for name, value in texts.items()),
        OutgoingPart(name="file", file=file),
    )


def _delivered(file: replies.File, answer: Answer | None = None) -> Outcome:
    return Outcome(
        ending=Ending.DELIVERED,
        reference=file.id,
        provider_status=file.provider_status,
        http_status=answer.status if isinstance(answer, Reply) else None,
    )
