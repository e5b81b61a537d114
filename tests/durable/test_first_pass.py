"""A file that is handed in while a copy of it is kept: whatever the provider does, the client is heard to its end."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from app.database import Database
from app.local.processes import wait_until
from app.providers import registry
from app.providers.operation import MIB, Mode
from app.records.states import State
from app.tenants import connections
from app.tenants.models import Connection
from app.tenants.vault import Vault
from tests.durable.shelf import Shelves
from tests.relay.ending import LARGE, SECONDS, WAYS, became, order, taken_back
from tests.relay.files import SPOILT
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION, STREAMED, Sample
from tests.relay.sending import Answered, Sending
from tests.servers import Sandbox, Server

pytestmark = pytest.mark.live

KEPT: Final = [one for one in STREAMED if registry.operation(one.operation).durable]
BY_WAY = pytest.mark.parametrize("sample", [WAYS[way] for way in LARGE], ids=LARGE)
OF_ALL = pytest.mark.parametrize("sample", KEPT, ids=lambda one: one.operation)


def hand_in(house: House, sample: Sample, content: bytes | None = None) -> Answered:
    with sending(house, sample, content) as one:
        return one.give().answer()


def sending(house: House, sample: Sample, content: bytes | None = None) -> Sending:
    filename, content_type, own = sample.file()
    return sample.sending(house, (filename, content_type, own if content is None else content), query="")


def whole(sample: Sample, house: House) -> int:
    """How often the provider had it all."""
    return len(sample.arrivals(house, complete=True))


def test_documents_are_kept() -> None:
    assert {one.operation for one in KEPT} == {one.slug for one in registry.operations(Mode.DURABLE)}
    assert len(KEPT) == 5


@OF_ALL
@pytest.mark.parametrize("size", [None, 2000], ids=["large", "whole at once"])
def test_what_is_delivered_leaves_nothing(house: House, shelves: Shelves, sample: Sample, size: int | None) -> None:
    content = sample.file(size)[2]
    answer = hand_in(house, sample, content)
    assert (answer.status, answer.body["state"]) == (201, "delivered"), answer.body
    assert answer.body["sha256"] == hashlib.sha256(content).hexdigest()
    upload = shelves.upload()
    (attempt,) = shelves.tried(upload)
    assert (upload.mode, upload.state, attempt.outcome) == ("durable", "delivered", "delivered")
    assert attempt.completing_at is not None
    assert shelves.is_empty()
    inline = size is not None and sample.connection == "formkiq"
    assert whole(WAYS["inline"] if inline else sample, house) == 1


@OF_ALL
@pytest.mark.parametrize("size", [None, 2000], ids=["large", "whole at once"])
def test_a_provider_that_is_down_is_not_waited_for(
    house: House, shelves: Shelves, sample: Sample, size: int | None
) -> None:
    """Whatever is asked first is not answered."""
    content = sample.file(size)[2]
    fields = sample.fields(house)
    house.sandbox.fault(provider=sample.connection, action="reset", after_bytes=0, times=5)
    filename, content_type, _ = sample.file(100)
    with replace(sample, fields=lambda _: fields).sending(house, (filename, content_type, content), query="") as one:
        answer = one.give().answer()
    assert (answer.status, answer.body["state"]) == (202, "waiting"), answer.body
    upload = shelves.upload()
    assert answer.headers["location"] == f"/api/v1/uploads/{upload.id}"
    assert shelves.keeps(upload, content)
    assert shelves.content(upload)[1]["fields"] == dict(fields)
    assert upload.parts[0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert upload.due_at is not None
    assert upload.deadline_at is not None
    assert upload.deadline_at > upload.due_at
    (attempt,) = shelves.tried(upload)
    assert (attempt.outcome, upload.tries) == ("retry", 1)
    assert size or attempt.completing_at is None


@BY_WAY
def test_a_provider_that_fails_half_way_is_let_go(house: House, shelves: Shelves, sample: Sample) -> None:
    content = sample.file()[2]
    house.sandbox.fault(**order(house, sample), action="reset", after_bytes=1000)
    with sending(house, sample, content) as one:
        one.give_share(0.5)
        assert wait_until(lambda: any(entry["bytes"] >= 1000 for entry in sample.arrivals(house)), SECONDS)
        answer = one.give().answer()
    assert (answer.status, answer.body["state"]) == (202, "waiting"), answer.body
    assert shelves.keeps(shelves.upload(), content)
    assert whole(sample, house) == 0


@BY_WAY
def test_a_provider_that_reads_no_more_is_let_go(house: House, shelves: Shelves, sample: Sample) -> None:
    """Only the grace can end this one in time: all other deadlines of this gateway are longer than the test waits."""
    content = sample.file()[2]
    house.sandbox.fault(**order(house, sample), action="stall", after_bytes=1000)
    answer = hand_in(house, sample, content)
    assert (answer.status, answer.body["state"]) == (202, "waiting"), answer.body
    upload = shelves.upload()
    assert shelves.keeps(upload, content)
    (attempt,) = shelves.tried(upload)
    assert (attempt.outcome, attempt.problem, attempt.completing_at) == ("retry", "provider-too-slow", None)
    assert whole(sample, house) == 0


def test_a_provider_that_refuses_at_once_hears_no_more_and_the_client_is_heard(house: House, shelves: Shelves) -> None:
    sample = WAYS["flatfile"]
    content = sample.file()[2]
    house.sandbox.fault(**order(house, sample), action="status", status=422)
    answer = hand_in(house, sample, content)
    assert answer.status == 424, answer.body
    upload = shelves.upload()
    row = shelves.row(upload)
    assert upload.state is State.FAILED
    assert row is not None
    assert row.keep_until is not None  # for a person who tries it again
    assert shelves.keeps(upload, content)


@pytest.mark.parametrize(
    ("sample", "kind"),
    [(WAYS["flatfile"], "csv"), (WAYS["factify"], "pdf"), (WAYS["presigned"], "pdf"), (WAYS["inline"], "pdf")],
    ids=["multipart", "multipart of a PDF", "presigned", "inline"],
)
def test_what_is_refused_at_its_last_byte_is_neither_there_nor_kept(
    house: House, shelves: Shelves, sample: Sample, kind: str
) -> None:
    content = SPOILT[kind](sample.file()[2])
    with sending(house, sample, content) as one:
        one.give_share(0.5)
        assert wait_until(lambda: bool(sample.arrivals(house)), SECONDS)
        assert len(shelves.begun()) == 1
        answer = one.give().answer()
    assert answer.status == 422, answer.body
    assert (shelves.upload().state, whole(sample, house)) == (State.REJECTED, 0)
    assert shelves.is_empty()


def test_what_is_refused_after_its_provider_was_let_go_is_not_kept(house: House, shelves: Shelves) -> None:
    sample = WAYS["presigned"]
    house.sandbox.fault(**order(house, sample), action="reset", after_bytes=1000)
    answer = hand_in(house, sample, SPOILT["pdf"](sample.file()[2]))
    assert answer.status == 422, answer.body
    assert shelves.is_empty()
    assert taken_back(house)


@pytest.mark.parametrize("fault", [None, "reset"], ids=["with its provider", "after it was let go"])
def test_a_client_that_leaves_leaves_nothing(house: House, shelves: Shelves, fault: str | None) -> None:
    sample = WAYS["flatfile"]
    if fault:
        house.sandbox.fault(**order(house, sample), action=fault, after_bytes=1000)
    with sending(house, sample) as one:
        one.give_share(0.5)
        assert wait_until(lambda: any(entry["bytes"] >= 1000 for entry in sample.arrivals(house)), SECONDS)
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.socket.close()
    assert became(house, "cancelled")
    assert wait_until(shelves.is_empty, SECONDS)
    assert whole(sample, house) == 0


def test_a_connection_that_is_paused_takes_and_sends_nothing(house: House, shelves: Shelves) -> None:
    sample = WAYS["flatfile"]
    content = sample.file()[2]
    pause(house, sample)
    answer = hand_in(house, sample, content)
    assert (answer.status, answer.body["state"], answer.body["attempts"]) == (202, "waiting", []), answer.body
    assert sample.arrivals(house) == []
    assert shelves.keeps(shelves.upload(), content)
    refused = sample.hand_in(house)
    assert (refused.status, refused.body["type"]) == (503, "/docs/problems#connection-paused")


def test_a_credential_that_is_refused_lets_the_upload_wait_for_another(house: House, shelves: Shelves) -> None:
    sample = WAYS["codat"]
    house.sandbox.fault(**order(house, sample), action="status", status=401)
    content = sample.file()[2]
    assert hand_in(house, sample, content).status == 202
    upload = shelves.upload()
    assert (upload.state, upload.problem) == ("waiting", "credential-refused")
    assert shelves.keeps(upload, content)
    with house.database.transaction(house.organization.id) as session:
        assert session.get_one(Connection, house.connections["codat"].id).paused_at is not None


def test_what_has_no_room_is_refused_before_it_is_read(
    cramped: Server, sandbox: Sandbox, database: Database, vault: Vault
) -> None:
    sandbox.clear()
    house, sample = House.build(cramped, sandbox, database, vault), WAYS["flatfile"]
    with sending(house, sample) as one:
        answer = one.give_share(0.0).answer()
        assert (answer.status, answer.body["type"]) == (507, "/docs/problems#spool-full"), answer.body
    assert hand_in(house, sample, sample.file(2000)[2]).status == 201
    assert sample.hand_in(house).status == 201  # nothing of it is kept


@pytest.mark.parametrize("size", [2000, 3 * MIB])
def test_what_says_no_length_is_kept_first_and_waits_to_be_delivered(house: House, shelves: Shelves, size: int) -> None:
    sample = BY_OPERATION["formkiq/document"]
    content = sample.file(size)[2]
    status, body = chunked(house, sample, content)
    assert (status, body["state"], body["attempts"]) == (202, "waiting", []), body
    assert (body["size"], body["sha256"]) == (size, hashlib.sha256(content).hexdigest())
    upload = shelves.upload()
    assert upload.due_at is not None
    assert upload.due_at <= upload.updated_at
    assert shelves.keeps(upload, content)
    assert sample.arrivals(house) == []


def test_what_says_no_length_is_refused_when_it_is_whole(house: House, shelves: Shelves) -> None:
    sample = BY_OPERATION["formkiq/document"]
    for content in (SPOILT["pdf"](sample.file(3 * MIB)[2]), b"%PDF-1.4\n" + bytes(10)):
        status, body = chunked(house, sample, content)
        assert status == 422, body
    assert {one.state for one in shelves.uploads()} == {State.REJECTED}
    assert shelves.is_empty()


def test_several_at_once_are_each_their_own(house: House, shelves: Shelves) -> None:
    sample = WAYS["flatfile"]
    house.sandbox.fault(**order(house, sample), action="reset", after_bytes=1000, times=4)
    contents = [sample.file(3 * MIB + number)[2] for number in range(8)]
    with ThreadPoolExecutor(len(contents)) as threads:
        answers = list(threads.map(lambda content: hand_in(house, sample, content), contents))
    assert sorted(one.status for one in answers) == [201] * 4 + [202] * 4
    waiting = {one.id: one for one in shelves.uploads() if one.state == "waiting"}
    assert shelves.begun() == waiting.keys()
    for upload in waiting.values():
        content = shelves.content(upload)[0]
        assert hashlib.sha256(content).hexdigest() == upload.parts[0]["sha256"]
    assert {one.parts[0]["sha256"] for one in shelves.uploads()} == {
        hashlib.sha256(content).hexdigest() for content in contents
    }


def pause(house: House, sample: Sample) -> None:
    with house.database.transaction(house.organization.id) as session:
        connection = session.get_one(Connection, house.connections[sample.connection].id)
        assert connections.pause(session, connection, "credential-refused", connection.created_at)


def chunked(house: House, sample: Sample, content: bytes) -> tuple[int, Any]:
    """Send it without saying how long it is."""
    boundary = f"b-{secrets.token_hex(12)}"
    filename, content_type, _ = sample.file(100)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    body = (
        head.encode() + f"Content-Type: {content_type}\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
    )

    def pieces() -> Iterator[bytes]:
        for begin in range(0, len(body), 70_000):
            yield body[begin : begin + 70_000]

    connection = http.client.HTTPConnection(urlsplit(house.gateway.url).netloc, timeout=60)
    path = f"/api/v1/organizations/{house.organization.slug}/{sample.operation}"
    headers = {
        "Authorization": f"Bearer {house.token}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Transfer-Encoding": "chunked",
    }
    try:
        connection.request("POST", path, pieces(), headers, encode_chunked=True)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
