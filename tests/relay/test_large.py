"""Two gigabytes through every operation that takes them: they arrive whole, and neither memory nor disk holds them."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil
import pytest

from app.config import Settings
from app.providers import registry
from app.providers.operation import MIB, Mode
from tests.relay.files import csv_pieces, pdf_pieces
from tests.relay.house import House
from tests.relay.samples import STREAMED, Sample

pytestmark = pytest.mark.live

SIZE: Final = 2 << 30
LARGE: Final = [one for one in STREAMED if registry.operation(one.operation).parts[0].max_bytes >= SIZE]
PIECES: Final[dict[str, Callable[[int], Iterator[bytes]]]] = {"csv": csv_pieces, "pdf": pdf_pieces}
#: `make bench` measures it exactly; here it is enough that it is not the file that is held.
MOST: Final = 64 * MIB


def test_whatever_may_be_that_large_is_tried() -> None:
    allowed = {one.slug for one in registry.operations(Mode.RELAY) if one.parts[0].max_bytes >= SIZE}
    assert {one.operation for one in LARGE} == allowed
    assert len(allowed) == 4


@pytest.mark.timeout(300)
@pytest.mark.parametrize("sample", LARGE, ids=lambda one: one.operation)
def test_two_gigabytes(house: House, settings: Settings, sample: Sample) -> None:
    before, folder = memory(house), held(settings.instance_dir)
    boundary = f"b-{secrets.token_hex(12)}"
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in sample.fields(house).items()
    )
    filename, content_type, _ = sample.file(1000)
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    head += f"Content-Type: {content_type}\r\n\r\n"
    tail = f"\r\n--{boundary}--\r\n"
    connection = http.client.HTTPConnection(urlsplit(house.gateway.url).netloc, timeout=240)
    connection.putrequest("POST", f"/api/v1/organizations/{house.organization.slug}/{sample.operation}?durable=0")
    connection.putheader("Authorization", f"Bearer {house.token}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
    connection.putheader("Content-Length", str(len(head) + SIZE + len(tail)))
    connection.endheaders(head.encode())
    digest, most = hashlib.sha256(), 0
    for number, piece in enumerate(PIECES[sample.type](SIZE)):
        digest.update(piece)
        connection.send(piece)
        if number % 64 == 0:
            most = max(most, memory(house))
    connection.send(tail.encode())
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert response.status == 201, answer
    assert (answer["state"], answer["size"], answer["sha256"]) == ("delivered", SIZE, digest.hexdigest())
    (arrival,) = sample.arrivals(house, complete=True)
    received = next((part["sha256"] for part in arrival["parts"] if part["filename"]), arrival["sha256"])
    assert received == digest.hexdigest()
    assert most - before < MOST
    assert held(settings.instance_dir) - folder < MOST


def memory(house: House) -> int:
    """Bytes that the gateway's processes hold, shared pages counted once."""
    root = psutil.Process(house.gateway.child.process.pid)
    return sum(process.memory_full_info().pss for process in (root, *root.children(recursive=True)))


def held(folder: Path) -> int:
    """Bytes of the gateway's own files, the database and the sandbox apart."""
    apart = {folder / "postgres", folder / "sandbox"}
    own = (path for path in folder.iterdir() if path not in apart)
    return sum(
        file.stat().st_size
        for path in own
        for file in (path.rglob("*") if path.is_dir() else (path,))
        if file.is_file()
    )
