"""A look at what lies at a provider, for who may have it, and what there is to say where it comes to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from app.api.asking import Asker
from app.api.connections import find
from app.api.errors import NothingHere, NotOffered, SharedKey, Untold
from app.delivery import asking
from app.delivery.calls import Answered
from app.delivery.errors import ConnectionPaused
from app.providers import registry
from app.providers.base import Deletes, Downloads, Gets, Lists, Outcome, Provider, Unavailable
from app.providers.wire import Outgoing
from app.services import services
from app.tenants import organizations

P = TypeVar("P")
T = TypeVar("T")

#: Of each address, the methods and the power that each takes.
POWERS: Final[tuple[Mapping[str, type], ...]] = (
    {"GET": Lists},
    {"GET": Gets, "DELETE": Deletes},
    {"GET": Downloads},
)
#: Providers whose addresses name the account: with a key that several share, none reaches another's.
TELL_APART: Final = frozenset({"codat", "facturapi", "formkiq"})
MISSING: Final = 404


class Visit(Generic[P]):
    """One look through a connection of an organization, at a provider that can do what is asked for."""

    def __init__(self, asker: Asker, name: str, power: type[P]) -> None:
        """Find the connection; raises NothingHere, NotOffered, SharedKey and ConnectionPaused."""
        with asker.transaction() as session:
            self._connection = find(session, name)
            self._organization = organizations.get(session, asker.the_organization).name
        provider = registry.provider(self._connection.provider)
        if not isinstance(provider, power):
            raise NotOffered(_allowed(provider, power), provider=provider.title)
        if self._connection.house_connection_id is not None and provider.slug not in TELL_APART:
            raise SharedKey(provider=provider.title)
        if self._connection.paused_at is not None:
            raise ConnectionPaused
        self.provider: Final[P] = provider
        self._asker = asker

    def written(self, action: str, **details: Any) -> None:
        """Write in the audit log what is looked at."""
        with self._asker.transaction() as session:
            self._asker.written(session, action, self._connection, **details)

    def ask(self, build: asking.Visit[T]) -> T:
        """Return what a generator returns; raises Untold and NothingHere."""
        return self._told(lambda: services().deliverer.visit(self._connection, build))

    def check_there(self, reference: str) -> None:
        """Raise NothingHere where the provider says that it has no such thing; it may take that as taken away."""
        provider = self.provider
        if isinstance(provider, Gets) and self.ask(lambda account: provider.get(account, reference)) is None:
            raise NothingHere

    def fetch(self, build: asking.Visit[Outgoing]) -> Answered:
        """Return the answer to what a generator returns; raises the same."""
        return self._told(lambda: services().deliverer.fetch(self._connection, build))

    def untold(self, outcome: Outcome) -> Exception:
        """Why it came to nothing: there is no such thing, or what the provider says."""
        if outcome.http_status == MISSING or outcome.problem == NothingHere.slug:
            return NothingHere()
        return Untold(outcome, self._organization)

    def _told(self, look: Callable[[], T]) -> T:
        try:
            return look()
        except Unavailable as exc:
            outcome = exc.outcome
        raise self.untold(outcome)


def _allowed(provider: Provider, power: type) -> tuple[str, ...]:
    """What else can be done at the address where that power is asked for."""
    powers = next(powers for powers in POWERS if power in powers.values())
    return tuple(method for method, one in powers.items() if isinstance(provider, one))
