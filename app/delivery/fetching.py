"""Gives back what lies at a provider, while it comes and without holding it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode, urlsplit

from app.delivery.asking import Visit
from app.delivery.calls import Answered, Call, Whole, read_whole
from app.delivery.forwarding import Forwarder
from app.delivery.way import NoWay, Way
from app.providers.base import Outcome, Unavailable
from app.providers.outcomes import by_cause, by_status
from app.providers.wire import Outgoing
from app.tenants.models import Connection

#: What is said with a request whose answer is a file.
HEADERS: Final = (("User-Agent", "Ventanilla"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))


class Fetcher(Forwarder):
    """Fetches for every organization of this process."""

    def fetch(self, connection: Connection, build: Visit[Outgoing]) -> Answered:
        """Ask for the content that a generator names; raises Unavailable, cleaned of anything secret.

        Whoever gets it has to read or close it, in this thread.
        """
        with self._database.transaction(connection.organization_id) as session:
            way = self._ways.open(session, session.get_one(Connection, connection.id))
        way = self._ways.fresh(way)
        if isinstance(way, NoWay):
            raise Unavailable(way.outcome)
        answered = self.hand_on(way, _call(self._visit(way, build)))
        if isinstance(answered, Answered) and 200 <= answered.status < 300:
            return answered
        raise Unavailable(_refused(way, answered))


def _refused(way: Way, answered: Answered | Outcome) -> Outcome:
    """Why it was not given."""
    if isinstance(answered, Answered):
        whole = read_whole(answered)
        answered = by_status(whole.reply) if isinstance(whole, Whole) else by_cause(whole)
    return way.cleaner.outcome(answered)


def _call(outgoing: Outgoing) -> Call:
    """The same request, as one whose answer is handed on."""
    headers = (*HEADERS, *outgoing.headers.items())
    if outgoing.url is not None:
        parts = urlsplit(outgoing.url)
        store = f"{parts.scheme}://{parts.netloc}"
        return Call(method=outgoing.method, target=outgoing.url[len(store) :], headers=headers, store=store)
    query = f"?{urlencode(outgoing.query)}" if outgoing.query else ""
    return Call(method=outgoing.method, target=outgoing.path + query, headers=headers)
