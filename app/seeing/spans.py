"""Traces, where OpenTelemetry is installed (requirements-otel.txt) and there is somebody to send them to (TRACES_URL).

A span is named by a rule, a step or a task, and bears ids, words of ours and numbers. No address, header, body or text
of an exception is ever given to it. Providers are not told whose trace their request belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from app.config import ConfigurationError
from app.seeing import ids

try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:  # it is an extra
    trace = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

Kind = Literal["server", "client", "internal", "consumer"]
#: Where a span is told to begin, as W3C's Trace Context spells it.
PARENT: Final = "traceparent"
SERVICE: Final = "ventanilla"


class Telling(Protocol):
    """A span that is open."""

    def tell(self, **attributes: str | int | bool) -> None:
        """Say more of it."""


class _Nobody:
    """In the place of a span where nobody looks."""

    def tell(self, **attributes: str | int | bool) -> None:
        """Forget it."""


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def tell(self, **attributes: str | int | bool) -> None:
        self._span.set_attributes({f"{SERVICE}.{name}": value for name, value in attributes.items()})


class Tracing:
    """Whether this process tells of its spans, and by what."""

    tracer: trace.Tracer | None = None


NOBODY: Final = _Nobody()


def configure(url: str | None, share: float) -> None:
    """Send spans to the collector at `url`, as many of all traces as `share` says; None: make none.

    Raises ConfigurationError where what that takes is not installed.
    """
    if url is None:
        Tracing.tracer = None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise ConfigurationError(["TRACES_URL needs what is in requirements-otel.txt"]) from None
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    start(OTLPSpanExporter(endpoint=url), share, BatchSpanProcessor)


def start(exporter: SpanExporter, share: float, processor: Any) -> None:
    """Hand spans to `exporter` from now on, by a processor of that kind."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(share)), resource=Resource.create({"service.name": SERVICE})
    )
    provider.add_span_processor(processor(exporter))
    Tracing.tracer = provider.get_tracer(SERVICE)


@contextmanager
def span(
    name: str, kind: Kind = "internal", /, *, parent: str | None = None, **attributes: str | int | bool
) -> Iterator[Telling]:
    """Tell that something is being done, for as long as it takes, and what it was about; `parent` as W3C spells it."""
    if Tracing.tracer is None:
        yield NOBODY
        return
    context = TraceContextTextMapPropagator().extract({PARENT: parent}) if parent else None
    with Tracing.tracer.start_as_current_span(
        name,
        context,
        trace.SpanKind[kind.upper()],
        record_exception=False,  # its text may quote anything
        set_status_on_exception=False,
    ) as open_span:
        telling = _Span(open_span)
        telling.tell(**attributes)
        try:
            yield telling
        except BaseException as exc:
            open_span.set_status(trace.StatusCode.ERROR)
            telling.tell(fault=type(exc).__name__)
            raise
        finally:
            telling.tell(**ids.current())


def parent() -> str | None:
    """The span that is open, as W3C spells it: for whoever goes on with it somewhere else."""
    if Tracing.tracer is None:
        return None
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(PARENT)


def carried() -> Mapping[str, str]:
    """What lies with a copy, so that whoever takes it up writes the same ids: of the request, and of its trace."""
    known = {ids.REQUEST: ids.request_id(), PARENT: parent()}
    return {name: value for name, value in known.items() if value}
