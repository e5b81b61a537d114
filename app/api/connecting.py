"""What a connection is made of, judged before it is kept: settings by the provider's schema, secrets by these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.api.asking import Asker
from app.api.errors import Fault, NotValid
from app.api.schemas import held
from app.database import HOUSE
from app.providers.base import Provider
from app.services import services
from app.tenants import connections
from app.tenants.errors import BadValue, NotLent, OutOfScope
from app.tenants.models import Connection, Environment


def lenders() -> Mapping[UUID, str]:
    """What the house calls its connections; asked before a transaction of an organization, which does not see them."""
    with services().database.transaction(HOUSE) as session:
        return {one.id: one.name for one in connections.listing(session)}


def judged_settings(provider: Provider, settings: Mapping[str, Any], *, of_house: bool) -> dict[str, Any]:
    """Settings as the provider's schema has them; a house connection only lends, and has none. Raises NotValid."""
    if of_house:
        if settings:
            raise NotValid(tuple(unknown("settings", name) for name in settings))
        return {}
    return held(lambda: provider.settings.model_validate(settings), "settings").model_dump(mode="json")


def check_environment(environment: Environment) -> None:
    """Raise BadValue for the sandbox's where there is none: it would lead nowhere."""
    if environment is Environment.SANDBOX and services().settings.sandbox_url is None:
        raise BadValue(field="environment", name="environment", value=environment.value)


def lender(asker: Asker, name: str, provider: str, environment: Environment) -> UUID:
    """The house connection of that name; raises NotLent, and OutOfScope for a token that is not the house's.

    A credential of the house opens what is several tenants': whose it is to open is said by the house, in settings.
    """
    if not asker.is_house:
        raise OutOfScope(field="house_connection")
    with services().database.transaction(HOUSE) as session:
        found = connections.by_name(session, name)
    if found is None or asker.organization_id is None:
        raise NotLent(field="house_connection", provider=provider, environment=environment.value)
    return found.id


def check_sealed(session: Session, provider: Provider, row: Connection, settings: Mapping[str, Any]) -> None:
    """Raise NotValid where settings ask for another credential than there is."""
    if row.house_connection_id is not None:
        return
    has = {one.field for one in connections.credentials(session, row)}
    fields = {one.name: one for one in provider.credentials(settings)}
    lacks = [name for name, one in fields.items() if one.required and name not in has]
    if lacks or has - fields.keys():
        raise NotValid(tuple(missing("credential", name) for name in lacks) or (missing("credential"),))


def judged_credential(
    provider: Provider, settings: Mapping[str, Any], given: Mapping[str, SecretStr]
) -> Mapping[str, SecretStr]:
    """The secrets that a connection with these settings signs in with; raises NotValid."""
    fields = {one.name: one for one in provider.credentials(settings)}
    faults = [unknown("credential", name) for name in given if name not in fields]
    faults += [
        missing("credential", name)
        for name, one in fields.items()
        if one.required and not (name in given and given[name].get_secret_value())
    ]
    if faults:
        raise NotValid(tuple(faults))
    return {name: secret for name, secret in given.items() if secret.get_secret_value()}


def unknown(*at: str) -> Fault:
    """Something that is not known there."""
    return Fault(at=at, slug="unknown-member", params={"name": at[-1]})


def missing(*at: str) -> Fault:
    """Something that has to be there."""
    return Fault(at=at, slug="missing-field")
