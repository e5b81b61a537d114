"""Bodies, byte by byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.intake.multipart import Limits, PartEnd, PartStart, parts

BOUNDARY = "B"
NAME = b'Content-Disposition: form-data; name="notice"'
CER = b'Content-Disposition: form-data; name="cer"; filename="a.cer"\r\nContent-Type: application/octet-stream'


def part(content: bytes = b"x", *lines: bytes) -> bytes:
    """A part with its delimiter; a plain field, where no header lines are given."""
    return b"--B\r\n" + b"\r\n".join(lines or (NAME,)) + b"\r\n\r\n" + content + b"\r\n"


def body(*made: bytes, end: bytes = b"--B--\r\n") -> bytes:
    return b"".join(made or (part(),)) + end


def named(name: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"'.encode()


class Blocks:
    """A body that arrives cut in this way; its length is known or, as with a chunked one, not."""

    def __init__(self, blocks: Iterable[bytes], *, known: bool = True) -> None:
        self._blocks = [block for block in blocks if block]
        self.left = sum(map(len, self._blocks)) if known else None

    def block(self) -> bytes:
        block = self._blocks.pop(0) if self._blocks else b""
        if self.left is not None:
            self.left -= len(block)
        return block


Found = list[PartStart | bytes | PartEnd]


def found(blocks: Iterable[bytes], limits: Limits | None = None, *, known: bool = True) -> Found:
    """The events of a body, with the content of each part put together."""
    events: Found = []
    for event in parts(Blocks(blocks, known=known), BOUNDARY.encode(), limits or Limits()):
        if isinstance(event, bytes) and isinstance(events[-1], bytes):
            events[-1] += event
        else:
            events.append(event)
    return events


def post(path: str, content: bytes, *headers: bytes, length: int | None = None) -> bytes:
    """A request as it goes over the wire."""
    return b"".join(
        (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\n".encode(),
            *(header + b"\r\n" for header in headers),
            f"Content-Length: {len(content) if length is None else length}\r\n\r\n".encode(),
            content,
        )
    )


def chunked(path: str, chunks: Iterable[bytes], *headers: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """The same without a length."""
    return b"".join(
        (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\n".encode(),
            *(header + b"\r\n" for header in headers),
            b"Transfer-Encoding: chunked\r\n\r\n",
            *(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks),
            end,
        )
    )


def bytewise(whole: bytes) -> Iterator[bytes]:
    return (whole[i : i + 1] for i in range(len(whole)))
