"""Drives a provider's generator over the wire: each Outgoing becomes a request, each answer goes back in."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Mapping
from typing import Any, TypeVar

from app.delivery.deadlines import Clock, Deadlines, Exchange
from app.delivery.encoder import encode
from app.delivery.http import Http
from app.delivery.passing import Coming, Passing
from app.delivery.seen import seen
from app.delivery.spooling import LetGo
from app.errors import Refusal
from app.providers.base import Outcome
from app.providers.wire import Answer, NoAnswer, Outgoing, Reply

T = TypeVar("T")

#: Called once, before a certain byte leaves; what it raises keeps it from leaving.
Mark = Callable[[Outgoing], None]
#: Asked before each request that bears the credential; an answer of its own takes the place of the provider's.
Admit = Callable[[Outgoing], Reply | None]


class SecondFile(RuntimeError):  # noqa: N818 - a fault of an adapter
    """A generator wants to hand in twice; at most one Outgoing does."""


def refuse_files(outgoing: Outgoing) -> None:
    """The Mark of generators that only look."""
    raise SecondFile(outgoing.path)


def _nothing(_outgoing: Outgoing) -> None:
    """What is done where nothing is to be done."""


class Engine:
    """Sends the requests of one delivery (or one look) to one connection's provider.

    `before` is called ahead of the request that hands in, unless its files are in memory already: then the mark alone
    is set. `mark` is called before the last bytes of its file may leave, or ahead of it where it has none; `after` once
    that request has ended, however it did, and before the generator hears of it.
    """

    def __init__(
        self,
        http: Http,
        base_url: str,
        headers: Mapping[str, str],
        deadlines: Deadlines,
        *,
        mark: Mark = refuse_files,
        before: Mark = _nothing,
        after: Mark = _nothing,
        admit: Admit = _nothing,
        stores: Collection[str] = (),
        provider: str = "",
        clock: Clock,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._base_url = base_url
        self._headers = headers
        self._deadlines = deadlines
        self._mark = mark
        self._before = before
        self._after = after
        self._admit = admit
        self._stores = stores
        self._provider = provider
        self._clock = clock
        self._wait = wait
        self._until = clock() + deadlines.total
        self._handing_in: Exchange | None = None
        #: What became of what was begun for a file that was then withdrawn.
        self.taken_back: Outcome | None = None

    @property
    def sent(self) -> bool:
        """Whether all of the request that hands in was handed to the network."""
        return self._handing_in is not None and self._handing_in.sent

    def drive(self, steps: Generator[Outgoing, Answer, T]) -> T:
        """Return what the generator returns; closes it whatever happens.

        Raises the Refusal that came out of a file, or of a mark, after the generator has taken back what it had begun.
        """
        refusal: Refusal | None = None
        try:
            outgoing = next(steps)
            while True:
                answer: Answer = NoAnswer(cause="withdrawn", released=False)
                try:
                    answer = self._send(outgoing)
                except Refusal as exc:
                    refusal = refusal or exc
                    self._spare()
                outgoing = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
        finally:
            steps.close()
        if refusal is not None:
            self.taken_back = result if isinstance(result, Outcome) else None
            raise refusal
        return result

    def _send(self, outgoing: Outgoing) -> Answer:
        if outgoing.after:
            if self._clock() + outgoing.after >= self._until:
                return NoAnswer(cause="timeout", released=False)
            self._wait(outgoing.after)
        if outgoing.url is None and (ours := self._admit(outgoing)):
            return ours
        waited_for = outgoing.hands_in or self._handing_in is not None
        deadlines = self._deadlines if waited_for else self._deadlines.hurried
        exchange = Exchange(deadlines=deadlines, until=self._until, clock=self._clock)
        if outgoing.hands_in:
            self._begin(outgoing, exchange)
        body, content_type = encode(outgoing.body, self._once(outgoing))
        try:
            answer = self._ask(
                exchange,
                outgoing.method,
                self._base_url + outgoing.path if outgoing.url is None else outgoing.url,
                headers={
                    **({"Content-Type": content_type} if content_type else {}),
                    **(self._headers if outgoing.url is None else {}),
                    **outgoing.headers,
                },
                query=outgoing.query,
                body=body,
                sink=outgoing.sink,
                stores=None if outgoing.url is None else self._stores,
                hands_in=outgoing.hands_in,
            )
        except LetGo:
            answer = NoAnswer(cause="reset", released=False)
        if outgoing.hands_in:
            self._after(outgoing)
        if exchange.streams:
            self._spare()
        return answer

    def _ask(self, exchange: Exchange, method: str, url: str, *, hands_in: bool, **asked: Any) -> Answer:
        with seen(self._provider, method, hands_in=hands_in, clock=self._clock) as told:
            return told(self._http.ask(exchange, method, url, **asked))

    def _spare(self) -> None:
        """Leave time for what follows on a file that was on its way: looking at it, or taking back what was begun."""
        self._until = max(self._until, self._clock() + self._deadlines.answer)

    def _begin(self, outgoing: Outgoing, exchange: Exchange) -> None:
        """The one request that hands in is about to be made."""
        if self._handing_in is not None:
            raise SecondFile(outgoing.path)
        self._handing_in = exchange
        if coming := [one for one in _arriving(outgoing) if not one.whole]:
            exchange.streams, exchange.client = True, coming[0].body
            self._before(outgoing)
        if outgoing.without_file:
            self._mark(outgoing)

    def _once(self, outgoing: Outgoing) -> Callable[[], None]:
        """What the readers of a request call before their last blocks: the first call sets the mark."""
        marked = False

        def release() -> None:
            nonlocal marked
            if not marked:
                self._mark(outgoing)
                marked = True

        return release


def _arriving(outgoing: Outgoing) -> list[Coming]:
    """The files of a request that their client may still be sending."""
    files = outgoing.body.files if outgoing.body else ()
    return [file.source.arriving for file in files if isinstance(file.source, Passing)]
