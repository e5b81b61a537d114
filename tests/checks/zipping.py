"""A ZIP writer that writes what it is told, also what no honest one would."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Member:
    name: bytes = b"a.txt"
    content: bytes = b"hello"
    flags: int = 0
    method: int = 8
    extra: bytes = b""
    attributes: int = 0
    before: bytes = b""
    behind: bytes = b""
    packed: bytes | None = None
    #: What the directory says, and what the member's own header does, in place of what is true.
    directory: dict[str, Any] = field(default_factory=dict)
    local: dict[str, Any] = field(default_factory=dict)


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def zipped(
    *members: Member, start: bytes = b"", gap: bytes = b"", comment: bytes = b"", long: bool = False, **said: Any
) -> bytes:
    data, directory = bytearray(start), bytearray()
    for member in members:
        data += member.before
        packed = member.packed
        if packed is None:
            packed = deflated(member.content) if member.method == 8 else member.content
        true: dict[str, Any] = {
            "name": member.name, "flags": member.flags, "method": member.method, "crc": zlib.crc32(member.content),
            "packed": len(packed), "size": len(member.content), "offset": len(data), "extra": member.extra, "disk": 0,
            "signature": b"PK\3\4",
        }  # fmt: skip
        one = true | member.local
        data += struct.pack(
            "<4s5H3L2H", one["signature"], 20, one["flags"], one["method"], 0, 0, one["crc"], one["packed"],
            one["size"], len(one["name"]), len(one["extra"]),
        )  # fmt: skip
        data += one["name"] + one["extra"] + packed + member.behind
        one = true | {"signature": b"PK\1\2"} | member.directory
        directory += struct.pack(
            "<4s2B5H3L5H2L", one["signature"], 20, 3, 20, one["flags"], one["method"], 0, 0, one["crc"], one["packed"],
            one["size"], len(one["name"]), len(one["extra"]), 0, one["disk"], 0, member.attributes, one["offset"],
        )  # fmt: skip
        directory += one["name"] + one["extra"]
    data += gap
    end = {"count": len(members), "size": len(directory), "offset": len(data), "disk": 0, "length": len(comment)}
    end = {**end, "here": end["count"], "long_count": end["count"], **said}
    at = len(data) + len(directory)
    data += directory
    if long:
        data += struct.pack(
            "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, end["long_count"], end["long_count"], end["size"], end["offset"]
        )
        data += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    data += struct.pack(
        "<4s4H2LH", b"PK\5\6", end["disk"], end["disk"], end["here"], end["count"], end["size"], end["offset"],
        end["length"],
    )  # fmt: skip
    return bytes(data + comment)
