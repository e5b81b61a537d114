"""The ways a file goes while it arrives, and how one of them ended: at the provider, on record, and on the wire."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil
from sqlalchemy import select

from app.local.processes import wait_until
from app.records.models import AuditEntry, Upload
from tests.relay.house import House
from tests.relay.samples import BY_OPERATION, Sample
from tests.relay.sending import Sending

SECONDS: Final = 10.0
#: Multipart, a file alone at an address that was asked for, and a member of a JSON document.
WAYS: Final[Mapping[str, Sample]] = {
    "codat": BY_OPERATION["codat/file"],
    "factify": BY_OPERATION["factify/document"],
    "flatfile": BY_OPERATION["flatfile/file"],
    "presigned": BY_OPERATION["formkiq/document"],
    "inline": replace(BY_OPERATION["formkiq/document"], method="POST", path="/formkiq/documents", size=2_900_000),
}
#: One of each kind.
KINDS: Final = ("flatfile", "presigned", "inline")
#: Those of which so much is sent that a network does not take all of it from us when nobody reads.
LARGE: Final = tuple(way for way in WAYS if way != "inline")

Ends = frozenset[tuple[int, int]]


def order(house: House, sample: Sample) -> dict[str, Any]:
    """What a fault names the request by that hands in."""
    return {"provider": sample.connection, "method": sample.method, "path": sample.target(house)}


def upload_of(house: House) -> Upload:
    """The one upload of a house, whatever became of it."""
    with house.database.transaction(house.organization.id) as session:
        return session.scalars(select(Upload)).one()


def became(house: House, state: str, seconds: float = SECONDS) -> bool:
    """Whether its one upload was in a state in that time."""

    def is_so() -> bool:
        with house.database.transaction(house.organization.id) as session:
            return session.scalars(select(Upload.state)).all() == [state]

    return wait_until(is_so, seconds)


def audited(house: House) -> Sequence[str]:
    """What the audit log has of a house, in order."""
    with house.database.transaction(house.organization.id) as session:
        return session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()


def under_way(house: House, sample: Sample) -> Ends:
    """The gateway's connections to where such a file goes, by the ports at both ends."""
    url = house.sandbox.store_url if sample.path == "/" else house.sandbox.url
    gateway = psutil.Process(house.gateway.child.process.pid)
    return frozenset(
        (one.laddr.port, one.raddr.port)
        for process in gateway.children(recursive=True)
        for one in process.net_connections("tcp")
        if one.status != psutil.CONN_LISTEN and one.raddr.port == urlsplit(url).port
    )


def never_whole(house: House, sample: Sample) -> bool:
    """Whether the one request that handed in was not complete, nor answered."""
    return [(one["complete"], one["status"]) for one in sample.arrivals(house)] == [(False, None)]


def taken_back(house: House) -> bool:
    """Whether FormKiQ's record without bytes is no more, and its end was written down."""
    deleted = [one["status"] for one in house.sandbox.ledger("formkiq") if one["method"] == "DELETE"]
    return bool(deleted == [200]) and "upload.empty_record_deleted" in audited(house)


def taken(sock: socket.socket, seconds: float = SECONDS) -> bool:
    """Whether the other side's kernel has taken all that was sent in that time."""
    until = time.monotonic() + seconds
    while int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder):
        if time.monotonic() > until:
            return False
        time.sleep(0.001)  # the kernel has no event for it
    return True


def unread(sending: Sending) -> int:
    """Bytes that the gateway's kernel has taken and the gateway has not."""
    here, there = (f":{port:04X}" for port in (sending.socket.getsockname()[1], sending.socket.getpeername()[1]))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if local.endswith(there) and remote.endswith(here):
            return int(queues.partition(":")[2], 16)
    return 0
