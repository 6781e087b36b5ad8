"""A chunk's way is told step by step, each under the one before, by whoever did it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ingest.connections import load
from ingest.traces import Step, TraceSettings, Tracing, context_in, tracing
from tests.collector import Collector, collecting
from tests.waiting import until

HANDED, WHOLE, JUDGED = (Step(name, 1_000, 2_000) for name in ("handed", "whole", "judged"))


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with collecting() as server:
        yield server


Process = Callable[..., Tracing]


@pytest.fixture
def process(collector: Collector) -> Iterator[Process]:
    """Processes that tell all they have before the collector is gone.

    A thread that is left behind would go on asking for it, with random pauses in between.
    """
    with ExitStack() as ending:

        def begin(name: str, *, share: float = 1.0) -> Tracing:
            settings = load(TraceSettings, {"endpoint": collector.endpoint, "share": share})
            made = tracing(name, settings)
            assert made is not None
            ending.callback(made.close)
            return made

        yield begin


def test_each_step_is_part_of_the_one_before_across_processes(
    process: Process, collector: Collector
) -> None:
    context = process("bridge").tell(None, HANDED, device="d1")
    assert context is not None
    process("worker").tell(context, WHOLE, JUDGED, device="d1", window=3)
    until(lambda: len(collector.spans()) == 3, "three spans", timeout_s=20)
    spans = {span.name: span for span in collector.spans()}
    assert len({span.trace_id for span in spans.values()}) == 1
    assert spans["handed"].parent_span_id == b""
    assert spans["whole"].parent_span_id == spans["handed"].span_id
    assert spans["judged"].parent_span_id == spans["whole"].span_id
    assert (spans["judged"].start_time_unix_nano, spans["judged"].end_time_unix_nano) == (
        1_000_000,
        2_000_000,
    )
    handed = spans["handed"]
    assert context.decode().startswith(f"00-{handed.trace_id.hex()}-{handed.span_id.hex()}-")


def test_nothing_is_told_unasked() -> None:
    assert tracing("influx", load(TraceSettings)) is None


def test_who_begins_decides_for_all(process: Process) -> None:
    seldom = process("bridge", share=0.1)
    begun = [seldom.tell(None, HANDED) for _ in range(2000)]
    assert 0.06 < sum(context is not None for context in begun) / len(begun) < 0.14
    always = process("simulator").tell(None, HANDED)
    assert all(seldom.tell(always, WHOLE) is not None for _ in range(50))
    not_wanted = b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
    assert process("worker").tell(not_wanted, WHOLE) is None


@pytest.mark.parametrize("junk", [b"", b"00-zz-01", b"\xff" * 55, b"00-" + b"0" * 32])
def test_what_is_no_context_begins_a_trace(junk: bytes, process: Process) -> None:
    assert process("bridge").tell(junk, HANDED) is not None


def test_a_context_is_found_among_properties_and_headers() -> None:
    assert context_in([("a", "b"), ("traceparent", "00-1")]) == b"00-1"
    assert context_in((("schema", b"1"), ("traceparent", b"00-2"))) == b"00-2"
    assert context_in(None) is None
    assert context_in([("a", b"b")]) is None
