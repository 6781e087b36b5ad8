"""A window's way is told from its record: the same ids and times whoever tells it."""

import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.connections import load
from ingest.traces import Name, Span, TraceSettings, is_told, root_id, stages, teller, trace_id
from tests.results import PUBLISHED_US, window_result
from tests.waiting import until

WINDOW = Name("d1", 7, 3)


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_stage_of_a_window_is_one_span_of_its_trace(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    tell = teller("influx", load(TraceSettings, {"endpoint": collector.endpoint, "share": 1.0}))
    assert tell is not None
    result = window_result("d1", 3)
    own = Span("influx: written", PUBLISHED_US + 10, PUBLISHED_US + 20)
    tell(result, PUBLISHED_US, own)
    until(lambda: len(collector.spans()) == 5, "five spans", timeout_s=20)
    expected = [*stages(result.stages, PUBLISHED_US), own]
    for span, (name, from_us, until_us) in zip(collector.spans(), expected, strict=True):
        assert span.name == name
        assert span.trace_id == trace_id(WINDOW).to_bytes(16, "big")
        assert span.parent_span_id == root_id(WINDOW).to_bytes(8, "big")
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (
            from_us * 1000,
            until_us * 1000,
        )


def test_nothing_is_told_unasked() -> None:
    assert teller("influx", load(TraceSettings)) is None


def test_everybody_chooses_the_same_windows_and_as_many_as_asked() -> None:
    told = [is_told(Name("d1", 7, k), 0.1) for k in range(5000)]
    assert 0.08 < sum(told) / len(told) < 0.12
    assert told == [is_told(Name("d1", 7, k), 0.1) for k in range(5000)]
    assert all(is_told(Name("d1", 7, k), 1.0) for k in range(100))


def test_windows_have_traces_of_their_own() -> None:
    ids = {trace_id(Name("d1", boot, k)) for boot in range(20) for k in range(50)}
    assert len(ids) == 1000
    assert 0 not in ids
