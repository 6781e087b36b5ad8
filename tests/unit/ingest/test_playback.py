"""A sound is cut into valid chunks that are, put together again, the sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.chunk import (
    MAX_CHUNK_S,
    MAX_SAMPLES_BYTES,
    MIN_CHUNK_S,
    AudioChunk,
    Encoding,
    decode_chunk,
    encode,
    pcm,
)
from ingest.playback import Piece, Playback
from ingest.sounds import Sound
from models.errors import UserError


def noise(length: int, rate_hz: int = 2000) -> Sound:
    samples = np.random.default_rng(length).integers(-9000, 9000, length, dtype=np.int16)
    return Sound("noise", rate_hz, samples)


def pieces(playback: Playback) -> list[Piece]:
    found: list[Piece] = []
    while (piece := playback.piece(len(found))) is not None:
        found.append(piece)
    return found


@given(
    rate_hz=st.sampled_from([1000, 2000, 8000, 48000]),
    duration_s=st.floats(MIN_CHUNK_S, 9.0),
    chunk_s=st.floats(MIN_CHUNK_S, MAX_CHUNK_S),
)
def test_a_sound_that_is_sent_once_is_sent_whole_in_valid_chunks(
    rate_hz: int, duration_s: float, chunk_s: float
) -> None:
    sound = noise(max(int(duration_s * rate_hz), int(MIN_CHUNK_S * rate_hz)), rate_hz)
    chunk = min(round(chunk_s * rate_hz), MAX_SAMPLES_BYTES // 2)
    found = pieces(Playback(sound, chunk_samples=chunk, encoding="pcm_s16le", loop=False))
    joined = np.frombuffer(b"".join(piece.encoded for piece in found), dtype="<i2")
    np.testing.assert_array_equal(joined, sound.samples)
    assert [piece.first for piece in found] == [0, *(piece.end for piece in found[:-1])]
    for piece in found:
        assert MIN_CHUNK_S <= (piece.end - piece.first) / rate_hz <= MAX_CHUNK_S
        assert 2 * (piece.end - piece.first) == len(piece.encoded) <= MAX_SAMPLES_BYTES


@pytest.mark.parametrize("encoding", ["pcm_s16le", "flac"])
def test_both_encodings_carry_the_same_samples_over_the_wire(encoding: Encoding) -> None:
    sound = noise(5000)
    playback = Playback(sound, chunk_samples=1460, encoding=encoding, loop=False)
    heard = [
        pcm(
            decode_chunk(
                encode(
                    AudioChunk(
                        boot_id=1,
                        seq=seq,
                        first_sample=piece.first,
                        kept_from_sample=0,
                        captured_at_us=0,
                        sample_rate_hz=2000,
                        encoding=encoding,
                        samples=piece.encoded,
                    )
                )
            )
        )
        for seq, piece in enumerate(pieces(playback))
    ]
    np.testing.assert_array_equal(np.concatenate(heard), sound.samples)


def test_a_looped_sound_never_ends_and_its_positions_run_on() -> None:
    playback = Playback(noise(7000), chunk_samples=1000, encoding="pcm_s16le", loop=True)
    lap = 6
    for index in range(40):
        piece = playback.piece(index)
        assert piece is not None
        assert (piece.first, piece.end) == (1000 * index, 1000 * (index + 1))
        again = playback.piece(index + lap)
        assert again is not None
        assert again.encoded == piece.encoded


@pytest.mark.parametrize("encoding", ["pcm_s16le", "flac"])
def test_an_electrode_that_is_off_gives_silence(encoding: Encoding) -> None:
    playback = Playback(noise(4000), chunk_samples=1000, encoding=encoding, loop=True)
    chunk = AudioChunk(
        boot_id=1,
        seq=0,
        first_sample=0,
        kept_from_sample=0,
        captured_at_us=0,
        sample_rate_hz=2000,
        encoding=encoding,
        samples=playback.silence(1000),
    )
    assert not pcm(chunk).any()
    assert len(pcm(chunk)) == 1000


def test_a_recording_shorter_than_any_chunk_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"recording noise lasts 0\.200 s"):
        Playback(noise(400), chunk_samples=1000, encoding="pcm_s16le", loop=False)
