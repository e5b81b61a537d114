"""Looking at what lies in a space of Flatfile's: page by page, and for one file by its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import quote

from app.providers import flatfile_replies as replies
from app.providers.base import Account, HandIn, Unavailable
from app.providers.outcomes import DOUBTFUL, unlearnt
from app.providers.wire import Answer, FilePart, Outgoing, Reply

#: Listed in one page, and the most pages that are looked through for one file.
PAGE, MOST_PAGES = "100", 20
#: How far their clock and ours may lie apart. A file from before we had it, by less than that, may be ours or not.
APART: Final = timedelta(minutes=10)
#: Refusals of a download that say nothing of the file, only of now.
TRANSIENT: Final = frozenset({401, 403, 429}) | DOUBTFUL

#: The file; False: it is not there; None: that cannot be told.
Found = replies.File | Literal[False] | None


class Digest:
    """Takes the bytes of a download and keeps their hash and number alone."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def feed(self, block: bytes, /) -> None:
        self._hash.update(block)
        self.size += len(block)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def mode(handin: HandIn) -> dict[str, str]:
    """What a file is for, as Flatfile wants to hear it; nothing where nobody said."""
    mode = handin.fields.get("mode", "").strip()
    return {"mode": mode} if mode else {}


def search(handin: HandIn, account: Account) -> Generator[Outgoing, Answer, Found]:
    """The file that was handed in, by name, size and SHA-256. Raises Unavailable where no good answer came."""
    (file,) = handin.parts.values()
    candidates, complete = yield from _candidates(handin, account, file)
    certain = complete and file.sha256 is not None
    for one in candidates:
        digest = Digest()
        answer = yield replace(get("/files", one.id, "/download"), sink=digest)
        if not isinstance(answer, Reply) or answer.status in TRANSIENT:
            raise Unavailable(unlearnt(replies.refusal(answer)))
        equal = answer.ok and digest.sha256 == file.sha256
        if equal and one.created_at is not None and one.created_at >= handin.received_at:
            return one
        unread = not replies.is_missing(answer) and (digest.size != one.size or one.provider_status == "processing")
        # Equal, and perhaps another from shortly before; or not all of it could be read.
        if equal or unread:
            certain = False
    return False if certain else None


def page(
    path: str, query: Mapping[str, str], cursor: str | None
) -> Generator[Outgoing, Answer, tuple[replies.Shown, str | None]]:
    """One page of a list, and the cursor of the next. Raises Unavailable."""
    number = int(cursor) if cursor and cursor.isascii() and cursor.isdecimal() else 1
    answer = yield Outgoing(method="GET", path=path, query={**query, "pageSize": PAGE, "pageNumber": str(number)})
    shown = replies.page(answer)
    if shown is None:
        raise Unavailable(unlearnt(replies.refusal(answer)))
    return shown, str(number + 1) if shown.more else None


def get(path: str, id: str, rest: str = "") -> Outgoing:  # noqa: A002 - the provider's id
    """Ask for one thing by its id, or for what lies under it."""
    return Outgoing(method="GET", path=f"{path}/{quote(id, safe='')}{rest}")


def _candidates(
    handin: HandIn, account: Account, file: FilePart
) -> Generator[Outgoing, Answer, tuple[list[replies.File], bool]]:
    """Files of that name and size since it was handed in, and whether all that lie there were looked at."""
    query = {"spaceId": account.settings["space_id"], **mode(handin)}
    since = handin.received_at - APART
    candidates: list[replies.File] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        shown, cursor = yield from page("/files", query, cursor)
        candidates += [
            one
            for one in map(replies.file, shown.items)
            if one and (one.name, one.size) == (file.filename, file.size)
            if one.created_at is None or one.created_at >= since
        ]
        if cursor is None:
            return candidates, True
    return candidates, False
