"""What a request's body looks like on the wire: of a length that is known beforehand, read as the file arrives."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import SecretStr
from requests_toolbelt import MultipartEncoder

from app.delivery.reader import FileReader
from app.providers.wire import Body, FilePart, Json, JsonWithFile, Multipart, OutgoingPart, Raw

#: A body up to here goes out in one piece: copying it costs less than sending it in several.
SMALL: Final = 1 << 16
#: Read from a file at once where it has to be written anew; divisible by three, as base64 likes it.
BASE64_BLOCK: Final = 3 << 16

Release = Callable[[], None]


def encode(body: Body | None, release: Release) -> tuple[Any, str | None]:
    """A body as requests takes it, and its Content-Type; `release` is asked before the last bytes of each file."""
    match body:
        case Multipart(parts=parts):
            encoder = PassingEncoder([(part.name, _field(part, release)) for part in parts])
            return encoder, encoder.content_type
        case Json(value=value):
            return json.dumps(value).encode(), "application/json"
        case JsonWithFile(value=value, member=member, file=file):
            return JsonReader(value, member, _reader(file, release)), "application/json"
        case Raw(file=file):
            return _reader(file, release), None
    return None, None


class PassingEncoder(MultipartEncoder):  # type: ignore[misc]
    """Hands the blocks of files through as they are; the library copies each twice, through a buffer of its own."""

    def read(self, size: int = -1) -> Any:
        """The next bytes, at most `size` and often less; b"" at the end."""
        if self.len <= SMALL:
            return super().read(size)
        while not self.finished and not self._is_file(self._current_part):
            self._load(self._text_left())
        if self._buffer.len:
            return self._buffer.read(size)
        return b"" if self.finished else self._current_part.body.read(size)

    @staticmethod
    def _is_file(part: Any) -> bool:
        """Whether it is a file of which something is left; its header lines are in the buffer then, or gone."""
        return part is not None and isinstance(part.body, FileReader) and part.body.len > 0

    def _text_left(self) -> int:
        """Bytes to load that end before a file begins: the rest of a text, or one, which brings the next header."""
        part = self._current_part
        return max(1, part.body.len) if part is not None else 1


class JsonReader:
    """A JSON object whose last member is a file in base64. Closing quote and brace follow the file's last bytes."""

    def __init__(self, value: Mapping[str, Any], member: str, file: FileReader) -> None:
        others = {name: item for name, item in value.items() if name != member}
        opening = json.dumps(others | {member: ""}).encode().removesuffix(b'"}')
        #: Bytes that were not read yet.
        self.len = len(opening) + (file.len + 2) // 3 * 4 + len(b'"}')
        self._pieces = self._encoded(opening, file)
        self._rest = memoryview(b"")

    def read(self, size: int = -1) -> memoryview:
        """Return the next bytes: at least one while any are left, at most `size`."""
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        piece = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(piece) :]
        self.len -= len(piece)
        return piece

    @staticmethod
    def _encoded(opening: bytes, file: FileReader) -> Iterator[bytes]:
        yield opening
        held = b""
        while file.len:
            held += file.read(BASE64_BLOCK)
            even = len(held) // 3 * 3
            if even:
                yield b64encode(held[:even])
            held = held[even:]
        yield b64encode(held) + b'"}'


def _field(part: OutgoingPart, release: Release) -> Any:
    """A part as MultipartEncoder takes it."""
    if part.file is None:
        return part.value.get_secret_value() if isinstance(part.value, SecretStr) else str(part.value or "")
    file = part.file
    return part.filename or file.filename, _reader(file, release), part.content_type or file.content_type


def _reader(file: FilePart, release: Release) -> FileReader:
    return FileReader(file.source.blocks(), file.size, release)
