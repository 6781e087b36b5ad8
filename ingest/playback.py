"""A sound cut into the chunks that a device sends; cut and encoded once for all its devices."""

import io
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from ingest.chunk import MAX_CHUNK_S, MAX_SAMPLES_BYTES, MIN_CHUNK_S, Encoding
from ingest.sounds import Sound, looped
from models.errors import UserError


class Piece(NamedTuple):
    """The samples from `first` up to, not including, `end`, counted from power-up."""

    first: int
    end: int
    encoded: bytes


class Playback:
    """The pieces of one sound, repeated for ever or played once.

    Played once, the last piece takes up a rest that would be too short for a chunk of its own.

    Raises
    ------
    UserError
        If the sound is played once and lasts less than the shortest chunk.
    """

    def __init__(self, sound: Sound, *, chunk_samples: int, encoding: Encoding, loop: bool) -> None:
        self.name = sound.name
        self.sample_rate_hz = sound.sample_rate_hz
        self.chunk_samples = chunk_samples
        self.encoding = encoding
        self._loop = loop
        samples = looped(sound, chunk_samples).samples if loop else sound.samples
        ends = _ends(len(samples), chunk_samples, sound)
        self._lap = [
            Piece(first, end, _encode(samples[first:end], sound.sample_rate_hz, encoding))
            for first, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
        self._silence: dict[int, bytes] = {}

    def piece(self, index: int) -> Piece | None:
        """Piece number `index` since power-up, or None when the sound is over."""
        laps, place = divmod(index, len(self._lap))
        if laps == 0:
            return self._lap[place]
        if not self._loop:
            return None
        first, end, encoded = self._lap[place]
        start = laps * self._lap[-1].end
        return Piece(start + first, start + end, encoded)

    def silence(self, samples: int) -> bytes:
        """As many samples as an electrode gives that touches nobody."""
        if samples not in self._silence:
            nothing = np.zeros(samples, dtype=np.int16)
            self._silence[samples] = _encode(nothing, self.sample_rate_hz, self.encoding)
        return self._silence[samples]


def _ends(length: int, chunk_samples: int, sound: Sound) -> list[int]:
    """Where the pieces end."""
    shortest = int(MIN_CHUNK_S * sound.sample_rate_hz)
    longest = min(int(MAX_CHUNK_S * sound.sample_rate_hz), MAX_SAMPLES_BYTES // 2)
    if length < shortest:
        raise UserError(
            f"recording {sound.name} lasts {length / sound.sample_rate_hz:.3f} s, less than the "
            f"shortest chunk of {MIN_CHUNK_S} s: remove it"
        )
    ends = list(range(chunk_samples, length + 1, chunk_samples))
    rest = length - ends[-1] if ends else length
    if rest >= shortest:
        return [*ends, length]
    if rest:
        ends[-1] = length
        if chunk_samples + rest > longest:
            ends.insert(-1, length - (chunk_samples + rest) // 2)
    return ends


def _encode(samples: npt.NDArray[np.int16], sample_rate_hz: int, encoding: Encoding) -> bytes:
    if encoding == "pcm_s16le":
        return samples.astype("<i2").tobytes()
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
