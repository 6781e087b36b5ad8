"""A process watched from outside: alive, ready, and its numbers for Prometheus.

Off unless a port is given. What is told is what the heartbeat tells, and nothing is counted twice.
``/healthz`` says that the process still goes round its loop, ``/readyz`` that Kafka has also taken
its heartbeats, ``/metrics`` the numbers.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.connections import load
from models.errors import UserError
from stream_processors.records import STAGES, Heartbeat

_SILENT_S = 10.0
# Milliseconds; the pipeline's aim, 500, is one of them, so that its share can be told.
_BUCKETS_MS = (10, 25, 50, 100, 200, 300, 500, 750, 1000, 2000, 5000, 10_000, 60_000)


class WatchSettings(BaseSettings):
    """Where a process answers those who watch it."""

    model_config = SettingsConfigDict(env_prefix="HEARTWARD_WATCH_", extra="ignore")
    title: ClassVar[str] = "Watch"

    port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port for /metrics, /healthz and /readyz; without it nothing listens.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")


class Watch:
    """What is known of one process, by a clock in seconds that only goes forward."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._alive_s = self._beat_s = now_s()
        self.beat_told: Heartbeat | None = None
        self._observe: Callable[[Sequence[float]], None] = lambda _stages_ms: None
        self._observe_alarm: Callable[[float], None] = lambda _delay_ms: None

    def alive(self) -> None:
        """Say that the process goes round its loop."""
        self._alive_s = self._now_s()

    def beat(self, heartbeat: Heartbeat) -> None:
        """Tell what the heartbeat tells; it is only sent when Kafka has taken the one before."""
        self.alive()
        self._beat_s = self._alive_s
        self.beat_told = heartbeat

    def stages_ms(self, stages_ms: Sequence[float]) -> None:
        """Count how long each of `STAGES` took one result."""
        self._observe(stages_ms)

    def alarm_ms(self, delay_ms: float) -> None:
        """Count how long it took from the record that raised an alarm to the alarm in Kafka."""
        self._observe_alarm(delay_ms)

    def is_alive(self) -> bool:
        return self._now_s() - self._alive_s < _SILENT_S

    def is_ready(self) -> bool:
        return self.beat_told is not None and self._now_s() - self._beat_s < _SILENT_S

    def listen(self, settings: WatchSettings) -> ThreadingHTTPServer | None:
        """Answer in a thread of its own, if a port is given.

        Raises
        ------
        UserError
            When the port cannot be had, or the library is missing.
        """
        if settings.port is None:
            return None
        try:
            registry = self._registry()
            server = ThreadingHTTPServer((settings.host, settings.port), _handler(self, registry))
        except ModuleNotFoundError as error:
            raise UserError(
                f"HEARTWARD_WATCH_PORT needs {error.name}: pip install 'heartward[watch]'"
            ) from None
        except OSError as error:
            raise UserError(
                f"HEARTWARD_WATCH_PORT {settings.port} of {settings.host} cannot be used: "
                f"{error.strerror}"
            ) from None
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="watch", daemon=True).start()
        return server

    def _registry(self) -> Any:
        from prometheus_client import CollectorRegistry, Histogram  # noqa: PLC0415 (an extra)

        registry = CollectorRegistry()
        registry.register(_Beats(self))
        histogram = Histogram(
            "heartward_stage_milliseconds",
            "How long each stage took a result.",
            ("stage",),
            buckets=_BUCKETS_MS,
            registry=registry,
        )
        alarms = Histogram(
            "heartward_alarm_milliseconds",
            "From the record that raised an alarm to the alarm in Kafka.",
            buckets=_BUCKETS_MS,
            registry=registry,
        )
        by_stage = [histogram.labels(stage) for stage in STAGES]

        def observe(stages_ms: Sequence[float]) -> None:
            for stage, took_ms in zip(by_stage, stages_ms, strict=True):
                stage.observe(took_ms)

        self._observe, self._observe_alarm = observe, alarms.observe
        return registry


class _Beats:
    """The last heartbeat for Prometheus; some numbers are levels, so none is called a counter."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def describe(self) -> Iterator[Any]:
        """None beforehand: a process that has not begun has no numbers."""
        return iter(())

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import (  # noqa: PLC0415 (as above)
            GaugeMetricFamily,
            UnknownMetricFamily,
        )

        yield GaugeMetricFamily(
            "heartward_ready", "1 while Kafka takes its heartbeats.", float(self._watch.is_ready())
        )
        beat = self._watch.beat_told
        if beat is None:
            return
        who = {"process": beat.kind, "instance": beat.instance}
        started = GaugeMetricFamily(
            "heartward_start_time_seconds", "When it began.", labels=tuple(who)
        )
        started.add_metric(tuple(who.values()), beat.started_us / 1e6)
        yield started
        lag = GaugeMetricFamily(
            "heartward_lag_records",
            "Records of Kafka that it has not finished with.",
            labels=(*who, "partition"),
        )
        for partition, records in beat.lag.items():
            lag.add_metric((*who.values(), partition), records)
        yield lag
        for name, value in beat.counters.items():
            counted = UnknownMetricFamily(f"heartward_{name}", "As counted by the heartbeat.")
            counted.add_metric((), value)
            yield counted


def _handler(watch: Watch, registry: Any) -> type[BaseHTTPRequestHandler]:
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415 (as above)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    self._say(watch.is_alive(), "alive", "its loop stands still")
                case "/readyz":
                    self._say(watch.is_ready(), "ready", "Kafka takes no heartbeat of it")
                case "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                case _:
                    self._answer(404, "text/plain", b"/metrics, /healthz or /readyz\n")

        def _say(self, is_so: bool, yes: str, no: str) -> None:
            self._answer(200 if is_so else 503, "text/plain", f"{yes if is_so else no}\n".encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of those who ask every few seconds."""

    return Handler


WATCH = Watch()
"""Of this process."""


def listen() -> None:
    """Answer those who watch this process, if its environment names a port."""
    WATCH.listen(load(WatchSettings))
