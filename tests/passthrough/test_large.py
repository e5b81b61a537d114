"""A gigabyte each way: it passes, and memory does not hold it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
from typing import Final

import pytest

from app.providers.operation import MIB
from app.records.states import State
from tests.delivery.wire import Line
from tests.passthrough.desk import Desk
from tests.passthrough.test_plain import BELOW, FILES, Play, connected, play
from tests.relay.files import PIECE, pdf_pieces
from tests.relay.test_large import memory

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

__all__ = ["play"]  # a fixture

SIZE: Final = 1 << 30
#: `make bench` measures it exactly; here it is enough that it is not the file that is held.
MOST: Final = 64 * MIB


def test_a_gigabyte_up(desk: Desk) -> None:
    before, most = memory(desk.house), 0
    head = (
        '--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nx\r\n--b\r\n'
        'Content-Disposition: form-data; name="payload"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    )
    tail = "\r\n--b--\r\n"
    digest = hashlib.sha256()
    with contextlib.closing(connected(desk)) as connection:
        connection.timeout = 240
        connection.putrequest("POST", "/proxy/factify/v1beta/documents")
        connection.putheader("Authorization", f"Bearer {desk.token}")
        connection.putheader("Content-Type", "multipart/form-data; boundary=b")
        connection.putheader("Content-Length", str(len(head) + SIZE + len(tail)))
        connection.endheaders(head.encode())
        for number, piece in enumerate(pdf_pieces(SIZE)):
            digest.update(piece)
            connection.send(piece)
            if number % 64 == 0:
                most = max(most, memory(desk.house))
        connection.send(tail.encode())
        response = connection.getresponse()
        assert response.status == 200, response.read()
        made = json.loads(response.read())["document"]
    (upload,) = desk.uploads()
    assert (upload.state, upload.reference) == (State.DELIVERED, made["id"])
    assert (upload.parts[0]["size"], upload.parts[0]["sha256"]) == (SIZE, digest.hexdigest())
    (entry,) = [one for one in desk.house.sandbox.ledger("factify") if one["method"] == "POST"]
    assert entry["parts"][-1]["sha256"] == digest.hexdigest()
    assert most - before < MOST


def test_a_gigabyte_down(desk: Desk, play: Play) -> None:
    def script(line: Line) -> None:
        line.request()
        line.sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n".encode())
        for _ in range(SIZE // len(PIECE)):
            line.sock.sendall(PIECE)

    before, most, got = memory(desk.house), 0, 0
    with play(script), contextlib.closing(connected(desk)) as connection:
        connection.request("GET", f"/proxy/{BELOW}{FILES}", headers={"Authorization": f"Bearer {desk.token}"})
        response: http.client.HTTPResponse = connection.getresponse()
        while block := response.read(MIB):
            got += len(block)
            if got % (64 * MIB) == 0:
                most = max(most, memory(desk.house))
    assert got == SIZE
    assert most - before < MOST
