from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import tink
from tink import aead

from app.intake.spool.base import Place
from app.intake.spool.bucket import Bucket
from app.intake.spool.local import Folder
from app.intake.spool.spool import Spool
from tests.intake.spool.gate import Gate, nothing, serving

aead.register()

PREFIX = "copies/of/files"


def a_cipher() -> aead.Aead:
    """What a vault gives for an organization."""
    cipher: aead.Aead = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)
    return cipher


@dataclass(frozen=True, kw_only=True)
class House:
    """A spool, an organization, and ways to look at what lies in the place and to change it behind the spool's back."""

    spool: Spool
    cipher: aead.Aead
    organization: UUID
    folder: Path | None = None
    gate: Gate | None = None
    bucket: str = ""

    def keep(self, upload_id: UUID, *blocks: bytes, segment: int = 0, size: int = 0) -> int:
        with self.spool.write(self.cipher, self.organization, upload_id, segment, size=size) as writer:
            for block in blocks:
                writer.feed(block)
        return writer.stored

    def give(self, upload_id: UUID, segments: int = 1) -> bytes:
        return b"".join(self.spool.read(self.cipher, self.organization, upload_id, segments))

    def objects(self) -> dict[str, bytes]:
        """All that lies there, by its name, begun or not."""
        if self.gate is not None:
            return self.gate.objects(self.bucket)
        assert self.folder is not None
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def begun(self) -> int:
        """How many objects were begun and not ended."""
        if self.gate is not None:
            return self.gate.begun(self.bucket)
        return sum(name.endswith(".begun") for name in self.objects())

    def put(self, name: str, body: bytes) -> None:
        if self.gate is not None:
            self.gate.put(self.bucket, name, body)
        else:
            assert self.folder is not None
            (self.folder / name).write_bytes(body)


@pytest.fixture(scope="session")
def server() -> Iterator[Gate]:
    """A server of buckets, one for each process that runs tests."""
    with serving() as gate:
        yield gate


@pytest.fixture
def gate(server: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """The server, letting all through, and the environment that says where it is."""
    for name, value in {
        "AWS_ENDPOINT": server.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hunter2-of-the-bucket",
    }.items():
        monkeypatch.setenv(name, value)
    server.fault = nothing
    server.asked.clear()
    yield server
    server.fault = nothing


def in_a_folder(folder: Path) -> House:
    return _house(Folder(folder), folder=folder)


def in_a_bucket(gate: Gate, *, request_seconds: float = 20.0, tries_seconds: float = 20.0) -> House:
    """A bucket of one's own."""
    bucket = f"b{uuid4().hex}"
    gate.make(bucket)
    place = Bucket.at(f"s3://{bucket}/{PREFIX}", request_seconds=request_seconds, tries_seconds=tries_seconds)
    return _house(place, gate=gate, bucket=bucket)


def _house(place: Place, folder: Path | None = None, gate: Gate | None = None, bucket: str = "") -> House:
    return House(spool=Spool(place), cipher=a_cipher(), organization=uuid4(), folder=folder, gate=gate, bucket=bucket)


@pytest.fixture
def local(tmp_path: Path) -> House:
    return in_a_folder(tmp_path / "spool")


@pytest.fixture(params=["folder", pytest.param("bucket", marks=[pytest.mark.live])])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """Each kind of place in turn."""
    if request.param == "folder":
        return in_a_folder(tmp_path / "spool")
    return in_a_bucket(request.getfixturevalue("gate"))
