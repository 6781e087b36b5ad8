"""The wire refuses every malformed payload with one reason and carries every good one intact."""

import io
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ingest.chunk import (
    MAX_CHUNK_S,
    MAX_PAYLOAD_BYTES,
    MAX_SAMPLES_BYTES,
    MIN_CHUNK_S,
    SAMPLE_RATES_HZ,
    AudioChunk,
    DeviceAck,
    DeviceStatus,
    DeviceTopic,
    Lane,
    decode_ack,
    decode_chunk,
    decode_status,
    encode,
    is_device_id,
    pcm,
)
from models.errors import ChunkError

GOOD: dict[str, Any] = {
    "v": 1,
    "boot_id": 7,
    "seq": 3,
    "first_sample": 6000,
    "kept_from_sample": 2000,
    "captured_at_us": 1_790_000_000_000_000,
    "sample_rate_hz": 2000,
    "encoding": "pcm_s16le",
    "samples": bytes(4000),
    "site": None,
}

chunks = st.builds(
    AudioChunk,
    boot_id=st.integers(0, 2**32 - 1),
    seq=st.integers(0, 2**32 - 1),
    first_sample=st.integers(2**20, 2**53 - 1),
    kept_from_sample=st.integers(0, 2**20),
    captured_at_us=st.integers(0, 4_000_000_000_000_000),
    sample_rate_hz=st.sampled_from(SAMPLE_RATES_HZ),
    encoding=st.sampled_from(["pcm_s16le", "flac"]),
    samples=st.binary(max_size=200).map(lambda raw: raw[: len(raw) // 2 * 2]),
    site=st.sampled_from(["AV", "PV", "TV", "MV", None]),
)


def packed(**changes: Any) -> bytes:
    return msgspec.msgpack.encode(GOOD | changes)


def flac(samples: np.ndarray[Any, Any], rate_hz: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


@given(chunks)
def test_a_chunk_survives_the_wire_unchanged(chunk: AudioChunk) -> None:
    assert decode_chunk(encode(chunk)) == chunk


@given(st.binary(max_size=400))
def test_random_bytes_are_refused_and_never_crash(payload: bytes) -> None:
    for decode in (decode_chunk, decode_status, decode_ack):
        with pytest.raises(ChunkError):
            decode(payload)


@given(st.data())
def test_a_truncated_chunk_is_refused(data: st.DataObject) -> None:
    payload = packed()
    cut = data.draw(st.integers(0, len(payload) - 1))
    with pytest.raises(ChunkError):
        decode_chunk(payload[:cut])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"v": 2}, "wire version 2 is not known, only 1 is"),
        ({"v": 2, "samples": "text"}, "wire version 2 is not known, only 1 is"),
        ({"boot_id": 2**32}, "boot_id 4294967296 is not a u32"),
        ({"boot_id": -1}, "boot_id -1 is not a u32"),
        ({"seq": -1}, "seq -1 is not a u32"),
        ({"first_sample": 2**60}, "first_sample 1152921504606846976 is not in 0 to 2^53"),
        ({"kept_from_sample": 6001}, "kept_from_sample 6001 is not in 0 to first_sample 6000"),
        ({"captured_at_us": -5}, "captured_at_us -5 is not in the years 1970 to 2100"),
        ({"sample_rate_hz": 12345}, "sample_rate_hz 12345 is not one of"),
        ({"sample_rate_hz": float("nan")}, "sample_rate_hz"),
        ({"samples": bytes(3)}, "samples of 3 bytes are not whole 16-bit numbers"),
        ({"samples": bytes(MAX_SAMPLES_BYTES + 2)}, "samples of 65538 bytes are over 65536"),
        ({"samples": [1.0, float("nan")]}, "samples"),
        ({"encoding": "mp3"}, "encoding"),
        ({"site": "XX"}, "site"),
        ({"seq": None}, "seq"),
    ],
)
def test_each_bad_field_is_named_with_its_limit(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ChunkError, match=said.replace("^", r"\^")):
        decode_chunk(packed(**changes))


def test_an_oversize_payload_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ChunkError, match=f"over {MAX_PAYLOAD_BYTES}"):
        decode_chunk(bytes(MAX_PAYLOAD_BYTES + 1))


def test_fields_of_a_later_minor_revision_are_ignored() -> None:
    assert decode_chunk(packed(temperature_c=36.6)).seq == 3


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_flac_and_pcm_carry_the_same_samples(rate_hz: int) -> None:
    samples = np.random.default_rng(rate_hz).integers(-9000, 9000, rate_hz // 4, dtype=np.int16)
    as_pcm = decode_chunk(packed(sample_rate_hz=rate_hz, samples=samples.tobytes()))
    as_flac = decode_chunk(
        packed(sample_rate_hz=rate_hz, encoding="flac", samples=flac(samples, rate_hz))
    )
    np.testing.assert_array_equal(pcm(as_pcm), samples)
    np.testing.assert_array_equal(pcm(as_flac), samples)


@pytest.mark.parametrize("duration_s", [0.0, MIN_CHUNK_S - 0.001, MAX_CHUNK_S + 0.001, 8.0])
@pytest.mark.parametrize("encoding", ["pcm_s16le", "flac"])
def test_too_short_and_too_long_chunks_are_refused(duration_s: float, encoding: str) -> None:
    samples = np.zeros(int(duration_s * 2000), dtype=np.int16)
    body = samples.tobytes() if encoding == "pcm_s16le" else flac(samples, 2000)
    with pytest.raises(ChunkError, match=r"allowed are 0.25 to 2.0 s|not readable"):
        pcm(decode_chunk(packed(encoding=encoding, samples=body)))


def test_a_flac_bomb_is_never_unpacked() -> None:
    silence = flac(np.zeros(2_000_000, dtype=np.int16), 2000)
    assert len(silence) < MAX_SAMPLES_BYTES
    with pytest.raises(ChunkError, match=r"samples last 2\.000|samples last 2\.001"):
        pcm(decode_chunk(packed(encoding="flac", samples=silence)))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"not flac at all", "not readable FLAC"),
        (flac(np.zeros((500, 2), dtype=np.int16), 2000), "FLAC, 2 channels, not mono"),
        (flac(np.zeros(1000, dtype=np.int16), 4000), "FLAC says 4000 Hz, sample_rate_hz says 2000"),
    ],
)
def test_flac_that_contradicts_the_chunk_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(ChunkError, match=said):
        pcm(decode_chunk(packed(encoding="flac", samples=body)))


@given(
    group=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    device_id=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    lane=st.sampled_from(Lane),
)
def test_a_topic_names_its_device(group: str, device_id: str, lane: Lane) -> None:
    topic = DeviceTopic(group, device_id, lane)
    assert DeviceTopic.parse(str(topic)) == topic
    assert is_device_id(device_id)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "pcg/v1/a/b",
        "pcg/v2/a/b/audio",
        "pcg/v1/a/b/video",
        "pcg/v1/a/b c/audio",
        "pcg/v1/a/b/audio/x",
        "pcg/v1/a/b/audio\n",
        f"pcg/v1/a/{'b' * 65}/audio",
        "pcg/v1/a/bé/audio",
    ],
)
def test_a_topic_that_no_device_may_use_is_refused(topic: str) -> None:
    with pytest.raises(ChunkError, match="is not pcg/v1/GROUP/DEVICE/LANE"):
        DeviceTopic.parse(topic)


def test_status_and_ack_survive_the_wire() -> None:
    status = DeviceStatus(state="online", boot_id=1, at_us=2, battery_fraction=0.5, contact=True)
    ack = DeviceAck(boot_id=1, stored_to_sample=2000, bridge_time_us=3)
    assert decode_status(encode(status)) == status
    assert decode_ack(encode(ack)) == ack


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"battery_fraction": 1.5}, "battery_fraction 1.5 is not in 0 to 1"),
        ({"battery_fraction": float("nan")}, "battery_fraction nan is not in 0 to 1"),
        ({"buffer_fill_fraction": -0.1}, "buffer_fill_fraction -0.1 is not in 0 to 1"),
        ({"signal_dbm": float("inf")}, "signal_dbm inf is not in -200 to 50"),
        ({"firmware": "x" * 65}, "firmware of 65 characters is over 64"),
        ({"boot_id": -1}, "boot_id -1 is not a u32"),
        ({"at_us": -1}, "at_us -1"),
    ],
)
def test_each_bad_field_of_a_status_is_named(changes: dict[str, Any], said: str) -> None:
    good = {"v": 1, "state": "online", "boot_id": 1, "at_us": 2}
    with pytest.raises(ChunkError, match=said):
        decode_status(msgspec.msgpack.encode(good | changes))
