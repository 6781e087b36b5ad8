"""Every message becomes one record or one reason; bytes go on as they came."""

import io
import random
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from ingest.chunk import (
    MAX_PAYLOAD_BYTES,
    AudioChunk,
    DeviceStatus,
    encode,
)
from ingest.intake import Forward, dead_letter, device_of, examine
from models.errors import ChunkError
from stream_processors import records

NOW_US = 1_790_000_000_000_000
GOOD: dict[str, Any] = {
    "boot_id": 7,
    "seq": 3,
    "first_sample": 6000,
    "kept_from_sample": 2000,
    "captured_at_us": NOW_US - 1_000_000,
    "sample_rate_hz": 2000,
    "samples": bytes(4000),
}


def chunk(**changes: Any) -> bytes:
    return encode(AudioChunk(**(GOOD | changes)))


def flac(samples: int, rate_hz: int = 2000) -> bytes:
    sound = np.random.default_rng(1).integers(-3000, 3000, samples, dtype=np.int16)
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def look(topic: str, payload: bytes, *, retained: bool = False) -> Forward:
    return examine(topic, payload, retained=retained, received_us=NOW_US)


@pytest.mark.parametrize(
    ("lane", "kafka_topic"), [("audio", "pcg.audio"), ("audio-history", "pcg.audio-history")]
)
def test_audio_goes_on_unchanged_with_key_and_headers(lane: str, kafka_topic: str) -> None:
    payload = chunk()

    forward = look(f"pcg/v1/a/d1/{lane}", payload)

    assert (forward.topic, forward.key) == (kafka_topic, b"d1")
    assert forward.value is payload
    assert dict(forward.headers) == {
        "received_at_us": str(NOW_US).encode(),
        "schema": b"audio-chunk/1",
    }
    assert forward.arrival is not None
    assert (forward.arrival.first_sample, forward.arrival.end_sample) == (6000, 8000)
    assert forward.arrival.captured_end_us == NOW_US


def test_flac_is_unpacked_to_know_its_length_and_forwarded_packed() -> None:
    payload = chunk(encoding="flac", samples=flac(1500))

    forward = look("pcg/v1/a/d1/audio", payload)

    assert forward.value is payload
    assert forward.arrival is not None
    assert forward.arrival.end_sample == 7500


def test_a_status_goes_to_the_compacted_topic() -> None:
    payload = encode(DeviceStatus(state="offline", boot_id=7, at_us=NOW_US))

    forward = look("pcg/v1/a/d1/status", payload, retained=True)

    assert (forward.topic, forward.key, forward.value) == ("pcg.status", b"d1", payload)
    assert forward.arrival is None


def test_a_deleted_status_becomes_a_null_that_compaction_removes() -> None:
    assert look("pcg/v1/a/d1/status", b"").value is None


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("pcg/v1/a/d1/audio", b"", "payload of 0 bytes"),
        ("pcg/v1/a/d1/audio", b"garbage", "not valid"),
        ("pcg/v1/a/d1/audio", chunk()[:-1], "not valid"),
        ("pcg/v1/a/d1/audio", chunk(v=2), "wire version 2"),
        ("pcg/v1/a/d1/audio", chunk(sample_rate_hz=1999), "sample_rate_hz 1999"),
        ("pcg/v1/a/d1/audio", chunk(samples=bytes(100)), "last 0.025 s"),
        ("pcg/v1/a/d1/audio", chunk(encoding="flac", samples=b"fLaC"), "not readable FLAC"),
        ("pcg/v1/a/d1/audio", chunk(encoding="flac", samples=flac(2000, 4000)), "4000 Hz"),
        ("pcg/v1/a/d1/audio", bytes(MAX_PAYLOAD_BYTES + 1), "is over"),
        ("pcg/v1/a/d1/status", b"\x81\xa1v\x01", "not valid"),
        ("pcg/v1/a/no such id/audio", chunk(), "is not pcg/v1/GROUP/DEVICE/LANE"),
        ("pcg/v1/a/d1/video", chunk(), "is not pcg/v1/GROUP/DEVICE/LANE"),
        ("pcg/v1/a/d1/ack", chunk(), "only the bridge"),
    ],
)
def test_each_bad_message_has_its_reason(topic: str, payload: bytes, reason: str) -> None:
    with pytest.raises(ChunkError, match=reason):
        look(topic, payload)


def test_retained_audio_is_refused() -> None:
    with pytest.raises(ChunkError, match="retained"):
        look("pcg/v1/a/d1/audio", chunk(), retained=True)


def test_a_dead_letter_keeps_the_bytes_and_names_the_device() -> None:
    letter = dead_letter("pcg/v1/a/d1/audio", b"garbage", reason="why", at_us=NOW_US)

    again = records.decode(records.DeadLetter, records.encode(letter))

    assert (again.stage, again.reason, again.device_id) == ("bridge", "why", "d1")
    assert (again.topic, again.payload) == ("pcg/v1/a/d1/audio", b"garbage")


def test_a_dead_letter_is_no_larger_than_the_largest_chunk() -> None:
    letter = dead_letter("nowhere", bytes(500_000), reason="too large", at_us=NOW_US)

    assert len(letter.payload) == MAX_PAYLOAD_BYTES
    assert "of 500000 bytes" in letter.reason
    assert letter.device_id is device_of("nowhere") is None


def mutated(random_: random.Random, good: bytes) -> bytes:
    """Random bytes, or a good payload cut, changed or with fields of the wrong kind."""
    kind = random_.randrange(4)
    if kind == 0:
        return random_.randbytes(random_.randrange(200))
    if kind == 1:
        return good[: random_.randrange(len(good))]
    if kind == 2:
        changed = bytearray(good)
        for _ in range(random_.randrange(1, 6)):
            changed[random_.randrange(120)] = random_.randrange(256)
        return bytes(changed)
    fields = msgspec.msgpack.decode(good)
    fields[random_.choice(list(fields))] = random_.choice(
        [None, float("nan"), -1, 2**64 - 1, 1e300, "x" * 100, [], {}, b"\xff" * 3, True]
    )
    return msgspec.msgpack.encode(fields)


def test_twenty_thousand_fuzzed_payloads_are_taken_or_refused_with_a_reason() -> None:
    random_ = random.Random(1)  # noqa: S311 (a fuzzer must repeat itself)
    goods = [chunk(), chunk(encoding="flac", samples=flac(1000))]
    reasons = []

    for number in range(20_000):
        try:
            look("pcg/v1/a/d1/audio", mutated(random_, goods[number % 2]))
        except ChunkError as error:
            reasons.append(str(error))

    assert len(reasons) > 15_000
    assert all(reasons)
