"""How a file gets to Factify: what is looked at first, the request, and what its answer leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import PurePath
from typing import Any, Final

from app.providers import factify_replies as replies
from app.providers import reading
from app.providers.base import Ending, HandIn, Outcome, Steps
from app.providers.factify_search import ROOT, Wanted
from app.providers.outcomes import in_doubt, unconfirmed
from app.providers.wire import Answer, Multipart, Outgoing, OutgoingPart, Reply

TITLE_LENGTH: Final = 255
#: What a ticked box is written as.
TICKED: Final = frozenset({"on", "true", "1"})
#: Statuses that say of the quota only that it is not told.
QUOTA_UNTOLD: Final = frozenset({403, 404, 501})
#: A status, beside those that always leave it open, after which a file may have been taken: `canceled`.
CANCELED: Final = 499
#: How far two clocks of the provider's may be apart, and ours and its. Rather too much: another document that has the
#: same title and bytes and is a little older does less harm than one that arrived and is not found.
ITS_SKEW, OUR_SKEW = timedelta(seconds=30), timedelta(minutes=5)
#: Most duplicates that are worth telling of.
MOST_DUPLICATES: Final = 10


def document(handin: HandIn) -> Steps:
    """Look at the quota, then make a document of the file."""
    (file,) = handin.parts.values()
    quota = yield Outgoing(method="GET", path=f"{ROOT}/documents/quota")
    if replies.left(quota) == 0:
        return replace(replies.refusal(quota), ending=Ending.FAILED, problem="quota-used-up")
    # Whoever may not see the quota may still be allowed to upload.
    if not isinstance(quota, Reply) or not (quota.ok or quota.status in QUOTA_UNTOLD):
        return replies.refusal(quota)
    title = _given(handin, "title") or PurePath(file.filename).stem[:TITLE_LENGTH] or "document"
    answer = yield Outgoing(
        method="POST",
        path=f"{ROOT}/documents",
        body=_form(handin, {"title": title}, "access_level", "description"),
        baseline=_baseline(quota, title=title),
    )
    shown = replies.document(answer)
    if shown is None:
        return undelivered(answer)
    facts = {}
    if handin.fields.get("duplicates") in TICKED:
        looked = yield Outgoing(method="GET", path=f"{ROOT}/documents/{shown['id']}/duplicates")
        facts = _duplicates(looked)
    return replace(delivered(shown, answer), facts=facts)


def version(handin: HandIn) -> Steps:
    """Look at the document, then put the file before its other versions."""
    document_id = _given(handin, "document_id") or ""
    if not replies.DOCUMENT_ID.fullmatch(document_id):
        return Outcome(ending=Ending.REJECTED, problem="bad-document-id", field="document_id")
    looked = yield one(document_id)
    if asked_for(document_id, looked) is None:
        refused = replies.refusal(looked)
        return replace(refused, field="document_id") if replies.is_missing(looked) else refused
    title = _given(handin, "title")
    answer = yield Outgoing(
        method="POST",
        path=f"{ROOT}/documents/{document_id}/versions",
        body=_form(handin, {"title": title} if title else {}, "description"),
        baseline=_baseline(looked, title=title, document_id=document_id),
    )
    shown = replies.version(answer, document_id)
    return delivered(shown, answer) if shown is not None else undelivered(answer)


def _form(handin: HandIn, texts: Mapping[str, str], *names: str) -> Multipart:
    """Those fields and no others, then the file: what the server sets itself cannot be slipped in."""
    (file,) = handin.parts.values()
    given = {name: value for name in names if (value := _given(handin, name))}
    fields = (OutgoingPart(name=name, value=value) for name, value in {**texts, **given}.items())
    return Multipart(parts=(*fields, OutgoingPart(name="payload", file=file)))


def _given(handin: HandIn, name: str) -> str | None:
    return handin.fields.get(name, "").strip() or None


def _baseline(looked: Answer, **known: str | None) -> dict[str, str]:
    """What a later search needs, with the provider's own time of just before."""
    try:
        date = parsedate_to_datetime(looked.headers.get("date", "")) if isinstance(looked, Reply) else None
    except ValueError:
        date = None
    since = date.astimezone(UTC).isoformat() if date is not None else None
    return {name: value for name, value in {**known, "since": since}.items() if value is not None}


def wanted(handin: HandIn) -> Wanted:
    """What to look for, by what was remembered with the mark: fields are not kept."""
    (file,) = handin.parts.values()
    known = handin.baseline
    since = datetime.fromisoformat(known["since"]) - ITS_SKEW if "since" in known else handin.received_at - OUR_SKEW
    return Wanted(
        document_id=known.get("document_id"),
        title=known.get("title"),
        since=since.astimezone(UTC),
        sha256=file.sha256,
    )


def undelivered(answer: Answer) -> Outcome:
    """What became of an upload whose answer does not show it; in doubt, whoever waits looks for it."""
    refused = replies.refusal(answer)
    doubtful = in_doubt(answer) or (isinstance(answer, Reply) and answer.status == CANCELED)
    return unconfirmed(refused) if doubtful else refused


def delivered(shown: Mapping[str, Any], answer: Answer) -> Outcome:
    """The outcome, with what the provider calls it and how far it got."""
    return Outcome(
        ending=Ending.DELIVERED,
        reference=str(shown["id"]),
        provider_status=replies.status(shown),
        http_status=answer.status if isinstance(answer, Reply) else None,
    )


def _duplicates(answer: Answer) -> dict[str, Any]:
    """What the provider takes for the same; nothing where it did not tell."""
    found = reading.body(answer).get("items", [])
    if not isinstance(answer, Reply) or not answer.ok or not isinstance(found, list):
        return {}
    ids = ((one, reading.text(one, "document_id")) for one in found if isinstance(one, dict))
    same = [{"id": id_, "title": (reading.text(one, "title") or "")[:TITLE_LENGTH]} for one, id_ in ids if id_]
    return {"duplicates": same[:MOST_DUPLICATES]}


def is_id(id_: str) -> bool:
    """Whether it can be the id of a document or of a version."""
    return bool(replies.DOCUMENT_ID.fullmatch(id_) or replies.VERSION_ID.fullmatch(id_))


def one(id_: str) -> Outgoing:
    """Ask for a document or a version, by its id."""
    kind = "versions" if replies.VERSION_ID.fullmatch(id_) else "documents"
    return Outgoing(method="GET", path=f"{ROOT}/{kind}/{id_}")


def asked_for(id_: str, answer: Answer) -> Mapping[str, Any] | None:
    """What was asked for by that id; None where the answer shows something else."""
    shown = replies.version(answer) if replies.VERSION_ID.fullmatch(id_) else replies.document(answer)
    return shown if shown is not None and shown["id"] == id_ else None
