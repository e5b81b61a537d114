"""What an object in the spool looks like: a key that only its organization's data key opens, then the file under it.

Each object has a key of its own, which stands in its header encrypted by the organization's data key. Key and stream
are bound to organization, upload and segment: an object that was moved to another's name does not open. The stream is
Tink's, in parts of 4 KiB that are numbered and know the last of them: a change, a part left out, a part too many and
an early end are found. Parts of 1 MiB are no faster and take up that much memory for each file that is being written.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import tink
from google.protobuf.message import DecodeError
from tink import aead, streaming_aead

from app.intake.spool.base import CopyLost, Sink, Source, SpoolAway

MAGIC: Final = b"ventanilla copy 1\n"
LENGTH_BYTES: Final = 2
KEY: Final = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_4KB
#: What is read at a time.
BLOCK_BYTES: Final = 1 << 20
#: Of each part Tink's tag, and of the first one its header; no object's own header is longer than that.
PART_BYTES: Final = 4096
TAG_BYTES: Final = 16
STREAM_HEADER_BYTES: Final = 40
HEADER_BYTES: Final = 1 << 10
#: What is handed to Tink at a time, who copies it: for larger ones, finding room takes longer than encrypting.
SLICE_BYTES: Final = 64 << 10

Block = bytes | bytearray | memoryview
Feed = Callable[[Block], object]

streaming_aead.register()


def sealed_bytes(size: int) -> int:
    """What an object of a file of so many bytes takes up at most."""
    parts = -(-(size + STREAM_HEADER_BYTES) // (PART_BYTES - TAG_BYTES))
    return HEADER_BYTES + STREAM_HEADER_BYTES + size + max(parts, 1) * TAG_BYTES


@contextmanager
def sealing(cipher: aead.Aead, place: str, sink: Sink) -> Iterator[Feed]:
    """Encrypt what is fed into `sink`; only a context that ended well leaves something that opens."""
    handle = tink.new_keyset_handle(KEY)
    wrapped: bytes = tink.proto_keyset_format.serialize_encrypted(handle, cipher, _of_key(place))
    out = _Out(sink)
    out.write(MAGIC + len(wrapped).to_bytes(LENGTH_BYTES) + wrapped)
    stream = handle.primitive(streaming_aead.StreamingAead).new_encrypting_stream(out, _of_stream(place))

    def feed(block: Block) -> None:
        rest = memoryview(block)
        with out.telling():
            while rest:
                stream.write(rest[:SLICE_BYTES])
                rest = rest[SLICE_BYTES:]

    try:
        yield feed
        with out.telling():
            stream.close()
    finally:
        out.drop()


def opening(cipher: aead.Aead, place: str, source: Source) -> Iterator[bytes]:
    """Decrypt an object, a block after the other; raises CopyLost, if need be after others were given."""
    known = _read(source, len(MAGIC) + LENGTH_BYTES)
    if not known.startswith(MAGIC) or len(known) < len(MAGIC) + LENGTH_BYTES:
        raise CopyLost("What is there is not a copy.")
    wrapped = _read(source, int.from_bytes(known[len(MAGIC) :]))
    back = _In(source)
    try:
        handle = tink.proto_keyset_format.parse_encrypted(wrapped, cipher, _of_key(place))
        stream = handle.primitive(streaming_aead.StreamingAead).new_decrypting_stream(back, _of_stream(place))
        while block := stream.read(BLOCK_BYTES):
            yield block
    except (tink.TinkError, DecodeError):
        if back.fault is not None:
            raise back.fault from back.fault.__cause__  # as it was raised
        raise CopyLost("The copy does not open.") from None


def _read(source: Source, size: int) -> bytes:
    """Read so many bytes, fewer only at the end."""
    found = b""
    while len(found) < size and (block := source.read(size - len(found))):
        found += block
    return found


def _of_key(place: str) -> bytes:
    return f"ventanilla/copy-key/1|{place}".encode()


def _of_stream(place: str) -> bytes:
    return f"ventanilla/copy/1|{place}".encode()


class _Out(io.RawIOBase):
    """Where Tink writes to. Keeps what went wrong there, of which Tink would tell no more than the text."""

    def __init__(self, sink: Sink) -> None:
        self._sink: Sink | None = sink
        self._fault: BaseException = SpoolAway()  # if it is Tink itself that cannot go on

    def writable(self) -> bool:
        return True

    def write(self, data: Block, /) -> int:  # type: ignore[override] # Tink writes bytes
        if self._sink is not None:
            try:
                self._sink.write(bytes(data))
            except BaseException as exc:
                self._fault = exc
                raise
        return len(data)

    def drop(self) -> None:
        """Take nothing more: a stream that was given up ends itself when it is collected."""
        self._sink = None

    def close(self) -> None:
        """Nothing: the place itself knows when it is done."""

    @contextmanager
    def telling(self) -> Iterator[None]:
        try:
            yield
        except tink.TinkError:
            raise self._fault from self._fault.__cause__  # as it was raised


class _In(io.RawIOBase):
    """Where Tink reads from; like `_Out`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.fault: BaseException | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as exc:
            self.fault = exc
            raise

    def close(self) -> None:
        """Nothing: the place closes what it opened."""
