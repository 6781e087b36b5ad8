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
