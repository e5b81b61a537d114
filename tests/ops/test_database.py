"""A PostgreSQL that knows nothing, brought to where the gateway can work: by Compose's script, and by the README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from app.database import Database, is_migrated, migrate
from app.local import postgres
from app.local.place import ROOT
from app.local.postgres import Embedded

pytestmark = pytest.mark.live

SCRIPT: Final = ROOT / "ops" / "compose" / "database.sh"
README: Final = (ROOT / "README.md").read_text()
PASSWORDS: Final = {"OWNER_PASSWORD": "owner-1", "APP_PASSWORD": "app-2", "WORKER_PASSWORD": "w'orker \\ 3"}


class Bare(Embedded):
    """A server as it comes: nobody in it but its administrator, who needs no password here."""

    def _make(self) -> None:
        self.data.mkdir(mode=0o700)
        self._give(self.data)
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        (self.data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")

    @property
    def place(self) -> dict[str, str]:
        """How PostgreSQL's own programs find it."""
        found = (postgres._programs(), Path(sys.executable).parent, os.environ["PATH"])
        return {"PATH": os.pathsep.join(map(str, found)), "PGHOST": str(self._socket_folder)}

    def signing_in(self, role: str, password: str) -> str:
        """How somebody signs in, whatever the password is made of."""
        return make_conninfo(host=str(self._socket_folder), dbname="ventanilla", user=role, password=password)

    def url(self, role: str, password: str) -> str:
        """The same as settings have it."""
        return f"postgresql://{role}:{password}@/ventanilla?host={quote(str(self._socket_folder), safe='')}"


@pytest.fixture
def bare() -> Iterator[Bare]:
    folder = Path(tempfile.mkdtemp(prefix="ventanilla-test-"))
    with Bare(folder / "postgres", durable=False) as server:
        yield server
    shutil.rmtree(folder)


def refused(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError as exc:
        return "authentication failed" in str(exc)
    return False


def test_composes_script_makes_roles_that_the_migrations_accept(bare: Bare) -> None:
    done = subprocess.run(
        ["sh", SCRIPT],
        env=bare.place | PASSWORDS | {"POSTGRES_USER": "postgres"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name, password in PASSWORDS.items():
        role = f"ventanilla_{name.partition('_')[0].lower()}"
        with psycopg.connect(bare.signing_in(role, password)) as connection:
            said = connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            assert said.fetchone() == (False,), role
        assert refused(bare.signing_in(role, "guess"))
    migrate(SecretStr(bare.url("ventanilla_owner", PASSWORDS["OWNER_PASSWORD"])))
    assert works(bare.url("ventanilla_app", PASSWORDS["APP_PASSWORD"]))


def test_the_readmes_way_leads_there_too(bare: Bare, tmp_path: Path) -> None:
    with psycopg.connect(bare.signing_in("postgres", "") + " dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'mine'")
        connection.execute("CREATE DATABASE ventanilla OWNER owner")
    (block,) = re.findall(r"^```sh\n(export DATABASE_OWNER_URL=.+?)^flask org", README, re.MULTILINE | re.DOTALL)
    here = {
        "postgresql://owner:…@db/ventanilla": f"'{bare.url('owner', 'mine')}'",
        "postgresql://ventanilla_app:…@db/ventanilla": f"'{bare.url('ventanilla_app', 'hers')}'",
        "postgresql://ventanilla_worker:…@db/ventanilla": f"'{bare.url('ventanilla_worker', 'hers')}'",
        "SECRET_KEY=…": f"SECRET_KEY={40 * 'k'}",
        "/etc/ventanilla/keyset.json": str(tmp_path / "keyset.json"),
        "PASSWORD '…'": "PASSWORD 'hers'",
    }
    for written, mine in here.items():
        assert written in block, written
        block = block.replace(written, mine)
    done = subprocess.run(
        ["sh", "-eu", "-c", block],
        cwd=tmp_path,
        env=bare.place | {"FLASK_APP": str(ROOT / "wsgi.py")},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "keyset.json").is_file()
    assert works(bare.url("ventanilla_app", "hers"))
    assert not refused(bare.signing_in("ventanilla_worker", "hers"))


def works(url: str) -> bool:
    """Whether the gateway can work with it."""
    database = Database(SecretStr(url), pool=1)
    try:
        return is_migrated(database)
    finally:
        database.dispose()
