"""What a check is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from app.providers.operation import Operation

if TYPE_CHECKING:
    from app.intake import Collected


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A hand-in that is whole, and what it is judged by. `expected_rfc` None: any will do."""

    operation: Operation
    collected: Collected = field(repr=False)
    secrets: Mapping[str, SecretStr] = field(repr=False)
    expected_rfc: str | None
    now: datetime

    def content(self, name: str) -> bytes | None:
        """The bytes of a file; None where it was not handed in."""
        file = self.collected.files.get(name)
        return file.content if file else None

    def text(self, name: str) -> str:
        """What stands in a field, secret or not; empty where it was not handed in."""
        secret = self.secrets.get(name)
        return secret.get_secret_value() if secret else self.collected.fields.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What passed: facts read from the files (fit for JSON) and the secrets to hand on instead of those given."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)


#: Raises Rejected, or says what passed.
Check = Callable[[Given], CheckResult]
