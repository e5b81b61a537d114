"""How long a caller waits for the delivery of what is kept, before it is told that it was taken (202).

Who says nothing has the file passed on while it arrives, and hears what the provider says to that. Who says how long it
waits has the file taken first, and delivered from its copy: then no provider can make the wait longer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

import structlog
from flask import request
from werkzeug.http import parse_list_header

from app.api.entrance import Entrance
from app.api.errors import BadWait, WaitNotOffered
from app.database import AWAY
from app.delivery import Record
from app.providers.operation import Mode
from app.records import attempts, uploads
from app.records.states import MOVING, State
from app.services import services

log = structlog.get_logger("ventanilla.api")

#: A caller waits for at most so many seconds.
LONGEST: Final = 60
#: From one look to the next, in seconds, growing to the most.
FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0
WAIT, ASYNC = "wait", "respond-async"

_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_ENDING: Final = MOVING | {State.WAITING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What a caller said of its waiting."""

    #: None: nothing.
    seconds: int | None = None
    #: What of that it said as a preference (RFC 7240), which nobody has to follow.
    preferred: tuple[str, ...] = ()

    @classmethod
    def of_request(cls, mode: Mode) -> Self:
        """Read `?wait`, or else `Prefer`; raises BadWait, and WaitNotOffered where nothing is kept to wait for."""
        asked = request.args.get(WAIT)
        if asked is not None:
            if not _SECONDS.fullmatch(asked) or int(asked) > LONGEST:
                raise BadWait(field=WAIT, name=WAIT, value=asked[:40])
            if mode is not Mode.DURABLE:
                raise WaitNotOffered(field=WAIT)
            return cls(seconds=int(asked))
        prefer = _preferences(request.headers.get("Prefer", ""))
        if mode is not Mode.DURABLE:
            return cls()
        if _SECONDS.fullmatch(prefer.get(WAIT, "")):
            seconds = min(int(prefer[WAIT]), LONGEST)
            return cls(seconds=seconds, preferred=(*((ASYNC,) if ASYNC in prefer else ()), f"{WAIT}={seconds}"))
        return cls(seconds=0, preferred=(ASYNC,)) if ASYNC in prefer else cls()

    @property
    def later(self) -> bool:
        """Whether what is handed in is only to be taken, and delivered from its copy."""
        return self.seconds is not None

    def applied(self, status: int) -> str:
        """What of the preferences was followed, as `Preference-Applied` says it."""
        return ", ".join(name for name in self.preferred if name != ASYNC or status == 202)


def wait_for(
    way: Entrance,
    upload_id: UUID,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Record | None:
    """Wait until an upload has ended, for at most so many seconds; its record then. None: nobody can look.

    Nothing is held of the database between two looks.
    """
    until, rest = clock() + seconds, FIRST_PAUSE
    found = _look(way, upload_id)
    while (found is None or found.upload.state in _ENDING) and (left := until - clock()) > 0:
        pause(min(rest, left))
        rest = min(rest * 1.5, LAST_PAUSE)
        found = _look(way, upload_id) or found
    return found


def _look(way: Entrance, upload_id: UUID) -> Record | None:
    try:
        with services().database.transaction(way.destination.organization.id) as session:
            upload = uploads.get(session, upload_id)
            return Record(upload=upload, attempts=tuple(attempts.listing(session, upload_id)))
    except AWAY as exc:  # it was taken: that is what is answered then
        log.warning("upload could not be looked at", upload=str(upload_id), cause=type(exc).__name__)
        return None


def _preferences(header: str) -> dict[str, str]:
    """Preferences by their names, without parameters; of two of one name the first counts."""
    found: dict[str, str] = {}
    for member in parse_list_header(header):
        name, _, value = member.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
