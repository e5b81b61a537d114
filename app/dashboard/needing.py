"""What needs a person, in words: how bad it is, since when, and where it is put right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.dashboard import seeing
from app.dashboard.causes import cause
from app.errors import N_
from app.intake.spool import SpoolAway
from app.records import needs
from app.records.needs import Case, Kind, Need
from app.services import services

#: From how full on the spool is spoken of, as a share of what it may hold.
FILLING: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How one kind of need is told. Texts are messages for translation."""

    tone: str
    icon: str
    title: str
    #: What that means, or what to do about it.
    about: str
    #: What stands before a case's moment, where that does not go without saying.
    moment: str = ""
    #: Whether it is said of each case why it is so.
    why: bool = False
    #: Path of what a case is about (its id, or the organization's slug and its label), and of all of them.
    leads: str = ""
    all: str = ""


ENDS: Final = N_("ends")
CONNECTION: Final = "/organizations/<>/connections/<>"
UPLOAD: Final = "/uploads/<>"

TOLD: Final = {
    Kind.WORKER: Told(
        tone="bad",
        icon="cross",
        title=N_("No worker is running"),
        about=N_("What waits is not delivered, and no webhook or mail goes out, until one is started: flask worker."),
        moment=N_("last seen"),
    ),
    Kind.PAUSED: Told(
        tone="bad",
        icon="pause",
        title=N_("Paused connections"),
        about=N_("Nothing goes through them. What waits is delivered once they are resumed."),
        why=True,
        leads=CONNECTION,
        all="/connections?state=paused",
    ),
    Kind.UNKNOWN: Told(
        tone="doubt",
        icon="question",
        title=N_("Unconfirmed uploads"),
        about=N_("All of it was sent, and the answer was lost. Check again, or look whether the provider has it."),
        leads=UPLOAD,
        all="/uploads?state=unknown",
    ),
    Kind.OVERDUE: Told(
        tone="doubt",
        icon="hourglass",
        title=N_("Uploads that should be on their way"),
        about=N_("They are due, and no worker has taken them: there are too few, or they are busy."),
        moment=N_("due"),
        leads=UPLOAD,
        all="/uploads?state=waiting",
    ),
    Kind.BREAKER: Told(
        tone="doubt",
        icon="slash",
        title=N_("Connections whose provider does not answer"),
        about=N_("They are left alone for a moment and then tried again by themselves."),
        moment=N_("tried again"),
        leads=CONNECTION,
        all="/connections",
    ),
    Kind.FAILED: Told(
        tone="bad",
        icon="cross",
        title=N_("Failed uploads of the last 7 days"),
        about=N_("Where a copy is kept, they can be tried again; else they have to be handed in again."),
        why=True,
        leads=UPLOAD,
        all="/uploads?state=failed",
    ),
    Kind.CERTIFICATE: Told(
        tone="doubt",
        icon="calendar",
        title=N_("Certificates that end within 30 days"),
        about=N_("Nothing can be stamped with them afterwards. Ask their owners for new ones."),
        moment=ENDS,
        leads=UPLOAD,
    ),
    Kind.CREDENTIAL: Told(
        tone="doubt",
        icon="key",
        title=N_("Credentials that end within 14 days"),
        about=N_("Put new ones in their place before they do."),
        moment=ENDS,
        leads=CONNECTION,
        all="/connections?state=ending",
    ),
    Kind.ENDPOINT: Told(
        tone="bad",
        icon="plug",
        title=N_("Disabled webhook endpoints"),
        about=N_("Too much that was sent did not arrive. Nothing is sent to them until they are enabled again."),
        leads="/organizations/<>/webhooks",
    ),
    Kind.LINK: Told(
        tone="doubt",
        icon="link",
        title=N_("Links that end within 3 days, unused"),
        about=N_("Remind whom they were made for, or make new ones."),
        moment=ENDS,
        leads="/organizations/<>/links",
    ),
}
SPOOL: Final = Told(
    tone="bad",
    icon="disk",
    title=N_("The spool is filling up"),
    about=N_("Once it is full, files that have to wait are refused. See why they wait, or give it more room."),
    all="/uploads?state=waiting",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One case, as it is shown."""

    organization: str | None
    label: str
    because: str
    at: datetime
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """All of one kind, as they are shown."""

    told: Told
    #: None: it is no matter of how many.
    count: int | None
    capped: bool
    lines: tuple[Line, ...]
    #: Where all of them are listed.
    address: str | None


def entries(asker: Asker, session: Session) -> Iterator[Entry]:
    """What needs a person now, worst first, of what the asker may see."""
    now = services().clock()
    if asker.organization_id is None:
        away = needs.worker_away(session, now)
        if away is not None:
            seen = [case for case in away.cases if case.at < now]  # else there never was one
            yield _entry(replace(away, cases=seen))
        if _filled(session) >= FILLING:
            yield Entry(told=SPOOL, count=None, capped=False, lines=(), address=_all(SPOOL))
    for need in needs.needs(session, now):
        yield _entry(need)


def _entry(need: Need) -> Entry:
    told = TOLD[need.kind]
    return Entry(
        told=told,
        count=None if need.kind is Kind.WORKER else need.count,
        capped=need.capped,
        lines=tuple(_line(told, case) for case in need.cases),
        address=_all(told),
    )


def _line(told: Told, case: Case) -> Line:
    named: tuple[object, ...] = (case.id,) if told.leads == UPLOAD else (case.organization, case.label)
    return Line(
        organization=case.organization_name,
        label=case.label or "",
        because=cause(case.because) if told.why else "",
        at=case.at,
        address=seeing.way(told.leads, *named[: told.leads.count("<>")]) if told.leads and all(named) else None,
    )


def _all(told: Told) -> str | None:
    path, _, query = told.all.partition("?")
    found = seeing.way(path) if path else None
    return f"{found}?{query}" if found and query else found


def _filled(session: Session) -> float:
    """How full the spool is, of what it may hold."""
    settings, spool = services().settings, services().spool
    shares = [0.0]
    if settings.spool_quota_bytes:
        shares.append(needs.stored(session) / settings.spool_quota_bytes)
    try:
        volume = spool.place.volume()
    except SpoolAway:  # `doctor` and readiness say so
        volume = None
    if volume is not None and volume.total:
        shares.append((1 - volume.free / volume.total) / settings.spool_high_water)
    return max(shares)
