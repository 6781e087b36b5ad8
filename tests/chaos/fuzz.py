"""Messages such as broken, outdated and hostile devices send; seeded, so that a run repeats."""

import random
from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Any, NamedTuple

import msgspec

from ingest.chunk import MAX_PAYLOAD_BYTES, AudioChunk, DeviceTopic, Lane, encode

_encoder = msgspec.msgpack.Encoder()

_ABSURD: tuple[Any, ...] = (
    *(nan, inf, -inf, 1e300, 0.5, -1, 0, 1, 2**31, 2**32, 2**53, 2**63, 2**64 - 1, -(2**63)),
    *(None, True, "", "2000", b"", b"\x00", [], {}, [[]], "ü" * 300),
)
_ABSURD_RATES = (0, -2000, 1, 1999, 2001, 96_000, 2**31, 2**63, nan, inf, "2000", None)
_BAD_DEVICES = ("no such id", "ü", "a.b", "x" * 65, "*", "$SYS", "a%00b")


class Message(NamedTuple):
    topic: str
    payload: bytes


class Fuzzer:
    """Draws messages of some devices, none of which anything good depends on."""

    def __init__(self, seed: int, *, group: str, devices: int = 50) -> None:
        self._random = random.Random(seed)  # noqa: S311 (a fuzzer must repeat itself)
        self._group = group
        self._devices = devices
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self._noise,
            self._truncated,
            self._mutated,
            self._extended,
            self._of_another_version,
            self._with_an_absurd_field,
            self._of_an_absurd_rate,
            self._without_a_field,
            self._with_strange_sound,
            self._nested,
        )

    def messages(self, number: int) -> Iterator[Message]:
        for index in range(number):
            if index % 500 == 499:
                yield Message(self._topic(), self._oversize())
            elif index % 20 == 19:
                yield Message(self._bad_topic(), encode(self._good()))
            else:
                yield Message(self._topic(), self._random.choice(self._kinds)())

    def _good(self) -> AudioChunk:
        """A quarter of a second from somewhere in some boot."""
        samples = self._random.randbytes(1000)
        first = 500 * self._random.randrange(1000)
        return AudioChunk(
            boot_id=self._random.randrange(4),
            seq=first // 500,
            first_sample=first,
            kept_from_sample=max(0, first - 500 * self._random.randrange(10)),
            captured_at_us=1_790_000_000_000_000 + first * 500,
            sample_rate_hz=2000,
            samples=samples,
        )

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = msgspec.structs.asdict(self._good())
        return fields

    def _topic(self) -> str:
        device = f"fuzz-{self._random.randrange(self._devices)}"
        lane = self._random.choice((Lane.AUDIO, Lane.AUDIO, Lane.HISTORY, Lane.STATUS))
        return str(DeviceTopic(self._group, device, lane))

    def _bad_topic(self) -> str:
        lane = self._random.choice((Lane.AUDIO, Lane.HISTORY, Lane.STATUS))
        return f"pcg/v1/{self._group}/{self._random.choice(_BAD_DEVICES)}/{lane.value}"

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(1, 600))

    def _truncated(self) -> bytes:
        payload = encode(self._good())
        return payload[: self._random.randrange(1, len(payload))]

    def _mutated(self) -> bytes:
        """Mostly in the head, where the fields are; the sound takes up the rest."""
        payload = bytearray(encode(self._good()))
        for _ in range(self._random.randint(1, 8)):
            reach = self._random.choice((40, 160, len(payload)))
            payload[self._random.randrange(reach)] = self._random.randrange(256)
        return bytes(payload)

    def _extended(self) -> bytes:
        return encode(self._good()) + self._random.randbytes(self._random.randrange(1, 50))

    def _of_another_version(self) -> bytes:
        version = self._random.choice((0, 2, -1, 255, 2**40, "1", None, 1.5, nan))
        return _encoder.encode(self._fields() | {"v": version})

    def _with_an_absurd_field(self) -> bytes:
        fields = self._fields()
        fields[self._random.choice(list(fields))] = self._random.choice(_ABSURD)
        return _encoder.encode(fields)

    def _of_an_absurd_rate(self) -> bytes:
        return _encoder.encode(
            self._fields() | {"sample_rate_hz": self._random.choice(_ABSURD_RATES)}
        )

    def _without_a_field(self) -> bytes:
        fields = self._fields()
        del fields[self._random.choice(list(fields))]
        return _encoder.encode(fields)

    def _with_strange_sound(self) -> bytes:
        """FLAC that is none, half a sample, too short, too long."""
        length = self._random.choice((0, 1, 2, 999, 9001, 16_000))
        sound = {
            "encoding": self._random.choice(("flac", "pcm_s16le", "mp3", "")),
            "samples": self._random.choice((b"", b"fLaC")) + self._random.randbytes(length),
        }
        return _encoder.encode(self._fields() | sound)

    def _nested(self) -> bytes:
        depth = self._random.choice((10, 1000, 3000))
        return self._random.choice((b"\x91", b"\x81\xa1v")) * depth + b"\xc0"

    def _oversize(self) -> bytes:
        beyond = self._random.randrange(1, 900)
        return encode(self._good()).ljust(MAX_PAYLOAD_BYTES + beyond, b"\x00")
