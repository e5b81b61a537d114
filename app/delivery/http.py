"""One connection's pool: sends a request, bounds the answer, and turns every failure into a NoAnswer.

Nothing of a request outlives its answer: exceptions of requests hold on to the request, body and Authorization
included, so none of them leaves this module.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import requests
from requests import exceptions as wrong
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import SKIP_HEADER

from app.delivery.calls import ANSWER_BYTES, Answered, Call, CutOff
from app.delivery.deadlines import Exchange
from app.delivery.egress import Egress, EgressRefused
from app.delivery.sockets import carrying, connections, tls_context
from app.providers.wire import Answer, Cause, NoAnswer, Reply, Sink

#: urllib3's own 16 KiB would halve the speed of large files.
SOCKET_BLOCK: Final = 1 << 20
ANSWER_BLOCK: Final = 1 << 16
#: Connections to one host that a session keeps.
POOL: Final = 32

#: What urllib3 would add by itself.
NOTHING_OF_OURS: Final[Mapping[str, str]] = {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER}

HEADERS: Final = {"User-Agent": "Ventanilla", "Accept": "application/json", "Accept-Encoding": "identity"}


class TooLong(Exception):  # noqa: N818 - says what it is
    """The answer has no end in sight."""


#: What each failure is called, the most specific first.
CAUSES: Final[tuple[tuple[tuple[type[Exception], ...], Cause], ...]] = (
    ((EgressRefused, wrong.InvalidURL, wrong.InvalidSchema, wrong.MissingSchema), "egress"),
    ((wrong.InvalidHeader, UnicodeEncodeError), "egress"),  # a key with characters that no header can carry
    ((wrong.Timeout, ReadTimeoutError), "timeout"),
    ((HTTPError, TooLong), "truncated"),
    ((wrong.RequestException,), "reset"),
)


class Unanswered(AbstractContextManager["Unanswered"]):
    """Catches what the table names and leaves `answer` in its place; what our own readers raise passes through."""

    answer: NoAnswer

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        for kinds, cause in CAUSES:
            if isinstance(exc, kinds):
                self.answer = NoAnswer(cause=self._precisely(cause), released=self._exchange.sent)
                return True
        return False

    def _precisely(self, cause: Cause) -> Cause:
        """By how far it got: libraries call the same failure by different names."""
        if not self._exchange.connected:
            return "egress" if cause == "egress" else "connect"
        if self._exchange.late:
            return "timeout"
        return "truncated" if cause == "egress" else cause  # headers that contradict each other are invalid too


class Http:
    """One connection's own sockets: nothing of it, those that are warm included, is shared with another's.

    Requests are made by hand and given to the adapter: a session of requests would look for proxies, cookies, redirects
    and credentials that there must not be, at the cost of a tenth of a small upload.
    """

    def __init__(self, egress: Egress, *, context: ssl.SSLContext | None = None, enough: int | None = None) -> None:
        """`enough`: of an answer no more is read than so many bytes, for whom its status says all."""
        self._egress = egress
        self._enough = enough
        self._adapter = _Adapter(egress, context or tls_context())

    def ask(
        self,
        exchange: Exchange,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        body: Any = None,
        sink: Sink | None = None,
        stores: Collection[str] | None = None,
    ) -> Answer:
        """Send a request and read its answer, a good one into `sink`; what `body` or `sink` raise is raised here.

        With `stores`, `url` is one that somebody signed: it is asked as it stands, and only on one of those hosts.
        """
        unanswered = Unanswered(exchange)
        with unanswered, carrying(exchange):
            self._egress.check(url, stores)
            if stores is not None:
                url, exchange.target = _split(url)
            "".join(headers.values()).encode("latin-1")  # now, and not when there is a connection already
            request = requests.PreparedRequest()
            request.prepare_method(method)
            request.prepare_url(url, urlencode(query or {}))
            request.prepare_headers({**HEADERS, **headers})
            request.prepare_body(body, None)
            return self._answer(request, exchange, sink)
        return unanswered.answer

    def hand_on(
        self,
        exchange: Exchange,
        call: Call,
        base_url: str,
        authorization: Mapping[str, str],
        *,
        stores: Collection[str] | None = None,
    ) -> Handed:
        """Make somebody else's call, of which nothing is changed but who makes it; what its body raises is raised here.

        Whoever gets an answer has to read or close it, in this thread. With `stores` it may go to those hosts only.
        """
        unanswered = Unanswered(exchange)
        with unanswered, carrying(exchange):
            url = base_url + call.target
            self._egress.check(url, stores)
            url, exchange.target = _split(url)
            request = requests.PreparedRequest()
            request.prepare_method(call.method)
            request.url, request.body = url, call.body
            request.headers = CaseInsensitiveDict({**NOTHING_OF_OURS, **dict(call.headers), **authorization})
            "".join(request.headers.values()).encode("latin-1")  # now, and not when there is a connection already
            response = self._send(request)
            if 200 <= response.status_code < 300 and not exchange.sent:
                response.close()
                return NoAnswer(cause="reset", released=False)
            return Given(response, exchange)
        return unanswered.answer

    def close(self) -> None:
        """Close what is idle; what is in use closes when its answer is read."""
        self._adapter.close()

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        return self._adapter.send(request, stream=True, timeout=None, verify=True, cert=None, proxies={})

    def _answer(self, request: requests.PreparedRequest, exchange: Exchange, sink: Sink | None) -> Answer:
        with self._send(request) as response:
            good = 200 <= response.status_code < 300
            if good and not exchange.sent:  # it says yes to something it cannot have seen all of
                return NoAnswer(cause="reset", released=False)
            body = _Body()
            taker = sink if sink is not None and good else body
            while block := response.raw.read(self._enough or ANSWER_BLOCK):
                taker.feed(block)
                if self._enough is not None:
                    break
                if sink is taker:
                    exchange.answering()  # of something long, each block has the time of an answer
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(status=response.status_code, headers=headers, body=bytes(body.content))


class Given(Answered):
    """An answer that is read as it comes; raises CutOff where it ends before its end."""

    def __init__(self, response: requests.Response, exchange: Exchange) -> None:
        headers = [(name, value) for name, value in response.raw.headers.iteritems()]
        super().__init__(status=response.status_code, reason=response.raw.reason or "", headers=headers)
        self._raw = response.raw
        self._exchange = exchange
        self._until = exchange.clock() + exchange.deadlines.total

    def blocks(self) -> Iterator[bytes]:
        """Its body as it is on the wire, still compressed where it is; each block as soon as it is there."""
        try:
            while block := self._next():
                yield block
        finally:
            self.close()

    def close(self) -> None:
        """Let go of its connection: what is left of it will not be read."""
        self._raw.close()
        self._raw.release_conn()

    def _next(self) -> bytes:
        if self._exchange.clock() >= self._until:
            raise CutOff("timeout")
        unanswered = Unanswered(self._exchange)
        with unanswered, carrying(self._exchange):
            self._exchange.answering()  # each block has the time of an answer
            block: bytes = self._raw.read1(ANSWER_BLOCK, decode_content=False)
            return block
        raise CutOff(unanswered.answer.cause)


Handed = Given | NoAnswer


class _Body:
    """An answer in memory."""

    def __init__(self) -> None:
        self.content = bytearray()

    def feed(self, block: bytes) -> None:
        """Keep it, as long as there is an end in sight."""
        self.content += block
        if len(self.content) > ANSWER_BYTES:
            raise TooLong


def _split(url: str) -> tuple[str, str]:
    """Where a whole address leads to, and the target to ask for there, as it was written."""
    scheme, _, rest = url.partition("://")
    place = urlsplit(url).netloc
    return f"{scheme}://{place}/", "/" + rest[len(place) :].removeprefix("/")


class _Adapter(HTTPAdapter):
    """Connections that ask egress; no retries; trust that was loaded once."""

    def __init__(self, egress: Egress, context: ssl.SSLContext) -> None:
        self._egress = egress
        self._context = context
        super().__init__(pool_maxsize=POOL, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, blocksize=SOCKET_BLOCK, ssl_context=self._context)
        plain, tls = connections(self._egress)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("Pool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002
        """The target alone: there is never a proxy that would want all of the address."""
        return request.path_url

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave it to the context, which demands and trusts what is right; requests would load its file each time."""
