"""Three brokers as `deploy/compose/three-brokers.yaml` sets them up: any of them may die."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from confluent_kafka.admin import AdminClient, ConfigResource, PartitionMetadata, ResourceType

from deploy.flags import environment_of
from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from stream_processors.topic_admin import brokers_away
from stream_processors.topics import ALL, AUDIO
from tests import kafka_log
from tests.chaos.harness import Ward
from tests.chaos.scenario import Disturbance, survive
from tests.deployed import COMPOSE
from tests.integration.bridges import shipped_limits
from tests.integration.guarded_kafka import GuardedKafka
from tests.processes import Part
from tests.servers import Mosquitto
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_BROKERS = ("kafka", "kafka-2", "kafka-3")
_WEARABLES = 24  # enough that every partition, so every broker, leads some of them
_PAUSE_S = 0.01
_PATIENCE_S = 120


def shipped() -> list[dict[str, str]]:
    """What the two Compose files say of each broker, `extends` included."""
    alone = yaml.safe_load(COMPOSE.read_text())["services"]["kafka"]["environment"]
    three = yaml.safe_load(COMPOSE.with_name("three-brokers.yaml").read_text())["services"]
    return [alone | three[name]["environment"] for name in _BROKERS]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[GuardedKafka]]:
    folder = tmp_path_factory.mktemp("cluster")
    brokers = [
        GuardedKafka(folder / given["BROKER_NUMBER"], folder / "secrets", given=given)
        for given in shipped()
    ]
    with ExitStack() as started:
        for broker in brokers:
            broker.voters = brokers
            started.callback(broker.kill)
        with ThreadPoolExecutor() as pool:  # none is ready before two are there
            list(pool.map(GuardedKafka.start, brokers))
        brokers[0].prepare(partitions=6, replication=3)
        yield brokers


@pytest.fixture(scope="module")
def admin(cluster: list[GuardedKafka]) -> AdminClient:
    return AdminClient(cluster[0].connection("admin").confluent())


class NumberedLoad:
    """Writes 0, 1, 2, ... as a bridge writes sound, and notes what Kafka says that it holds."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self.sent = 0
        self.stored: set[int] = set()
        self.refused: list[str] = []
        self._sink = ConfluentSink(kafka, client_id="numbered")
        self._ending = threading.Event()

    def stores_all_of(self, numbers: int) -> Callable[[], bool]:
        """Make a question to ask again and again: whether Kafka holds so many without a hole."""
        return lambda: self.stored.issuperset(range(numbers))

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(self._run)
            try:
                yield
            finally:
                self._ending.set()
                run.result()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._send(self.sent)
            self.sent += 1
            self._sink.poll(_PAUSE_S)
        assert self._sink.flush(_PATIENCE_S) == 0
        self._sink.close()

    def _send(self, number: int) -> None:
        def reported(refused: str | None) -> None:
            if refused is None:
                self.stored.add(number)
            else:
                self.refused.append(refused)

        wearable = f"W-{number % _WEARABLES}".encode()
        now_ms = time.time_ns() // 1_000_000
        self._sink.produce(
            AUDIO.name, wearable, str(number).encode(), timestamp_ms=now_ms, on_delivery=reported
        )


def test_three_brokers_are_one_cluster_that_keeps_three_copies(
    cluster: list[GuardedKafka], admin: AdminClient
) -> None:
    assert len(admin.describe_cluster().result(20).nodes) == len(cluster)
    copies = {topic.name: {len(p.replicas) for p in partitions(admin, topic.name)} for topic in ALL}
    assert copies == {topic.name: {3} for topic in ALL}
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in ALL]
    described = [found.result(20) for found in admin.describe_configs(resources).values()]
    assert {settings["min.insync.replicas"].value for settings in described} == {"2"}


def test_what_three_brokers_hold_outlives_the_death_of_each(
    cluster: list[GuardedKafka], admin: AdminClient
) -> None:
    administrator = cluster[0].connection("admin")
    load = NumberedLoad(cluster[0].connection("bridge"))
    with load.running():
        for broker in cluster:
            until(lambda: copies_in_sync(admin) == {3}, "all copies agree", timeout_s=_PATIENCE_S)
            assert int(broker.given["BROKER_NUMBER"]) in leaders(admin)
            broker.kill()
            until(load.stores_all_of(load.sent + 100), "two go on storing", timeout_s=_PATIENCE_S)
            assert brokers_away(administrator) == [int(broker.given["BROKER_NUMBER"])]
            broker.start()
    assert not load.refused
    assert load.stored == set(range(load.sent))
    found = [int(entry.value) for entry in kafka_log.entries(administrator, AUDIO)]
    assert sorted(found) == list(range(load.sent))


class GuardedWard(Ward):
    """Mosquitto, bridge and worker on brokers that are there; each process is a user of its own."""

    _USERS: ClassVar = {"ingest.bridge": "bridge", "stream_processors.app": "worker"}

    def __init__(self, folder: Path, brokers: list[GuardedKafka]) -> None:
        self.brokers = brokers
        mqtt = Mosquitto(folder / "mqtt", shipped_limits())
        super().__init__(folder, mqtt=mqtt, kafka=brokers[0], database=None)

    @property
    def connection(self) -> KafkaConnection:
        return self.brokers[0].connection("admin")

    def start(self, *, workers: int) -> None:
        self.mqtt.start()
        self.bridge.start()
        for _ in range(workers):
            self.add_worker()

    def stop(self) -> None:
        for child in (*self.workers, self.bridge, self.mqtt):
            child.kill()

    def _part(self, name: str, module: str, **settings: str) -> Part:
        own = self.brokers[0].connection(self._USERS[module])
        return super()._part(name, module, **environment_of(own), **settings)


def test_no_window_is_lost_when_each_of_three_brokers_dies(
    cluster: list[GuardedKafka], admin: AdminClient, tmp_path: Path
) -> None:
    def back(broker: GuardedKafka) -> None:
        broker.start()
        until(lambda: copies_in_sync(admin) == {3}, "all copies agree", timeout_s=_PATIENCE_S)

    steps = [
        Disturbance(f"{name} {what}", partial(happens, broker))
        for name, broker in zip(_BROKERS, cluster, strict=True)
        for what, happens in (("killed", GuardedKafka.kill), ("back", back))
    ]
    ward = GuardedWard(tmp_path, cluster)
    try:
        ward.start(workers=1)
        survive(ward, "each of three brokers killed", steps, devices=12)
    finally:
        ward.stop()


def partitions(admin: AdminClient, topic: str) -> list[PartitionMetadata]:
    return list(admin.list_topics(topic, timeout=20).topics[topic].partitions.values())


def copies_in_sync(admin: AdminClient) -> set[int]:
    return {len(partition.isrs) for topic in ALL for partition in partitions(admin, topic.name)}


def leaders(admin: AdminClient) -> set[int]:
    return {partition.leader for partition in partitions(admin, AUDIO.name)}
