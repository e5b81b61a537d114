"""Two nodes behind one address, a line that breaks every 256 KB, and a node that is killed: the file arrives, once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from app.config import Settings
from app.database import Database, utcnow
from app.delivery.redelivery import Redeliverer
from app.intake.spool import Spool
from app.local import processes
from app.local.place import ROOT
from app.records.processes import Work
from app.tenants.vault import Vault
from tests.relay.files import csv
from tests.relay.house import House
from tests.resumable.desk import Desk
from tests.resumable.splitter import Splitter
from tests.servers import Sandbox, Server, environment_of
from tests.vendors.driving import Driver

pytestmark = [pytest.mark.live]

#: Twelve times what the line carries at once.
SIZE: Final = 3 << 20
#: One of the nodes is killed when so much has come through.
FATAL: Final = 1 << 20
NODE: Final = Path(__file__).parent / "node"
PROGRAMS: Final = Path(sys.executable).parent

Send = Callable[[str, str, Path, dict[str, str]], str]


def node(name: str, place: Path, settings: Settings) -> AbstractContextManager[Server]:
    """The gateway, with the database and the spool that all others have."""
    command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}", "--workers", "1"]
    environment = environment_of(settings) | {"PUBLIC_URL": "{url}"}
    return Server.running(name, command, place, environment, ready="/readyz")


@pytest.fixture(scope="session")
def survivor(place: Path, settings: Settings) -> Iterator[Server]:
    with node("survivor", place, settings) as server:
        yield server


@pytest.fixture
def nodes(survivor: Server, place: Path, settings: Settings) -> Iterator[tuple[Server, Server]]:
    """Two of them; the second is for the test to kill."""
    with node("mortal", place, settings) as mortal:
        yield survivor, mortal


@pytest.fixture(scope="session")
def tus_js_client() -> None:
    """Install what the lock file names, once: another run, or another worker, finds it there."""
    stamp, lock_path = NODE / "node_modules" / ".installed", NODE / "package-lock.json"
    wanted = hashlib.sha256(lock_path.read_bytes()).hexdigest()
    with lock_path.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text() != wanted:
            run(["npm", "ci", "--prefer-offline", "--loglevel=error"])
            stamp.write_text(wanted)


def run(command: list[str], question: str = "") -> str:
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [PROGRAMS / command[0], *command[1:]],
        cwd=NODE,
        env=os.environ | {"PATH": path},
        input=question,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_tuspy(url: str, token: str, path: Path, metadata: dict[str, str], **options: Any) -> str:
    with Driver.running("tuspy", base_url=url, key=token) as driver:
        answer = driver.call("send", file_path=str(path), metadata=metadata, retries=200, **options)
    assert answer["ok"], answer
    return str(answer["value"])


def by_tus_js_client(url: str, token: str, path: Path, metadata: dict[str, str], **options: Any) -> str:
    asked = {"base": url, "key": token, "path": str(path), "metadata": metadata, "options": options}
    answer = json.loads(run(["node", "send.cjs"], json.dumps(asked)))
    assert answer["ok"], answer
    return str(answer["value"])


CLIENTS: Final[dict[str, Send]] = {
    "tuspy": by_tuspy,
    "tuspy, 100 kB and a checksum each": partial(by_tuspy, chunk_size=100_000, upload_checksum=True),
    "tus-js-client": by_tus_js_client,
    "tus-js-client, 100 kB each, the first with the creation": partial(
        by_tus_js_client, uploadDataDuringCreation=True, chunkSize=100_000
    ),
    "tus-js-client, three parts at once": partial(by_tus_js_client, parallelUploads=3),
}
#: Its chunks have a connection each, which carries it: of one that breaks off nothing could be kept.
UNCUT: Final = {"tuspy, 100 kB and a checksum each"}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_file_arrives_through_whichever_node_is_left(
    name: str,
    nodes: tuple[Server, Server],
    tus_js_client: None,
    sandbox: Sandbox,
    database: Database,
    owner_engine: Any,
    worker: Database,
    vault: Vault,
    settings: Settings,
    tmp_path: Path,
) -> None:
    sandbox.clear()
    house = House.build(nodes[0], sandbox, database, vault)
    desk = Desk(house=house, owner=owner_engine)
    content = csv(SIZE)
    path = tmp_path / "large.csv"
    path.write_bytes(content)
    with Splitter.before(*(node.url for node in nodes)) as splitter:
        killing = threading.Thread(target=kill_midway, args=(splitter, nodes[1]))
        killing.start()
        metadata = {**desk.where, "filename": "large.csv", "filetype": "text/csv"}
        address = CLIENTS[name](f"{splitter.url}/files", house.token, path, metadata)
        killing.join()
    assert nodes[1].child.process.poll() is not None
    assert splitter.cuts > 0 or name in UNCUT
    told = desk.ask("HEAD", "/files/" + address.rpartition("/")[2])
    assert told["Ventanilla-State"] == "waiting"
    upload = desk.upload(told["Ventanilla-Upload"])
    sha256 = hashlib.sha256(content).hexdigest()
    assert [(part["size"], part["sha256"]) for part in upload.parts] == [(SIZE, sha256)]
    assert arrivals(house, worker, vault, settings) == [(SIZE, sha256)]


def kill_midway(splitter: Splitter, node: Server) -> None:
    """Kill all of a node's processes when a part of the file has come through."""
    splitter.wait_for(FATAL)
    master = psutil.Process(node.child.process.pid)
    for process in (master, *master.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    splitter.forget(node.url)


def arrivals(house: House, worker: Database, vault: Vault, settings: Settings) -> list[tuple[int, str]]:
    """What the provider has once a worker has delivered all that is due."""
    redeliverer = Redeliverer(worker, vault, Spool.from_settings(settings), settings, clock=utcnow, work=Work())
    try:
        redeliverer.next(house.organization.id)
    finally:
        redeliverer.close()
    parts = [
        part
        for entry in house.sandbox.ledger("flatfile", complete=True)
        if entry["method"] == "POST" and entry["path"].startswith("/flatfile/v1/files")
        for part in entry["parts"]
    ]
    return [(part["size"], part["sha256"]) for part in parts if part["filename"]]
