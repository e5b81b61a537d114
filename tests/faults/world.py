"""A world of its own: PostgreSQL, the providers, nodes and workers, each of which can be killed and started again."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import psutil
import psycopg
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.database import Database, migrate, utcnow
from app.delivery.jobs import sweep_orphans
from app.intake.spool import Spool
from app.local import processes
from app.local.place import ROOT
from app.local.postgres import Embedded
from app.tenants.keyset import create_keyset
from app.tenants.vault import Vault
from tests.faults.points import Role
from tests.relay.house import House
from tests.relay.samples import document_at_factify
from tests.servers import Sandbox, Server, environment_of
from tests.tenancy import becomes

#: The gateway's own patience with a provider: long enough for a machine that is busy.
PATIENCE: Final = {"CONNECT_SECONDS": "2", "ANSWER_SECONDS": "3", "TOTAL_SECONDS": "20", "DRAIN_SECONDS": "3"}
READY_SECONDS: Final = 180.0
#: From when on it is believed that what is not at a provider is not on its way either: longer than any patience here.
SETTLED: Final = {"SETTLED_SECONDS": "30"}
#: While something waits for its next try, so often, the clocks are set forward, by so much.
JUMP_EVERY, JUMP_SECONDS = 4.0, 40.0


@dataclass(kw_only=True)
class Member:
    """A node or a worker. Its listening socket is the harness's, so that its address outlives it."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    listener: socket.socket | None = None
    child: processes.Child | None = None

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.ending is None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def url(self) -> str:
        assert self.listener
        return "http://{}:{}".format(*self.listener.getsockname())

    @property
    def server(self) -> Server:
        """As the tests' clients know one."""
        assert self.child
        return Server(url=self.url, child=self.child, log_path=self.log)

    def start(self) -> None:
        """Start it; from the main thread, whose end would be its own."""
        fds = [] if self.listener is None else [self.listener.fileno()]
        with self.log.open("ab") as log:
            self.child = processes.start(
                self.name, self.command, self.folder, self.environment, output=log, pass_fds=fds
            )

    def kill(self) -> None:
        """Kill -9 it and all that it started."""
        assert self.child
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.child.process.pid)
            first.suspend()  # it starts no more
            for one in (*first.children(recursive=True), first):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        self.child.process.wait(10)

    def kill_one(self, number: int) -> None:
        """Kill -9 one of a node's processes; its first process starts another."""
        assert self.child
        with suppress(psutil.NoSuchProcess):
            if children := psutil.Process(self.child.process.pid).children():
                children[number % len(children)].kill()


@dataclass(kw_only=True)
class World:
    """All of it, below one folder."""

    folder: Path
    postgres: Embedded
    sandbox: Sandbox
    settings: Settings
    vault: Vault
    database: Database
    nodes: list[Member]
    workers: list[Member]

    @classmethod
    @contextmanager
    def running(
        cls,
        folder: Path,
        *,
        nodes: int = 1,
        workers: int = 1,
        each: int = 2,
        environment: Mapping[str, str] | None = None,
        spool: str = "",
    ) -> Iterator[Self]:
        """Make it and run it, `each` processes in a node, for as long as it is needed."""
        for name in ("orders", "hits"):
            (folder / name).mkdir(parents=True)
        (folder / "ahead").write_text("")
        create_keyset(folder / "keyset.json", demo=True)
        with ExitStack() as stack:
            postgres = stack.enter_context(Embedded(folder / "postgres"))
            sandbox = stack.enter_context(Sandbox.serving(folder / "sandbox"))
            migrate(postgres.owner_url)
            settings = Settings(
                ventanilla_mode="demo",
                secret_key=SecretStr("test-" + 40 * "k"),
                database_url=postgres.app_url,
                database_worker_url=postgres.worker_url,
                vault_keyset=folder / "keyset.json",
                instance_dir=folder,
                spool_url=spool or str(folder / "spool"),
                public_url="http://localhost",
                sandbox_url=sandbox.url,
                egress_allow=(sandbox.url, sandbox.store_url),
                uploads_in_flight=1200,
                uploads_in_flight_per_organization=1200,
                uploads_a_minute=1_000_000,
                link_uploads_a_minute=1_000_000,
                guesses_a_minute=1_000_000,
                calls_a_minute=1_000_000,
            )
            more = {"WEB_CONCURRENCY": str(each), "FAULTS_DIR": str(folder)}
            more["PYTHONDONTWRITEBYTECODE"] = ""  # they start again and again: let that be quick
            common = {**os.environ, **environment_of(settings), **PATIENCE, **SETTLED, **more, **(environment or {})}
            world = cls(
                folder=folder,
                postgres=postgres,
                sandbox=sandbox,
                settings=settings,
                vault=Vault.load(folder / "keyset.json"),
                database=Database(postgres.app_url, pool=5),
                nodes=[_node(f"node-{n}", folder, common, stack) for n in range(nodes)],
                workers=[_worker(f"worker-{n}", folder, common) for n in range(workers)],
            )
            try:
                world.revive()
                world.wait_ready()
                yield world
            finally:
                world.database.dispose()
                for member in world.members:
                    if member.running:
                        member.kill()  # it can stand that
                processes.stop([one.child for one in world.members if one.child], folder)

    @property
    def members(self) -> list[Member]:
        return [*self.nodes, *self.workers]

    @property
    def owner_url(self) -> str:
        return self.postgres.owner_url.get_secret_value()

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def revive(self) -> None:
        """Start again whatever is dead."""
        if self.postgres.process.poll() is not None:
            self.postgres.start()
        for member in self.members:
            if not member.running:
                member.start()

    def wait_ready(self) -> None:
        """Return when every node answers and has its database."""
        for node in self.nodes:
            assert becomes(lambda server=node.server: _answers(server), READY_SECONDS), node.log.read_text()[-5000:]  # type: ignore[misc]

    def kill_postgres(self) -> None:
        """Kill -9 the server; its other processes end when they notice."""
        self.postgres.process.kill()
        self.postgres.process.wait(10)

    def kill_backend(self, number: int) -> None:
        """Kill -9 one session's process: PostgreSQL drops all others and recovers."""
        with suppress(psutil.Error):
            if sessions := psutil.Process(self.postgres.process.pid).children():
                sessions[number % len(sessions)].kill()

    def order(self, point: str, passes: int = 0) -> None:
        """Let that point be passed so often, and then kill who comes there."""
        (self.folder / "orders" / f"{point}@{passes}").touch()

    def withdraw(self) -> None:
        """Take back orders that nobody carried out."""
        for order in (self.folder / "orders").iterdir():
            order.unlink(missing_ok=True)

    def hits(self, point: str) -> int:
        """How often somebody died there."""
        return sum(one.name.partition("@")[0] == point for one in (self.folder / "hits").iterdir())

    def ahead(self, seconds: float) -> None:
        """Set everybody's clock forward, the providers' too; the database's is the machine's."""
        before = float((self.folder / "ahead").read_text() or 0)
        new = self.folder / "ahead.new"
        new.write_text(str(before + seconds))
        new.rename(self.folder / "ahead")
        self.sandbox.clock((utcnow() + timedelta(seconds=before + seconds)).isoformat())

    def house(self) -> House:
        """An organization of one's own, with an account at every provider."""
        assert becomes(self._database_answers, READY_SECONDS)
        house = House.build(self.nodes[0].server, self.sandbox, self.database, self.vault)
        # With a document of which there can be versions.
        factify = replace(house.places["factify"], settings={"document_id": document_at_factify(house)})
        return replace(house, places={**house.places, "factify": factify})

    def _database_answers(self) -> bool:
        try:
            with self.database.doors() as session:
                session.connection().exec_driver_sql("SELECT 1")
        except SQLAlchemyError:
            return False
        return True

    def settle(self, houses: list[House], seconds: float) -> bool:
        """Whether every upload of those came to rest in that time; now and then the clocks are set forward for it."""
        slugs, next_jump = [house.organization.slug for house in houses], time.monotonic() + JUMP_EVERY

        def rests() -> bool:
            nonlocal next_jump
            self.revive()
            moving = self._moving(slugs)
            if moving and time.monotonic() > next_jump:
                next_jump += JUMP_EVERY
                self.ahead(JUMP_SECONDS)
            if moving:
                time.sleep(0.2)
            return moving == 0

        return becomes(rests, seconds) and self.sweep_spool()

    def sweep_spool(self) -> bool:
        """Do at once what a worker does every ten minutes with what is an hour old; for when nobody writes there."""
        database = Database(self.postgres.worker_url, pool=1)
        try:
            sweep_orphans(database, Spool.from_settings(self.settings), utcnow())
        finally:
            database.dispose()
        return True

    def _moving(self, slugs: list[str]) -> int:
        query = """SELECT count(*) FROM uploads u JOIN organizations o ON o.id = u.organization_id
                   WHERE o.slug = ANY(%s) AND u.state IN ('receiving', 'delivering', 'waiting')"""
        try:
            with psycopg.connect(self.owner_url, connect_timeout=5) as connection:
                row = connection.execute(query, [slugs]).fetchone()
        except psycopg.OperationalError:
            return -1
        assert row
        return int(row[0])


def _node(name: str, folder: Path, environment: Mapping[str, str], stack: ExitStack) -> Member:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
    line = processes.procfile(ROOT / "Procfile")["web"]
    command = [word.replace("wsgi:app", "tests.faults.crashing:app") for word in line]
    assert command != line
    member = Member(
        name=name,
        command=[*command, "--bind", f"fd://{listener.fileno()}"],
        environment={**environment, "FAULTS_ROLE": Role.WEB.value},
        folder=folder,
        listener=listener,
    )
    member.environment = {**member.environment, "PUBLIC_URL": member.url}
    return member


def _worker(name: str, folder: Path, environment: Mapping[str, str]) -> Member:
    line = processes.procfile(ROOT / "Procfile")["worker"]
    command = [word.replace("wsgi", "tests.faults.crashing") for word in line]
    assert command != line
    return Member(
        name=name, command=command, environment={**environment, "FAULTS_ROLE": Role.WORKER.value}, folder=folder
    )


def _answers(server: Server) -> bool:
    try:
        return server.answers("/readyz")
    except AssertionError:
        return False
