"""Who goes on where somebody stopped: what had arrived is kept, and two never write at once."""

from __future__ import annotations

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.relay.files import csv
from tests.resumable.desk import BEGUN, CONTENT, OCTETS, VERSION, Desk, checksum
from tests.tenancy import becomes

pytestmark = pytest.mark.live

REST = CONTENT[BEGUN:]


def sending(desk: Desk, path: str, offset: int, piece: bytes, announced: int, *more: str) -> socket.socket:
    """Begin to send a piece, and leave it there; more lines of the head may be given."""
    place = urlsplit(desk.house.gateway.url)
    sock = socket.create_connection((place.hostname or "", place.port or 0), timeout=30)
    lines = [
        f"PATCH {path} HTTP/1.1",
        f"Host: {place.netloc}",
        f"Authorization: Bearer {desk.house.token}",
        "Tus-Resumable: 1.0.0",
        "Content-Type: application/offset+octet-stream",
        f"Upload-Offset: {offset}",
        f"Content-Length: {announced}",
        *more,
    ]
    sock.sendall("\r\n".join([*lines, "", ""]).encode() + piece)
    return sock


def held(desk: Desk, path: str) -> bool:
    return desk.row(path).lock is not None


def test_a_piece_that_breaks_off_keeps_what_has_come(desk: Desk) -> None:
    path = desk.fresh()
    with closing(sending(desk, path, 0, CONTENT[:BEGUN], len(CONTENT))):
        assert becomes(lambda: held(desk, path))
    assert desk.offset(path) == BEGUN
    assert desk.patch(path, BEGUN, REST)["Ventanilla-State"] == "waiting"


def test_with_a_checksum_it_keeps_nothing_that_nobody_can_verify(desk: Desk) -> None:
    path = desk.fresh()
    line = f"Upload-Checksum: {checksum(CONTENT)}"
    with closing(sending(desk, path, 0, CONTENT[:BEGUN], len(CONTENT), line)):
        assert becomes(lambda: held(desk, path))
    assert desk.offset(path) == 0


def test_a_phone_that_comes_back_does_not_wait_for_its_old_connection(desk: Desk) -> None:
    path = desk.fresh()
    with closing(sending(desk, path, 0, CONTENT[:BEGUN], len(CONTENT))) as old:
        assert becomes(lambda: held(desk, path))
        assert desk.offset(path) == BEGUN
        assert desk.patch(path, BEGUN, REST)["Ventanilla-State"] == "waiting"
        assert b" 409 " in old.recv(100)


def test_nor_does_it_have_to_ask_first(desk: Desk) -> None:
    path = desk.begun()
    with closing(sending(desk, path, BEGUN, b"", len(REST))):
        assert becomes(lambda: held(desk, path))
        assert desk.patch(path, BEGUN, REST)["Ventanilla-State"] == "waiting"


def test_the_lock_of_the_dead_is_taken_and_their_copy_begun_anew(desk: Desk) -> None:
    path = desk.begun()
    desk.set(path, "lock = :dead", dead=uuid4())
    (before,) = desk.row(path).objects
    assert desk.patch(path, BEGUN, REST[:3]).status == 204
    assert len(set(desk.row(path).objects) - {before}) == 1
    told = desk.patch(path, BEGUN + 3, REST[3:])
    upload = desk.upload(told["Ventanilla-Upload"])
    assert upload.id != before
    assert [part["size"] for part in upload.parts] == [len(CONTENT)]


def test_of_many_who_send_the_same_piece_one_does(desk: Desk) -> None:
    path = desk.begun()
    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(lambda _: desk.patch(path, BEGUN, REST), range(6)))
    assert sorted({answer.status for answer in told}) in ([204, 409], [204])
    uploads = {answer["Ventanilla-Upload"] for answer in told if answer.status == 204}
    assert len(uploads) == 1
    assert [part["size"] for part in desk.upload(uploads.pop()).parts] == [len(CONTENT)]


def test_an_answer_that_was_lost_is_given_again(desk: Desk) -> None:
    path = desk.begun()
    with closing(sending(desk, path, BEGUN, REST, len(REST))):
        assert becomes(lambda: desk.row(path).upload_id is not None)
    first = desk.ask("HEAD", path)
    again = desk.patch(path, len(CONTENT), b"")
    assert first["Ventanilla-Upload"] == again["Ventanilla-Upload"] == str(desk.row(path).upload_id)


def test_what_was_whole_when_its_node_died_is_handed_on_by_who_asks(desk: Desk) -> None:
    path = desk.begun()
    part = desk.part(REST)
    desk.set(path, "parts = parts || CAST(:more AS jsonb), received = length", more=json.dumps(desk.row(part).parts))
    desk.set(path, "objects = objects || :more", more=desk.row(part).objects)
    told = desk.ask("HEAD", path)
    assert (told.status, told["Ventanilla-State"]) == (200, "waiting")
    assert [one["size"] for one in desk.upload(told["Ventanilla-Upload"]).parts] == [len(CONTENT)]


def test_the_same_parts_are_joined_once(desk: Desk) -> None:
    parts = f"final;{desk.part(CONTENT[:BEGUN])} {desk.part(REST)}"
    first = desk.create(Upload_Length=None, Upload_Concat=parts)
    again = desk.create(Upload_Length=None, Upload_Concat=parts)
    assert (first.status, again.status) == (201, 201)
    assert first["Location"] == again["Location"]
    assert first["Ventanilla-Upload"] == again["Ventanilla-Upload"]


def test_parts_are_not_joined_to_something_else(desk: Desk) -> None:
    one, other = desk.part(CONTENT[:BEGUN]), desk.part(REST)
    assert desk.create(Upload_Length=None, Upload_Concat=f"final;{one} {other}").status == 201
    assert desk.create(Upload_Length=None, Upload_Concat=f"final;{other} {one}").status == 409


def test_a_piece_whose_length_nobody_says_is_taken_up_to_what_is_missing(desk: Desk) -> None:
    for more, status, offset in ((b"", 204, len(CONTENT)), (b"x", 413, BEGUN)):
        path = desk.begun()
        place = urlsplit(desk.house.gateway.url)
        with closing(http.client.HTTPConnection(place.netloc, timeout=30)) as connection:
            headers = {**VERSION, **OCTETS, "Authorization": f"Bearer {desk.house.token}", "Upload-Offset": str(BEGUN)}
            connection.request("PATCH", path, iter([REST[:4], REST[4:] + more]), headers, encode_chunked=True)
            assert connection.getresponse().status == status
        assert desk.offset(path) == offset


def test_a_long_piece_is_made_safe_on_the_way(desk: Desk) -> None:
    content = csv((33 << 20) + 5)
    path = desk.fresh(Upload_Length=str(len(content) + 1))
    assert desk.patch(path, 0, content)["Upload-Offset"] == str(len(content))
    (part,) = desk.row(path).parts
    assert (part["segments"], part["size"]) == (2, len(content))
    assert desk.patch(path, len(content), b"\n")["Ventanilla-State"] == "waiting"
