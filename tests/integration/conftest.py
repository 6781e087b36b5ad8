"""Brokers for tests of the bridge."""

from collections.abc import Iterator

import pytest

from tests.integration.bridges import Brokers, shipped_limits, with_topics
from tests.servers import Mosquitto, Server


@pytest.fixture(scope="session")
def roomy_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Mosquitto with the limits that `deploy/mosquitto` ships."""
    server = Mosquitto(tmp_path_factory.mktemp("roomy-mosquitto"), shipped_limits())
    yield server.start()
    server.stop()


@pytest.fixture(params=["embedded_mqtt", "roomy_mosquitto"])
def brokers(request: pytest.FixtureRequest, embedded_kafka: Server) -> Brokers:
    """Each MQTT broker in turn, with the embedded Kafka."""
    return with_topics(request.getfixturevalue(request.param), embedded_kafka)
