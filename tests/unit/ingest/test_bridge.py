"""The bridge's rules on in-memory twins of broker and Kafka, with the time passed in."""

from collections import deque
from collections.abc import Sequence

import pytest

from ingest.bridge import Bridge, BridgeSettings
from ingest.chunk import (
    AudioChunk,
    DeviceAck,
    DeviceStatus,
    decode_ack,
    encode,
)
from ingest.connections import load
from ingest.kafka_sink import MemorySink, StoredRecord
from ingest.mqtt_session import Publication
from models.errors import ConfigurationError
from stream_processors import records
from stream_processors.topics import (
    AUDIO,
    AUDIO_HISTORY,
    DEAD_LETTERS,
    DEVICE_STATS,
    HEARTBEATS,
    STATUS,
    Topic,
)

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US


class MemorySource:
    """The broker's in-memory twin: what is fed is received, if the bridge is reading."""

    def __init__(self) -> None:
        self.connects = 1
        self.waiting: deque[Publication] = deque()
        self.sent: list[tuple[str, bytes]] = []
        self.left: list[str] = []
        self.was_reading = True
        self.reachable = True

    def receive(self, timeout_s: float, *, reading: bool = True) -> list[Publication]:
        assert 0 < timeout_s <= 0.1
        self.was_reading = reading
        received = list(self.waiting) if reading else []
        if reading:
            self.waiting.clear()
        return received

    def publish(self, topic: str, payload: bytes) -> bool:
        if self.reachable:
            self.sent.append((topic, payload))
        return self.reachable

    def leave(self, group: str) -> None:
        self.left.append(group)


class World:
    """One bridge between a broker and a Kafka that live in this test."""

    def __init__(self, **settings: object) -> None:
        self.now_us = START_US
        self.source = MemorySource()
        self.sink = MemorySink()
        self.bridge = Bridge(
            load(BridgeSettings, settings),
            source=self.source,
            sink=self.sink,
            now_us=lambda: self.now_us,
        )

    def receive(self, topic: str, payload: bytes, *, retained: bool = False) -> Publication:
        publication = Publication(topic, payload, packet_id=1, retained=retained)
        self.source.waiting.append(publication)
        self.bridge.step()
        return publication

    def hear(self, device: str = "d1", *, first: int = 0, lane: str = "audio") -> Publication:
        return self.receive(f"pcg/v1/a/{device}/{lane}", chunk(first))

    def wait(self, seconds: float) -> None:
        self.now_us += round(seconds * SECOND_US)
        self.bridge.step()

    def stored(self, topic: Topic) -> list[StoredRecord]:
        return [record for record in self.sink.stored if record.topic == topic.name]

    def acks(self) -> list[tuple[str, DeviceAck]]:
        return [(topic, decode_ack(payload)) for topic, payload in self.source.sent]

    def counters(self) -> dict[str, float]:
        return self.heartbeats()[-1].counters

    def heartbeats(self) -> Sequence[records.Heartbeat]:
        beats = self.stored(HEARTBEATS)
        return [records.decode(records.Heartbeat, beat.value or b"") for beat in beats]


def chunk(first: int = 0, samples: int = 2000) -> bytes:
    return encode(
        AudioChunk(
            boot_id=7,
            seq=first // samples,
            first_sample=first,
            kept_from_sample=0,
            captured_at_us=START_US - SECOND_US,
            sample_rate_hz=2000,
            samples=bytes(2 * samples),
        )
    )


@pytest.fixture
def world() -> World:
    return World()


def test_a_message_is_settled_only_once_kafka_has_it(world: World) -> None:
    world.sink.away = True
    publication = world.hear()
    assert not publication.settled

    world.sink.away = False
    world.wait(0.1)

    assert publication.settled
    (record,) = world.stored(AUDIO)
    assert (record.key, record.value) == (b"d1", publication.payload)
    assert record.timestamp_ms == START_US // 1000


def test_the_lanes_go_to_their_topics(world: World) -> None:
    world.hear(lane="audio")
    world.hear(lane="audio-history")
    status = encode(DeviceStatus(state="online", boot_id=7, at_us=START_US))
    world.receive("pcg/v1/a/d1/status", status, retained=True)

    assert len(world.stored(AUDIO)) == len(world.stored(AUDIO_HISTORY)) == 1
    assert [record.value for record in world.stored(STATUS)] == [status]


def test_a_device_is_told_what_is_stored_and_nothing_while_kafka_is_away(world: World) -> None:
    world.hear(first=0)
    world.wait(2)
    assert [(topic, ack.stored_to_sample) for topic, ack in world.acks()] == [
        ("pcg/v1/a/d1/ack", 2000)
    ]

    world.sink.away = True
    world.hear(first=2000)
    world.wait(30)
    assert len(world.acks()) == 1

    world.sink.away = False
    world.wait(1)
    world.wait(2)
    assert world.acks()[-1][1].stored_to_sample == 4000


def test_bad_input_is_settled_once_its_dead_letter_is_stored(world: World) -> None:
    world.sink.away = True
    publication = world.receive("pcg/v1/a/d1/audio", b"garbage")
    assert not publication.settled

    world.sink.away = False
    world.wait(1)

    assert publication.settled
    (stored,) = world.stored(DEAD_LETTERS)
    letter = records.decode(records.DeadLetter, stored.value or b"")
    assert letter.payload == b"garbage"
    assert letter.device_id == "d1"
    assert "not valid" in letter.reason


def test_a_chunk_that_kafka_refuses_becomes_a_dead_letter(world: World) -> None:
    world.sink.refuse = lambda record: "too large" if record.topic == AUDIO.name else None

    publication = world.hear()
    world.wait(1)

    assert publication.settled
    (stored,) = world.stored(DEAD_LETTERS)
    letter = records.decode(records.DeadLetter, stored.value or b"")
    assert letter.reason == "Kafka refused it: too large"
    assert letter.payload == publication.payload


def test_a_dead_letter_that_kafka_refuses_too_blocks_nothing(world: World) -> None:
    world.sink.refuse = lambda record: "no" if record.topic == DEAD_LETTERS.name else None

    publication = world.receive("pcg/v1/a/d1/audio", b"garbage")

    assert publication.settled


def test_a_flood_of_bad_input_delays_no_good_chunk(world: World) -> None:
    for number in range(2000):
        bad = Publication("pcg/v1/a/evil/audio", b"garbage %d" % number, packet_id=1)
        world.source.waiting.append(bad)
    good = world.hear("good")

    assert good.settled
    assert len(world.stored(DEAD_LETTERS)) == 2000


def test_stops_reading_before_memory_fills_and_starts_again(world: World) -> None:
    settings = load(BridgeSettings)
    world.sink.away = True
    for number in range(2 * settings.max_in_flight):
        world.source.waiting.append(Publication("pcg/v1/a/d1/audio", chunk(2000 * number)))
    world.bridge.step()

    world.bridge.step()
    assert not world.source.was_reading

    world.sink.away = False
    world.wait(1)
    world.wait(1)
    assert world.source.was_reading


def test_beats_every_two_seconds_with_its_counters(world: World) -> None:
    world.hear(first=0)
    world.hear(first=0)
    world.receive("pcg/v1/a/d1/audio", b"garbage")
    for _ in range(7):
        world.wait(1)

    assert len(world.heartbeats()) == 4
    beat = world.heartbeats()[-1]
    assert (beat.kind, beat.instance) == ("bridge", "main")
    assert world.stored(HEARTBEATS)[-1].key == b"_pipeline/main"
    counters = beat.counters
    assert counters["chunks_received"] == counters["chunks_stored"] == 2
    assert counters["duplicates"] == counters["refused"] == counters["dead_letters"] == 1
    assert counters["acks_sent"] == 1
    assert counters["bytes_received"] == 2 * len(chunk()) + len(b"garbage")


def test_heartbeats_do_not_pile_up_while_kafka_is_away(world: World) -> None:
    world.sink.away = True
    for _ in range(100):
        world.wait(2)

    assert world.sink.in_flight == 1


def test_statistics_of_a_device_come_every_ten_seconds_while_it_sends(world: World) -> None:
    for number in range(21):
        world.hear(first=2000 * number)
        world.wait(1)

    stats = [
        records.decode(records.DeviceStats, record.value or b"")
        for record in world.stored(DEVICE_STATS)
    ]
    assert [s.device_id for s in stats] == ["d1", "d1"]
    assert stats[-1].stored_to_sample >= 38_000


def test_acks_that_cannot_be_sent_are_counted(world: World) -> None:
    world.source.reachable = False
    world.hear()
    world.wait(2)
    world.wait(2)

    assert world.counters()["acks_unsent"] == 1


def test_closing_settles_what_kafka_has_and_tells_every_device(world: World) -> None:
    publication = world.hear("d1")
    world.hear("d2")

    world.bridge.close()

    assert publication.settled
    assert sorted(topic for topic, _ in world.acks()) == ["pcg/v1/a/d1/ack", "pcg/v1/a/d2/ack"]


def test_a_group_of_an_earlier_run_is_forwarded_and_given_up_once() -> None:
    world = World(groups="b,c")

    world.receive("pcg/v1/a/d1/audio", chunk(0))
    world.receive("pcg/v1/a/d1/audio", chunk(2000))
    world.receive("pcg/v1/b/d2/audio", chunk(0))

    assert len(world.stored(AUDIO)) == 3
    assert world.source.left == ["a"]


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("HEARTWARD_BRIDGE_GROUPS", "a,b c", "'b c' is not"),
        ("HEARTWARD_BRIDGE_GROUPS", "+,a", "stands alone"),
        ("HEARTWARD_BRIDGE_NAME", "a/b", "NAME"),
        ("HEARTWARD_BRIDGE_MAX_IN_FLIGHT", "0", "MAX_IN_FLIGHT"),
    ],
)
def test_nonsense_in_the_settings_is_refused_in_one_line(
    variable: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=problem) as caught:
        load(BridgeSettings)

    assert "\n" not in str(caught.value)


def test_groups_come_as_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTWARD_BRIDGE_GROUPS", "icu,ward-3")

    assert load(BridgeSettings).groups == ("icu", "ward-3")


def test_every_setting_is_described() -> None:
    assert all(field.description for field in BridgeSettings.model_fields.values())
