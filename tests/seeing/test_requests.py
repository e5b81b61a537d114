"""A request's id and span, from before anything is done with it until all of its answer has gone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from werkzeug.test import create_environ

from app.seeing import ids, spans
from app.seeing.requests import SPAN, Identified, method_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HEX = "0123456789abcdef0123456789abcdef"
TRACE = "0af7651916cd43dd8448eb211c80319c"
SAID = {"X-Request-ID": HEX, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Every span that ended."""
    exporter = InMemorySpanExporter()
    spans.start(exporter, 1.0, SimpleSpanProcessor)
    yield exporter
    spans.configure(None, 1.0)
    ids.end()


class Gateway:
    """What stands behind: notes as what it is asked, and answers with the headers that it has."""

    def __init__(self, *headers: tuple[str, str], fault: BaseException | None = None) -> None:
        self.headers, self.fault = list(headers), fault
        self.known: list[str | None] = []
        self.environ: WSGIEnvironment = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.environ = environ
        self.known.append(ids.request_id())
        if self.fault:
            raise self.fault
        start_response("200 OK", self.headers)
        return self._answer()

    def _answer(self) -> Iterator[bytes]:
        self.known.append(ids.request_id())
        yield b"said"


class Server:
    """What stands before: takes the answer's headers."""

    def __init__(self) -> None:
        self.told: tuple[Any, ...] = ()

    def __call__(self, *told: Any) -> Any:
        self.told = told

    @property
    def ids(self) -> list[str]:
        return [value for name, value in self.told[1] if name.lower() == "x-request-id"]


def asked(gateway: Gateway, *, believed: bool, method: str = "GET") -> Server:
    """Let it answer one request, as a server does: a proxy's of ours, or somebody's."""
    server, peer = Server(), {"REMOTE_ADDR": "127.0.0.1" if believed else "203.0.113.9"}
    environ = create_environ(method=method, headers=SAID, environ_overrides=peer)
    answer = Identified(gateway, lambda asking: asking["REMOTE_ADDR"] == "127.0.0.1")(environ, server)
    assert b"".join(answer) == b"said"
    answer.close()  # type: ignore[attr-defined] # which is for the server to do
    return server


@pytest.mark.parametrize("believed", [True, False])
def test_one_id_for_all_of_it_and_none_afterwards(believed: bool) -> None:
    gateway = Gateway(("Content-Type", "text/plain"))
    server = asked(gateway, believed=believed)
    (given,) = server.ids
    assert (given == HEX) is believed
    assert believed or UUID(given).version == 7
    assert gateway.known == [given, given], "also while its answer goes"
    assert ids.request_id() is None
    assert server.told[:2] == ("200 OK", [("Content-Type", "text/plain"), ("X-Request-ID", given)])


@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id"])
def test_an_answer_that_has_one_keeps_it(name: str) -> None:
    assert asked(Gateway((name, "a provider's own")), believed=True).ids == ["a provider's own"]


def test_what_is_said_of_a_fault_is_passed_on() -> None:
    """A server needs it, to know whether headers that were given once may be given again."""
    fault = RuntimeError("of ours")

    def failing(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            raise fault
        except RuntimeError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return []

    server = Server()
    list(Identified(failing, lambda _: False)(create_environ(), server))
    assert server.told[2][1] is fault


@pytest.mark.parametrize("believed", [True, False])
def test_its_span_ends_with_its_answer(exported: InMemorySpanExporter, believed: bool) -> None:
    gateway = Gateway()
    gateway_id = asked(gateway, believed=believed, method="PUT").ids[0]
    (span,) = exported.get_finished_spans()
    assert (span.name, span.kind.name, span.status.status_code) == ("PUT", "SERVER", StatusCode.UNSET)
    assert span.attributes is not None
    assert span.attributes["ventanilla.request"] == gateway_id
    assert span.context is not None
    assert (f"{span.context.trace_id:032x}" == TRACE) is believed
    assert hasattr(gateway.environ[SPAN], "tell"), "for who answers it"


def test_what_breaks_ends_both(exported: InMemorySpanExporter) -> None:
    broken = Gateway(fault=RuntimeError("hunter2"))
    with pytest.raises(RuntimeError, match="hunter2"):
        asked(broken, believed=True)
    assert ids.request_id() is None
    (span,) = exported.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["ventanilla.fault"] == "RuntimeError"
    assert "hunter2" not in span.to_json()


@pytest.mark.parametrize(
    ("environ", "method"),
    [({"REQUEST_METHOD": "DELETE"}, "DELETE"), ({"REQUEST_METHOD": "hunter2"}, "other"), ({}, "other")],
)
def test_a_method_of_ones_own_names_no_span(environ: dict[str, str], method: str) -> None:
    assert method_of(environ) == method
