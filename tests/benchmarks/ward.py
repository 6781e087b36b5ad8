"""A whole ward on this machine, measured from outside: brokers, bridge, workers, load.

Every process is the one that an operator starts. What is timed is what they did, taken from the
operating system (CPU, memory) and from the records on `pcg.results` (latency, losses).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition

from deploy.assignments import demonstration_ward
from deploy.embedded import PARTITIONS
from ingest import simulator_report
from ingest.connections import KafkaConnection, load
from ingest.simulated_names import PREFIX, device_id
from ingest.simulator_report import SimulatorReport, acknowledged_windows
from models.contract import PIPELINE_GRID
from stream_processors import topics
from stream_processors.records import ModelChoice, StageTimes, stage_latencies_ms
from stream_processors.topic_admin import apply_topics
from tests import kafka_log
from tests.processes import Part, addresses, cpu_s
from tests.servers import Child, EmbeddedKafka, EmbeddedMqtt, Server

# As `heartward up` sets them: the embedded Kafka pays by the batch, and looks through all that it
# holds when it is asked.
_BATCHES = {"HEARTWARD_BRIDGE_LINGER_MS": 20}
_EVERYTHING = {
    "HEARTWARD_WORKER_HEART": True,
    "HEARTWARD_WORKER_FETCH_EVERY_S": 0.1,
    "HEARTWARD_ALARMS_FETCH_EVERY_S": 0.25,
}
_VALVE = ModelChoice(task="valve", model="valve", version="0.1.0", role="active")


class Seen(msgspec.Struct):
    """As much of a `WindowResult` as a measurement needs; the rest is not even unpacked."""

    device_id: str
    boot_id: int
    window_index: int
    stages: StageTimes


class Published(NamedTuple):
    """When a result appeared, and how long each of `STAGES` took it."""

    published_us: int
    stages_ms: tuple[float, ...]


class ResultsReader:
    """Follows `pcg.results` from its beginning in a thread of its own."""

    def __init__(self, kafka: Server) -> None:
        connection = load(KafkaConnection, {"servers": kafka.address})
        self._consumer = Consumer(
            connection.confluent() | {"group.id": "measurement", "enable.auto.commit": False}
        )
        known = self._consumer.list_topics(topics.RESULTS.name, timeout=10).topics
        self._consumer.assign(
            [
                TopicPartition(topics.RESULTS.name, n, 0)
                for n in known[topics.RESULTS.name].partitions
            ]
        )
        self._decoder = msgspec.msgpack.Decoder(Seen)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.windows: set[tuple[str, int, int]] = set()
        self.devices: set[str] = set()
        self.results = 0
        self.published: deque[Published] = deque()
        self._thread.start()

    @property
    def duplicates(self) -> int:
        return self.results - len(self.windows)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._consumer.close()

    def _follow(self) -> None:
        while not self._ended.is_set():
            for message in self._consumer.consume(1000, timeout=0.2):
                if message.error() is None:
                    self._take(message.value(), message.timestamp()[1] * 1000)

    def _take(self, value: bytes, published_us: int) -> None:
        seen = self._decoder.decode(value)
        self.results += 1
        self.devices.add(seen.device_id)
        self.windows.add((seen.device_id, seen.boot_id, seen.window_index))
        self.published.append(
            Published(published_us, stage_latencies_ms(seen.stages, published_us))
        )


class Ward:
    """What runs: two brokers, one bridge, workers and the load.

    Of `everything` two models look at each window, rate and beats are told, and the alarms follow,
    of devices that are assigned.
    """

    def __init__(
        self, mqtt: Server, kafka: Server, folder: Path, *, everything: bool = False
    ) -> None:
        self.mqtt, self.kafka, self.folder = mqtt, kafka, folder
        self.everything = everything
        self._settings = addresses(mqtt, kafka) | (_EVERYTHING if everything else {})
        if isinstance(kafka, EmbeddedKafka):
            self._settings |= _BATCHES
        self._connection = load(KafkaConnection, {"servers": kafka.address})
        self.bridge = self._part("bridge", "ingest.bridge", {})
        self.alarms: Part | None = None
        self.workers: list[Part] = []
        self._report = folder / "simulator.json"
        self.load: Part | None = None

    def start(self, *, workers: int, partitions: int) -> None:
        apply_topics(self._connection, partitions=partitions)
        if self.everything:
            kafka_log.publish(self._connection, topics.MODELS, [(_VALVE.task, _VALVE)])
            self.alarms = self._part("alarms", "stream_processors.alarm_app", {}).start()
        self.bridge.start()
        for number in range(1, workers + 1):
            self.add_worker(f"worker-{number}")

    def add_worker(self, name: str) -> Part:
        worker = self._part(name, "stream_processors.app", {"HEARTWARD_WORKER_NAME": name})
        self.workers.append(worker.start())
        return worker

    def start_load(
        self, *, devices: int, connections: int, seed: int = 1, power_up_s: float = 5.0
    ) -> None:
        """Switch devices on over the length of a window, for a ward's do not beat in step."""
        if self.everything:
            self._assign(devices)
        settings = {
            "DEVICES": devices,
            "CONNECTIONS": connections,
            "SEED": seed,
            "REPORT": self._report,
            "RATES_HZ": "[2000]",
            "DRAIN_S": 30,
            "POWER_UP_S": power_up_s,
        }
        prefixed = {f"HEARTWARD_SIMULATOR_{name}": value for name, value in settings.items()}
        self.load = self._part("simulator", "ingest.simulator", prefixed)
        self.load.start()

    def stop_load(self) -> SimulatorReport:
        """End the load once all that it sent is acknowledged, and read what it says of itself."""
        assert self.load is not None
        self.load.stop()
        return simulator_report.read(self._report)

    def stop(self) -> None:
        parts = [self.load, *self.workers, self.alarms, self.bridge, self.kafka, self.mqtt]
        for child in parts:
            if child is not None:
                child.stop()

    def processes(self) -> dict[str, Child]:
        found: dict[str, Child] = {"MQTT broker": self.mqtt, "Kafka": self.kafka}
        found["bridge"] = self.bridge
        found |= {worker.name: worker for worker in self.workers}
        if self.alarms is not None:
            found["alarm worker"] = self.alarms
        if self.load is not None:
            found["load generator"] = self.load
        return found

    def cpu_s(self) -> dict[str, float]:
        return {name: cpu_s(child.pid) for name, child in self.processes().items()}

    def _assign(self, devices: int) -> None:
        ids = [device_id(PREFIX, index, devices) for index in range(devices)]
        beds = demonstration_ward(ids, ward="load", from_us=time.time_ns() // 1000)
        kafka_log.publish(
            self._connection, topics.ASSIGNMENTS, [(bed.assignment_id, bed) for bed in beds]
        )

    def _part(self, name: str, module: str, settings: dict[str, object]) -> Part:
        return Part(name, module, self._settings | settings, folder=self.folder)


@contextmanager
def ward(
    folder: Path,
    *,
    workers: int,
    partitions: int = PARTITIONS,
    mqtt: type[Server] = EmbeddedMqtt,
    kafka: type[Server] = EmbeddedKafka,
    everything: bool = False,
) -> Iterator[Ward]:
    """Start a ward without load, and end all of it whatever happens."""
    running = Ward(mqtt(folder / "mqtt"), kafka(folder / "kafka"), folder, everything=everything)
    try:
        running.mqtt.start()
        running.kafka.start()
        running.start(workers=workers, partitions=partitions)
        yield running
    finally:
        running.stop()


def acknowledged(report: SimulatorReport) -> set[tuple[str, int, int]]:
    """Return the windows that must be in the results."""
    return {
        (device.device_id, boot.boot_id, index)
        for device in report.devices
        for boot in device.boots
        for index in acknowledged_windows(boot, PIPELINE_GRID)
    }


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Return whether the condition became true in time."""
    deadline_s = time.monotonic() + timeout_s
    while not (met := condition()) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    return met
