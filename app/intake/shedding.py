"""What is more than can be taken is refused at the door, before a byte of its body is read.

Every count is of this process: it asks nobody, and ends with the process. What several processes share shows as the
spool that fills up and the queue that falls behind.
"""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import ClassVar, Final
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.database import Database
from app.errors import Refusal
from app.seeing import metrics

log = structlog.get_logger("ventanilla.shedding")

#: Seconds of a clock that never goes back.
Clock = Callable[[], float]
#: Organizations whose queue is behind, as far as that is known.
Behind = Callable[[], Collection[UUID]]
#: Raises where the spool has no room for so many bytes more, of that organization.
Room = Callable[[int, UUID], None]

#: What is waited for frees itself in seconds: an upload ends.
SOON: Final = 5.0
#: A queue that is behind takes longer.
LATER: Final = 60.0
MINUTE: Final = 60.0
#: Questions and wishes that a page takes in a minute from one caller, or about one upload.
WISHES: Final = 10
#: Passwords that are measured in a minute for one address, while they are typed: some take a fifth of a second.
MEASURES: Final = 30
#: From one look at the queue to the next.
LOOK_SECONDS: Final = 2.0
#: Callers whose pace is remembered; who has been away for longest is forgotten first.
MOST_CALLERS: Final = 100_000

OVERDUE: Final = text("SELECT ventanilla_find_overdue(:since)")


class Overloaded(Refusal):
    """This process has as many uploads in hand as it takes."""

    slug: ClassVar[str] = "overloaded"
    status: ClassVar[int] = 503


class QueueBehind(Refusal):
    """The organization's uploads wait for longer than they should; one more would wait behind them."""

    slug: ClassVar[str] = "queue-behind"
    status: ClassVar[int] = 503


class TooManyAtOnce(Refusal):
    """The organization has as many uploads under way as it may."""

    slug: ClassVar[str] = "too-many-at-once"
    status: ClassVar[int] = 429


class TooMany(Refusal):
    """An organization, a token, a link or an address sends more in a minute than it may."""

    slug: ClassVar[str] = "too-many-a-minute"
    status: ClassVar[int] = 429


class Pace:
    """So many a minute from each caller: all at once or evenly, and after a rest as many again.

    Of a caller nothing is kept but the moment at which all of its calls would be paid for.
    """

    def __init__(self, a_minute: int, clock: Clock = time.monotonic, most: int = MOST_CALLERS) -> None:
        self.a_minute: Final = a_minute
        self._each = MINUTE / a_minute
        self._clock = clock
        self._most = most
        self._paid: OrderedDict[str, float] = OrderedDict()
        self._counting = Lock()

    def count(self, callers: Collection[str]) -> None:
        """Count one call of all these, or raise TooMany and count it for none."""
        now = self._clock()
        with self._counting:
            for caller, moment in self._one_more(callers, now).items():
                self._paid[caller] = moment
                self._paid.move_to_end(caller)
            while len(self._paid) > self._most:
                self._paid.popitem(last=False)

    def check(self, callers: Collection[str]) -> None:
        """Raise TooMany where one more call would; counts none."""
        now = self._clock()
        with self._counting:
            self._one_more(callers, now)

    def left(self, callers: Collection[str]) -> tuple[int, int]:
        """How many calls of all these would be taken now, and after how many seconds it is as many as ever again."""
        now = self._clock()
        with self._counting:
            owed = max((self._paid.get(caller, now) - now for caller in callers), default=0.0)
        owed = max(owed, 0.0)
        return max(math.floor((MINUTE - owed) / self._each + 0.001), 0), math.ceil(owed)

    def _one_more(self, callers: Collection[str], now: float) -> dict[str, float]:
        """When all calls of each would be paid for, with one more; raises TooMany."""
        paid = {caller: max(self._paid.get(caller, now), now) + self._each for caller in callers}
        late = max(paid.values(), default=now) - now - MINUTE
        if late > self._each / 1000:  # less is what adding up fractions leaves
            refusal = TooMany(limit=self.a_minute)
            refusal.retry_after = max(late, 1.0)
            raise refusal
        return paid


class QueueAge:
    """Which organizations have an upload in the queue that nobody took although it has been due for so long.

    Asked on demand, by at most one request every other second; the others go by what that one found.
    """

    def __init__(
        self, database: Database, most: timedelta, now: Callable[[], datetime], clock: Clock = time.monotonic
    ) -> None:
        self._database = database
        self._most = most
        self._now = now
        self._clock = clock
        self._next = -math.inf
        self._behind: frozenset[UUID] = frozenset()
        self._looking = Lock()

    def __call__(self) -> frozenset[UUID]:
        if self._clock() >= self._next and self._looking.acquire(blocking=False):
            try:
                self._behind = self._look()
            except SQLAlchemyError as exc:  # what comes next asks the database too, and says so
                log.warning("the queue's age is not known", cause=type(exc).__name__)
            finally:
                self._next = self._clock() + LOOK_SECONDS
                self._looking.release()
        return self._behind

    def _look(self) -> frozenset[UUID]:
        with self._database.doors() as session:
            return frozenset(session.scalars(OVERDUE, {"since": self._now() - self._most}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who hands in: for which organization, with which token or link where there is one, and from where."""

    organization_id: UUID
    token_id: UUID | None = None
    link_id: UUID | None = None
    address: str | None = None

    @property
    def names(self) -> list[str]:
        """All that is counted on its own by the one measure; a link is one person's, and has less."""
        known = {"organization": self.organization_id, "token": self.token_id, "address": self.address}
        return [f"{kind}:{value}" for kind, value in known.items() if value]


class Shedding:
    """The limits of this process, and what it has in hand."""

    def __init__(
        self,
        *,
        in_all: int,
        per_organization: int,
        a_minute: int,
        a_minute_by_link: int,
        calls_a_minute: int,
        guesses_a_minute: int,
        behind: Behind,
        room: Room,
        clock: Clock = time.monotonic,
    ) -> None:
        self._in_all = in_all
        self._per_organization = per_organization
        #: Of hand-ins.
        self.uploads: Final = Pace(a_minute, clock)
        self._by_link = Pace(a_minute_by_link, clock)
        #: Of what services ask for beside hand-ins.
        self.calls: Final = Pace(calls_a_minute, clock)
        #: Of keys that open nothing, whoever tries them.
        self.guesses: Final = Pace(guesses_a_minute, clock)
        #: Of what pages take beside hand-ins.
        self.wishes: Final = Pace(WISHES, clock)
        self.measures: Final = Pace(MEASURES, clock)
        self._behind = behind
        self._room = room
        self._under_way: Counter[UUID] = Counter()
        self._counting = Lock()

    @classmethod
    def from_settings(cls, settings: Settings, behind: Behind, room: Room) -> Shedding:
        return cls(
            in_all=settings.uploads_in_flight,
            per_organization=settings.uploads_in_flight_per_organization,
            a_minute=settings.uploads_a_minute,
            a_minute_by_link=settings.link_uploads_a_minute,
            calls_a_minute=settings.calls_a_minute,
            guesses_a_minute=settings.guesses_a_minute,
            behind=behind,
            room=room,
        )

    @property
    def under_way(self) -> int:
        """Uploads that this process has in hand."""
        return self._under_way.total()

    @property
    def behind(self) -> bool:
        """Whether an organization's queue is behind, as far as that is known."""
        return bool(self._behind())

    @contextmanager
    def admit(self, caller: Caller, *, keeps: int | None = None) -> Iterator[None]:
        """Let an upload in for as long as this lasts, however it ends.

        `keeps`: bytes that may come to wait in spool and queue, 0 where nobody knows how many; None: none will. Raises
        Overloaded, QueueBehind, TooManyAtOnce and TooMany, each with the time after which another try makes sense, and
        what the spool has to say.
        """
        self._take(caller.organization_id)
        try:
            if caller.link_id is not None:
                self._by_link.count([str(caller.link_id)])
            self.uploads.count(caller.names)
            if keeps is not None:
                self._check_backlog(caller.organization_id, keeps)
            yield
        finally:
            self._give_back(caller.organization_id)

    def _check_backlog(self, organization_id: UUID, size: int) -> None:
        if organization_id in self._behind():
            raise _later(QueueBehind(), LATER)
        self._room(size, organization_id)

    def _take(self, organization_id: UUID) -> None:
        with self._counting:
            if self._under_way.total() >= self._in_all:
                raise _later(Overloaded(), SOON)
            if self._under_way[organization_id] >= self._per_organization:
                raise _later(TooManyAtOnce(limit=self._per_organization), SOON)
            self._under_way[organization_id] += 1
        metrics.IN_HAND.inc()

    def _give_back(self, organization_id: UUID) -> None:
        with self._counting:
            self._under_way[organization_id] -= 1
            if not self._under_way[organization_id]:
                del self._under_way[organization_id]
        metrics.IN_HAND.dec()


def _later(refusal: Refusal, seconds: float) -> Refusal:
    refusal.retry_after = seconds
    return refusal
