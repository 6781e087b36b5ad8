import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Message

from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink
from models.errors import UserError
from stream_processors.compacted import CompactedTopics
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import ASSIGNMENTS, MODELS
from tests.servers import ApacheKafka, EmbeddedKafka, Server
from tests.waiting import until


@pytest.fixture(params=[EmbeddedKafka, ApacheKafka], scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    kafka: Server = request.param(tmp_path_factory.mktemp("kafka")).start()
    apply_topics(load(KafkaConnection, {"servers": kafka.address}))
    yield kafka
    kafka.kill()


class Followed:
    """What a reader has followed so far, by topic."""

    def __init__(self, server: Server) -> None:
        self.kafka = load(KafkaConnection, {"servers": server.address})
        self.seen: dict[str, dict[bytes, bytes | None]] = {ASSIGNMENTS.name: {}, MODELS.name: {}}

    def reader(self) -> CompactedTopics:
        return CompactedTopics(self.kafka, dict.fromkeys(self.seen, self._follow))

    def produce(self, topic: str, **values: bytes | None) -> None:
        sink = ConfluentSink(self.kafka, client_id="test")
        for key, value in values.items():
            sink.produce(topic, key.encode(), value, timestamp_ms=time.time_ns() // 1_000_000)
        assert sink.flush(10) == 0
        sink.close()

    def _follow(self, message: Message) -> None:
        self.seen[message.topic()][message.key()] = message.value()


def test_reads_all_topics_to_their_ends_before_it_goes_on(server: Server) -> None:
    followed = Followed(server)
    with followed.reader() as reader:
        reader.read_to_end()  # of topics that may be empty
    followed.produce(ASSIGNMENTS.name, **{f"a{n}": b"x" for n in range(500)})
    followed.produce(MODELS.name, screen=b"1")
    followed.produce(MODELS.name, screen=b"2")

    with followed.reader() as reader:
        reader.read_to_end()

    assert len(followed.seen[ASSIGNMENTS.name]) == 500
    assert followed.seen[MODELS.name] == {b"screen": b"2"}


def test_follows_what_comes_later_and_what_is_deleted(server: Server) -> None:
    followed = Followed(server)
    followed.produce(ASSIGNMENTS.name, early=b"1")
    with followed.reader() as reader:
        reader.read_to_end()
        followed.produce(ASSIGNMENTS.name, later=b"2", early=None)

        def followed_both() -> bool:
            reader.follow()
            seen = followed.seen[ASSIGNMENTS.name]
            return seen.get(b"later") == b"2" and seen[b"early"] is None

        until(followed_both, "both records", timeout_s=10)


def test_says_in_one_line_that_kafka_went_away(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_processors.compacted._PATIENCE_S", 1.0)
    followed = Followed(server)
    server.kill()
    with followed.reader() as reader, pytest.raises(UserError, match="cannot be read") as caught:
        reader.read_to_end()
    assert "\n" not in str(caught.value)
