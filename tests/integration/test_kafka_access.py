"""Kafka as it ships: nobody comes in unasked, and only the console decides and assigns."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from deploy import kafka_access
from deploy.kafka_access import ACCESS
from ingest.connections import KafkaConnection, load
from ingest.kafka_contact import require_kafka
from models.errors import UserError
from stream_processors.topics import ALARM_ACTIONS, ALL, ASSIGNMENTS, RESULTS, Topic
from tests.integration.guarded_kafka import GuardedKafka

pytestmark = pytest.mark.timeout(240)
_ALLOWED = {access.user: {topic.name for topic in access.writes} for access in ACCESS}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    folder = tmp_path_factory.mktemp("guarded")
    server = GuardedKafka(folder / "kafka", folder / "secrets")
    try:
        server.start()
        server.prepare()
        yield server
    finally:
        server.kill()


@pytest.mark.parametrize("user", [access.user for access in ACCESS])
def test_a_process_writes_what_it_must_and_nothing_else(kafka: GuardedKafka, user: str) -> None:
    refused = refusals(kafka.connection(user), ALL)
    assert {name for name, why in refused.items() if why is None} == _ALLOWED[user]
    assert set(refused.values()) <= {None, KafkaError.TOPIC_AUTHORIZATION_FAILED}


@pytest.mark.parametrize("topic", [ASSIGNMENTS, ALARM_ACTIONS])
def test_only_the_console_assigns_and_answers_alarms(kafka: GuardedKafka, topic: Topic) -> None:
    may = [
        access.user
        for access in ACCESS
        if refusals(kafka.connection(access.user), [topic])[topic.name] is None
    ]
    assert may == ["console"]


def test_a_process_reads_nothing_that_it_need_not(kafka: GuardedKafka) -> None:
    settings = {"group.id": "heartward-influx-x", "auto.offset.reset": "earliest"}
    consumer = Consumer(kafka.connection("bridge").confluent() | settings)
    consumer.subscribe([RESULTS.name])
    with pytest.raises(KafkaException, match="authoriz"):
        _first(consumer)
    consumer.close()


def test_who_has_no_name_or_the_wrong_password_is_not_let_in(kafka: GuardedKafka) -> None:
    flags = kafka.flags("bridge")
    wrong = {**flags, "password_file": None, "password": "wrong"}
    for given in ({**flags, "user": None, "password_file": None}, wrong):
        with pytest.raises(UserError):
            require_kafka(load(KafkaConnection, given), timeout_s=5)


def test_what_is_applied_twice_changes_nothing(kafka: GuardedKafka) -> None:
    admin = kafka.connection("admin")
    again = kafka_access.apply(admin, kafka_access.passwords(kafka.secrets))
    assert again == [(access.user, 0, 0) for access in ACCESS]


def test_no_process_may_give_itself_permissions(kafka: GuardedKafka) -> None:
    with pytest.raises(UserError, match="administrator"):
        kafka_access.apply(kafka.connection("console"), {"console": "mine"})


def test_passwords_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    first = kafka_access.passwords(tmp_path)
    assert kafka_access.passwords(tmp_path) == first
    assert len(set(first.values())) == len(ACCESS)
    modes = {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {0o600}


def refusals(connection: KafkaConnection, topics: Sequence[Topic]) -> dict[str, object]:
    """Of each topic the code with which Kafka refuses a record, or None."""
    found: dict[str, object] = {}

    def reported(error: KafkaError | None, message: Message) -> None:
        found[message.topic()] = None if error is None else error.code()

    producer = Producer(connection.confluent() | {"message.timeout.ms": 10_000})
    for topic in topics:
        producer.produce(topic.name, b"probe", b"probe", on_delivery=reported)
    assert producer.flush(20) == 0
    return found


def _first(consumer: Consumer) -> Message:
    for _ in range(100):
        message = consumer.poll(0.2)
        if message is not None and message.error() is not None:
            raise KafkaException(message.error())
    pytest.fail("neither a record nor a refusal")
