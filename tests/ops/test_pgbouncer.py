"""A pooler between gateway and database, with its files as they lie in `ops/`: what works, and what does not."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from app.config import Settings
from app.database import TIMEOUTS, Database
from app.grouping import Groups
from app.local import processes
from app.local.place import ROOT
from app.local.postgres import SYSTEM_USER, Embedded
from app.tenants.vault import Vault
from tests.ops.proxies import reserved
from tests.relay.house import House
from tests.relay.samples import SAMPLES
from tests.servers import Sandbox, Server, environment_of

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not there: make proxies"),
]

FOLDER: Final = ROOT / "ops" / "pgbouncer"
FILE: Final = (FOLDER / "pgbouncer.ini").read_text()
SECONDS: Final = 20.0

Pooled = Callable[[str], AbstractContextManager[str]]


@pytest.fixture
def pooled(postgres: Embedded, tmp_path: Path) -> Pooled:
    """A pooler of one mode in front of the tests' database; its address for the gateway's role."""

    @contextmanager
    def pooled(mode: str) -> Iterator[str]:
        target = urlsplit(postgres.app_url.get_secret_value())
        socket_folder = parse_qs(target.query)["host"][0]
        folder = postgres.folder.parent / f"pgbouncer-{mode}"
        folder.mkdir(exist_ok=True)
        (folder / "userlist.txt").write_text(f'"{target.username}" "{target.password}"\n')
        with reserved() as port, (folder / "output.log").open("wb") as log:
            places = {
                "host=database.example port=5432": f"host={socket_folder}",
                "listen_port = 6432": f"listen_port = {port}",
                "/etc/pgbouncer/userlist.txt": str(folder / "userlist.txt"),
                "pool_mode = session": f"pool_mode = {mode}",
                "default_pool_size = 150": "default_pool_size = 30",
            }
            written_down = FILE
            for written, here in places.items():
                assert written in written_down, written
                written_down = written_down.replace(written, here)
            (folder / "pgbouncer.ini").write_text(written_down)
            user = ["-u", SYSTEM_USER] if os.geteuid() == 0 else []  # it refuses to be root
            command = ["pgbouncer", *user, str(folder / "pgbouncer.ini")]
            child = processes.start("pgbouncer", command, folder, dict(os.environ), output=log)
            url = f"postgresql://{target.username}:{target.password}@127.0.0.1:{port}/ventanilla"
            try:
                ready = processes.wait_until(lambda: answers(url), SECONDS)
                assert ready, (folder / "output.log").read_text()
                yield url
            finally:
                processes.stop([child], folder)

    return pooled


@pytest.fixture
def timeouts(owner_engine: Engine) -> Iterator[dict[str, str]]:
    """What the page tells to give to the role, given and taken back."""
    statements = [line for line in (FOLDER / "timeouts.sql").read_text().splitlines() if line.startswith("ALTER")]
    given = dict(re.findall(r"SET (\w+) = '(\w+)'", "".join(statements)))
    with owner_engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    yield given
    with owner_engine.begin() as connection:
        for name in given:
            connection.execute(text(f"ALTER ROLE ventanilla_app RESET {name}"))


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def test_by_session_a_gateway_takes_and_delivers(
    pooled: Pooled,
    timeouts: dict[str, str],
    place: Path,
    settings: Settings,
    sandbox: Sandbox,
    database: Database,
    vault: Vault,
) -> None:
    with pooled("session") as url:
        with psycopg.connect(url) as connection:
            for name, value in timeouts.items():
                said = connection.execute("SELECT current_setting(%s)::interval = %s::interval", [name, value])
                assert said.fetchone() == (True,), name
        assert all(f"{name}={value}" in TIMEOUTS for name, value in timeouts.items())
        assert len(timeouts) == TIMEOUTS.count("-c ")
        command = [*processes.procfile(ROOT / "Procfile")["web"], "--bind", "fd://{fd}", "--workers", "1"]
        behind = settings.model_copy(update={"database_url": SecretStr(url)})
        environment = environment_of(behind) | {"PUBLIC_URL": "{url}"}
        with Server.running("pooled", command, place, environment, ready="/readyz") as gateway:
            house = House.build(gateway, sandbox, database, vault)
            sample = next(one for one in SAMPLES if one.operation == "flatfile/file")
            for _ in range(12):  # more often than a driver waits before it prepares a statement
                answer = sample.hand_in(house, query="?durable=1")
                assert answer.status == 201, answer.body


def test_by_transaction_what_one_sets_for_itself_others_find(pooled: Pooled) -> None:
    """The reason why the page asks for sessions: a statement would be ended for somebody else's impatience."""
    with pooled("transaction") as url:
        groups = Groups(lambda: psycopg.connect(url, autocommit=True))
        assert groups.run("SELECT 1", {}) == [(1,)]
        with psycopg.connect(url, autocommit=True) as other:
            assert other.execute("SHOW lock_timeout").fetchone() == ("100ms",)
        groups.close()
