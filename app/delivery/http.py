"""One connection's pooled session: sends a request, bounds the answer, and turns every failure into a NoAnswer.

Nothing of a request outlives its answer: exceptions of requests hold on to the request, body and Authorization
included, so none of them leaves this module.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import AbstractContextManager
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final

import requests
from requests import exceptions as wrong
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError

from app.delivery.deadlines import Exchange
from app.delivery.egress import Egress, EgressRefused
from app.delivery.sockets import carrying, connections, tls_context
from app.providers.wire import Answer, Cause, NoAnswer, Reply

#: urllib3's own 16 KiB would halve the speed of large files.
SOCKET_BLOCK: Final = 1 << 20
#: Longest answer that is read; none that means something comes near.
ANSWER_BYTES: Final = 4 << 20
ANSWER_BLOCK: Final = 1 << 16
#: Connections to one host that a session keeps.
POOL: Final = 32

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
    """A session of one connection's own: nothing of it, warm sockets included, is shared with another's."""

    def __init__(self, egress: Egress, *, context: ssl.SSLContext | None = None) -> None:
        self._egress = egress
        self._session = _Session()
        adapter = _Adapter(egress, context or tls_context())
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)

    def ask(
        self,
        exchange: Exchange,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send a request and read its answer; whatever `body` raises when it is read is raised here."""
        unanswered = Unanswered(exchange)
        with unanswered, carrying(exchange):
            self._egress.check(url)
            "".join(headers.values()).encode("latin-1")  # now, and not when there is a connection already
            request = requests.Request(method, url, headers=dict(headers), params=dict(query or {}), data=body)
            reply = self._send(self._session.prepare_request(request))
            if reply.ok and not exchange.sent:
                # It says yes to something it cannot have seen all of.
                return NoAnswer(cause="reset", released=False)
            return reply
        return unanswered.answer

    def close(self) -> None:
        """Close what is idle; what is in use closes when its answer is read."""
        self._session.close()

    def _send(self, request: requests.PreparedRequest) -> Reply:
        with self._session.send(request, stream=True, allow_redirects=False) as response:
            body = bytearray()
            while block := response.raw.read(ANSWER_BLOCK):
                body += block
                if len(body) > ANSWER_BYTES:
                    raise TooLong
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(status=response.status_code, headers=headers, body=bytes(body))


class _Session(requests.Session):
    """No environment (a `.netrc` would take the place of our Authorization), no cookies, no redirects."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.headers = CaseInsensitiveDict(HEADERS)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        """None, ever: just to know the next address requests would read all of the answer."""
        return


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

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave it to the context, which demands and trusts what is right; requests would load its file each time."""
