"""The business of a counter that does not exist: organizations, what is handed in for them, and what becomes of it.

Nothing here touches a database. The same seed makes the same, moved to the given clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from app.cli.vocabulary import HTTP, LAW, MONTHS, PEOPLE, SHARES, STATES, TRADES, WHOSE, WORDS, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """An organization that does not exist."""

    slug: str
    name: str
    rfc: str
    accent: str
    providers: tuple[str, ...]
    #: Of these, one may be paused since a while.
    paused: str | None
    #: How much is handed in for it, beside others.
    weight: float
    #: Days until its certificate ends, and whether somebody has a link that ends soon and was not used.
    days_left: int
    forgotten: bool
    recipients: tuple[str, ...]


def organizations(seed: int, count: int) -> list[Invented]:
    """So many organizations; the same seed makes the same ones, and a greater count adds others behind them."""
    chance, made, taken = Random(seed), [], set[str]()  # noqa: S311 - nothing secret
    for number in range(count):
        name = f"{chance.choice(TRADES)} {chance.choice(WHOSE)}{chance.choice(LAW)}"
        slug = _slug(name)
        if slug in taken:
            slug = f"{slug}-{number}"
        taken.add(slug)
        providers = tuple(one for one, share in SHARES.items() if chance.random() < share) or ("facturapi",)
        made.append(
            Invented(
                slug=f"d{seed}-{slug}"[:63],
                name=name,
                rfc=_rfc(chance, name),
                accent=chance.choice(("#1f6f5c", "#7a3e9d", "#1d5fa8", "#9c4a1a", "#8a1f3d", "#3d5a1f")),
                providers=providers,
                paused=chance.choice(providers) if chance.random() < 0.02 else None,
                weight=chance.paretovariate(1.3),
                days_left=chance.choice((*range(3, 27, 6), *range(60, 1_460, 30))),
                forgotten=chance.random() < 0.03,
                recipients=tuple(chance.sample(PEOPLE, 3)),
            )
        )
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How things come in by one operation: the ids of what is there for it."""

    connection_id: UUID
    kind: Kind
    form_id: UUID
    link_id: UUID
    token_id: UUID
    paused: bool


class Business:
    """Makes what was handed in for one organization, as rows of the database have it."""

    def __init__(self, about: Invented, organization_id: UUID, seed: int, now: datetime, days: int) -> None:
        self._about = about
        self._organization_id = organization_id
        self._chance = Random(f"{seed} {about.slug}")  # noqa: S311 - nothing secret
        self._now = now
        self._days = days

    def rows(self, ways: Sequence[Ways], count: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """So many uploads, oldest first, each with its attempts."""
        moments = sorted(self._moment() for _ in range(count))
        weights = [one.kind.weight for one in ways]
        for at in moments:
            yield self._upload(self._chance.choices(ways, weights)[0], at)

    def _moment(self) -> datetime:
        """Mostly in office hours of working days, and ever more of late."""
        chance = self._chance
        ago = self._days * (1 - chance.random() ** 0.7)
        at = self._now - timedelta(days=ago)
        if at.weekday() >= 5 and chance.random() < 0.7:
            at -= timedelta(days=2)
        wanted = at.replace(hour=15, minute=0) + timedelta(hours=chance.triangular(0, 9, 4))  # 9 to 18 in Mexico
        return wanted if wanted < self._now else at

    def _upload(self, way: Ways, at: datetime) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        chance, kind = self._chance, way.kind
        state = chance.choices(list(STATES), list(STATES.values()))[0]
        if way.paused and at > self._now - timedelta(days=2) and kind.mode == "durable":
            state = "waiting"
        tokens = chance.random() < 0.25 and state != "unknown"  # of those a worker would look after
        problem = self._problem(kind, state)
        id_ = self._id(at)
        attempts = list(self._attempts(id_, kind, at, state, problem))
        ended = max((one["ended_at"] for one in attempts), default=at + timedelta(seconds=1))
        facts = self._facts(kind) if state == "delivered" else {}
        return {
            "id": id_,
            "organization_id": self._organization_id,
            "connection_id": way.connection_id,
            "form_id": None if tokens else way.form_id,
            "link_id": way.link_id if not tokens and chance.random() < 0.6 else None,
            "api_token_id": way.token_id if tokens else None,
            "process_id": id_,
            "operation": kind.operation,
            "mode": kind.mode,
            "state": state,
            "provider_status": "ready" if state == "delivered" and kind.mode == "durable" else None,
            "problem": problem,
            "problem_params": {},
            "provider_message": self._words(problem),
            "reference": self._reference(kind, id_) if state == "delivered" else None,
            "parts": list(self._parts(kind, at)),
            "facts": facts,
            "external_id": f"{chance.choice(('PED', 'EXP', 'CLI'))}-{chance.randrange(10**6):06}" if tokens else None,
            "metadata": {},
            "notice_version": None if tokens else "2026-01",
            "locale": None if tokens else "es",
            "due_at": self._now if state == "waiting" else None,
            "tries": len(attempts) if state == "waiting" else 0,
            "created_at": at,
            "updated_at": max(at, min(ended, self._now)),
        }, attempts

    def _problem(self, kind: Kind, state: str) -> str | None:
        chosen = {
            "rejected": kind.rejected,
            "failed": kind.refused,
            "cancelled": ("client-gone", "client-too-slow"),
            "unknown": ("unconfirmed",),
            "waiting": ("credential-refused",),
        }.get(state)
        return self._chance.choice(chosen) if chosen else None

    def _attempts(
        self, upload_id: UUID, kind: Kind, at: datetime, state: str, problem: str | None
    ) -> Iterator[dict[str, Any]]:
        """Most need one; now and then a provider is away, and what is durable is tried again."""
        if state in {"rejected", "cancelled"}:
            return
        chance, begins, number = self._chance, at, 0
        away = kind.mode == "durable" and (problem == "gave-up" or chance.random() < 0.02)
        for _ in range(chance.randint(1, 3) if away else 0):
            number += 1
            trouble = chance.choice(("provider-unreachable", "provider-error", "provider-too-slow"))
            yield self._attempt(upload_id, kind, number, begins, ("retry", trouble))
            begins += timedelta(seconds=chance.uniform(20, 90) * number)
        outcome = {"delivered": "delivered", "failed": "failed", "unknown": "unknown", "waiting": "credential"}[state]
        if problem != "gave-up":
            yield self._attempt(upload_id, kind, number + 1, begins, (outcome, problem))

    def _attempt(
        self, upload_id: UUID, kind: Kind, number: int, begins: datetime, ended: tuple[str, str | None]
    ) -> dict[str, Any]:
        chance, (outcome, problem) = self._chance, ended
        whole = begins + timedelta(milliseconds=chance.lognormvariate(5, 0.8))
        answered = outcome not in {"unknown", "retry"} or problem == "provider-error"
        took = kind.answer * chance.lognormvariate(0, 0.45) if answered else 30_000
        return {
            "id": self._id(begins),
            "organization_id": self._organization_id,
            "upload_id": upload_id,
            "number": number,
            "process_id": upload_id,
            "started_at": begins,
            "completing_at": None if problem == "provider-unreachable" else whole,
            "ended_at": min(whole + timedelta(milliseconds=took), self._now),
            "outcome": outcome,
            "problem": problem,
            "provider_http_status": HTTP.get(problem or "", 422 if problem else 200) if answered else None,
            "provider_message": self._words(problem),
            "baseline": {},
        }

    def _parts(self, kind: Kind, at: datetime) -> Iterator[dict[str, Any]]:
        chance = self._chance
        names = ("cer", "key") if kind.mode == "direct" else ("file",)
        filled = {
            "rfc": self._about.rfc,
            "month": MONTHS[at.month - 1],
            "year": at.year,
            "n": chance.randrange(1, 9_999),
            "who": chance.choice(self._about.recipients).split()[-1],
        }
        for name, filename in zip(names, chance.choice(kind.names), strict=True):
            yield {
                "name": name,
                "filename": filename.format(**filled),
                "size": max(200, int(kind.size * chance.lognormvariate(0, 0.9 if kind.mode != "direct" else 0.1))),
                "sha256": f"{chance.getrandbits(256):064x}",
            }

    def _facts(self, kind: Kind) -> dict[str, Any]:
        if not kind.operation.endswith("/certificate"):
            return {}
        return {
            "rfc": self._about.rfc,
            "legal_name": self._about.name.upper(),
            "number": f"3000100000{self._chance.randrange(10**10):010}",
            "not_after": (self._now + timedelta(days=self._about.days_left)).isoformat(),
        }

    def _words(self, problem: str | None) -> str | None:
        return self._chance.choice(WORDS[problem]) if problem in WORDS else None

    def _reference(self, kind: Kind, upload_id: UUID) -> str:
        bits = self._chance.getrandbits(128)
        return kind.reference.format(
            id=upload_id, uuid=UUID(int=bits), hex24=f"{bits:032x}"[:24], hex8=f"{bits:032x}"[:8]
        )

    def _id(self, at: datetime) -> UUID:
        """As ids are made in life: they begin with the time."""
        stamp = int(at.timestamp() * 1000) << 80
        high, low = self._chance.getrandbits(12), self._chance.getrandbits(62)
        return UUID(int=stamp | 0x7 << 76 | high << 64 | 0x2 << 62 | low)


def _slug(name: str) -> str:
    plain = name.lower().translate(str.maketrans("áéíóúüñ", "aeiouun"))
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())


def _rfc(chance: Random, name: str) -> str:
    """As a company's is built; not one that the SAT gave anybody but by accident."""
    letters = [c for c in _slug(name) if c.isalpha()]
    born = datetime(1985, 1, 1) + timedelta(days=chance.randrange(13_000))  # noqa: DTZ001 - a date
    end = "".join(chance.choice("ABCDEFGHJKLMNPQRSTUVWXYZ123456789") for _ in range(3))
    return "".join(letters[:3]).upper() + f"{born:%y%m%d}" + end
