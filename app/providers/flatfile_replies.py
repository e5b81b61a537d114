"""What Flatfile's answers say: a file, a page of things, or why it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from app.providers import reading
from app.providers.base import Ending, Listed, Outcome, ProviderStatus
from app.providers.outcomes import by_cause, by_status
from app.providers.wire import Answer, NoAnswer, Reply

#: What becomes of a file by its status; of any other, what has come of its bytes tells.
STATUSES: Final[Mapping[str, ProviderStatus]] = {
    "partial": "processing",
    "complete": "ready",
    "archived": "ready",
    "failed": "failed",
    "purged": "failed",
}
#: Values that a connection says and no customer: where they are called wrong, it is the settings that are.
SETTINGS: Final = frozenset({"spaceId", "environmentId"})
#: Values of ours that Flatfile can find fault with, as the form's fields they came from.
FIELDS: Final = frozenset({"mode"})
#: Most faults that are passed on.
MOST_FAULTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as Flatfile shows it."""

    id: str
    name: str
    size: int
    received: int
    status: str
    content_type: str | None
    created_at: datetime | None

    @property
    def provider_status(self) -> ProviderStatus:
        return STATUSES.get(self.status, "ready" if self.received >= self.size else "processing")

    @property
    def listed(self) -> Listed:
        return Listed(
            id=self.id,
            name=self.name,
            size=self.size,
            content_type=self.content_type,
            created_at=self.created_at,
            status=self.status,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page of things, and whether more come behind it."""

    items: tuple[Mapping[str, Any], ...]
    more: bool


def data(answer: Answer) -> Mapping[str, Any] | None:
    """The one thing that an answer shows; None where it shows none."""
    found = reading.body(answer).get("data")
    return found if isinstance(found, dict) else None


def page(answer: Answer) -> Shown | None:
    """The things that an answer lists; None where it is no list."""
    told = reading.body(answer)
    found = reading.objects(told.get("data"))
    if found is None:
        return None
    turning = reading.block(told, "pagination")
    current, last = turning.get("currentPage"), turning.get("pageCount")
    # Where it does not say whether it goes on, only an empty page is the end.
    ended = not told["data"] or (isinstance(current, int) and isinstance(last, int) and current >= last)
    return Shown(items=tuple(found), more=not ended)


def file(shown: Mapping[str, Any] | None) -> File | None:
    """A file, if what is shown is one and says what has to be known of it."""
    if shown is None:
        return None
    id_, name, status = (reading.text(shown, key) for key in ("id", "name", "status"))
    size, received = shown.get("size"), shown.get("bytesReceived")
    if not id_ or not name or not status or type(size) is not int or type(received) is not int:
        return None
    return File(
        id=id_,
        name=name,
        size=size,
        received=received,
        status=status,
        content_type=reading.text(shown, "mimetype"),
        created_at=reading.moment(shown, "createdAt"),
    )


def named(shown: Mapping[str, Any] | None) -> Listed | None:
    """An environment or a space."""
    id_ = reading.text(shown, "id") if shown is not None else None
    if shown is None or id_ is None:
        return None
    return Listed(id=id_, name=reading.text(shown, "name") or id_, created_at=reading.moment(shown, "createdAt"))


def is_missing(answer: Answer) -> bool:
    """Whether Flatfile says that there is no such thing; any other 404 says that there is no such address."""
    return isinstance(answer, Reply) and answer.status == 404 and bool(_faults(answer))


def refusal(answer: Answer) -> Outcome:
    """What an answer means that is not the one hoped for."""
    if isinstance(answer, NoAnswer):
        return by_cause(answer)
    faults = _faults(answer)
    message = "; ".join(": ".join(filter(None, fault)) for fault in faults) or None
    outcome = by_status(answer, message=message)
    keys = {key for key, _ in faults}
    if answer.status == 403:
        # The key is known, and not let in there; without words of its own it is not Flatfile that speaks.
        return replace(outcome, ending=Ending.FAILED, problem="settings-wrong" if faults else "provider-error")
    if answer.status == 404 or (outcome.problem == "provider-refused" and keys & SETTINGS):
        return replace(outcome, problem="settings-wrong")
    return replace(outcome, field=next(iter(sorted(keys & FIELDS)), None))


def _faults(answer: Reply) -> list[tuple[str, str]]:
    """What it says is wrong: what with, where it tells, and why."""
    entries = reading.objects(reading.complaint(answer).get("errors")) or []
    return [(reading.text(one, "key") or "", reading.text(one, "message") or "") for one in entries[:MOST_FAULTS]]
