"""One trace from the device's publish to the database and the console, over real brokers."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dashboards.console.live.kafka_feed import keep_reading
from dashboards.console.live.room import Room
from ingest.connections import KafkaConnection, load
from stream_processors.topic_admin import apply_topics
from tests import influxql
from tests.collector import Collector, collecting
from tests.processes import Part, addresses
from tests.servers import InfluxDb, Server
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

_MODULES = {
    "influx": "stream_processors.influx",
    "worker": "stream_processors.app",
    "bridge": "ingest.bridge",
    "simulator": "ingest.simulator",
}
_WAY = [
    "device: published",
    "bridge: handed to Kafka",
    "worker: window whole",
    "worker: judged and classified",
]
_ENDS = {"influx: written", "console: shown"}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as server:
        monkeypatch.setenv("HEARTWARD_TRACE_ENDPOINT", server.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "500")
        yield server


@pytest.mark.parametrize("broker", ["embedded_mqtt", "mosquitto"])
def test_a_chunk_has_one_trace_from_its_device_to_database_and_console(
    collector: Collector,
    broker: str,
    embedded_kafka: Server,
    influxdb: InfluxDb,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    kafka = load(KafkaConnection, {"servers": embedded_kafka.address})
    apply_topics(kafka)
    settings = {
        **addresses(request.getfixturevalue(broker), embedded_kafka),
        **influxql.settings(influxdb),
        "HEARTWARD_TRACE_ENDPOINT": collector.endpoint,
        "HEARTWARD_TRACE_SHARE": 1.0,
        "HEARTWARD_SIMULATOR_DEVICES": 2,
        "HEARTWARD_SIMULATOR_DEVICE_PREFIX": f"{broker}-",
    }
    with ExitStack() as running:
        for name, module in _MODULES.items():
            part = Part(name, module, settings, folder=tmp_path)
            running.callback(part.kill)
            part.start()
        asyncio.run(read_until(lambda: ends(collector) >= _ENDS, kafka))


async def read_until(told: Callable[[], bool], kafka: KafkaConnection) -> None:
    """Be the console's live feed until all is told."""
    room = Room(lambda: time.time_ns() // 1000)
    feed = asyncio.create_task(keep_reading(room, kafka, wait_ms=100))
    try:
        await asyncio.to_thread(until, told, "the way to both ends", timeout_s=90, every_s=0.5)
    finally:
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)


def ends(collector: Collector) -> set[str]:
    """The last steps of traces that went the whole way."""
    spans = {span.span_id: span for span in collector.spans()}
    found = set()
    for last in spans.values():
        way, span = [], last
        while span.parent_span_id in spans:
            span = spans[span.parent_span_id]
            way.append(span.name)
        if [name for name in reversed(way) if name in _WAY] == _WAY:
            found.add(last.name)
    return found
