"""Bodies that are passed on as they came and are no forms: a file alone, and a JSON object that a file is a text in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from app.errors import Refusal
from app.intake.arriving import Arriving
from app.intake.body import Body
from app.intake.document import parse_object, read_whole
from app.intake.multipart import Limits
from app.intake.pace import Deadlines
from app.intake.part_header import PartHeader
from app.intake.raw import receive_file
from app.intake.reception import judge

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class BadContent(Refusal):
    """A file within a JSON object that is no text, or no Base64 although it is said to be."""

    slug: ClassVar[str] = "bad-content"


class Along(Protocol):
    """A body that is judged while it is passed on, to be read once: `file`, then `passed`."""

    @property
    def body(self) -> Body:
        """Knows whether the client is still there."""
        ...

    @property
    def length(self) -> int:
        """Bytes of it all."""
        ...

    @property
    def fields(self) -> Mapping[str, str]:
        """What its fields say that have come so far."""
        ...

    def file(self) -> Arriving | None:
        """Take what comes before the file, which is left to arrive; None where there is none."""
        ...

    def passed(self, judged: Iterable[bytes]) -> Iterator[bytes]:
        """The body as it came, as far as the file in it has been judged; its tail once `judged` has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """A file that is the body."""

    arriving: Arriving
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> Body:
        return self.arriving.body

    @property
    def length(self) -> int:
        return self.arriving.size

    def file(self) -> Arriving:
        return self.arriving

    def passed(self, judged: Iterable[bytes]) -> Iterator[bytes]:
        """Block by block; the last one is for whoever reads to withhold, since it cannot be known here."""
        yield from judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """A file that is a member of a JSON object, all of it in memory."""

    content: bytes = field(repr=False)
    body: Body
    header: PartHeader
    #: Its bytes; None where the object has none.
    enclosed: bytes | None = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return len(self.content)

    def file(self) -> Arriving | None:
        if self.enclosed is None:
            return None
        return Arriving(self.header, iter(filter(None, (self.enclosed,))), self.body, len(self.enclosed))

    def passed(self, judged: Iterable[bytes]) -> Iterator[bytes]:
        for _ in judged:
            pass
        yield self.content


@contextmanager
def bare_along(
    environ: WSGIEnvironment, name: str, filename: str, limits: Limits, deadlines: Deadlines
) -> Iterator[Bare]:
    """Begin to take a file that is the body, under a name that it was given before; raises as `receive_file` does."""
    with receive_file(environ, name, filename, limits, deadlines) as arriving:
        yield Bare(arriving=arriving)


def object_of(environ: WSGIEnvironment, most: int, deadlines: Deadlines) -> tuple[bytes, dict[str, Any], Body]:
    """All of a body that is one JSON object, as it came and as it reads; raises as `receive_object` does."""
    body = Body.of(environ, deadlines)
    judge(environ, body)
    content = read_whole(body, most)
    return content, parse_object(content), body


def content_of(value: Mapping[str, Any], member: str, base64_if: str) -> bytes | None:
    """The bytes of a file in an object: Base64 where the other member says so, else the text's own; None without it."""
    text, encoded = value.get(member), value.get(base64_if)
    if text is None:
        return None
    if not isinstance(text, str) or not (encoded is None or isinstance(encoded, bool)):
        raise BadContent(field=member)
    try:
        return base64.b64decode(text, validate=True) if encoded else text.encode()
    except (binascii.Error, ValueError):  # also half characters, which JSON can spell
        raise BadContent(field=member) from None
