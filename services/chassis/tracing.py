"""Spans that continue a message's trace (W3C traceparent in the envelope), sent by OpenTelemetry over OTLP.

Off unless the environment names a receiver (OTEL_EXPORTER_OTLP_ENDPOINT); messages then keep the traceparent they came
with, and nothing is loaded. On, every message has a span that is a child of the one that published it, everything that
it leads to has a span until the broker has it, and a batch has one to which its messages' spans are linked. A wake-up
that somebody waits for continues the trace of who set it; others begin their own.

A span is ended after the commit: what was rolled back leaves none. Attributes are ids, names and codes, never content.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, SpanKind

log = structlog.get_logger()
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LAST_SPANS_SECONDS = 3.0  # for what is still to be sent when the worker stops

Attributes: TypeAlias = Mapping[str, str | int]


def from_environment(service: str) -> Tracing | None:
    """Return what the environment wants, None for nothing. Without the packages for it the worker says so and runs."""
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip()
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or chosen != "otlp" or not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.error("no traces: a package is missing; install postkontor[telemetry]", reason=str(error))
        return None
    return Tracing(service, BatchSpanProcessor(OTLPSpanExporter()))


class Tracing:
    """The spans of one worker. Sampling is the environment's (OTEL_TRACES_SAMPLER); the parent's word counts first."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self._trace, self.service = trace, service
        self._obeys_parents = os.environ.get("OTEL_TRACES_SAMPLER", "parentbased").startswith("parentbased")
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"postkontor-{service}"}
        self._provider = TracerProvider(
            resource=Resource.create({"service.namespace": "postkontor", **named}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("postkontor")
        self.consumer, self.producer = trace.SpanKind.CONSUMER, trace.SpanKind.PRODUCER
        self.internal = trace.SpanKind.INTERNAL

    def start(self, name: str, kind: SpanKind, traceparent: str | None, *, link: Span | None = None) -> Span:
        """Begin a span below `traceparent`, or a trace of its own. Whoever has attributes for it asks if it records."""
        from opentelemetry.context import Context

        parent = self._parent(traceparent)
        context = Context() if parent is None else self._trace.set_span_in_context(parent, Context())
        links = [self._trace.Link(link.get_span_context())] if link is not None and link.is_recording() else None
        return self._tracer.start_span(name, context, kind, links=links)

    def passes_on(self, traceparent: str | None) -> bool:
        """Say whether there can be no span below: its trace is not sampled. Then it is passed on at no cost."""
        return self._obeys_parents and traceparent is not None and traceparent.endswith("-00")

    def failed(self, span: Span, code: str) -> None:
        """Mark a span as failed, for one reason that has a code."""
        span.set_status(self._trace.StatusCode.ERROR, code)

    async def stop(self) -> None:
        """Send what is still to be sent, for so long at most: a receiver that is away must not hold a stop up."""
        stopping = threading.Thread(target=self._provider.shutdown, name="tracing-stop", daemon=True)
        stopping.start()
        await asyncio.to_thread(stopping.join, LAST_SPANS_SECONDS)

    def _parent(self, traceparent: str | None) -> Span | None:
        if traceparent is None:
            return None
        _, trace_id, span_id, flags = traceparent.split("-")
        context = self._trace.SpanContext(
            int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=self._trace.TraceFlags(int(flags, 16))
        )
        return self._trace.NonRecordingSpan(context) if context.is_valid else None


def traceparent_of(span: Span) -> str:
    """Return what a message carries so that its reader goes on below the span; unsampled ones say so."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


class BatchSpans:
    """The spans of one batch."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._batch: Span | None = None
        self._messages: list[Span | None] = []
        self._publishing: dict[UUID, Span] = {}

    def take(self, name: str, traceparent: str | None, attributes: Callable[[], Attributes]) -> str:
        """Begin a message's span; return the traceparent of what it leads to."""
        tracing = self._tracing
        if traceparent is not None and tracing.passes_on(traceparent):
            self._messages.append(None)
            return traceparent
        if self._batch is None:
            self._batch = tracing.start(f"batch {tracing.service}", tracing.consumer, None)
        span = tracing.start(name, tracing.consumer, traceparent, link=self._batch)
        if span.is_recording():
            span.set_attributes(attributes())
        self._messages.append(span)
        return traceparent_of(span)

    def send(self, message_id: UUID, type_: str, subject: str, request_id: UUID, traceparent: str | None) -> str:
        """Begin the span of a message that is to be published; return its traceparent."""
        if traceparent is not None and self._tracing.passes_on(traceparent):
            return traceparent
        span = self._tracing.start(f"publish {type_}", self._tracing.producer, traceparent)
        if span.is_recording():
            span.set_attributes(
                {
                    "messaging.system": "nats",
                    "messaging.operation.type": "send",
                    "messaging.operation.name": "publish",
                    "messaging.destination.name": subject,
                    "messaging.message.id": str(message_id),
                    "messaging.message.conversation_id": str(request_id),
                }
            )
        self._publishing[message_id] = span
        return traceparent_of(span)

    def committed(self, fates: Iterable[tuple[str, str | None]]) -> None:
        """End the messages' spans, each with its fate and code, in the order in which they were taken."""
        for span, (fate, code) in zip(self._messages, fates, strict=True):
            if span is None:
                continue
            if span.is_recording():
                span.set_attribute("postkontor.fate", fate)
                if code is not None:
                    span.set_attribute("postkontor.code", code)
                if fate == "never":
                    self._tracing.failed(span, code or fate)
            span.end()

    def published(self, message_ids: Iterable[UUID]) -> None:
        """End the spans of what the broker has now, and the batch's; of what was dropped there will be none."""
        for message_id in message_ids:
            if message_id in self._publishing:
                self._publishing[message_id].end()
        if self._batch is not None:
            count = len(self._messages)
            self._batch.set_attributes({"messaging.system": "nats", "messaging.batch.message_count": count})
            self._batch.end()


async def traced_look(tracing: Tracing, kind: str, traceparent: str | None, look: Callable[[], Any]) -> tuple[Any, str]:
    """Look at the world inside a span; return what was seen and the traceparent of what follows."""
    span = tracing.start(f"look {kind}", tracing.internal, traceparent)
    try:
        return await look(), traceparent_of(span)
    except Exception as error:
        tracing.failed(span, type(error).__name__)
        raise
    finally:
        span.end()
