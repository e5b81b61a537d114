"""Gives each request its id, before anything is done with it, and takes it back when all of it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from werkzeug.wsgi import ClosingIterator

from app.seeing import ids, spans

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER: Final = "X-Request-ID"
#: The span of the request that is being answered, in its environment.
SPAN: Final = "ventanilla.span"
#: As gunicorn lets methods pass; what else there is has no name in a span.
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Identified:
    """WSGI middleware: all lines and spans of a request bear one id, which its answer gives back.

    What a request says of itself is believed where it comes from a proxy of ours, as `believed` tells. An answer that
    has such a header, because it is a provider's own, keeps it.
    """

    def __init__(self, wsgi_app: WSGIApplication, believed: Callable[[WSGIEnvironment], bool]) -> None:
        self._wsgi_app = wsgi_app
        self._believed = believed

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        believed = self._believed(environ)
        request_id = ids.known_as(environ.get("HTTP_X_REQUEST_ID") if believed else None)
        parent = environ.get("HTTP_TRACEPARENT") if believed else None

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
            if not any(name.lower() == HEADER.lower() for name, _ in headers):
                headers = [*headers, (HEADER, request_id)]
            return start_response(status, headers, *exc_info)

        open_until_answered = ExitStack()
        ids.begin(request_id)
        open_until_answered.callback(ids.end)
        environ[SPAN] = open_until_answered.enter_context(spans.span(method_of(environ), "server", parent=parent))
        try:
            answer = self._wsgi_app(environ, start)
        except BaseException as exc:
            open_until_answered.__exit__(type(exc), exc, exc.__traceback__)
            raise
        return ClosingIterator(answer, open_until_answered.close)


def method_of(environ: WSGIEnvironment) -> str:
    """The request's method; any word can stand there."""
    method = str(environ.get("REQUEST_METHOD"))
    return method if method in METHODS else "other"
