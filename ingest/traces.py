"""A window's way as an OpenTelemetry trace, told from its record; off unless an address is given.

The ids of a trace come from the window's own name, and its times from its record. So no context
has to travel with the sound over MQTT and Kafka: whoever holds a result can tell its trace or add
to it, and a replay tells the same trace again.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.connections import load
from models.errors import UserError
from stream_processors.records import StageTimes, WindowResult

_NS = 1000  # nanoseconds in a microsecond
_WHOLE = 2**32


class TraceSettings(BaseSettings):
    """Where traces go, and how many."""

    model_config = SettingsConfigDict(env_prefix="HEARTWARD_TRACE_", extra="ignore")
    title: ClassVar[str] = "Traces"

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="OTLP over HTTP, as http://collector:4318/v1/traces; without it none are told.",
    )
    share: float = Field(
        0.01,
        gt=0.0,
        le=1.0,
        description="Share of the windows whose way is told; everybody chooses the same ones.",
    )


class Span(NamedTuple):
    """A stage of a window's way; times are UTC microseconds."""

    name: str
    from_us: int
    until_us: int


class Name(NamedTuple):
    """What tells a window apart."""

    device_id: str
    boot_id: int
    window_index: int


def trace_id(window: Name) -> int:
    """The same for everybody: 128 bits, never 0."""
    return int.from_bytes(_digest(window)[:16], "big") or 1


def root_id(window: Name) -> int:
    """Of the span that all stages are part of: 64 bits, never 0."""
    return int.from_bytes(_digest(window)[16:24], "big") or 1


def is_told(window: Name, share: float) -> bool:
    """Whether this window is one of those whose way is told."""
    return int.from_bytes(_digest(window)[24:28], "big") < share * _WHOLE


def stages(times: StageTimes, published_us: int) -> list[Span]:
    """From the device to Kafka; the first depends on the device's own clock."""
    return [
        Span("mqtt: device to bridge", times.captured_us, times.received_us),
        Span("worker: window whole", times.received_us, times.windowed_us),
        Span("worker: judged and classified", times.windowed_us, times.inferred_us),
        Span("kafka: result published", times.inferred_us, published_us),
    ]


@lru_cache(maxsize=16)
def _digest(window: Name) -> bytes:
    return sha256("\0".join(map(str, window)).encode()).digest()


Tell = Callable[[WindowResult, int, Span], None]
"""Tell of a result, published then, what this process did with it."""


def teller(process: str, settings: TraceSettings | None = None) -> Tell | None:
    """What tells traces, or None where nobody wants them.

    Raises
    ------
    UserError
        When the library is missing.
    """
    given = settings or load(TraceSettings)
    if given.endpoint is None:
        return None
    try:
        provider = _provider(process, given.endpoint)
    except ModuleNotFoundError as error:
        raise UserError(
            f"HEARTWARD_TRACE_ENDPOINT needs {error.name}: pip install 'heartward[watch]'"
        ) from None
    tracer = provider.get_tracer("heartward")

    def tell(result: WindowResult, published_us: int, own: Span) -> None:
        window = Name(result.device_id, result.boot_id, result.window_index)
        if is_told(window, given.share):
            context = _context(window)
            for span in (*stages(result.stages, published_us), own):
                told = tracer.start_span(
                    span.name,
                    context=context,
                    start_time=span.from_us * _NS,
                    attributes={
                        "device": window.device_id,
                        "boot": window.boot_id,
                        "window": window.window_index,
                        "late": result.late,
                    },
                )
                told.end(end_time=span.until_us * _NS)

    return tell


def _provider(process: str, endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 (an extra)
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 (as above)

    # A process that is asked to end does not wait for a collector that is away.
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"heartward-{process}"}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider


def _context(window: Name) -> Any:
    from opentelemetry.trace import (  # noqa: PLC0415 (as above)
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    sampled = TraceFlags(TraceFlags.SAMPLED)
    root = SpanContext(trace_id(window), root_id(window), is_remote=True, trace_flags=sampled)
    return set_span_in_context(NonRecordingSpan(root))
