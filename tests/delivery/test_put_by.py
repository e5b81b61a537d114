"""Several files in one body: what nobody knows the size of in time is put by whole, judged, and waits to be sent."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.checks import Policy, Rejected
from app.delivery import Origin, Result
from app.errors import Refusal
from app.intake import Arriving, Deadlines, Limits, Streamed, receive
from app.intake.arriving import SMALL
from app.intake.errors import TooManyFiles
from app.providers import registry
from app.providers.facturapi import LOGO
from app.providers.operation import Mode
from app.records.states import State
from tests.delivery.streaming import Played
from tests.delivery.tenant import Tenant
from tests.delivery.test_deliverer import png
from tests.delivery.test_keeping import held, rows

LIMITS = Limits(file_bytes=1 << 20, body_bytes=1 << 30, files=3)
HEAD = '--B\r\nContent-Disposition: form-data; name="file"; filename="logo.png"\r\nContent-Type: image/png\r\n\r\n'
NO_IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(2000)


def large() -> bytes:
    """A picture that is not held whole in memory: a comment makes it long."""
    comment = b"tEXtnote\0" + b"x" * 2 * SMALL
    chunk = struct.pack(">I", len(comment) - 4) + comment + struct.pack(">I", zlib.crc32(comment))
    small = png()
    return small[:33] + chunk + small[33:]  # behind the signature and the header


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """A provider whose operation may be kept."""
    provider = Played()
    monkeypatch.setitem(registry.PROVIDERS, "facturapi", provider)
    return provider


@contextmanager
def arriving(*contents: bytes, broken_off: int = 0) -> Iterator[Streamed]:
    """A body with these files, of which the end is missing if told."""
    body = b"".join(HEAD.encode() + content + b"\r\n" for content in contents) + b"--B--\r\n"
    environ: dict[str, Any] = {
        "wsgi.input": io.BytesIO(body[: len(body) - broken_off]),
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        "CONTENT_LENGTH": str(len(body)),
    }
    with receive(environ, LIMITS, Deadlines()) as reception:
        yield reception.stream(files=["file"], fields=[], secrets=[], measured=False)


def keep(tenant: Tenant, file: Arriving | None, origin: Origin | None = None) -> Result:
    given = Streamed(fields={}, secrets={}, file=file)
    return tenant.deliverer().stream(origin or tenant.origin(), LOGO, given, policy=Policy(), mode=Mode.DURABLE)


def test_one_that_comes_alone_is_passed_on_as_any_is(tenant: Tenant) -> None:
    with arriving(png()) as streamed:
        assert keep(tenant, streamed.file).state is State.DELIVERED
        assert list(streamed.others) == []
    assert (len(tenant.requests("PUT")), held(tenant)) == (1, 0)


@pytest.mark.parametrize(("first", "tries"), [(png(), 0), (large(), 1)], ids=["small", "large"])
def test_what_others_follow_is_put_by_to_be_sent_from_there(tenant: Tenant, first: bytes, tries: int) -> None:
    """A large one was on its way before that was known: that was a try, and the provider never gets all of it."""
    with arriving(first, png(), large()) as streamed:
        results = [keep(tenant, streamed.file), *(keep(tenant, other) for other in streamed.others)]
    assert [result.state for result in results] == [State.WAITING] * 3
    found = [tenant.upload(result.upload_id) for result in results]
    assert [upload.parts[0]["size"] for upload in found] == [len(first), len(png()), len(large())]
    assert [upload.tries for upload in found] == [tries, 0, 0]
    assert all(upload.due_at is not None and upload.due_at <= tenant.clock() for upload in found if not upload.tries)
    assert sorted(row.size for row in rows(tenant)) == sorted(upload.parts[0]["size"] for upload in found)
    assert held(tenant) == 3
    assert not tenant.requests("PUT")


def test_what_is_refused_once_it_is_whole_leaves_nothing(tenant: Tenant) -> None:
    link = tenant.link()
    with arriving(png(), NO_IMAGE) as streamed:
        keep(tenant, streamed.file)
        (other,) = streamed.others
        with pytest.raises(Rejected) as caught:
            keep(tenant, other, tenant.origin(link))
    assert caught.value.upload_id is not None
    assert tenant.upload(caught.value.upload_id).state is State.REJECTED
    assert tenant.uses(link) == 0, "it is given back"
    assert (len(rows(tenant)), held(tenant)) == (1, 1), "the one before is as it was"


def test_what_breaks_off_is_cancelled_and_leaves_nothing(tenant: Tenant) -> None:
    with arriving(png(), large(), broken_off=SMALL) as streamed:
        first = keep(tenant, streamed.file)
        with pytest.raises(Refusal) as caught:
            for other in streamed.others:
                keep(tenant, other)
    assert caught.value.upload_id is not None
    assert tenant.upload(caught.value.upload_id).state is State.CANCELLED
    assert tenant.upload(first.upload_id).state is State.WAITING
    assert (len(rows(tenant)), held(tenant)) == (1, 1)


def test_what_was_not_even_taken_is_on_record(tenant: Tenant) -> None:
    """Whoever sent several hears of each, also of what was one too many."""
    with arriving(png(), png()) as streamed:
        keep(tenant, streamed.file)
        (other,) = streamed.others
        told = [(Rejected("type-not-taken", field="file"), other), (TooManyFiles(limit=3), None)]
        for refusal, file in told:
            tenant.deliverer().turn_away(tenant.origin(), LOGO, refusal, file)
    found = {upload.problem: upload for upload in tenant.uploads() if upload.problem}
    assert {upload.state for upload in found.values()} == {State.REJECTED}
    assert [part["filename"] for part in found["type-not-taken"].parts] == ["logo.png"]
    assert found[TooManyFiles.slug].parts == []
    assert {refusal.upload_id for refusal, _ in told} == {upload.id for upload in found.values()}
    assert (len(rows(tenant)), held(tenant)) == (1, 1)
