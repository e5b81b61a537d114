"""Keeps the connection's credential out of answers: the one thing in them that is not passed back as it came.

Providers quote, above all what they refuse. A credential is covered by as many stars, so that lengths and JSON stay
right, and a byte is held back only where the next could make a credential of it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Final

from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from app.delivery.calls import ANSWER_BYTES, Answered, Whole, read_whole
from app.providers.wire import NoAnswer

#: A shorter one would cover half of every text.
SHORTEST: Final = 8
STAR: Final = b"*"


def masked(answer: Answered, secrets: Sequence[str]) -> Answered:
    """The same answer without them."""
    spelt = sorted({one for secret in secrets for one in _spellings(secret)}, key=len, reverse=True)
    headers = [(name, _cover(value.encode("latin-1"), spelt).decode("latin-1")) for name, value in answer.headers]
    packed = next((value for name, value in headers if name.lower() == "content-encoding"), "identity")
    if packed.strip().lower() == "identity":
        return Masked(answer, headers, spelt)
    if answer.status < 400:  # what is asked for, and is the organization's own
        return Masked(answer, headers, [])
    return _unpacked(answer, headers, packed, spelt)


class Masked(Answered):
    """An answer whose blocks pass with what is secret covered."""

    def __init__(self, answer: Answered, headers: Sequence[tuple[str, str]], spelt: Sequence[bytes]) -> None:
        super().__init__(status=answer.status, reason=answer.reason, headers=headers)
        self._answer = answer
        self._spelt = spelt

    def blocks(self) -> Iterator[bytes]:
        held = b""
        for block in self._answer.blocks():
            covered = _cover(held + block, self._spelt)
            kept = max((_begun(covered, one) for one in self._spelt), default=0)
            held = covered[len(covered) - kept :]
            if covered := covered[: len(covered) - kept]:
                yield covered
        if held:
            yield held

    def close(self) -> None:
        self._answer.close()


def _unpacked(answer: Answered, headers: Sequence[tuple[str, str]], packed: str, spelt: Sequence[bytes]) -> Answered:
    """A refusal that comes packed: as it is, unless it has a secret in it, or nobody can tell."""
    whole = read_whole(answer)
    if isinstance(whole, NoAnswer):
        return Whole(status=answer.status, reason=answer.reason, headers=_plain(headers, 0), content=b"")
    covered = _cover(plain := _read(whole.content, packed), spelt)
    if covered == plain:
        return Whole(status=answer.status, reason=answer.reason, headers=headers, content=whole.content)
    told = _plain(headers, len(covered))
    return Whole(status=answer.status, reason=answer.reason, headers=told, content=covered)


def _read(content: bytes, packed: str) -> bytes:
    """What is packed, no more of it than of any answer; as it is, where nobody here can unpack it."""
    response = HTTPResponse(io.BytesIO(content), {"content-encoding": packed}, preload_content=False)
    try:
        return response.read(ANSWER_BYTES, decode_content=True)
    except HTTPError:
        return content


def _plain(headers: Sequence[tuple[str, str]], length: int) -> list[tuple[str, str]]:
    about = {"content-encoding", "content-length"}
    kept = [(name, value) for name, value in headers if name.lower() not in about]
    return [*kept, ("Content-Length", str(length))]


def _cover(text: bytes, spelt: Sequence[bytes]) -> bytes:
    for one in spelt:
        text = text.replace(one, STAR * len(one))
    return text


def _begun(text: bytes, secret: bytes) -> int:
    """How many of the last bytes may be the beginning of a secret."""
    most = min(len(secret) - 1, len(text))
    return next((count for count in range(most, 0, -1) if text.endswith(secret[:count])), 0)


def _spellings(secret: str) -> Iterator[bytes]:
    """A credential as providers are shown it."""
    if len(secret) >= SHORTEST:
        yield secret.encode()
        yield base64.b64encode(secret.encode())
        yield base64.b64encode(f"{secret}:".encode())
