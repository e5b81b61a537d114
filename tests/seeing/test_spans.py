from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from flask import Flask
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.config import ConfigurationError
from app.delivery.seen import seen
from app.providers.wire import NoAnswer, Reply
from app.seeing import ids, metrics, spans

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SECRET = "hunter2-hunter2-hunter2"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Every span that ended."""
    exporter = InMemorySpanExporter()
    spans.start(exporter, 1.0, SimpleSpanProcessor)
    yield exporter
    spans.configure(None, 1.0)
    ids.end()


def by_name(exported: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exported.get_finished_spans()}


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}" if span.context else ""


def test_a_request_is_a_span_that_names_its_rule_and_no_address(app: Flask, exported: InMemorySpanExporter) -> None:
    answer = app.test_client().get(f"/l/{SECRET}?said={SECRET}", headers={"Authorization": f"Bearer {SECRET}"})
    request_id = answer.headers["X-Request-ID"]
    answer.close()
    (span,) = exported.get_finished_spans()
    assert (span.name, span.kind) == ("GET", SpanKind.SERVER)
    told = {
        "ventanilla.face": "portal",
        "ventanilla.rule": "/l/<token>",
        "ventanilla.status": 404,
        "ventanilla.request": request_id,
    }
    assert dict(span.attributes or {}) == told
    assert SECRET not in span.to_json()


@pytest.mark.parametrize(("peer", "goes_on"), [("127.0.0.1", True), ("203.0.113.9", False)])
def test_a_trace_goes_on_where_our_own_proxy_began_it(
    app: Flask, exported: InMemorySpanExporter, peer: str, goes_on: bool
) -> None:
    app.test_client().get("/healthz", headers={"traceparent": PARENT}, environ_base={"REMOTE_ADDR": peer}).close()
    (span,) = exported.get_finished_spans()
    assert (trace_of(span) == TRACE) is goes_on


@pytest.mark.attack("secrets", "an exception with a secret in it, in a trace", "named by its kind alone")
def test_what_breaks_is_named_by_its_kind_and_says_nothing(exported: InMemorySpanExporter) -> None:
    with pytest.raises(RuntimeError), spans.span("deliver"):
        raise RuntimeError(SECRET)
    (span,) = exported.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["ventanilla.fault"] == "RuntimeError"
    assert SECRET not in span.to_json()
    assert not span.events


def test_what_lies_with_a_copy_goes_on_with_its_request_and_trace(exported: InMemorySpanExporter) -> None:
    ids.begin("0" * 32)
    with spans.span("hand in", parent=PARENT):
        carried = spans.carried()
    ids.end()
    assert carried[ids.REQUEST] == "0" * 32
    with spans.span("deliver", parent=carried[spans.PARENT]):
        pass
    handed_in, delivered = (by_name(exported)[name] for name in ("hand in", "deliver"))
    assert trace_of(handed_in) == trace_of(delivered) == TRACE
    assert handed_in.context
    assert delivered.parent
    assert delivered.parent.span_id == handed_in.context.span_id


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Reply(status=503, headers={"x": SECRET}, body=SECRET.encode()), "5xx"),
        (NoAnswer(cause="timeout", released=True), "timeout"),
        (None, "withdrawn"),
    ],
)
def test_a_call_is_counted_and_tells_nothing_of_what_was_said(
    exported: InMemorySpanExporter, answer: Reply | NoAnswer | None, told: str
) -> None:
    labels = {"provider": "codat", "kind": "hand-in", "answer": told}

    def counted() -> float:
        return metrics.REGISTRY.get_sample_value("ventanilla_provider_calls_total", labels) or 0.0

    before = counted()
    with seen("codat", "POST", hands_in=True) as tell:
        if answer is not None:
            assert tell(answer) is answer
    assert counted() == before + 1
    (span,) = exported.get_finished_spans()
    assert (span.name, span.kind, (span.attributes or {})["ventanilla.answer"]) == ("codat POST", SpanKind.CLIENT, told)
    assert SECRET not in span.to_json()


def test_nothing_is_traced_where_nobody_looks() -> None:
    spans.configure(None, 1.0)
    with spans.span("deliver") as span:
        span.tell(state="delivered")
        assert spans.parent() is None
    ids.begin("0" * 32)
    assert spans.carried() == {ids.REQUEST: "0" * 32}
    ids.end()
    assert spans.carried() == {}


def test_what_is_not_installed_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match=r"requirements-otel\.txt"):
        spans.configure("http://127.0.0.1:4318/v1/traces", 1.0)
