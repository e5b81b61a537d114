"""A body is what its headers say that it hashes to, or its last bytes are never seen."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake import Deadlines, digests
from app.intake.body import Body
from app.intake.digests import DigestMismatch, Digests, DigestUnreadable, DigestUnsupported


def written(content: bytes, algorithm: str = "sha-256") -> str:
    hashed = hashlib.new(algorithm.replace("-", ""), content).digest()
    return f"{algorithm}=:{base64.b64encode(hashed).decode()}:"


def body(content: bytes, *, chunked: bool = False, **headers: Any) -> Body:
    """What a client sends; without a length, where it is chunked."""
    how = {"HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": str(len(content))}
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(content), **how, **headers}
    made = Body.of(environ, Deadlines())
    made.digests = Digests.of(environ)
    return made


@pytest.mark.parametrize("chunked", [False, True])
@given(content=st.binary(min_size=1, max_size=300), most=st.integers(1, 301))
def test_however_it_is_cut(chunked: bool, content: bytes, most: int) -> None:
    right = body(content, chunked=chunked, HTTP_REPR_DIGEST=written(content))
    assert b"".join(iter(lambda: right.block(most), b"")) == content
    wrong, seen = body(content, chunked=chunked, HTTP_REPR_DIGEST=written(content + b"x")), 0
    with pytest.raises(DigestMismatch) as refused:
        while block := wrong.block(most):
            seen += len(block)
    assert refused.value.params == {"name": "Repr-Digest"}
    assert chunked or seen < len(content)


def test_one_that_nobody_gave_is_not_looked_for() -> None:
    assert body(b"x").digests is None
    assert body(b"x").block() == b"x"


def test_every_one_has_to_be_right() -> None:
    right, wrong = written(b"x"), written(b"y", "sha-512")
    assert body(b"x", HTTP_CONTENT_DIGEST=right, HTTP_REPR_DIGEST=right).block() == b"x"
    for headers in (f"{right},{wrong}", None), (right, wrong):
        with pytest.raises(DigestMismatch):
            body(b"x", HTTP_CONTENT_DIGEST=headers[0], HTTP_REPR_DIGEST=headers[1]).block()


@pytest.mark.parametrize(
    "value", ["sha-256", "sha-256=x", "sha-256=:x:", "sha-256=:YWJj:", "=::", ",", "sha-256=:YQ=:"]
)
def test_what_is_no_digest(value: str) -> None:
    with pytest.raises(DigestUnreadable):
        body(b"x", HTTP_CONTENT_DIGEST=value)


@pytest.mark.parametrize("value", ["md5=:YWJj:", "sha=:YWJj:, crc32c=:YWJj:"])
def test_what_nobody_would_look_at(value: str) -> None:
    with pytest.raises(DigestUnsupported):
        body(b"x", HTTP_CONTENT_DIGEST=value)
    assert body(b"x", HTTP_CONTENT_DIGEST=f"{value},{written(b'x')}").block() == b"x"


def test_ours_is_written_as_theirs() -> None:
    assert digests.sha256(b"x") == written(b"x")
