"""Servers for tests that need them; each is started once per test session."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import Postgresql
from tests.servers import (
    ApacheKafka,
    EmbeddedKafka,
    EmbeddedMqtt,
    GivenInfluxDb,
    InfluxDb,
    InfluxDb1,
    Mosquitto,
    Server,
)

TESTS = Path(__file__).resolve().parent

# Files of some 45 s and more begin before all others, or one process ends long after the rest.
LONGEST_FIRST = (
    "chaos/test_nothing_lost.py",
    "integration/test_alarm_worker.py",
    "integration/test_worker.py",
    "integration/test_c_client.py",
    "integration/test_rolling_upgrade.py",
    "browser/test_console.py",
    "integration/console/test_postgresql.py",
    "browser/test_alarms.py",
    "integration/test_kafka_access.py",
    "integration/test_boards.py",
    "browser/test_recordings.py",
    "integration/test_bridge_failures.py",
    "integration/test_influx_writer.py",
    "integration/test_topic_admin.py",
    "integration/test_worker_group.py",
    "integration/test_simulator_bridge.py",
    "integration/test_simulator_ward.py",
    "integration/test_bridge_delivery.py",
    "integration/test_recorded_period.py",
    "integration/test_demo.py",
    "chaos/test_alarms.py",
    "chaos/test_embedded.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; all others stay in their order."""
    ranks = {TESTS / name: rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def embedded_mqtt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _running(EmbeddedMqtt(tmp_path_factory.mktemp("embedded-mqtt")))


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _running(EmbeddedKafka(tmp_path_factory.mktemp("embedded-kafka")))


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _running(Mosquitto(tmp_path_factory.mktemp("mosquitto")))


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _running(ApacheKafka(tmp_path_factory.mktemp("kafka")))


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kind = GivenInfluxDb if "HEARTWARD_TEST_INFLUXDB_URL" in os.environ else InfluxDb
    yield from _running(kind(tmp_path_factory.mktemp("influxdb")))


@pytest.fixture(scope="session")
def influxdb_1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _running(InfluxDb1(tmp_path_factory.mktemp("influxdb-1")))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="heartward-postgresql-") as folder:
        yield from _running(Postgresql(Path(folder)))
