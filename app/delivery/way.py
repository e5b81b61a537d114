"""The way to a connection's provider: who is spoken to, where, and with which key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import SecretStr, ValidationError
from sqlalchemy.orm import Session

from app.delivery.cleaning import Cleaner
from app.providers import registry
from app.providers.base import Account, Ending, Outcome, Provider
from app.tenants import connections
from app.tenants.models import Connection, Credential
from app.tenants.vault import Vault, VaultError


class NoWay(RuntimeError):  # noqa: N818 - says what it is
    """The connection cannot be used; the operator's business. `outcome` is what that means for a hand-in."""

    def __init__(self, detail: str, outcome: Outcome | None = None) -> None:
        self.outcome = outcome or Outcome(ending=Ending.FAILED, problem="settings-wrong")
        super().__init__(detail)


@dataclass(frozen=True, kw_only=True)
class Way:
    """All that a connection tells about its provider, read in one short transaction."""

    connection: Connection
    provider: Provider
    account: Account
    credential: Mapping[str, SecretStr] = field(repr=False)
    #: The credential as it lies in the vault; of the connection itself, or of the house's that lends it.
    sealed: Sequence[Credential] = field(repr=False)

    @classmethod
    def open(cls, session: Session, vault: Vault, connection: Connection) -> Way:
        """Read settings and credential; raises NoWay."""
        provider = registry.provider(connection.provider)
        try:
            if connection.organization_id is not None:  # a house connection lends its credential and has no settings
                provider.settings.model_validate(connection.settings)
            sealed = connections.credentials(session, connection)
            credential = vault.open_all(session, sealed)
        except ValidationError:
            raise NoWay("its settings are not the provider's") from None
        except VaultError as exc:
            raise NoWay(f"{type(exc).__name__}: {exc}") from None
        if not sealed:
            raise NoWay("it has no credential")
        if (
            missing := {one.name for one in provider.credentials(connection.settings) if one.required}
            - credential.keys()
        ):
            raise NoWay(f"its credential lacks {', '.join(sorted(missing))}")
        account = Account(environment=connection.environment.value, settings=connection.settings)
        return cls(connection=connection, provider=provider, account=account, credential=credential, sealed=sealed)

    @cached_property
    def fingerprint(self) -> bytes:
        """What tells one credential at the provider from another, and says nothing about it."""
        prints = sorted(f"{one.field}={one.fingerprint}" for one in self.sealed)
        told = [self.connection.provider, self.account.environment, *prints]
        return hashlib.sha256("|".join(told).encode()).digest()

    @property
    def headers(self) -> Mapping[str, str]:
        """What authenticates a request."""
        return self.provider.headers(self.account, self.credential)

    @cached_property
    def cleaner(self) -> Cleaner:
        """What knows that no text may repeat the credential."""
        return Cleaner(self.secrets())

    def secrets(self) -> list[str]:
        """What no text may repeat."""
        return [secret.get_secret_value() for secret in self.credential.values()]
