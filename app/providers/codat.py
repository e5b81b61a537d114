"""Codat's file upload: a company's statements and other papers, for those who lend to it or keep its books.

An upload leaves no id behind, cannot be made idempotent and cannot be taken back. What is not known to have arrived is
looked for: by its name among those uploaded since, then by its bytes among the uploads of those days. It is never sent
a second time.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic import Field as Setting

from app.errors import N_
from app.providers import codat_replies as replies
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
from app.providers.codat_archive import Search
from app.providers.operation import Mode, Operation, Part
from app.providers.outcomes import erred, in_doubt, not_verified, unconfirmed, unlearnt
from app.providers.wire import Answer, Multipart, Outgoing, OutgoingPart, Reply

BASE_URL: Final = "https://api.codat.io"
SANDBOX_PATH: Final = "/codat"

FILE: Final = Operation(
    slug="codat/file",
    title=N_("A statement or document of your company"),
    intro=N_("It is put among the papers of your company that you share with those who asked for it."),
    modes=(Mode.DURABLE, Mode.RELAY),
    parts=(
        Part(
            name="file",
            label=N_("File"),
            max_bytes=10_000_000,  # it does not say which megabytes; these are the fewer
            types=("pdf", "xls", "xlsx", "xlsb", "csv", "doc", "docx", "ppt", "pptx", "jpeg", "png"),
        ),
    ),
)

#: The integrations that take files, as they are called there, and what they are for.
KINDS: Final[Mapping[str, str]] = {
    "accounting file upload": "accounting",
    "banking file upload": "banking",
    "business documents file upload": "business documents",
}
#: Pages of connections that are looked through, of so many each.
MOST_PAGES, PAGE_SIZE = 10, 100
#: When, by their clock, a file can have come that was handed in at a moment of ours: on two days at most.
EARLIEST, LATEST = timedelta(minutes=-5), timedelta(hours=12)


class Settings(BaseModel):
    """What a connection says beside its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    company_id: UUID = Setting(description="Id of the company at Codat.")
    connection_id: UUID = Setting(description="Id of the company's file upload connection.")


class Codat:
    """The provider. A client's key, often the house's, is good for all companies of that client."""

    slug: ClassVar[str] = "codat"
    title: ClassVar[str] = "Codat"
    operations: ClassVar[tuple[Operation, ...]] = (FILE,)
    settings: ClassVar[type[BaseModel]] = Settings
    stores: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[tuple[RateLimit, ...]] = (RateLimit(requests=1000, seconds=60.0),)

    def credentials(self, settings: Mapping[str, Any]) -> tuple[CredentialField, ...]:  # noqa: ARG002
        return (CredentialField(name="key"),)

    def base_url(self, account: Account, sandbox_url: str | None) -> str:
        return address(account, BASE_URL, sandbox=sandbox_url, path=SANDBOX_PATH)

    def headers(self, account: Account, credential: Mapping[str, SecretStr]) -> Mapping[str, str]:  # noqa: ARG002
        """The key alone, with no name and no colon; its page there also shows the header ready-made."""
        key = credential["key"].get_secret_value()
        made = key if key.startswith("Basic ") else "Basic " + base64.b64encode(key.encode()).decode()
        return {"Authorization": made}

    def deliver(self, operation: Operation, handin: HandIn, account: Account) -> Steps:
        """Send it; where that leaves a doubt, look for it once. Exactly 200 says that it is there."""
        (file,) = handin.parts.values()
        answer = yield Outgoing(
            method="POST",
            path=f"{_company(account)}/connections/{account.settings['connection_id']}/files",
            body=Multipart(parts=(OutgoingPart(name="file", file=file),)),
        )
        if isinstance(answer, Reply) and answer.status == 200:
            return _delivered(answer)
        refused = replies.refusal(answer)
        if not in_doubt(answer):
            return refused
        looked = yield from self.reconcile(operation, handin, account)
        if looked.ending is Ending.DELIVERED:
            return looked
        # Its own word for a failure counts if the look agrees; silence may still be at work.
        return refused if erred(answer) and looked.ending is Ending.FAILED else unconfirmed(refused)

    def reconcile(self, operation: Operation, handin: HandIn, account: Account) -> Steps:  # noqa: ARG002
        """By its name among what came since, then by its bytes among what came on those days.

        A day's archive that has fewer files than are listed of that day says nothing of those that it lacks.
        """
        (file,) = handin.parts.values()
        answer = yield Outgoing(method="GET", path=f"{_company(account)}/files")
        found = replies.entries(answer)
        if found is None:
            return unlearnt(replies.refusal(answer))
        told = replies.refusal(answer)
        days = _days(found, file.filename, handin.received_at)
        if days and not file.sha256:
            return unconfirmed(told)
        searched = []
        for day in days:
            search = Search(file.sha256 or "", among=sum(_came_on(one, day) for one in found))
            answer = yield replace(_download(account, day), sink=search)
            if not isinstance(answer, Reply) or answer.status != 200:
                return unlearnt(replies.refusal(answer))
            searched.append(search.found())
        if any(searched):
            return _delivered(answer)
        return unconfirmed(told) if None in searched else replace(told, ending=Ending.FAILED, problem="provider-error")

    def verify(self, account: Account, credential: Mapping[str, SecretStr], now: datetime) -> Look[Verdict]:  # noqa: ARG002
        """Find the connection among the company's, and say of what kind it is; with the house's key, try that alone."""
        if not account.settings:
            answer = yield Outgoing(method="GET", path="/integrations", query={"page": "1", "pageSize": "1"})
            if replies.entries(answer, "results") is not None:
                return Verdict(ok=True, detail="the key works; which companies it is for shows with their connections")
            return _no(answer)
        connections = yield from _connections(account)
        if not isinstance(connections, list):
            return _no(connections)
        kinds = {str(one.get("id")).lower(): _kind(one) for one in connections}
        listed = ", ".join(sorted(kinds.values())) or "none"
        ours = kinds.get(str(account.settings["connection_id"]).lower())
        if ours is None:
            return Verdict(ok=False, detail=f"the company has no such connection; it has: {listed}")
        if ours not in KINDS.values():
            return Verdict(ok=False, detail=f"the connection ({ours}) takes no files; the company has: {listed}")
        return Verdict(ok=True, detail=f"the connection takes {ours} files")

    def list(self, account: Account, cursor: str | None = None) -> Look[Page]:  # noqa: ARG002 - there is one page
        """What was uploaded for the company; an item's id is the day on which it came."""
        answer = yield Outgoing(method="GET", path=f"{_company(account)}/files")
        found = replies.entries(answer)
        if found is None:
            raise Unavailable(replies.refusal(answer))
        dated = [(one, moment) for one in found if (moment := replies.uploaded(one))]
        dated.sort(key=lambda pair: pair[1], reverse=True)
        items = (
            Listed(
                id=moment.date().isoformat(),
                name=reading.text(one, "displayName") or reading.text(one, "fileName") or "a file without a name",
                created_at=moment,
            )
            for one, moment in dated
        )
        return Page(items=tuple(items))

    def content(self, account: Account, id: str) -> Look[Outgoing]:  # noqa: A002 - a day
        """All files of that day, in one archive: none can be had alone."""
        try:
            day = date.fromisoformat(id)
        except ValueError:
            raise Unavailable(Outcome(ending=Ending.FAILED, problem="not-found")) from None
        yield from ()
        return _download(account, day)


def _company(account: Account) -> str:
    return f"/companies/{account.settings['company_id']}"


def _download(account: Account, day: date) -> Outgoing:
    return Outgoing(method="GET", path=f"{_company(account)}/files/download", query={"date": day.isoformat()})


def _connections(account: Account) -> Generator[Outgoing, Answer, list[Mapping[str, Any]] | Answer]:
    """All connections of the company; an answer that lists none in their place."""
    found: list[Mapping[str, Any]] = []
    for page in range(1, MOST_PAGES + 1):
        query = {"page": str(page), "pageSize": str(PAGE_SIZE)}
        answer = yield Outgoing(method="GET", path=f"{_company(account)}/connections", query=query)
        listed = replies.entries(answer, "results")
        if listed is None:
            return answer
        found += listed
        if len(listed) < PAGE_SIZE:
            break
    return found


def _kind(connection: Mapping[str, Any]) -> str:
    """What a connection is for, or what it is called."""
    name = reading.text(connection, "platformName") or "one without a name"
    return KINDS.get(name.casefold(), name)


def _days(found: Sequence[Mapping[str, Any]], name: str, handed_in: datetime) -> Sequence[date]:
    """On which days files came that may be this one: of its name, or of none."""
    days = set()
    for one in found:
        called, moment = reading.text(one, "fileName"), replies.uploaded(one)
        if moment is not None and EARLIEST <= moment - handed_in <= LATEST and (not called or _same(called, name)):
            days.add(moment.date())
    return sorted(days)


def _came_on(one: Mapping[str, Any], day: date) -> bool:
    moment = replies.uploaded(one)
    return moment is not None and moment.date() == day


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _delivered(answer: Answer) -> Outcome:
    """It is there; Codat gives it no id that could be a reference."""
    return Outcome(ending=Ending.DELIVERED, http_status=answer.status if isinstance(answer, Reply) else None)


def _no(answer: Answer) -> Verdict:
    return not_verified(replies.refusal(answer))
