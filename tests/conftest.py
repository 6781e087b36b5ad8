"""Servers for tests that need them; each is started once per test session."""

from collections.abc import Iterator

import pytest

from tests.servers import ApacheKafka, EmbeddedKafka, EmbeddedMqtt, InfluxDb, Mosquitto, Server


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
    yield from _running(InfluxDb(tmp_path_factory.mktemp("influxdb")))
