"""The way to a connection's provider: who is spoken to, where, and with which key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr, ValidationError
from sqlalchemy.orm import Session

from app.providers import registry
from app.providers.base import Account, Provider
from app.tenants import connections
from app.tenants.errors import CredentialMissing
from app.tenants.models import Connection
from app.tenants.vault import Vault, VaultError


class NoWay(RuntimeError):  # noqa: N818 - says what it is
    """The connection cannot be used as it was set up; the operator's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """All that a connection tells about its provider, read in one short transaction."""

    connection: Connection
    provider: Provider
    account: Account
    credential: Mapping[str, SecretStr] = field(repr=False)

    @classmethod
    def open(cls, session: Session, vault: Vault, connection: Connection) -> Way:
        """Read settings and credential; raises NoWay."""
        provider = registry.provider(connection.provider)
        try:
            if connection.organization_id is not None:  # a house connection lends its credential and has no settings
                provider.settings.model_validate(connection.settings)
            credential = connections.credential(session, vault, connection)
        except ValidationError:
            raise NoWay("its settings are not the provider's") from None
        except (CredentialMissing, VaultError) as exc:
            raise NoWay(f"{type(exc).__name__}: {exc}") from None
        if (
            missing := {one.name for one in provider.credentials(connection.settings) if one.required}
            - credential.keys()
        ):
            raise NoWay(f"its credential lacks {', '.join(sorted(missing))}")
        account = Account(environment=connection.environment.value, settings=connection.settings)
        return cls(connection=connection, provider=provider, account=account, credential=credential)

    @property
    def headers(self) -> Mapping[str, str]:
        """What authenticates a request."""
        return self.provider.headers(self.account, self.credential)

    def secrets(self) -> list[str]:
        """What no text may repeat."""
        return [secret.get_secret_value() for secret in self.credential.values()]
