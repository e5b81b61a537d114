"""What tests stand on: PostgreSQL, gateway and sandbox, real ones, for each process that runs tests.

Each is made when it is first asked for, and imported then: most tests need none of it.
"""

from __future__ import annotations

import gc
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text
from structlog import contextvars

from tests.servers import Sandbox, Server, running_gateway
from tests.watch import Watch

if TYPE_CHECKING:
    from flask import Flask
    from jinja2 import BytecodeCache

    from app.config import Settings
    from app.database import Database
    from app.local.postgres import Embedded
    from app.tenants.vault import Vault


#: Attacks are tests with a mark.
pytest_plugins = ["tests.attacks"]

#: Long enough for a machine that is busy, short enough to wait for.
PATIENCE = {"CONNECT_SECONDS": "2", "ANSWER_SECONDS": "3", "TOTAL_SECONDS": "12", "DRAIN_SECONDS": "3"}


def pytest_configure() -> None:
    """Hear the interrupt key: what a shell starts behind it ignores that, and so would all that is tested."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Set aside what was collected, which stays to the end: each full pass of the collector looks at the rest alone."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_request_is_left() -> Iterator[None]:
    """End what a test's request left bound in this thread: a test client closes an answer only when it is told to."""
    yield
    contextvars.clear_contextvars()


@pytest.fixture
def watch() -> Watch:
    """A clock that the test sets."""
    return Watch()


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder of this test process; not one of pytest's, which are too deep for sockets and closed to PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-test-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(place: Path) -> Iterator[Embedded]:
    """A server of one's own, migrated."""
    from app.database import migrate
    from app.local.postgres import Embedded

    with Embedded(place / "postgres", durable=False) as server:
        migrate(server.owner_url)
        yield server


@pytest.fixture(scope="session")
def database(postgres: Embedded) -> Iterator[Database]:
    """The database as the gateway sees it: row security binds it."""
    from app.database import Database

    found = Database(postgres.app_url, pool=5)
    yield found
    found.dispose()


@pytest.fixture(scope="session")
def worker(postgres: Embedded) -> Iterator[Database]:
    """The same as a worker sees it: it may see every organization's."""
    from app.database import Database

    found = Database(postgres.worker_url, pool=10)
    yield found
    found.dispose()


@pytest.fixture(scope="session")
def owner_engine(postgres: Embedded) -> Iterator[Engine]:
    """The tables' owner, for arranging and looking at what no role of the gateway could."""
    url = postgres.owner_url.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def clean(owner_engine: Engine) -> None:
    """Begin with empty tables: those without a page of content are empty, and each costs several new files."""
    with owner_engine.begin() as connection:
        filled = connection.scalars(
            text(
                "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 0 "
                "AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
            )
        ).all()
        if filled:
            connection.execute(text(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE"))


@pytest.fixture(scope="session")
def vault(place: Path) -> Vault:
    """A vault with a master keyset of its own."""
    from app.tenants.keyset import create_keyset
    from app.tenants.vault import Vault

    path = place / "keyset.json"
    create_keyset(path, demo=True)
    return Vault.load(path)


@pytest.fixture(scope="session")
def sandbox(place: Path) -> Iterator[Sandbox]:
    """The providers, simulated."""
    with Sandbox.serving(place / "sandbox") as server:
        yield server


@pytest.fixture(scope="session")
def rules() -> Iterator[None]:
    """Functions that write addresses, compiled once for all gateways of this process: most of what making one takes."""
    from werkzeug.routing import Rule

    compiled: dict[tuple[object, ...], Any] = {}
    compiling = Rule._compile_builder

    def compile_builder(rule: Rule, append_unknown: bool = True) -> Any:
        if rule.defaults:
            return compiling(rule, append_unknown)
        key = (rule.rule, *rule._trace, append_unknown)
        if key not in compiled:
            compiled[key] = compiling(rule, append_unknown)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_builder)
        yield


@pytest.fixture(scope="session")
def settings(place: Path, postgres: Embedded, vault: Vault, sandbox: Sandbox, rules: None) -> Settings:
    """Settings of a gateway that talks to the sandbox."""
    from app.config import Settings

    return Settings(
        ventanilla_mode="demo",
        secret_key=SecretStr("test-" + 40 * "k"),
        database_url=postgres.app_url,
        database_worker_url=postgres.worker_url,
        database_pool=5,
        vault_keyset=place / "keyset.json",
        instance_dir=place,
        public_url="http://localhost",
        sandbox_url=sandbox.url,
        egress_allow=(sandbox.url, sandbox.store_url),
        uploads_in_flight=1200,
        uploads_in_flight_per_organization=1200,
        uploads_a_minute=1_000_000,  # everything comes from this machine
        link_uploads_a_minute=1_000_000,
        guesses_a_minute=1_000_000,
        calls_a_minute=1_000_000,
        log_level="debug",
    )


@pytest.fixture(scope="session")
def templates(place: Path) -> BytecodeCache:
    """Templates, compiled once for all gateways of this process: most of what their first pages take."""
    from jinja2 import FileSystemBytecodeCache

    folder = place / "templates"
    folder.mkdir()
    return FileSystemBytecodeCache(str(folder))


@pytest.fixture
def app(settings: Settings, clean: None, templates: BytecodeCache) -> Iterator[Flask]:
    """The gateway in this process, for pages that take no body."""
    from app import create_app

    app = create_app(settings)
    app.jinja_env.bytecode_cache = templates
    services = app.extensions["ventanilla"]  # a test may put something else in its place
    yield app
    services.process.stop()
    services.deliverer.close()
    services.database.dispose()


@pytest.fixture(scope="session")
def gateway(place: Path, settings: Settings) -> Iterator[Server]:
    """The gateway as it runs in life: gunicorn with the Procfile's settings, on a socket."""
    with running_gateway("gateway", place, settings) as server:
        yield server


@pytest.fixture(scope="session")
def stage() -> int:
    """Port of a provider that a test plays by hand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def brisk(place: Path, settings: Settings, stage: int) -> Iterator[Server]:
    """The same, which does not wait long for a provider."""
    allowed = (*settings.egress_allow, f"http://127.0.0.1:{stage}")
    with running_gateway("brisk", place, settings, EGRESS_ALLOW=",".join(allowed), **PATIENCE) as server:
        yield server
