"""Settings that a provider names itself: picked from its list, or made anew there, before a connection is kept."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from flask import request
from pydantic import SecretStr

from app.api import connecting, replacing
from app.api import connections as api
from app.api.asking import Asker
from app.api.errors import Untold
from app.dashboard import declared
from app.delivery.asking import Visit
from app.providers import registry
from app.providers.base import Account, Chooses, Listed, Provider, Unavailable
from app.providers.wire import Answer, Outgoing
from app.services import services
from app.tenants import connections

#: Pages of choices that are asked for.
MOST_PAGES: Final = 4


def choose(asker: Asker, provider: Provider, body: api.NewConnection) -> api.NewConnection | list[Listed]:
    """The connection with what was picked or made at the provider; a list, where there is something to pick from."""
    missing = [name for name in declared.choosable(provider) if name not in body.settings]
    if asker.organization_id is None or not isinstance(provider, Chooses) or not missing:
        return body
    (setting, *_), name = missing, request.form.get("make", "").strip()
    if name:
        listed = _asked(asker, body, lambda account: provider.make(account, setting, name))
        return body.model_copy(update={"settings": {**body.settings, setting: listed.id}})
    return list(_asked(asker, body, lambda account: _choices(provider, account, setting)))


def _choices(provider: Chooses, account: Account, setting: str) -> Generator[Outgoing, Answer, list[Listed]]:
    items: list[Listed] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        found = yield from provider.choices(account, setting, cursor)
        items += found.items
        if (cursor := found.next) is None:
            break
    return items


def _asked(asker: Asker, body: api.NewConnection, build: Visit[Any]) -> Any:
    """Ask the provider with what was typed, or with what the house lends; raises Untold."""
    connecting.check_environment(body.environment)
    draft = replacing.draft(asker, body.provider, body.environment, body.settings)
    try:
        if body.house_connection is None:
            provider = registry.provider(body.provider)
            given = {name: SecretStr(secret.get_secret_value()) for name, secret in (body.credential or {}).items()}
            credential = connecting.judged_credential(provider, body.settings, given)
            return services().deliverer.try_out(draft, credential, build)
        lender = connecting.lender(asker, body.house_connection, body.provider, body.environment)
        with services().database.transaction(None) as session:
            row = connections.by_name(session, body.house_connection)
            credential = connections.credential(session, services().vault, row) if row and row.id == lender else {}
        return services().deliverer.try_out(draft, credential, build)
    except Unavailable as exc:
        outcome = exc.outcome
    raise Untold(outcome, replacing.called(asker))
