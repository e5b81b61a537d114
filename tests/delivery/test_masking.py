"""The connection's credential is in no answer, whatever its provider says."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence

import pytest

from app.delivery.calls import Answered, CutOff, Whole
from app.delivery.masking import masked

KEY = "sk_live_0123456789abcdef"
BASIC = base64.b64encode(KEY.encode()).decode()


class Pieces(Answered):
    """An answer that comes in these."""

    def __init__(self, pieces: Sequence[bytes], *, status: int = 200, **headers: str) -> None:
        told = [(name.replace("_", "-"), value) for name, value in headers.items()]
        super().__init__(status=status, reason="", headers=told)
        self.pieces = pieces
        self.closed = False

    def blocks(self) -> Iterator[bytes]:
        yield from self.pieces

    def close(self) -> None:
        self.closed = True


def body(answer: Answered) -> bytes:
    return b"".join(answer.blocks())


@pytest.mark.attack("answers", "a provider that says our credential back", "it is covered")
@pytest.mark.parametrize("size", [1, 2, 7, 23, 24, 25, 1000])
@pytest.mark.parametrize("spelt", [KEY, BASIC])
def test_it_is_covered_however_the_answer_is_cut(spelt: str, size: int) -> None:
    text = f'{{"message": "no {spelt}{spelt} and sk_live_0123"}}'.encode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    covered = body(masked(Pieces(pieces), [KEY]))
    assert covered == text.replace(spelt.encode(), b"*" * len(spelt))


def test_it_is_covered_as_the_name_of_a_user_without_a_password() -> None:
    spelt = base64.b64encode(f"{KEY}:".encode())
    covered = body(masked(Pieces([b"Basic " + spelt]), [KEY]))
    assert (len(covered), covered.count(b"*") >= len(BASIC)) == (len(b"Basic " + spelt), True)


@pytest.mark.parametrize("text", [b"", b"a", b"sk_live_", b"sk_live_0123456789abcde", b"\x00\xff" * 1000])
def test_everything_else_passes(text: bytes) -> None:
    assert body(masked(Pieces([text] if text else []), [KEY])) == text


def test_nothing_waits_that_can_be_no_credential() -> None:
    blocks = masked(Pieces([b"first", b"last sk_l", b"eft"]), [KEY]).blocks()
    assert [next(blocks), next(blocks), next(blocks)] == [b"first", b"last ", b"sk_left"]


@pytest.mark.attack("answers", "a provider that says our credential back", "it is covered")
def test_headers_are_looked_through_too() -> None:
    answer = masked(Pieces([], WWW_Authenticate=f'Bearer error="{KEY}"'), [KEY])
    assert answer.headers == [("WWW-Authenticate", f'Bearer error="{"*" * len(KEY)}"')]


@pytest.mark.attack("answers", "a provider that says our credential back", "it is covered")
def test_a_refusal_that_is_packed_is_looked_into() -> None:
    text = f'{{"message": "no {KEY}"}}'.encode()
    packed = gzip.compress(text)
    answer = masked(Pieces([packed], status=401, Content_Encoding="gzip", Content_Length=str(len(packed))), [KEY])
    assert body(answer) == text.replace(KEY.encode(), b"*" * len(KEY))
    assert answer.headers == [("Content-Length", str(len(text)))]


@pytest.mark.parametrize(("status", "coding"), [(401, "gzip"), (200, "gzip"), (500, "br"), (404, "gzip, br")])
def test_what_is_packed_and_says_nothing_passes_as_it_is(status: int, coding: str) -> None:
    packed = gzip.compress(b"nothing")
    told = {"Content_Encoding": coding, "Content_Length": str(len(packed))}
    answer = masked(Pieces([packed], status=status, **told), [KEY])
    assert body(answer) == packed
    assert answer.headers == [("Content-Encoding", coding), ("Content-Length", str(len(packed)))]


def test_a_refusal_that_is_packed_and_breaks_off_says_no_more_than_that() -> None:
    class Broken(Pieces):
        def blocks(self) -> Iterator[bytes]:
            yield from self.pieces
            raise CutOff

    packed = gzip.compress(KEY.encode())[:-4]
    broken = Broken([packed], status=401, Content_Encoding="gzip", Content_Length=str(len(packed) + 4))
    answer = masked(broken, [KEY])
    assert (answer.status, body(answer), answer.headers) == (401, b"", [("Content-Length", "0")])
    assert broken.closed


def test_what_is_not_packed_as_it_says_passes_too() -> None:
    assert body(masked(Pieces([b"\x1f\x8bnot"], status=500, Content_Encoding="gzip"), [KEY])) == b"\x1f\x8bnot"


def test_a_short_secret_covers_nothing() -> None:
    assert body(masked(Pieces([b"abc"]), ["a"])) == b"abc"


def test_what_it_is_of_is_let_go() -> None:
    answer = Pieces([b"a"])
    masked(answer, [KEY]).close()
    assert answer.closed
    Whole(status=200, reason="", headers=[], content=b"").close()
