"""What each kind of refusal of a real, secured Kafka looks like to the person at the terminal."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from deploy.embedded import free_port
from ingest.connections import KafkaConnection, load
from ingest.kafka_contact import require_kafka
from ingest.kafka_sink import ConfluentSink
from models.errors import UserError
from stream_processors.topic_admin import describe
from tests.integration.secured_kafka import PASSWORD, USER, SecuredKafka
from tests.servers import ROOT

_ENTRANCES: list[Callable[[KafkaConnection], object]] = [
    describe,
    require_kafka,
    lambda kafka: ConfluentSink(kafka, client_id="test").require([]),
]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    server = SecuredKafka(tmp_path_factory.mktemp("secured-kafka"))
    yield server.start()
    server.stop()


def _as_user(address: str, password: str, mechanism: str = "PLAIN") -> KafkaConnection:
    given = {"servers": address, "user": USER, "password": password}
    return load(KafkaConnection, given | {"sasl_mechanism": mechanism})


@pytest.mark.parametrize("enter", _ENTRANCES)
def test_lets_in_who_knows_the_password_and_tells_others_what_is_wrong(
    enter: Callable[[KafkaConnection], object], secured: SecuredKafka
) -> None:
    address = secured.secured_address
    enter(_as_user(address, PASSWORD))
    refused = {
        f"refuses user '{USER}' with this password": _as_user(address, "wrong"),
        "check HEARTWARD_KAFKA_SASL_MECHANISM": _as_user(address, PASSWORD, "SCRAM-SHA-256"),
        "perhaps it wants HEARTWARD_KAFKA_USER": load(KafkaConnection, {"servers": address}),
        "leave HEARTWARD_KAFKA_USER out": _as_user(secured.address, PASSWORD),
        "or no HEARTWARD_KAFKA_TLS": load(
            KafkaConnection, {"servers": secured.address, "tls": True}
        ),
    }
    for said, kafka in refused.items():
        since_s = time.monotonic()
        with pytest.raises(UserError, match=said) as error:
            enter(kafka)
        assert kafka.address in str(error.value)
        assert "\n" not in str(error.value)
        assert time.monotonic() - since_s < 10


@pytest.mark.parametrize("module", ["ingest.bridge", "stream_processors.app"])
def test_a_part_without_kafka_says_one_line_and_no_more(module: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=os.environ | {"HEARTWARD_KAFKA_SERVERS": address},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Kafka {address} cannot be used (Connect to ")
    assert ended.stderr.count("\n") == 1
