"""What passes between a provider's generator and delivery: requests to make, and the answers to them.

A request says where to (`path` below the provider's base URL with its credential, or a whole `url` without it) and what
its body is. At most one request of a delivery hands in: the file is in its body, or it stands for an operation that has
none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from pydantic import SecretStr

Block = bytes | memoryview


class Source(Protocol):
    """Where the bytes of a file come from."""

    @property
    def sha256(self) -> str | None:
        """Of the whole file, in hexadecimal; None as long as not all of it has passed."""
        ...

    def blocks(self) -> Iterator[Block]:
        """All of it, in blocks that are not empty; to be taken once. Raises a Refusal where it ends early or may not
        be delivered: out of the request that it is read for, which then is never complete.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file that is handed over."""

    name: str
    #: Cleaned: a name and not a path, fit for a header.
    filename: str
    #: By its bytes where a check knows them, else as the client said.
    content_type: str
    size: int
    source: Source = field(repr=False)

    @property
    def sha256(self) -> str | None:
        return self.source.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPart:
    """A part of an outgoing multipart body: a file that was handed in, or a text."""

    name: str
    file: FilePart | None = None
    value: SecretStr | str | None = field(default=None, repr=False)
    #: What a file is called and said to be on its way out; without them, as it was handed in.
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipart:
    """multipart/form-data; its parts in this order."""

    parts: tuple[OutgoingPart, ...]

    @property
    def files(self) -> tuple[FilePart, ...]:
        return tuple(part.file for part in self.parts if part.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Json:
    """A JSON document."""

    value: Any = field(repr=False)

    @property
    def files(self) -> tuple[FilePart, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonWithFile:
    """A JSON object that holds a file, in base64, as its last member `member`."""

    value: Mapping[str, Any] = field(repr=False)
    member: str
    file: FilePart

    @property
    def files(self) -> tuple[FilePart, ...]:
        return (self.file,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A file and nothing else, byte for byte."""

    file: FilePart

    @property
    def files(self) -> tuple[FilePart, ...]:
        return (self.file,)


Body = Multipart | Json | JsonWithFile | Raw


class Sink(Protocol):
    """Takes the body of a good answer in place of memory: a hash, a search in an archive, a file."""

    def feed(self, block: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request that delivery is to make."""

    method: str
    #: Below the provider's base URL, sent with the connection's credential.
    path: str = ""
    #: A whole address in place of it (presigned), sent byte for byte as it stands here and without the credential. Only
    #: hosts that the provider declares (`stores`), or that are allowed for the sandbox, are asked.
    url: str | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    #: Beside those that delivery adds itself.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = None
    #: It is the hand-in of an operation that has no file.
    without_file: bool = False
    #: Remembered with the mark, before the rest of the file may leave.
    baseline: Mapping[str, Any] = field(default_factory=dict)
    #: Where the body of a 2xx goes; without it, it stands in the Reply.
    sink: Sink | None = field(default=None, repr=False)
    #: Seconds to wait first; for looking again at what a provider does in its own time.
    after: float = 0.0

    @property
    def carries_file(self) -> bool:
        return self.body is not None and bool(self.body.files)

    @property
    def hands_in(self) -> bool:
        """Whether it is the one request of a delivery that changes what the provider holds for good."""
        return self.without_file or self.carries_file


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a provider answered, whole."""

    status: int
    #: By names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


#: Why there is no answer: our own rules, no connection, too late, broken off before the answer began or within it; or
#: the file was withdrawn on its way, by a check or by its sender, and what was begun is to be taken back.
Cause = Literal["egress", "connect", "timeout", "reset", "truncated", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No usable answer came. `released`: all of the request was handed to the network, and may have arrived."""

    cause: Cause
    released: bool


Answer = Reply | NoAnswer
