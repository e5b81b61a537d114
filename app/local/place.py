"""Where a local installation keeps what, and at which addresses it is reached."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]
HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
#: What a machine of one's own may be asked to show.
GENEROUS: Final = {
    "UPLOADS_IN_FLIGHT": "1200",
    "UPLOADS_IN_FLIGHT_PER_ORGANIZATION": "1200",
    "UPLOADS_A_MINUTE": "3000",
    "LINK_UPLOADS_A_MINUTE": "3000",
    "GUESSES_A_MINUTE": "60000",
    "CALLS_A_MINUTE": "60000",
    "SPOOL_HIGH_WATER": "0.99",
}


class CannotStart(Exception):  # noqa: N818 - says what it means
    """`make run` cannot go on; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder and a port; everything else follows from them."""

    instance: Path
    port: int

    @classmethod
    def from_environment(cls) -> Self:
        """Read INSTANCE_DIR and PORT. Raises CannotStart."""
        port = os.environ.get("PORT") or str(DEFAULT_PORT)
        if not port.isdecimal() or not 0 < int(port) < 65534:
            raise CannotStart(f"PORT must be a number from 1 to 65533, not {port!r}: the sandbox takes the next two.")
        return cls(instance=(ROOT / (os.environ.get("INSTANCE_DIR") or "instance")).resolve(), port=int(port))

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def dashboard_url(self) -> str:
        """By name, as passkeys want it: an address has none."""
        return f"http://localhost:{self.port}/admin"

    @property
    def sandbox_port(self) -> int:
        return self.port + 1

    @property
    def sandbox_url(self) -> str:
        return f"http://{HOST}:{self.sandbox_port}"

    @property
    def store_port(self) -> int:
        """Of the sandbox's object store, another origin."""
        return self.port + 2

    @property
    def store_url(self) -> str:
        return f"http://{HOST}:{self.store_port}"

    @property
    def lock(self) -> Path:
        """Held by whoever runs this installation."""
        return self.instance / "lock"

    @property
    def postgres(self) -> Path:
        return self.instance / "postgres"

    @property
    def keyset(self) -> Path:
        return self.instance / "keyset.json"

    @property
    def secrets(self) -> Path:
        """The demo's own: tokens, keys and passwords that stay the same from start to start."""
        return self.instance / "secrets.json"

    @property
    def demo(self) -> Path:
        """Where to go, for programs; there while everything runs."""
        return self.instance / "demo.json"

    @property
    def variables(self) -> Path:
        """The gateway's settings, for `flask --env-file`; there while everything runs."""
        return self.instance / "demo.env"

    @property
    def seed(self) -> Path:
        """What the sandbox knows from the start."""
        return self.instance / "sandbox.json"

    @property
    def sandbox(self) -> Path:
        """The sandbox's own folder, gone when it stops."""
        return self.instance / "sandbox"

    @property
    def mail(self) -> Path:
        """Folder of the mail that would have been sent."""
        return self.instance / "mail"

    def certificates(self, slug: str) -> Path:
        """Folder of the files that an organization of the demo hands in."""
        return self.instance / "demo" / slug

    def environment(self) -> dict[str, str]:
        """The settings of every process, but for the database's."""
        return {
            "VENTANILLA_MODE": "demo",
            "VAULT_KEYSET": str(self.keyset),
            "INSTANCE_DIR": str(self.instance),
            "PORT": str(self.port),
            "PUBLIC_URL": self.gateway_url,
            "TRUSTED_HOSTS": f"http://localhost:{self.port}",
            "SANDBOX_URL": self.sandbox_url,
            "EGRESS_ALLOW": f"{self.sandbox_url},{self.store_url}",
            "MAIL_URL": f"file://{self.mail}",
            "MAIL_FROM": "Ventanilla <ventanilla@localhost>",
            **GENEROUS,
        }


@contextmanager
def alone(place: Place) -> Iterator[None]:
    """Hold the installation's lock, which the system takes back however this process ends."""
    try:
        place.instance.mkdir(parents=True, exist_ok=True)
        held = place.lock.open("a+")
    except OSError as exc:
        raise CannotStart(f"{place.instance} cannot be used ({exc.strerror}). Set INSTANCE_DIR to a folder.") from None
    with held as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise CannotStart(
                f"{place.instance} is already being run by process {file.read() or '?'}. "
                "Stop that one, or set INSTANCE_DIR and PORT to others."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)
