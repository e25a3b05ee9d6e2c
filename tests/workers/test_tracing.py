"""One request is one trace through all workers, with documented names and no secrets; unconfigured there is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from client import Postkontor
from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox
from deploy.devstack.demodns import DemoDns
from services.billing.app import service as billing_service
from services.chassis.tracing import Tracing, from_environment
from services.dnscheck.app import service as dnscheck_service
from services.domain.app import service as domain_service
from services.mailbox.app import service as mailbox_service
from tests.workers.dns_world import asking

HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
DOMAIN, ACCOUNT = "spuren.de", "spuren"
PROCESSED = {
    "messaging.system", "messaging.operation.type", "messaging.operation.name", "messaging.message.id",
    "messaging.message.conversation_id", "postkontor.account", "postkontor.type", "postkontor.fate",
}  # fmt: skip


class Traces:
    """Four workers whose spans are kept here."""

    def __init__(self, bus: Any, exporter: InMemorySpanExporter) -> None:
        self.bus, self._exporter = bus, exporter

    async def of(self, request: Any, *last: str) -> list[ReadableSpan]:
        """Send a request inside a trace; return the trace's spans, as soon as the `last` are there."""
        trace_id = f"{uuid7().int:032x}"
        await self.bus.request(ACCOUNT, request, traceparent=f"00-{trace_id}-00000000000000aa-01")

        async def all_there() -> list[ReadableSpan]:
            found = [s for s in self._exporter.get_finished_spans() if f"{s.context.trace_id:032x}" == trace_id]
            return found if set(last) <= {span.name for span in found} else []

        return await self.bus.eventually(all_there, what=f"spans {last}")

    def batches(self) -> dict[int, ReadableSpan]:
        """Return the batches' spans by their ids."""
        return {s.context.span_id: s for s in self._exporter.get_finished_spans() if s.name.startswith("batch ")}


@pytest_asyncio.fixture(scope="module")
async def traces(bus: Any) -> AsyncIterator[Traces]:
    dns = DemoDns(None)
    await dns.start()
    dns.add_zone(DOMAIN)
    exporter = InMemorySpanExporter()
    with asking(dns):
        for service in (billing_service, domain_service, dnscheck_service, mailbox_service):
            tracing = Tracing(service.name, SimpleSpanProcessor(exporter))
            await bus.owns_all(await bus.start(service, tracing=tracing), lanes=4 if service is dnscheck_service else 5)
        await bus.request(ACCOUNT, OpenAccount(package="silver", company="Spuren", email="post@spuren.de"))
        claimed = await bus.request(ACCOUNT, ClaimDomain(domain=DOMAIN, password_hash=HASH))
        dns.set_records(DOMAIN, "_postkontor-challenge", "TXT", [claimed.data.domain.record.value])
        yield Traces(bus, exporter)
    await dns.stop()


def chain(spans: list[ReadableSpan], last: str) -> list[str]:
    """Return a span's name and those above it, the first at the front."""
    by_id = {span.context.span_id: span for span in spans}
    span: ReadableSpan | None = next(span for span in spans if span.name == last)
    names: list[str] = []
    while span is not None:
        names.insert(0, f"{span.resource.attributes['service.name']}: {span.name}".removeprefix("postkontor-"))
        span = by_id.get(span.parent.span_id) if span.parent else None
    return names


async def test_a_check_goes_on_through_the_look_that_it_waits_for_and_back(traces: Traces) -> None:
    spans = await traces.of(ValidateDomain(domain=DOMAIN), "publish domain.validation-finished.v1")
    assert chain(spans, "publish domain.validation-finished.v1") == [
        "domain: process domain.validate-domain",
        "domain: publish dnscheck.watch-domain.v1",
        "dnscheck: process dnscheck.watch-domain",
        "dnscheck: look txt",
        "dnscheck: wake txt",
        "dnscheck: publish dnscheck.txt-checked.v1",
        "domain: process dnscheck.txt-checked",
        "domain: publish domain.validation-finished.v1",
    ]


async def test_a_mailbox_is_one_trace_through_gate_price_and_creation(traces: Traces) -> None:
    await traces.of(ValidateDomain(domain=DOMAIN), "publish domain.validation-finished.v1")
    order = CreateMailbox(address=f"a@{DOMAIN}", first_name="A", last_name="B", plan="mail", password_hash=HASH)
    spans = await traces.of(order, "publish billing.capacity-confirmed.v1")
    assert chain(spans, "publish billing.capacity-confirmed.v1") == [
        "domain: process domain.create-mailbox",
        "domain: publish billing.create-mailbox.v1",
        "billing: process billing.create-mailbox",
        "billing: publish mailbox.create-mailbox.v1",
        "mailbox: process mailbox.create-mailbox",
        "mailbox: publish mailbox.mailbox-created.v1",
        "billing: process mailbox.mailbox-created",
        "billing: publish billing.capacity-confirmed.v1",
    ]
    first = next(span for span in spans if span.name == "process domain.create-mailbox")
    assert first.parent is not None
    assert first.parent.span_id == 0xAA, "the caller's span is above all"
    processed = [span for span in spans if span.name.startswith("process ")]
    assert {span.kind for span in processed} == {SpanKind.CONSUMER}
    assert {frozenset(span.attributes or {}) for span in processed} == {frozenset(PROCESSED)}
    assert {(span.attributes or {})["postkontor.account"] for span in processed} == {ACCOUNT}
    batches = traces.batches()
    assert all(len(span.links) == 1 and span.links[0].context.span_id in batches for span in processed)
    assert not any(HASH[20:] in span.to_json() for span in spans)


async def test_a_refusal_is_no_error_and_says_its_code(traces: Traces) -> None:
    spans = await traces.of(ValidateDomain(domain="fremd.de"), "publish domain.request-refused.v1")
    refused = next(span for span in spans if span.name == "process domain.validate-domain")
    assert (refused.attributes or {})["postkontor.fate"] == "refused"
    assert (refused.attributes or {})["postkontor.code"] == "domain_unknown"
    assert refused.status.status_code is StatusCode.UNSET


async def test_the_client_continues_the_trace_of_its_program(traces: Traces) -> None:
    tracer = TracerProvider().get_tracer("shop")
    bus = traces.bus
    async with Postkontor.from_environment(bus.environment(), account=ACCOUNT, source="shop") as office:
        with tracer.start_as_current_span("an order") as span:
            outcome = await office.request(ValidateDomain(domain="fremd.de"))
    assert outcome.refusal is not None
    trace_id = span.get_span_context().trace_id
    events = await bus.events(f"evt.{ACCOUNT}.domain.request-refused.v1")
    assert any(f"{trace_id:032x}" in (event.traceparent or "") for event in events)


class Receiver(BaseHTTPRequestHandler):
    """Takes OTLP over HTTP and keeps it in its server."""

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append((self.path, request))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


async def test_spans_arrive_over_otlp_as_the_environment_says(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    receiver.received = []  # type: ignore[attr-defined]
    Thread(target=receiver.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
    tracing = from_environment("mailbox")
    assert tracing is not None
    span = tracing.start("process mailbox.create-mailbox", tracing.consumer, f"00-{'ab' * 16}-{'cd' * 8}-01")
    span.end()
    await tracing.stop()
    await asyncio.to_thread(receiver.shutdown)
    receiver.server_close()
    ((path, request),) = receiver.received  # type: ignore[attr-defined]
    resource = {a.key: a.value.string_value for a in request.resource_spans[0].resource.attributes}
    sent = request.resource_spans[0].scope_spans[0].spans[0]
    assert path == "/v1/traces"
    assert (resource["service.name"], resource["service.namespace"]) == ("postkontor-mailbox", "postkontor")
    assert (sent.name, sent.trace_id.hex(), sent.parent_span_id.hex()) == (span.name, "ab" * 16, "cd" * 8)  # type: ignore[attr-defined]


async def test_a_parent_that_is_not_sampled_is_obeyed_and_passed_on(traces: Traces) -> None:
    trace_id = f"{uuid7().int:032x}"
    outcome = await traces.bus.request(
        ACCOUNT, ValidateDomain(domain="fremd.de"), traceparent=f"00-{trace_id}-00000000000000aa-00"
    )
    assert outcome.traceparent is not None
    assert outcome.traceparent.startswith(f"00-{trace_id}-")
    assert outcome.traceparent.endswith("-00")
    assert not any(trace_id in json.loads(s.to_json())["context"]["trace_id"] for s in traces.batches().values())


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
     {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}],
)  # fmt: skip
def test_without_a_receiver_there_is_no_tracing(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert from_environment("mailbox") is None
