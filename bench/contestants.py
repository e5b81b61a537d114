"""Who is measured: each passes the same uploads on to the same sink."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

import psutil
from pydantic import SecretStr

from app.database import Database, migrate
from app.local import processes
from app.local.place import ROOT
from app.local.postgres import Embedded
from app.tenants import connections, organizations, tokens
from app.tenants.keyset import create_keyset
from app.tenants.models import Environment
from app.tenants.vault import Vault

HERE: Final = Path(__file__).parent
#: A process for each core, as many requests at once as the gateway takes.
WORKERS: Final = os.cpu_count() or 1
THREADS: Final = 600
READY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One that takes uploads: where, and what its requests bear."""

    name: str
    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    #: All that it runs in, without the database.
    pid: int

    def memory(self) -> int:
        """Bytes that its processes hold, each shared page counted once (PSS)."""
        root = psutil.Process(self.pid)
        return sum(_pss(process.pid) for process in (root, *root.children(recursive=True)))


def build(folder: Path) -> None:
    """Compile sink and clients."""
    for name in ("sink", "load"):
        subprocess.run(["cc", "-O2", "-Wall", "-o", str(folder / name), str(HERE / f"{name}.c")], check=True)


@contextmanager
def sink(folder: Path, size: int) -> Iterator[Contestant]:
    """Run the provider, which says that it holds a file of that size."""
    reply = folder / "reply.json"
    now = "2026-01-15T10:30:00.000Z"
    data = {"id": "us_fl_bench", "name": "bench.csv", "ext": "csv", "mimetype": "text/csv", "encoding": "7bit"}
    data |= {"status": "complete", "mode": "import", "createdAt": now, "updatedAt": now, "spaceId": "us_sp_bench"}
    reply.write_text(json.dumps({"data": data | {"size": size, "bytesReceived": size}}))
    port = _free_port()
    with _running("sink", [str(folder / "sink"), str(port), str(reply)], folder, port) as pid:
        yield Contestant(name="straight to the sink", port=port, path="/v1/files", pid=pid)


@contextmanager
def nginx(folder: Path, to: Contestant) -> Iterator[Contestant]:
    """Run nginx in front of the sink, a worker a core."""
    port = _free_port()
    filled = Template((HERE / "nginx.conf").read_text()).substitute(
        workers=WORKERS, folder=folder, sink=to.port, port=port
    )
    (folder / "nginx.conf").write_text(filled)
    with _running("nginx", ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], folder, port) as pid:
        yield Contestant(name="nginx, unbuffered", port=port, path="/v1/files", pid=pid)


@contextmanager
def naive(folder: Path, to: Contestant) -> Iterator[Contestant]:
    """Run the view of the tutorials, with as many processes and threads as the gateway."""
    port = _free_port()
    command = ["gunicorn", "-k", "gthread", "-w", str(WORKERS), "--threads", str(THREADS), "bench.naive:app"]
    command += ["-b", f"127.0.0.1:{port}", "--log-level", "warning"]
    environment = {"SINK": f"http://127.0.0.1:{to.port}{to.path}"}
    with _running("naive", command, folder, port, environment) as pid:
        yield Contestant(name="naive Flask view", port=port, path="/upload", pid=pid)


@contextmanager
def gateway(folder: Path, to: Contestant, *, durable: bool = False) -> Iterator[Contestant]:
    """Run this gateway as the Procfile says, with a database, and an organization whose Flatfile is the sink."""
    place = Path(tempfile.mkdtemp(prefix="gateway-", dir=folder))
    place.chmod(0o711)  # PostgreSQL may run as another user
    create_keyset(place / "keyset.json", demo=True)
    with Embedded(place / "postgres") as postgres:
        migrate(postgres.owner_url)
        token = _tenant(postgres, Vault.load(place / "keyset.json"), f"http://127.0.0.1:{to.port}/v1")
        port = _free_port()
        environment = {
            "VENTANILLA_MODE": "demo",
            "SECRET_KEY": secrets.token_hex(32),
            "DATABASE_URL": postgres.app_url.get_secret_value(),
            "VAULT_KEYSET": str(place / "keyset.json"),
            "INSTANCE_DIR": str(place),
            "EGRESS_ALLOW": f"http://127.0.0.1:{to.port}",
            "SANDBOX_URL": f"http://127.0.0.1:{to.port}",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
            "WEB_CONCURRENCY": str(WORKERS),
            "THREADS": str(THREADS),
            "UPLOADS_IN_FLIGHT": str(THREADS),
            "UPLOADS_IN_FLIGHT_PER_ORGANIZATION": str(THREADS),
            "UPLOADS_A_MINUTE": "1000000",
            "LOG_LEVEL": "warning",
        }
        command = processes.procfile(ROOT / "Procfile")["web"]
        with _running("gateway", command, folder, port, environment) as pid:
            yield Contestant(
                name="Ventanilla, durable" if durable else "Ventanilla",
                port=port,
                path=f"/api/v1/organizations/bench/flatfile/file?durable={int(durable)}",
                headers={"Authorization": f"Bearer {token}"},
                pid=pid,
            )


def _tenant(postgres: Embedded, vault: Vault, base_url: str) -> str:
    """Make the organization and its connection; returns a token of it."""
    database = Database(postgres.app_url, pool=1)
    try:
        organization = organizations.add(database, slug="bench", name="Bench", rfc=None, locale="es").id
        with database.transaction(organization) as session:
            connections.add(
                session,
                vault,
                organization_id=organization,
                provider="flatfile",
                name="flatfile",
                environment=Environment.SANDBOX,
                settings={"base_url": base_url, "environment_id": "us_env_bench", "space_id": "us_sp_bench"},
                credential={"key": SecretStr("sk_bench")},
            )
            return tokens.create(session, organization_id=organization, name="bench", scopes=["uploads:write"])[1]
    finally:
        database.dispose()


@contextmanager
def _running(
    name: str, command: list[str], folder: Path, port: int, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a command until its port answers and as long as it is needed; its process id."""
    with (folder / f"{name}.log").open("wb") as log:
        child = processes.start(name, command, folder, os.environ | (environment or {}), output=log)
        try:
            if not processes.wait_until(lambda: child.ending is not None or _answers(port), READY_SECONDS):
                raise SystemExit(f"{name} does not answer; see {log.name}")
            if child.ending:
                raise SystemExit(f"{name} ended ({child.ending}); see {log.name}")
            time.sleep(1.0)  # until its workers have started, too
            yield child.process.pid
        finally:
            child.process.terminate()
            child.process.wait(processes.STOP_SECONDS)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
