"""Random values that are made once and stay the same from start to start."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from app.local.private import write_private


class Kept:
    """Values by name, in a file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def find(self, name: str) -> str | None:
        """The value of that name, if there is one."""
        return self._values.get(name)

    def put(self, name: str, value: str) -> str:
        """Keep a value; it is on the disk before anybody uses it."""
        self._values[name] = value
        write_private(self._path, json.dumps(self._values, indent=1, sort_keys=True))
        return value

    def token(self, name: str, prefix: str = "", octets: int = 24) -> str:
        """A random text after `prefix`, made when it is first asked for."""
        return self.find(name) or self.put(name, prefix + secrets.token_hex(octets))
