"""How a document gets to FormKiQ: the requests of both ways, what each answer leads to, and the look afterwards."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from app.providers import formkiq_replies as replies
from app.providers.base import Account, Ending, HandIn, Outcome, ProviderStatus, Steps
from app.providers.outcomes import erred, in_doubt, unconfirmed, unlearnt
from app.providers.wire import Answer, FilePart, Json, JsonWithFile, Outgoing, Raw, Reply

#: Pauses before each look at whether the bytes have shown up: 5 seconds in all.
PAUSES: Final = (0.0, 0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
ONCE: Final = (0.0,)
#: What the bucket answers when it has the bytes.
STORED: Final = frozenset({200, 201})

Described = Mapping[str, Any]


def inline(handin: HandIn, account: Account, file: FilePart, described: Described) -> Steps:
    """Description and bytes in one request; where it never was whole, nothing was made."""
    answer = yield Outgoing(
        method="POST",
        path="/documents",
        query=site(account),
        body=JsonWithFile(value={**described, "isBase64": True}, member="content", file=file),
    )
    if replies.document(answer, handin.id) is not None:
        return (yield from _read_back(handin, account, file))
    refused = replies.refusal(answer)
    if is_conflict(answer):
        looked = yield record(handin.id, account)
        shown = replies.document(looked, handin.id)
        if shown is not None and replies.is_equal(shown, file):
            return delivered(handin.id, looked)
        if shown is not None and not replies.has_content(shown):
            # An earlier attempt broke off. The file has been sent once and cannot be again here.
            return (yield from emptied(handin, account, replace(refused, ending=Ending.RETRY)))
        return refused
    if in_doubt(answer):
        return (yield from _settled(handin, account, file, answer, refused))
    return refused


def presigned(handin: HandIn, account: Account, file: FilePart, described: Described) -> Steps:
    """Ask where the bytes go, put them there; a record that stays empty is taken back."""
    place = yield from _announce(handin, account, file, described)
    if isinstance(place, Outcome):
        return place
    answer = yield Outgoing(
        method="PUT",
        url=place.url,
        headers={**place.headers, "Content-Type": file.content_type},
        body=Raw(file=file),
    )
    if isinstance(answer, Reply) and answer.status in STORED:
        return (yield from _read_back(handin, account, file))
    refused = replies.store_refusal(answer)
    if in_doubt(answer):
        return (yield from _settled(handin, account, file, answer, refused))
    return (yield from emptied(handin, account, refused))


def emptied(handin: HandIn, account: Account, outcome: Outcome) -> Steps:
    """Take back the record that has no bytes; the outcome says whether that worked."""
    answer = yield deletion(handin.id, account)
    if replies.is_missing(answer, handin.id):
        return outcome
    gone = isinstance(answer, Reply) and answer.ok
    return replace(outcome, empty_record="deleted" if gone else "left")


def sent_by_a_client(handin: HandIn, account: Account, file: FilePart) -> Steps:
    """Look for what somebody's own client handed in. What is empty there is that client's, and is left as it is."""
    id_ = handin.baseline.get("document_id")
    if id_ is None:  # it was to be given one by the answer, which nobody has had
        return Outcome(ending=Ending.UNKNOWN, problem="unconfirmed")
    answer = yield record(id_, account)
    shown = replies.document(answer, id_)
    refused = replies.refusal(answer)
    if shown is None and not replies.is_missing(answer, id_):
        return unlearnt(refused)
    if shown is not None and replies.is_equal(shown, file):
        return delivered(id_, answer)
    if shown is not None and replies.has_content(shown):
        return unconfirmed(refused)
    return replace(refused, ending=Ending.FAILED, problem="provider-error")


def delivered(id: UUID | str, answer: Answer, provider_status: ProviderStatus | None = None) -> Outcome:  # noqa: A002
    return Outcome(
        ending=Ending.DELIVERED,
        reference=str(id),
        provider_status=provider_status,
        http_status=answer.status if isinstance(answer, Reply) else None,
    )


def record(id: UUID | str, account: Account, after: float = 0.0) -> Outgoing:  # noqa: A002 - the provider's id
    """Ask what is known of a document."""
    return Outgoing(method="GET", path=path(id), query=site(account), after=after)


def deletion(id: UUID | str, account: Account) -> Outgoing:  # noqa: A002
    return Outgoing(method="DELETE", path=path(id), query=site(account))


def path(id: UUID | str) -> str:  # noqa: A002
    return f"/documents/{quote(str(id), safe='')}"


def site(account: Account) -> dict[str, str]:
    return {"siteId": account.settings["site_id"]}


def is_conflict(answer: Answer) -> bool:
    return isinstance(answer, Reply) and answer.status == 409


def _announce(
    handin: HandIn, account: Account, file: FilePart, described: Described
) -> Generator[Outgoing, Answer, replies.Place | Outcome]:
    """Make the record and get a place for its bytes; an outcome where there is nothing left to put, or nowhere."""
    answer = yield Outgoing(
        method="POST",
        path="/documents/upload",
        query={"contentLength": str(file.size), **site(account)},
        body=Json(value={**described, **_checksum(file)}),
    )
    if is_conflict(answer):
        looked = yield record(handin.id, account)
        shown = replies.document(looked, handin.id)
        if shown is None:
            return replies.refusal(answer if replies.is_missing(looked, handin.id) else looked)
        if replies.has_content(shown):
            return delivered(handin.id, looked) if replies.is_equal(shown, file) else replies.refusal(answer)
        answer = yield _another_place(handin, account, file)
    elif not in_doubt(answer):  # refused, or never got there: there is no record
        return replies.refusal(answer)
    place = replies.place(answer, handin.id)
    if place is not None and place.ended:
        answer = yield _another_place(handin, account, file)
        place = replies.place(answer, handin.id)
    if place is None or place.ended:
        return (yield from emptied(handin, account, replies.refusal(answer)))
    return place


def _another_place(handin: HandIn, account: Account, file: FilePart) -> Outgoing:
    """Ask where the bytes of a document go that was announced before."""
    return Outgoing(method="GET", path=f"{path(handin.id)}/upload", query={**_checksum(file), **site(account)})


def _checksum(file: FilePart) -> dict[str, str]:
    """Signed where it is known: not while the file is still coming in."""
    return {"checksum": file.sha256, "checksumType": "SHA256"} if file.sha256 else {}


def _read_back(handin: HandIn, account: Account, file: FilePart) -> Steps:
    """The provider said that it has the bytes: compare what it shows of them, as soon as it does."""
    answer, shown = yield from _look(handin, account, PAUSES)
    if shown is not None and replies.is_equal(shown, file):
        return delivered(handin.id, answer)
    if replies.is_missing(answer, handin.id) or (shown is not None and replies.has_content(shown)):
        return unconfirmed(replies.refusal(answer))
    found = delivered(handin.id, answer, "processing")
    return unconfirmed(found) if handin.kept else found


def _settled(handin: HandIn, account: Account, file: FilePart, answer: Answer, outcome: Outcome) -> Steps:
    """What a doubt comes to after a look: its own word for a failure counts if the look agrees."""
    looked, shown = yield from _look(handin, account, ONCE if erred(answer) else PAUSES)
    if shown is not None and replies.is_equal(shown, file):
        return delivered(handin.id, looked)
    empty = shown is not None and not replies.has_content(shown)
    if erred(answer) and empty:
        return (yield from emptied(handin, account, outcome))
    if erred(answer) and replies.is_missing(looked, handin.id):
        return outcome
    return unconfirmed(outcome)


def _look(
    handin: HandIn, account: Account, pauses: tuple[float, ...]
) -> Generator[Outgoing, Answer, tuple[Answer, Mapping[str, Any] | None]]:
    """Look until the bytes are shown, or time is up, or there is no good answer; the last answer and what it shows."""
    answer = yield record(handin.id, account, pauses[0])
    shown = replies.document(answer, handin.id)
    for pause in pauses[1:]:
        if shown is None or replies.has_content(shown):
            break
        answer = yield record(handin.id, account, pause)
        shown = replies.document(answer, handin.id)
    return answer, shown
