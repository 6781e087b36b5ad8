"""Records survive their topic; what cannot be read is refused with one reason."""

import msgspec
import pytest

from models.errors import RecordError
from stream_processors import records, topics
from stream_processors.records import (
    STAGES,
    Assignment,
    DeadLetter,
    Heartbeat,
    Record,
    StageTimes,
    decode,
    encode,
    stage_latencies_ms,
)

ASSIGNMENT = Assignment(
    assignment_id="a1", device_id="d1", patient_id="p1", ward="w", bed="1", from_us=5
)


def test_a_record_survives_its_topic() -> None:
    letter = DeadLetter(at_us=1, stage="bridge", reason="why", topic="t", payload=b"\x00\xff")
    assert decode(Assignment, encode(ASSIGNMENT)) == ASSIGNMENT
    assert decode(DeadLetter, encode(letter)) == letter


def test_every_record_can_be_decoded() -> None:
    assert set(records._decoders) == set(Record.__subclasses__())


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x80", encode(ASSIGNMENT)[:-1], b"\x93\x01\x02"])
def test_bytes_that_are_no_record_are_refused(value: bytes) -> None:
    with pytest.raises(RecordError, match=f"{len(value)} bytes are not a Assignment"):
        decode(Assignment, value)


def test_another_kind_of_record_is_refused() -> None:
    with pytest.raises(RecordError, match="not a Heartbeat"):
        decode(Heartbeat, encode(ASSIGNMENT))


def test_an_unknown_version_is_refused() -> None:
    later = msgspec.structs.replace(ASSIGNMENT, v=9)
    with pytest.raises(RecordError, match="Assignment version 9 is not one of"):
        decode(Assignment, encode(later))


def test_joined_topics_have_equal_partition_counts() -> None:
    joined = (topics.AUDIO, topics.AUDIO_HISTORY, topics.STATUS, topics.RESULTS, topics.ALARMS)
    assert {topic.partitions for topic in joined} == {None}


def test_topic_names_are_unique_and_state_topics_are_compacted() -> None:
    assert len({topic.name for topic in topics.ALL}) == len(topics.ALL)
    compacted = {topic.name for topic in topics.ALL if topic.compacted}
    assert compacted == {
        "pcg.status",
        "pcg.device-stats",
        "pcg.assignments",
        "pcg.models",
        "pcg.alarm-state",
    }


def test_each_stage_is_the_time_since_the_one_before() -> None:
    times = StageTimes(captured_us=0, received_us=100_000, windowed_us=300_000, inferred_us=600_000)
    assert dict(zip(STAGES, stage_latencies_ms(times, 1_000_000), strict=True)) == {
        "capture_to_received": 100,
        "received_to_windowed": 200,
        "windowed_to_inferred": 300,
        "inferred_to_published": 400,
        "end_to_end": 900,
    }
