"""The wire: what a wearable and the bridge say to each other over MQTT.

This file is the one definition of the wire. ``asyncapi.yaml`` beside it describes the same for
makers of wearables, and a test holds the two together.
"""

import io
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from models import contract
from models.errors import ChunkError

WIRE_VERSION = 1
SAMPLE_RATES_HZ = contract.SAMPLE_RATES_HZ
MAX_SAMPLES_BYTES = 64 * 1024
MIN_CHUNK_S, MAX_CHUNK_S = 0.25, 2.0
# Fields around the samples take some 150 bytes; anything larger is refused before it is parsed.
MAX_PAYLOAD_BYTES = MAX_SAMPLES_BYTES + 1024

# What a device does, and when; the simulator, the reference client and its check go by these.
RESEND_AFTER_SILENCE_S = 10.0  # without any ack: everything again from the last one
HOLE_AFTER_S = 5.0  # an ack that stands still for so long behind chunks sent since: a hole
HISTORY_AFTER_S = 30.0  # older sound leaves the live lane to what is newer
DEVICE_BUFFER_S = 600.0  # kept for sending again
MAX_CLOCK_ERROR_S = 1.0  # more, by the bridge's time, and a device sets its clock
# From so long before what is missing until so long after it goes history: a window, and the
# pre-roll from which it is filtered. Every window that touches what was missing is whole then.
HISTORY_OVERLAP_S = contract.PIPELINE_GRID.window_s + contract.PIPELINE_GRID.preroll_s

# How long what was recorded after a hole waits on its lane for what is missing, and how much of
# it. After that the hole is a gap, and what fills it is acknowledged only as history.
LIVE_WAIT_S = 2.0
LIVE_WAIT_SOUND_S = 5.0

_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOPIC = re.compile(r"pcg/v1/([A-Za-z0-9_-]{1,64})/([A-Za-z0-9_-]{1,64})/([a-z-]{1,16})")
_YEAR_2100_US = 4_102_444_800_000_000

Encoding = Literal["pcm_s16le", "flac"]
Site = Literal["AV", "PV", "TV", "MV"]


class Lane(StrEnum):
    """What a device topic carries; the last level of its name."""

    AUDIO = "audio"
    HISTORY = "audio-history"
    STATUS = "status"
    ACK = "ack"


class DeviceTopic(NamedTuple):
    """``pcg/v1/{group}/{device_id}/{lane}``; the device's identity comes from here alone."""

    group: str
    device_id: str
    lane: Lane

    def __str__(self) -> str:
        return f"pcg/v1/{self.group}/{self.device_id}/{self.lane.value}"

    @classmethod
    def parse(cls, topic: str) -> "DeviceTopic":
        """Raise `ChunkError` for a topic that no device may use."""
        match = _TOPIC.fullmatch(topic)
        if match is None or match[3] not in _LANES:
            raise ChunkError(
                f"topic {topic[:120]!r} is not pcg/v1/GROUP/DEVICE/LANE with LANE one of "
                f"{', '.join(_LANES)} and ids of 1 to 64 characters from A-Z a-z 0-9 _ -"
            )
        return cls(match[1], match[2], _LANES[match[3]])


_LANES = {lane.value: lane for lane in Lane}


class AudioChunk(msgspec.Struct, frozen=True, kw_only=True):
    """0.25 to 2 s of sound from one device.

    Attributes
    ----------
    boot_id
        Random u32, drawn at power-up. Positions count from there.
    seq
        Number of the chunk since power-up. A chunk that is sent again keeps its number.
    first_sample
        Position of the first sample since power-up, pauses of sending included.
    kept_from_sample
        Oldest position that the device can still send again: everything before it is either
        acknowledged or gone for good. From this a bridge that has just started knows where to
        begin its search for holes.
    captured_at_us
        The device's UTC clock at the first sample, in microseconds.
    samples
        ``pcm_s16le`` or one whole ``flac`` stream, mono, at most 64 KiB as sent.
    site
        Auscultation site, where known.
    """

    v: int = WIRE_VERSION
    boot_id: int
    seq: int
    first_sample: int
    kept_from_sample: int
    captured_at_us: int
    sample_rate_hz: int
    encoding: Encoding = "pcm_s16le"
    samples: bytes
    site: Site | None = None


class DeviceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a device says of itself; retained, and its ``offline`` form is the last will."""

    v: int = WIRE_VERSION
    state: Literal["online", "offline"]
    boot_id: int
    at_us: int
    battery_fraction: float | None = None
    contact: bool | None = None
    signal_dbm: float | None = None
    buffer_fill_fraction: float | None = None
    firmware: str | None = None


class DeviceAck(msgspec.Struct, frozen=True, kw_only=True):
    """The bridge's word: Kafka holds everything before ``stored_to_sample``, without a hole.

    What fills a hole that the live lane has given up counts only once it comes as history.

    ``bridge_time_us`` lets a device set its clock.
    """

    v: int = WIRE_VERSION
    boot_id: int
    stored_to_sample: int
    bridge_time_us: int


class _Version(msgspec.Struct):
    v: int


_Message = TypeVar("_Message", AudioChunk, DeviceStatus, DeviceAck)

_encoder = msgspec.msgpack.Encoder()
_chunk_decoder = msgspec.msgpack.Decoder(AudioChunk)
_status_decoder = msgspec.msgpack.Decoder(DeviceStatus)
_ack_decoder = msgspec.msgpack.Decoder(DeviceAck)
_version_decoder = msgspec.msgpack.Decoder(_Version)


def encode(message: AudioChunk | DeviceStatus | DeviceAck) -> bytes:
    return _encoder.encode(message)


def decode_chunk(payload: bytes) -> AudioChunk:
    """Parse and check everything but the sound itself.

    Raises
    ------
    ChunkError
        Naming the field, its value and the limit.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ChunkError(f"payload of {len(payload)} bytes is over {MAX_PAYLOAD_BYTES}")
    chunk = _decode(_chunk_decoder, payload)
    for problem in _chunk_problems(chunk):
        raise ChunkError(problem)
    return chunk


def decode_status(payload: bytes) -> DeviceStatus:
    """Parse and check a device's status; raises `ChunkError`."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ChunkError(f"payload of {len(payload)} bytes is over {MAX_PAYLOAD_BYTES}")
    status = _decode(_status_decoder, payload)
    for problem in _status_problems(status):
        raise ChunkError(problem)
    return status


def decode_ack(payload: bytes) -> DeviceAck:
    """Parse the bridge's acknowledgement; raises `ChunkError`."""
    return _decode(_ack_decoder, payload)


def pcm(chunk: AudioChunk) -> npt.NDArray[np.int16]:
    """Return the chunk's samples, shape (n,), int16, at ``chunk.sample_rate_hz``.

    Raises
    ------
    ChunkError
        If the encoded sound cannot be read, contradicts the chunk's own fields, or lasts less
        than 0.25 s or more than 2 s.
    """
    samples = (
        np.frombuffer(chunk.samples, dtype="<i2")
        if chunk.encoding == "pcm_s16le"
        else _decode_flac(chunk)
    )
    duration_s = len(samples) / chunk.sample_rate_hz
    if not MIN_CHUNK_S <= duration_s <= MAX_CHUNK_S:
        raise ChunkError(
            f"samples last {duration_s:.3f} s, allowed are {MIN_CHUNK_S} to {MAX_CHUNK_S} s"
        )
    return samples


def is_device_id(text: str) -> bool:
    return _DEVICE_ID.fullmatch(text) is not None


def _decode(decoder: msgspec.msgpack.Decoder[_Message], payload: bytes) -> _Message:
    try:
        message = decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ChunkError(_explain(payload, error)) from None
    if message.v != WIRE_VERSION:
        raise ChunkError(f"wire version {message.v} is not known, only {WIRE_VERSION} is")
    return message


def _explain(payload: bytes, error: Exception) -> str:
    """A payload of another version fails on some field; its version is the better answer."""
    try:
        version = _version_decoder.decode(payload).v
    except (msgspec.DecodeError, RecursionError, ValueError):
        version = WIRE_VERSION
    if version != WIRE_VERSION:
        return f"wire version {version} is not known, only {WIRE_VERSION} is"
    return f"payload of {len(payload)} bytes is not valid: {error}"


def _chunk_problems(chunk: AudioChunk) -> Iterator[str]:
    if chunk.sample_rate_hz not in SAMPLE_RATES_HZ:
        yield f"sample_rate_hz {chunk.sample_rate_hz} is not one of {SAMPLE_RATES_HZ}"
    if not 0 <= chunk.boot_id < 2**32:
        yield f"boot_id {chunk.boot_id} is not a u32"
    if not 0 <= chunk.seq < 2**32:
        yield f"seq {chunk.seq} is not a u32"
    if not 0 <= chunk.first_sample < 2**53:
        yield f"first_sample {chunk.first_sample} is not in 0 to 2^53"
    if not 0 <= chunk.kept_from_sample <= chunk.first_sample:
        yield (
            f"kept_from_sample {chunk.kept_from_sample} is not in 0 to "
            f"first_sample {chunk.first_sample}"
        )
    if not 0 <= chunk.captured_at_us < _YEAR_2100_US:
        yield f"captured_at_us {chunk.captured_at_us} is not in the years 1970 to 2100"
    if len(chunk.samples) > MAX_SAMPLES_BYTES:
        yield f"samples of {len(chunk.samples)} bytes are over {MAX_SAMPLES_BYTES}"
    if chunk.encoding == "pcm_s16le" and len(chunk.samples) % 2:
        yield f"samples of {len(chunk.samples)} bytes are not whole 16-bit numbers"


def _status_problems(status: DeviceStatus) -> Iterator[str]:
    if not 0 <= status.boot_id < 2**32:
        yield f"boot_id {status.boot_id} is not a u32"
    if not 0 <= status.at_us < _YEAR_2100_US:
        yield f"at_us {status.at_us} is not in the years 1970 to 2100"
    for name in ("battery_fraction", "buffer_fill_fraction"):
        value = getattr(status, name)
        if value is not None and not 0.0 <= value <= 1.0:
            yield f"{name} {value} is not in 0 to 1"
    if status.signal_dbm is not None and not -200.0 <= status.signal_dbm <= 50.0:
        yield f"signal_dbm {status.signal_dbm} is not in -200 to 50"
    if status.firmware is not None and len(status.firmware) > 64:
        yield f"firmware of {len(status.firmware)} characters is over 64"


def _decode_flac(chunk: AudioChunk) -> npt.NDArray[np.int16]:
    try:
        with soundfile.SoundFile(io.BytesIO(chunk.samples)) as flac:
            if (flac.format, flac.channels) != ("FLAC", 1):
                raise ChunkError(
                    f"samples are {flac.format}, {flac.channels} channels, not mono FLAC"
                )
            if flac.samplerate != chunk.sample_rate_hz:
                raise ChunkError(
                    f"FLAC says {flac.samplerate} Hz, sample_rate_hz says {chunk.sample_rate_hz}"
                )
            # One frame beyond the limit is enough to refuse; a bomb is never unpacked.
            limit = int(MAX_CHUNK_S * chunk.sample_rate_hz) + 1
            samples: npt.NDArray[np.int16] = flac.read(limit, dtype="int16")
    except soundfile.LibsndfileError as error:
        raise ChunkError(f"samples are not readable FLAC: {error.error_string}") from None
    return samples
