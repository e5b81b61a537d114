"""Each ill of an installation, made: the doctor names it with its cure, and not where it is not."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from app.checks import Scanner
from app.cli import doctor
from app.cli.cures import CURES
from app.config import Settings
from app.database import Database, utcnow
from app.intake.spool import spool
from app.local.postgres import Embedded
from app.records.processes import beat
from app.tenants.keyset import create_keyset
from app.tenants.vault import Vault
from tests.cli.conftest import Run
from tests.servers import environment_of
from tests.tenancy import tenant

Ill = Callable[["Ground"], AbstractContextManager[Mapping[str, str | None]]]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What an ill is made on."""

    run: Run
    settings: Settings
    database: Database
    worker: Database
    vault: Vault
    owner: Engine
    postgres: Embedded
    folder: Path
    patch: pytest.MonkeyPatch

    def examine(self, changes: Mapping[str, Any]) -> tuple[int, list[str]]:
        """Run the doctor with some settings changed; its exit code and lines."""
        done = self.run("doctor", env=environment_of(self.settings) | dict(changes))
        return done.exit_code, done.output.splitlines()

    def tell(self, *statements: str, **values: Any) -> None:
        """Change the tables as their owner."""
        with self.owner.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    def connection(self) -> None:
        """An organization that has one, at a provider that is there."""
        assert self.run("org", "add", "acme", "--name", "Acme").exit_code == 0
        told = ("facturapi", "--environment", "sandbox", "--no-verify", "--setting", f"organization_id={'5a' * 12}")
        done = self.run("connection", "add", "acme", *told, stdin="sk_user_0123456789abcdef\n")
        assert done.exit_code == 0, done.output

    def overdue(self) -> None:
        """An upload that should have been taken long ago."""
        tenant(self.database, self.vault, f"acme-{uuid4().hex[:8]}")
        due = "UPDATE uploads SET state = 'waiting', mode = 'durable', due_at = :due"
        self.tell(due, due=utcnow() - timedelta(minutes=10))


def set_to(**changes: str | None) -> Ill:
    """An ill that is a setting's."""

    @contextmanager
    def ill(_: Ground) -> Iterator[Mapping[str, str | None]]:
        yield changes

    return ill


def of_folder(make: Callable[[Ground], Mapping[str, str | None]]) -> Ill:
    """An ill that is made, and then is a setting's."""

    @contextmanager
    def ill(ground: Ground) -> Iterator[Mapping[str, str | None]]:
        yield make(ground)

    return ill


def _file(ground: Ground) -> Mapping[str, str]:
    (ground.folder / "file").touch()
    return {"SPOOL_URL": str(ground.folder / "file")}


def _foreign(ground: Ground) -> Mapping[str, str]:
    ground.connection()
    create_keyset(ground.folder / "another.json")
    return {"VAULT_KEYSET": str(ground.folder / "another.json")}


def _bare(ground: Ground) -> Mapping[str, str]:
    ground.patch.setattr(spool, "PROBE", b"")  # is in anything
    return {}


def _scanner(version: str, found: str) -> Ill:
    def made(ground: Ground) -> Mapping[str, str]:
        ground.patch.setattr(Scanner, "version", lambda _: version)
        ground.patch.setattr(Scanner, "look", lambda *_: found)
        return {"ANTIVIRUS": "required"}

    return of_folder(made)


def _small(ground: Ground) -> Mapping[str, str]:
    from app.checks.clamd import Beyond

    def look(_: Scanner, *blocks: bytes) -> str:
        if len(blocks) > 1:
            raise Beyond("INSTREAM size limit exceeded.")
        return "Eicar"

    ground.patch.setattr(Scanner, "version", lambda _: "ClamAV 1.4.6")
    ground.patch.setattr(Scanner, "look", look)
    return {"ANTIVIRUS": "required"}


def _late(ground: Ground) -> Mapping[str, str]:
    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - timedelta(seconds=30)

    ground.patch.setattr(doctor, "datetime", Late)
    return {}


def _gone(ground: Ground) -> str:
    return f"postgresql://nobody:hunter2@/none?host={ground.folder}"


def _without_collector(ground: Ground) -> Mapping[str, str]:
    ground.patch.setattr(importlib.util, "find_spec", lambda _: None)
    return {"TRACES_URL": "http://127.0.0.1:1/v1/traces"}


@contextmanager
def _older(ground: Ground) -> Iterator[Mapping[str, str]]:
    former = "UPDATE alembic_version SET version_num = :said"
    with ground.owner.begin() as connection:
        known = connection.scalars(text("SELECT version_num FROM alembic_version")).one()
    ground.tell(former, said="0001")
    try:
        yield {}
    finally:
        ground.tell(former, said=known)


@contextmanager
def _unforced(ground: Ground) -> Iterator[Mapping[str, str]]:
    ground.tell("ALTER TABLE uploads NO FORCE ROW LEVEL SECURITY")
    try:
        yield {}
    finally:
        ground.tell("ALTER TABLE uploads FORCE ROW LEVEL SECURITY")


def _alone(ground: Ground) -> Mapping[str, str]:
    ground.overdue()
    return {}


def _slow(ground: Ground) -> Mapping[str, str]:
    ground.overdue()
    beat(ground.worker, uuid4(), "worker")
    return {}


def _connected(**changes: str | None) -> Ill:
    def made(ground: Ground) -> Mapping[str, str | None]:
        ground.connection()
        return changes

    return of_folder(made)


#: What makes each of them, whose cure has to be told.
ILLS: Final[Mapping[str, Ill]] = {
    "setting": set_to(SECRET_KEY="short"),
    "not-https": set_to(VENTANILLA_MODE="production", PUBLIC_URL="http://gateway.example"),
    "metrics-open": set_to(METRICS_ALLOW="*"),
    "proxies-anybody": set_to(
        VENTANILLA_MODE="production", PUBLIC_URL="https://gateway.example", FORWARDED_ALLOW_IPS="*"
    ),
    "traces-missing": of_folder(_without_collector),
    "traces-away": set_to(TRACES_URL="http://127.0.0.1:1/v1/traces"),
    "vault-unread": set_to(VAULT_KEYSET="/nowhere/keyset.json"),
    "vault-demo": set_to(VENTANILLA_MODE="production"),
    "vault-foreign": of_folder(_foreign),
    "spool-unknown": set_to(SPOOL_URL="az://bucket"),
    "spool-full": set_to(SPOOL_HIGH_WATER="0.000001"),
    "spool-away": of_folder(_file),
    "spool-lost": of_folder(_bare),
    "antivirus-ignorant": _scanner("ClamAV 1.4.6", ""),
    "antivirus-small": of_folder(_small),
    "antivirus-away": set_to(ANTIVIRUS="required", ANTIVIRUS_URL="unix:///nowhere/at/all"),
    "mail-away": set_to(MAIL_URL="smtp://127.0.0.1:1", MAIL_FROM="a@example.com"),
    "database-away": of_folder(lambda ground: {"DATABASE_URL": _gone(ground)}),
    "role": of_folder(lambda ground: {"DATABASE_URL": ground.postgres.worker_url.get_secret_value()}),
    "clock": of_folder(_late),
    "migrations": _older,
    "row-security": _unforced,
    "worker-away": of_folder(_alone),
    "queue-behind": of_folder(_slow),
    "worker-role-away": of_folder(lambda ground: {"DATABASE_WORKER_URL": _gone(ground)}),
    "no-sandbox": _connected(SANDBOX_URL=None),
    "egress": _connected(EGRESS_ALLOW=""),
    "unreachable": _connected(SANDBOX_URL="http://127.0.0.1:1", EGRESS_ALLOW="http://127.0.0.1:1"),
}


@pytest.fixture
def ground(
    run: Run,
    settings: Settings,
    database: Database,
    worker: Database,
    vault: Vault,
    owner_engine: Engine,
    postgres: Embedded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Ground:
    return Ground(
        run=run,
        settings=settings,
        database=database,
        worker=worker,
        vault=vault,
        owner=owner_engine,
        postgres=postgres,
        folder=tmp_path,
        patch=monkeypatch,
    )


def cure(ill: str, ground: Ground) -> str:
    """The cure as it is told in this place."""
    named = {"variable": "DATABASE_URL", "wanted": "ventanilla_app", "origin": ground.settings.sandbox_url}
    return CURES[ill].format(**named)


@pytest.mark.parametrize("ill", CURES)
def test_each_ill_is_told_with_its_cure(ground: Ground, ill: str) -> None:
    with ILLS[ill](ground) as changes:
        code, lines = ground.examine(changes)
    assert code == 1
    bad = [line for line in lines if line.startswith("FAIL")]
    assert any(line.endswith(f"→ {cure(ill, ground)}") for line in bad), lines
    assert not any("hunter2" in line or "sk_user_0" in line for line in lines)


def test_what_is_well_has_no_cure(ground: Ground) -> None:
    """With everything that can be set, which is there."""
    ground.connection()
    beat(ground.worker, uuid4(), "worker")
    with socket.create_server(("127.0.0.1", 0)) as collector:
        code, lines = ground.examine(
            {
                "MAIL_URL": f"file://{ground.folder}/mail",
                "MAIL_FROM": "a@example.com",
                "TRACES_URL": f"http://127.0.0.1:{collector.getsockname()[1]}/v1/traces",
                "METRICS_ALLOW": "*",
                "METRICS_TOKEN": "scrape-0123456789",
            }
        )
    assert code == 0, lines
    assert not any("→" in line for line in lines)


def test_every_ill_is_made_here() -> None:
    assert ILLS.keys() == CURES.keys()
