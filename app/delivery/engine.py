"""Drives a provider's generator over the wire: each Outgoing becomes a request, each answer goes back in."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from pydantic import SecretStr
from requests_toolbelt import MultipartEncoder

from app.delivery.deadlines import Clock, Deadlines, Exchange
from app.delivery.http import Http
from app.delivery.reader import FileReader
from app.providers.wire import Answer, FilePart, Json, Multipart, Outgoing, OutgoingPart

T = TypeVar("T")

#: Called once, before the withheld rest of a file leaves; what it raises keeps it from leaving.
Mark = Callable[[Outgoing], None]


class SecondFile(RuntimeError):  # noqa: N818 - a fault of an adapter
    """A generator wants to send the file twice; exactly one Outgoing carries it."""


def refuse_files(outgoing: Outgoing) -> None:
    """The Mark of generators that only look."""
    raise SecondFile(outgoing.path)


class Engine:
    """Sends the requests of one delivery (or one look) to one connection's provider."""

    def __init__(
        self,
        http: Http,
        base_url: str,
        headers: Mapping[str, str],
        deadlines: Deadlines,
        *,
        mark: Mark = refuse_files,
        clock: Clock,
    ) -> None:
        self._http = http
        self._base_url = base_url
        self._headers = headers
        self._deadlines = deadlines
        self._mark = mark
        self._clock = clock
        self._until = clock() + deadlines.total
        self._carrying: Exchange | None = None

    @property
    def sent(self) -> bool:
        """Whether all of the request that carries the file was handed to the network."""
        return self._carrying is not None and self._carrying.sent

    def drive(self, steps: Generator[Outgoing, Answer, T]) -> T:
        """Return what the generator returns; closes it whatever happens."""
        try:
            outgoing = next(steps)
            while True:
                outgoing = steps.send(self._send(outgoing))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    def _send(self, outgoing: Outgoing) -> Answer:
        exchange = Exchange(deadlines=self._deadlines, until=self._until, clock=self._clock)
        if outgoing.carries_file:
            if self._carrying is not None:
                raise SecondFile(outgoing.path)
            self._carrying = exchange
        body, content_type = self._body(outgoing)
        headers = dict(self._headers) | ({"Content-Type": content_type} if content_type else {})
        url = self._base_url + outgoing.path
        return self._http.ask(exchange, outgoing.method, url, headers=headers, query=outgoing.query, body=body)

    def _body(self, outgoing: Outgoing) -> tuple[Any, str | None]:
        match outgoing.body:
            case Multipart(parts=parts):
                release = self._once(outgoing)
                encoder = MultipartEncoder([(part.name, _field(part, release)) for part in parts])
                return encoder, encoder.content_type
            case Json(value=value):
                return json.dumps(value).encode(), "application/json"
            case None:
                return None, None
            case _:
                raise NotImplementedError

    def _once(self, outgoing: Outgoing) -> Callable[[], None]:
        """What the readers of a request call before their last blocks: the first call sets the mark."""
        marked = False

        def release() -> None:
            nonlocal marked
            if not marked:
                self._mark(outgoing)
                marked = True

        return release


def _field(part: OutgoingPart, release: Callable[[], None]) -> Any:
    """A part as MultipartEncoder takes it."""
    if part.file is None:
        return part.value.get_secret_value() if isinstance(part.value, SecretStr) else str(part.value or "")
    file = part.file
    return part.filename or file.filename, _reader(file, release), part.content_type or file.content_type


def _reader(file: FilePart, release: Callable[[], None]) -> FileReader:
    return FileReader(file.source.blocks(), file.size, release)
