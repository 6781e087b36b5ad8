"""A chunk's way from the device to the database and the console, as one OpenTelemetry trace.

Its context travels as W3C's Trace Context writes it: in the MQTT 5 user property `traceparent`,
then in a Kafka header of that name, of the chunk and of the result that the chunk completed.
Whoever sends begins, the bridge for devices that do not. Off unless an address is given: then no
property and no header is written, and the libraries are not even loaded.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.connections import load
from models.errors import UserError

TRACEPARENT = "traceparent"

_NS = 1000  # nanoseconds in a microsecond

Context = bytes
"""A step's `traceparent`, which the next step is told under."""


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
        description="Share of the chunks whose way is told; who begins a trace decides for all.",
    )


class Step(NamedTuple):
    """What a process did; times are UTC microseconds."""

    name: str
    from_us: int
    until_us: int


class Tracing:
    """Tells the steps of one process; may be used from any of its threads."""

    def __init__(self, provider: Any, propagator: Any) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("heartward")
        self._propagator = propagator

    def tell(self, parent: Context | None, *steps: Step, **about: str | int) -> Context | None:
        """Tell steps, each as a part of the one before; returns the context of the last.

        Without a parent, or with one that is none, a trace begins. None, and nothing is told, where
        who began decided so.
        """
        from opentelemetry.context import Context as Nothing  # noqa: PLC0415 (an extra)
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415 (as above)

        context = Nothing()
        if parent is not None:
            given = {TRACEPARENT: parent.decode("ascii", "replace")}
            context = self._propagator.extract(given, context)
        for step in steps:
            span = self._tracer.start_span(
                step.name, context, start_time=step.from_us * _NS, attributes=about
            )
            span.end(end_time=max(step.from_us, step.until_us) * _NS)
            if not span.get_span_context().trace_flags.sampled:
                return None
            context = set_span_in_context(span, context)
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, context)
        return carrier[TRACEPARENT].encode()

    def headers(
        self, parent: Context | None, *steps: Step, **about: str | int
    ) -> tuple[tuple[str, Context], ...]:
        """Tell steps, and what a record brings along that comes of them."""
        context = self.tell(parent, *steps, **about)
        return () if context is None else ((TRACEPARENT, context),)

    def close(self) -> None:
        """Tell what is left and end the thread that tells; waits for the collector."""
        self._provider.shutdown()


def tracing(process: str, settings: TraceSettings | None = None) -> Tracing | None:
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
        return _begin(process, given.endpoint, given.share)
    except ModuleNotFoundError as error:
        raise UserError(
            f"HEARTWARD_TRACE_ENDPOINT needs {error.name}: pip install 'heartward[watch]'"
        ) from None


def context_in(headers: Iterable[tuple[str, Any]] | None) -> Context | None:
    """What an MQTT message or a Kafka record brings along, if anything."""
    for name, value in headers or ():
        if name == TRACEPARENT:
            return value.encode() if isinstance(value, str) else value
    return None


def _begin(process: str, endpoint: str, share: float) -> Tracing:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 (an extra)
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 (as above)
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415 (as above)
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 (as above)
        TraceContextTextMapPropagator,
    )

    # A process that is asked to end does not wait for a collector that is away.
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"heartward-{process}"}),
        sampler=ParentBasedTraceIdRatio(share),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider, TraceContextTextMapPropagator())
