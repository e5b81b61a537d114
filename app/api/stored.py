"""What lies at the provider of a connection: listed, shown, given back, taken away.

Each is asked for as the provider's adapter can (`app.providers.base`); what it cannot is 405, and says why. All of it
is written in the audit log, before anything is given.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Self

import structlog
from flask import Response, request
from pydantic import Field

from app.api.asking import Asker
from app.api.errors import NothingHere
from app.api.paging import Cursor, Page, signed
from app.api.resources import Resource
from app.api.schemas import Model
from app.api.visiting import Visit
from app.delivery.calls import Answered, CutOff
from app.providers import base
from app.providers.base import Deletes, Downloads, Ending, Gets, Lists
from app.tenants.tokens import Scope

log = structlog.get_logger("ventanilla.api")

resource = Resource("Files", "What lies at the provider of a connection.")

COLLECTION: Final = "/organizations/<organization>/<connection:connection>/files"
ONE: Final = f"{COLLECTION}/<file>"
#: What a provider that is asked may make of it.
ASKED: Final = (405, 424, 502)
#: Headers of the provider's answer that belong to the content.
OF_CONTENT: Final = ("Content-Type", "Content-Length", "Content-Encoding")
#: What the document says of content.
FILE: Final = {
    "responses": {
        "200": {
            "description": "The file, as it comes.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}


class File(Model):
    """Something that lies at the provider."""

    id: Annotated[str, Field(description="The provider's own.")]
    name: str
    size: int | None
    content_type: str | None
    created_at: datetime | None
    status: Annotated[str | None, Field(description="In the provider's own words.")]
    ends_at: Annotated[datetime | None, Field(description="When it ends by itself, as a certificate does.")]

    @classmethod
    def of(cls, listed: base.Listed) -> Self:
        """Show it."""
        return cls(**{name: getattr(listed, name) for name in cls.model_fields})


class FilePage(Page[File]):
    """Some of what lies there, in pages as large as the provider makes them."""


@resource.route("GET", COLLECTION, scope=Scope.FILES_READ, query=Cursor, shows=FilePage, problems=ASKED)
def list_files(asker: Asker, connection: str, query: Cursor) -> FilePage:
    """List what lies at the provider; newest first where it lets us choose."""
    visit = Visit(asker, connection, Lists)  # type: ignore[type-abstract]
    visit.written("connection.files_listed")
    found = visit.ask(lambda account: visit.provider.list(account, query.after))
    return FilePage(items=[File.of(one) for one in found.items], next=signed(found.next))


@resource.route("GET", ONE, scope=Scope.FILES_READ, shows=File, problems=ASKED)
def show_file(asker: Asker, connection: str, file: str) -> File:
    """Show one thing."""
    visit = Visit(asker, connection, Gets)  # type: ignore[type-abstract]
    visit.written("connection.file_shown", reference=file)
    found = visit.ask(lambda account: visit.provider.get(account, file))
    if found is None:
        raise NothingHere
    return File.of(found)


@resource.route("GET", f"{ONE}/content", scope=Scope.FILES_READ, problems=ASKED, besides=FILE)
def give_file(asker: Asker, connection: str, file: str) -> Response:
    """Give the content of one thing, as it comes; it ends short where the provider's answer does.

    A provider that gives no file alone, as Codat, gives what it calls by that id: all files of a day, in one archive.
    """
    visit = Visit(asker, connection, Downloads)  # type: ignore[type-abstract]
    visit.written("connection.file_fetched", reference=file)
    answered = visit.fetch(lambda account: visit.provider.content(account, file))
    told = {name.lower(): value for name, value in answered.headers}
    headers = {name: told[name.lower()] for name in OF_CONTENT if name.lower() in told}
    response = Response(_Blocks(answered), headers=headers, direct_passthrough=True)
    response.headers.setdefault("Content-Type", "application/octet-stream")
    response.headers["Content-Disposition"] = "attachment"
    if request.method == "HEAD":  # nobody takes its blocks, nor closes them
        answered.close()
    return response


@resource.route("DELETE", ONE, scope=Scope.FILES_DELETE, status=204, problems=ASKED)
def delete_file(asker: Asker, connection: str, file: str) -> None:
    """Take one thing away at the provider."""
    visit = Visit(asker, connection, Deletes)  # type: ignore[type-abstract]
    visit.check_there(file)
    outcome = visit.ask(lambda account: visit.provider.delete(account, file))
    if outcome.ending is not Ending.DELIVERED:
        raise visit.untold(outcome)
    visit.written("connection.file_deleted", reference=file)


class _Blocks:
    """The blocks of an answer, which the server takes one by one, and closes whether it took them or not."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._blocks = answered.blocks()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._blocks
        except CutOff as cut:
            log.warning("content cut off", cause=str(cut))
            # At this the server hangs up: who has had the beginning sees that it is no end.
            raise ConnectionResetError(errno.ECONNRESET, "cut off") from None

    def close(self) -> None:
        """Let go of the answer."""
        self._answered.close()
