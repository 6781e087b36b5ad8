"""A whole ward as child processes, each of which can be killed, and the load on it."""

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from deploy.flags import environment_of
from ingest import simulator_report
from ingest.connections import KafkaConnection, load
from ingest.simulated_names import device_id
from ingest.simulator_report import SimulatorReport
from ingest.simulator_settings import SimulatorSettings
from models.registry import ARTIFACTS
from stream_processors.records import Heartbeat, WindowResult, decode
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import HEARTBEATS, RESULTS
from tests import influxql, kafka_log
from tests.processes import Part, addresses
from tests.servers import Child, InfluxDb, Server
from tests.waiting import until

PARTITIONS = 4
_FLOWS_S = 60.0
_DRAIN_S = 90.0
_SPEAKS_EVERY_US = 3_000_000


class Published(NamedTuple):
    """A result and when Kafka took it."""

    published_us: int
    result: WindowResult


class Ward:
    """Brokers, bridge, workers and perhaps the database with its writer; all of it restartable."""

    def __init__(
        self, folder: Path, *, mqtt: Server, kafka: Server, database: InfluxDb | None
    ) -> None:
        self.folder = folder
        self.mqtt = mqtt
        self.kafka = kafka
        self.database = database
        self.models = shutil.copytree(ARTIFACTS, folder / "models")  # as they are at the start
        self.bridge = self._part("bridge", "ingest.bridge")
        self.workers: list[Part] = []
        self.writer = self._part("writer", "stream_processors.influx") if database else None

    @property
    def connection(self) -> KafkaConnection:
        return load(KafkaConnection, {"servers": self.kafka.address})

    def start(self, *, workers: int) -> None:
        for server in (self.mqtt, self.kafka, self.database):
            if server is not None:
                server.start()
        apply_topics(self.connection, partitions=PARTITIONS)
        self.bridge.start()
        for _ in range(workers):
            self.add_worker()
        if self.writer is not None:
            self.writer.start()

    def stop(self) -> None:
        for child in (self.writer, *self.workers, self.bridge):
            if child is not None:
                child.kill()
        for server in (self.database, self.kafka, self.mqtt):
            if server is not None:
                server.kill()

    def mend(self) -> None:
        """Start again whatever an earlier test left dead."""
        for child in (
            self.mqtt,
            self.kafka,
            self.database,
            self.bridge,
            *self.workers,
            self.writer,
        ):
            if child is not None and not child.is_running:
                child.start()

    def add_worker(self) -> Part:
        name = f"worker-{len(self.workers) + 1}"
        models = str(self.models)
        worker = self._part(
            name,
            "stream_processors.app",
            HEARTWARD_WORKER_NAME=name,
            HEARTWARD_WORKER_MODELS_DIR=models,
        )
        self.workers.append(worker)
        return worker.start()

    def remove_worker(self, number: signal.Signals) -> None:
        """End the youngest, in peace or not."""
        worker = self.workers.pop()
        worker.send_signal(number)
        worker.wait(worker.stop_timeout_s)

    def published(self, prefix: str) -> list[Published]:
        """Every result of the devices whose ids begin so, partition by partition."""
        return [
            Published(entry.timestamp_ms * 1000, decode(WindowResult, entry.value))
            for entry in kafka_log.entries(self.connection, RESULTS)
            if (entry.key or b"").startswith(prefix.encode())
        ]

    def wait_until_shared(self) -> None:
        """Until every running worker says that it has partitions, and together they have all."""
        names = {worker.name for worker in self.workers}

        def shared() -> bool:
            found = self._assigned()
            return {name for name, partitions in found.items() if partitions} == names and sum(
                map(len, found.values())
            ) == 2 * PARTITIONS

        until(shared, f"{len(names)} workers share the partitions", timeout_s=60, every_s=0.5)

    def _assigned(self) -> dict[str, tuple[str, ...]]:
        """What each worker that has spoken of late reads of the audio topics."""
        since_us = time.time_ns() // 1000 - _SPEAKS_EVERY_US
        return {
            beat.instance: tuple(name for name in beat.partitions if "audio" in name)
            for beat in kafka_log.records(self.connection, HEARTBEATS, Heartbeat)
            if beat.kind == "audio" and beat.at_us > since_us
        }

    def _part(self, name: str, module: str, **settings: str) -> Part:
        database = {} if self.database is None else influxql.settings(self.database)
        environment = addresses(self.mqtt, self.kafka) | database | settings
        return Part(name, module, environment, folder=self.folder)


class Load:
    """A simulated ward of its own devices, with no faults but those of the test."""

    _numbers = count(1)

    def __init__(self, ward: Ward, *, devices: int, seed: int) -> None:
        number = next(self._numbers)
        self.prefix = f"load{number}-"
        self._ward = ward
        report = ward.folder / f"load-{number}.json"
        flags = {
            "devices": devices,
            "device_prefix": self.prefix,
            "seed": seed,
            "repeat_boots": True,  # the reference records the same once more
            "rates_hz": "2000,4000,2000,8000",
            "chunk_s": "1.0,0.5,1.0",
            "drain_s": _DRAIN_S,
            "report": report,
        }
        self.settings = load(SimulatorSettings, flags)
        self._part = Part(
            f"simulator-{number}",
            "ingest.simulator",
            addresses(ward.mqtt, ward.kafka) | environment_of(self.settings),
            folder=ward.folder,
        )

    @property
    def device_ids(self) -> list[str]:
        number = self.settings.devices
        return [device_id(self.prefix, index, number) for index in range(number)]

    def start(self) -> None:
        """Return once every device has a result."""
        self._part.start()
        until(self._flows, f"all devices of {self.prefix} have a result", timeout_s=_FLOWS_S)

    def end(self) -> SimulatorReport:
        """Record nothing more and wait until all that was recorded is acknowledged."""
        self._part.send_signal(signal.SIGTERM)
        assert self._part.wait(_DRAIN_S + 10) == 0, self._part.log.read_text()[-2000:]
        assert self.settings.report is not None
        return simulator_report.read(self.settings.report)

    def kill(self) -> None:
        self._part.kill()

    def _flows(self) -> bool:
        devices = {result.device_id for _, result in self._ward.published(self.prefix)}
        return len(devices) == self.settings.devices


@contextmanager
def load_on(ward: Ward, *, devices: int, seed: int = 1) -> Iterator[Load]:
    """Devices that have their first results; killed if the test does not end them."""
    running = Load(ward, devices=devices, seed=seed)
    try:
        running.start()
        yield running
    finally:
        running.kill()


def stand_still(server: Child, for_s: float) -> None:
    """It exists, and does nothing."""
    server.send_signal(signal.SIGSTOP)
    try:
        time.sleep(for_s)
    finally:
        server.send_signal(signal.SIGCONT)


def kill_and_restart(child: Child, *, away_s: float = 1.0) -> None:
    child.kill()
    time.sleep(away_s)
    child.start()
