"""Three brokers as `deploy/compose/three-brokers.yaml` sets them up: one may die at any time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from deploy.assignments import demonstration_ward
from stream_processors.records import Assignment
from stream_processors.topics import ALL, ASSIGNMENTS, AUDIO
from tests import kafka_log
from tests.deployed import COMPOSE
from tests.integration.guarded_kafka import GuardedKafka

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def shipped() -> list[dict[str, str]]:
    """What the two Compose files say of each broker."""
    base = yaml.safe_load(COMPOSE.read_text())["services"]["kafka"]["environment"]
    more = yaml.safe_load(COMPOSE.with_name("three-brokers.yaml").read_text())["services"]
    names = ("kafka", "kafka-2", "kafka-3")
    return [
        {key: value for key, value in (base | more[name]["environment"]).items() if "_" in key}
        for name in names
    ]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[GuardedKafka]]:
    brokers = [
        GuardedKafka(tmp_path / given["BROKER_NUMBER"], tmp_path / "secrets", given=given)
        for given in shipped()
    ]
    with ExitStack() as started:
        for broker in brokers:
            broker.voters = brokers
            started.callback(broker.kill)
        with ThreadPoolExecutor() as pool:  # none is ready before two are there
            list(pool.map(GuardedKafka.start, brokers))
        yield brokers


def test_what_three_brokers_hold_outlives_the_death_of_each(cluster: list[GuardedKafka]) -> None:
    first = cluster[0]
    first.prepare(replication=3)
    admin = AdminClient(first.connection("admin").confluent())
    held = admin.list_topics(timeout=20).topics
    copies = {len(p.replicas) for t in ALL for p in held[t.name].partitions.values()}
    assert copies == {3}
    resource = ConfigResource(ResourceType.TOPIC, AUDIO.name)
    (settings,) = admin.describe_configs([resource]).values()
    assert settings.result(20)["min.insync.replicas"].value == "2"

    console, administrator = first.connection("console"), first.connection("admin")
    said: list[Assignment] = []
    for turn, broker in enumerate(cluster):
        broker.kill()
        beds = demonstration_ward([f"W-{turn}"], ward="west", from_us=turn)
        kafka_log.publish(console, ASSIGNMENTS, ((bed.assignment_id, bed) for bed in beds))
        said += beds
        there = kafka_log.records(administrator, ASSIGNMENTS, Assignment)
        assert sorted(there, key=lambda bed: bed.from_us) == said
        broker.start()
