"""What becomes of a message from a device: a record for Kafka, or a reason to refuse it."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from ingest.chunk import (
    MAX_PAYLOAD_BYTES,
    DeviceTopic,
    Lane,
    decode_chunk,
    decode_status,
    pcm,
)
from ingest.fleet import Arrival
from ingest.kafka_sink import Header
from models.errors import ChunkError
from stream_processors.records import DeadLetter
from stream_processors.topics import (
    AUDIO,
    AUDIO_HISTORY,
    CHUNK_SCHEMA,
    RECEIVED_AT_HEADER,
    SCHEMA_HEADER,
    STATUS,
    STATUS_SCHEMA,
)

STAGE = "bridge"
_REASON_CHARACTERS = 500


class Forward(msgspec.Struct, frozen=True, gc=False):
    """A record for Kafka; `arrival` is what the bridge remembers of an audio chunk."""

    source: DeviceTopic
    topic: str
    value: bytes | None
    headers: Sequence[Header]
    arrival: Arrival | None

    @property
    def key(self) -> bytes:
        return self.source.device_id.encode()


def examine(topic: str, payload: bytes, *, retained: bool, received_us: int) -> Forward:
    """Check a message whole; its bytes go on as they came.

    Raises
    ------
    ChunkError
        With the one reason why it is refused.
    """
    source = DeviceTopic.parse(topic)
    match source.lane:
        case Lane.AUDIO | Lane.HISTORY:
            return _audio(source, payload, retained=retained, received_us=received_us)
        case Lane.STATUS:
            return _status(source, payload, received_us)
        case Lane.ACK:
            raise ChunkError("only the bridge speaks on ack")


def dead_letter(topic: str, payload: bytes, *, reason: str, at_us: int) -> DeadLetter:
    """What is kept of a refused message: all of it, up to the size of the largest good one."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        reason = f"{reason} (kept: the first {MAX_PAYLOAD_BYTES} of {len(payload)} bytes)"
    return DeadLetter(
        at_us=at_us,
        stage=STAGE,
        reason=reason[:_REASON_CHARACTERS],
        topic=topic,
        device_id=device_of(topic),
        payload=payload[:MAX_PAYLOAD_BYTES],
    )


def device_of(topic: str) -> str | None:
    try:
        return DeviceTopic.parse(topic).device_id
    except ChunkError:
        return None


def _audio(source: DeviceTopic, payload: bytes, *, retained: bool, received_us: int) -> Forward:
    if retained:
        raise ChunkError("audio is retained: the broker gives it to every new bridge anew")
    chunk = decode_chunk(payload)
    arrival = Arrival.of(source, received_us, chunk, len(pcm(chunk)))
    topic = AUDIO if source.lane is Lane.AUDIO else AUDIO_HISTORY
    return Forward(source, topic.name, payload, _headers(received_us, CHUNK_SCHEMA), arrival)


def _status(source: DeviceTopic, payload: bytes, received_us: int) -> Forward:
    """An empty payload is how MQTT deletes what is retained; in a compacted topic it is null."""
    if payload:
        decode_status(payload)
    return Forward(
        source, STATUS.name, payload or None, _headers(received_us, STATUS_SCHEMA), arrival=None
    )


@lru_cache(maxsize=4)
def _headers(received_us: int, schema: bytes) -> tuple[Header, ...]:
    """All messages that were read together share them."""
    return (RECEIVED_AT_HEADER, str(received_us).encode()), (SCHEMA_HEADER, schema)
