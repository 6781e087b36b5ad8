import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from deploy.embedded import free_port
from ingest.connections import KafkaConnection, load
from ingest.kafka_contact import require_kafka
from models.errors import UserError
from stream_processors.topic_admin import DEFAULT_PARTITIONS, apply_topics, check_topics, describe
from stream_processors.topics import ALL, ASSIGNMENTS, AUDIO, RESULTS, Topic
from tests.servers import EmbeddedKafka, Server


def _at(address: str) -> KafkaConnection:
    return load(KafkaConnection, {"servers": address})


@pytest.fixture(scope="module")
def own_embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = EmbeddedKafka(tmp_path_factory.mktemp("kafka")).start()
    yield server
    server.stop()


@pytest.fixture(params=["own_embedded_kafka", "apache_kafka"])
def empty_kafka(request: pytest.FixtureRequest) -> KafkaConnection:
    """Without a topic of ours, whatever other tests have left."""
    server: Server = request.getfixturevalue(request.param)
    kafka = _at(server.address)
    with _admin(kafka) as admin:
        admin.delete_topics(list(describe(kafka)))
    while describe(kafka):
        time.sleep(0.05)
    return kafka


def test_creates_every_topic_once_and_says_so(empty_kafka: KafkaConnection) -> None:
    first = apply_topics(empty_kafka)
    second = apply_topics(empty_kafka)

    assert {outcome.topic for outcome in first} == {topic.name for topic in ALL}
    assert {outcome.action for outcome in first} == {"created"}
    assert {(outcome.action, outcome.note) for outcome in second} == {("kept", "")}
    found = describe(empty_kafka)
    assert found[AUDIO.name] == found[RESULTS.name] == DEFAULT_PARTITIONS
    assert found[ASSIGNMENTS.name] == 1
    assert f"has all {len(ALL)} topics, 6 partitions" in check_topics(empty_kafka)


def test_never_changes_the_partitions_of_a_topic_and_says_why(empty_kafka: KafkaConnection) -> None:
    apply_topics(empty_kafka, partitions=2)

    outcomes = {outcome.topic: outcome for outcome in apply_topics(empty_kafka, partitions=3)}

    assert describe(empty_kafka)[AUDIO.name] == 2
    assert "has 2 partitions, not 3" in outcomes[AUDIO.name].note
    assert not outcomes[ASSIGNMENTS.name].note


def test_fewer_replicas_than_asked_for_are_told(empty_kafka: KafkaConnection) -> None:
    apply_topics(empty_kafka)

    notes = {outcome.note for outcome in apply_topics(empty_kafka, replication=3)}

    assert len(notes) == 1
    assert "has 1 replicas, not 3: add them" in notes.pop()


def test_gives_a_missing_joined_topic_as_many_partitions_as_the_others_have(
    empty_kafka: KafkaConnection,
) -> None:
    _create(empty_kafka, AUDIO.name, partitions=4)

    apply_topics(empty_kafka)

    assert describe(empty_kafka)[RESULTS.name] == 4


def test_check_names_what_is_missing_and_what_differs(empty_kafka: KafkaConnection) -> None:
    with pytest.raises(UserError, match=r"lacks the topics pcg\.audio, .* topics apply"):
        check_topics(empty_kafka)

    _create(empty_kafka, AUDIO.name, partitions=4)
    _create(empty_kafka, RESULTS.name, partitions=2)
    apply_topics(empty_kafka)

    with pytest.raises(UserError, match=r"differ in partitions \(pcg\.audio 4, .*pcg\.results 2"):
        check_topics(empty_kafka)


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_says_in_one_line_that_kafka_is_away(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hurried = partial(require_kafka, timeout_s=2.0)
    monkeypatch.setattr("stream_processors.topic_admin.require_kafka", hurried)
    with pytest.raises(UserError, match=r"cannot be used \(.+\): start it") as caught:
        apply_topics(_at(f"{host}:{free_port()}"))

    assert "\n" not in str(caught.value)


def test_says_in_one_line_that_kafka_refuses_a_topic(
    apache_kafka: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_processors.topic_admin.ALL", (Topic("pcg.refused"),))

    with pytest.raises(
        UserError, match=r"pcg\.refused .* 3 replicas \(.*replication.*\): give no"
    ) as caught:
        apply_topics(_at(apache_kafka.address), replication=3)

    assert "\n" not in str(caught.value)


def test_does_not_wait_long_for_a_port_that_speaks_no_tls(apache_kafka: Server) -> None:
    secure = load(KafkaConnection, {"servers": apache_kafka.address, "tls": True})
    since_s = time.monotonic()

    with pytest.raises(UserError, match=r"perhaps it wants .* or no HEARTWARD_KAFKA_TLS"):
        describe(secure)

    assert time.monotonic() - since_s < 10


def _create(kafka: KafkaConnection, topic: str, *, partitions: int) -> None:
    new = {"num_partitions": partitions, "replication_factor": 1}
    with _admin(kafka) as admin:
        admin.create_topics({topic: new}, wait_for_metadata=True)


def _admin(kafka: KafkaConnection) -> closing[Any]:
    return closing(KafkaAdminClient(**kafka.python_clients()))
