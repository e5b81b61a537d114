"""Compares what clients were told with what providers got and what the database and the spool hold.

It reads neither the gateway's code nor its table of states: SQL, the ledger, file names, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

#: What a client is told of what was taken.
ACCEPTED: Final = frozenset({201, 202})
#: In these an upload rests; in the first three of them nobody was promised that it is there.
RESTING: Final = frozenset({"rejected", "cancelled", "failed", "unknown", "delivered"})
ADMITTED: Final = frozenset({"unknown", "failed"})
IN_HAND: Final = ("receiving", "delivering")
#: Providers that are told no file's name, or one of their own.
NAMELESS: Final = frozenset({"formkiq", "facturapi"})
#: A process that was silent for so long is dead.
SILENT_SECONDS: Final = 10
_ID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a client handed in, and what it was told; no status: it was told nothing."""

    organization: str
    operation: str
    filename: str
    sha256: str
    #: Names of what was handed in with it, of which no hash is written down.
    others: tuple[str, ...] = ()
    #: The organization's key at the provider.
    key: str = field(repr=False)
    status: int | None = None
    id: str | None = None
    #: What it was told later, at the upload's own address.
    told: str | None = None

    def __str__(self) -> str:
        return f"{self.operation} {self.filename} ({self.sha256[:8]}, told {self.status} {self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An upload in the database."""

    id: str
    organization: str
    operation: str
    state: str
    #: File names and hashes.
    parts: Sequence[tuple[str, str | None]] = ()
    #: Whether a living process has it in hand.
    owned: bool = False
    due: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file that a provider took: the same `place` twice is the same file put there again."""

    sha256: str
    place: str
    filename: str | None
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that there is to see."""

    rows: Sequence[Row] = ()
    arrivals: Sequence[Arrival] = ()
    #: Uploads that have a row in `copies`, and that have objects in the spool.
    copies: Collection[str] = frozenset()
    objects: Collection[str] = frozenset()
    #: Copies that belong to a file that is still arriving.
    arriving: Collection[str] = frozenset()
    #: Jobs that are being done by a worker that is dead.
    locked_jobs: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What is wrong, as sentences; and what became of what was handed in, counted."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    handed: int = 0
    accepted: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.misnamed or self.orphans)

    @property
    def summary(self) -> str:
        """Its numbers."""
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(self.states.items()))
        wrong = f"{len(self.lost)} lost, {len(self.doubled)} doubled, {len(self.misnamed)} misnamed, "
        return f"{wrong}{len(self.orphans)} orphans; {self.handed:,} handed in, {self.accepted:,} accepted: {states}"

    def __str__(self) -> str:
        told = {"lost": self.lost, "doubled": self.doubled, "misnamed": self.misnamed, "orphans": self.orphans}
        lines = [self.summary]
        lines += [f"{name}: {one}" for name, found in told.items() for one in found]
        return "\n".join(lines)


def judge(handed: Sequence[Handed], found: Found) -> Verdict:
    """Find every upload that is lost, doubled or wrongly named, and everything that nobody looks after."""
    verdict = Verdict(handed=len(handed), accepted=sum(one.status in ACCEPTED for one in handed))
    ours = {one.organization for one in handed}
    rows = [row for row in found.rows if row.organization in ours]
    verdict.states.update(row.state for row in rows)
    by_id = {row.id: row for row in rows}
    by_hash = {sha256: row for row in rows for _, sha256 in row.parts if sha256}
    arrived: dict[str, list[Arrival]] = {}
    for arrival in found.arrivals:
        arrived.setdefault(arrival.sha256, []).append(arrival)
    for one in handed:
        row = by_id.get(one.id or "") or by_hash.get(one.sha256)
        _judge_one(verdict, one, row, arrived.get(one.sha256, []))
    for row in rows:
        verdict.orphans += _left_behind(row, found)
    known = {row.id for row in found.rows} | set(found.arriving)
    verdict.orphans += [f"object of {one}, which nobody knows" for one in found.objects if one not in known]
    verdict.orphans += [f"job {one} is locked by a dead worker" for one in found.locked_jobs]
    return verdict


def _judge_one(verdict: Verdict, one: Handed, row: Row | None, arrivals: Sequence[Arrival]) -> None:
    places = {arrival.place for arrival in arrivals}
    if len(places) > 1:
        verdict.doubled.append(f"{one} is there {len(places)} times")
    if wrong := _missing(one, row, there=bool(places)):
        verdict.lost.append(f"{one} {wrong}")
    for arrival in arrivals:
        if arrival.filename is not None and arrival.filename != one.filename:
            verdict.misnamed.append(f"{one} is called {arrival.filename} there")
        if arrival.authorization is not None and one.key not in _decoded(arrival.authorization):
            verdict.misnamed.append(f"{one} is there under another organization's key")
    for told, recorded in _names(one, row) if row else ():
        if told != recorded:
            verdict.misnamed.append(f"{one} is {recorded} in the database")


def _missing(one: Handed, row: Row | None, *, there: bool) -> str | None:
    """What is wrong with where it is said to be."""
    if row is None:
        return "has no record" if one.status in ACCEPTED else None
    if one.told is not None and one.told != row.state:
        return f"is {row.state} and its client is told {one.told}"
    if there or row.state in ADMITTED:
        return None
    promised = one.status in ACCEPTED or row.state == "delivered"
    return f"is not there and is called {row.state}" if promised else None


def _names(one: Handed, row: Row) -> list[tuple[str, str]]:
    """What was handed in beside what the database says of it."""
    named = [(name, sha256) for name, sha256 in row.parts if name not in one.others]
    parts = [pair for name, sha256 in named for pair in ((one.filename, name), (one.sha256, sha256 or one.sha256))]
    return [(one.organization, row.organization), (one.operation, row.operation), *parts]


def _left_behind(row: Row, found: Found) -> list[str]:
    """What is wrong with a row that nobody looks after."""
    wrong = []
    if row.state in IN_HAND and not row.owned:
        wrong.append(f"{row.id} is {row.state} and its process is dead")
    if row.state == "waiting" and not row.due:
        wrong.append(f"{row.id} waits for nothing")
    if row.state == "waiting" and row.id not in found.copies:
        wrong.append(f"{row.id} waits without a copy")
    if row.id in found.copies and row.id not in found.objects:
        wrong.append(f"{row.id} has a copy that is not in the spool")
    if row.id in found.objects and row.id not in found.copies and row.state not in IN_HAND:
        wrong.append(f"{row.id} is {row.state} and has an object without a copy's row")
    return wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """Knows where to look."""

    database_url: str = field(repr=False)
    sandbox_url: str
    #: Names of all that lies in the spool.
    objects: Callable[[], Iterable[str]]

    def judge(self, handed: Sequence[Handed]) -> Verdict:
        """Look at everything, and compare."""
        return judge(handed, self.look())

    def look(self) -> Found:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            rows = [_row(one) for one in connection.execute(ROWS).fetchall()]
            copies = {str(one["upload_id"]) for one in connection.execute("SELECT upload_id FROM copies").fetchall()}
            arriving = {str(one["id"]) for one in connection.execute(ARRIVING).fetchall()}
            jobs = [f"{one['task_name']} {one['id']}" for one in connection.execute(LOCKED).fetchall()]
        with urllib.request.urlopen(f"{self.sandbox_url}/_sandbox/ledger", timeout=30) as answer:
            ledger = json.load(answer)["requests"]
        return Found(
            rows=rows,
            arrivals=_arrivals(ledger),
            copies=copies,
            objects=self._objects(),
            arriving=arriving,
            locked_jobs=jobs,
        )

    def _objects(self) -> set[str]:
        found = (_ID.search(name) for name in self.objects())
        return {_dashed(one.group()) for one in found if one}


def files_below(folder: Path) -> Callable[[], Iterable[str]]:
    """The objects of a spool that is a folder."""
    return lambda: [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]


ROWS: Final = f"""
    SELECT u.id, o.slug AS organization, u.operation, u.state, u.parts, u.due_at IS NOT NULL AS due,
           EXISTS (SELECT FROM processes p WHERE p.id = u.process_id
                   AND p.beat_at > clock_timestamp() - interval '{SILENT_SECONDS} seconds') AS owned
    FROM uploads u JOIN organizations o ON o.id = u.organization_id
"""  # noqa: S608 - of numbers alone
ARRIVING: Final = "SELECT unnest(objects) AS id FROM resumables"
LOCKED: Final = """
    SELECT j.id, j.task_name FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing'
    AND (w.id IS NULL OR w.last_heartbeat < clock_timestamp() - interval '60 seconds')
"""


def _row(one: Mapping[str, Any]) -> Row:
    return Row(
        id=str(one["id"]),
        organization=one["organization"],
        operation=one["operation"],
        state=one["state"],
        parts=[(part["filename"], part["sha256"]) for part in one["parts"]],
        owned=one["owned"],
        due=one["due"],
    )


def _arrivals(ledger: Sequence[Mapping[str, Any]]) -> list[Arrival]:
    """What providers took: complete requests that they answered, or would have answered, with a 2xx."""
    found = []
    for number, entry in enumerate(ledger):
        if not entry["complete"] or not 200 <= (entry["status"] or 0) < 300:
            continue
        place, who = f"{entry['provider']} {number}", entry["authorization"]
        if entry["provider"] == "formkiq" and entry["method"] == "PUT":  # to a presigned address: the same object
            found.append(Arrival(sha256=entry["sha256"], place=f"formkiq {entry['path']}", filename=None))
        for part in entry["parts"]:
            name = None if entry["provider"] in NAMELESS else part["filename"]
            found.append(Arrival(sha256=part["sha256"], place=place, filename=name, authorization=who))
    return found


def _dashed(found: str) -> str:
    plain = found.replace("-", "")
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


def _decoded(authorization: str) -> str:
    """An Authorization header, with what it may say in base64."""
    try:
        return authorization + base64.b64decode(authorization.removeprefix("Basic ")).decode()
    except (binascii.Error, UnicodeDecodeError):
        return authorization
