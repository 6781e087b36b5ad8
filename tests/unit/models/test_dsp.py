import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from models.contract import (
    PIPELINE_FILTER,
    PIPELINE_GRID,
    SAMPLE_RATES_HZ,
    FilterSpec,
    Scaling,
)
from models.dsp import BlockFilter, _through, block_filter, hear, scale, windows_of
from models.errors import SignalError
from tests.tones import gain_db

Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

RATES_HZ = (2000, 4000, 8000)


def noise(samples: int, seed: int = 0) -> Int16s:
    return np.random.default_rng(seed).integers(-9000, 9000, samples, dtype=np.int16)


def blocks_at(rate_hz: int, count: int) -> Int16s:
    filters = block_filter(rate_hz)
    length = filters.source_preroll + filters.source_hop
    return np.stack([noise(length, seed) for seed in range(count)])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
class TestResponse:
    @pytest.mark.parametrize("tone_hz", [50, 60, 100, 150, 200, 250, 300])
    def test_heart_sounds_pass_unchanged(self, rate_hz: int, tone_hz: float) -> None:
        assert gain_db(rate_hz, tone_hz) == pytest.approx(0, abs=0.1)

    @pytest.mark.parametrize("edge_hz", [25, 400])
    def test_the_edges_are_at_half_power(self, rate_hz: int, edge_hz: float) -> None:
        assert gain_db(rate_hz, edge_hz) == pytest.approx(-3.01, abs=0.05)

    @pytest.mark.parametrize(
        ("tone_hz", "at_most_db"), [(1, -70), (5, -70), (10, -40), (600, -29), (800, -64)]
    )
    def test_movement_and_hiss_are_held_back(
        self, rate_hz: int, tone_hz: float, at_most_db: float
    ) -> None:
        assert gain_db(rate_hz, tone_hz) <= at_most_db


@pytest.mark.parametrize("rate_hz", [4000, 8000, 44100])
@pytest.mark.parametrize("tone_hz", [1000, 1200, 1500, 1600, 1700, 1800, 1900, 1990])
def test_what_would_fold_into_the_band_is_gone(rate_hz: int, tone_hz: float) -> None:
    # int16 rounding of the test tone itself leaves some -90 dB.
    assert gain_db(rate_hz, tone_hz) <= -80


@pytest.mark.parametrize("tone_hz", [2100, 2400, 3000, 3600, 3900])
def test_what_would_fold_twice_is_gone_too(tone_hz: float) -> None:
    assert gain_db(8000, tone_hz) <= -80


def test_a_block_equals_a_filter_that_never_ends() -> None:
    sound = noise(60_000)
    filters = block_filter(2000)
    windows = windows_of(sound, 2000)
    sections = signal.butter(5, (25, 400), "bandpass", fs=2000, output="sos")
    endless = signal.sosfilt(sections, sound.astype(np.float64)).reshape(-1, 5000)
    padded = np.concatenate([np.zeros(1000, np.int16), sound]).astype(np.float32)
    for number, block in enumerate(windows.blocks):
        own = _through(filters._sections, padded[number * 5000 :][:6000])[1000:]
        assert np.abs(own - endless[number]).max() < 1e-9 * np.abs(endless).max()
        assert np.abs(block - endless[number] / 2**15).max() < 1e-7


@pytest.mark.parametrize("rate_hz", [4000, 8000, 44100])
def test_a_resampled_block_equals_resampling_without_an_end(rate_hz: int) -> None:
    filters = block_filter(rate_hz)
    sound = noise(4 * filters.source_hop)
    sections = signal.butter(5, (25, 400), "bandpass", fs=2000, output="sos")
    resampled = filters._resample(sound.astype(np.float32)[np.newaxis])[0]
    endless = signal.sosfilt(sections, resampled.astype(np.float64)).reshape(-1, 5000) / 2**15
    assert np.abs(windows_of(sound, rate_hz).blocks - endless).max() < 1e-7


@pytest.mark.parametrize("rate_hz", [1000, 4000, 8000, 16000, 44100, 48000])
def test_every_rate_gives_the_same_sound_but_for_the_stated_delay(rate_hz: int) -> None:
    def heart(rate_hz: int) -> Int16s:
        seconds = np.arange(3 * rate_hz) / rate_hz
        beats = np.exp(-(((seconds % 0.8) - 0.3) ** 2) / 2e-4)
        return (12000 * beats * np.sin(2 * np.pi * 80 * seconds)).astype(np.int16)

    delay = round(block_filter(rate_hz).delay_s * 2000)
    assert delay == (32 if rate_hz == 1000 else 16)
    plain, resampled = block_filter(2000)(heart(2000)), block_filter(rate_hz)(heart(rate_hz))
    difference = plain[:-delay] - resampled[delay:]
    assert np.abs(difference).max() < 1e-3 * np.abs(plain).max()


@pytest.mark.parametrize("rate_hz", [1000, 2000, 44100])
def test_a_recording_heard_whole_is_what_its_blocks_approach(rate_hz: int) -> None:
    sound = noise(12 * rate_hz)
    whole = hear(sound, rate_hz, PIPELINE_FILTER, 2000)
    assert len(whole) == 24_000
    blocks = windows_of(sound, rate_hz).blocks.reshape(-1)
    assert np.abs(whole[: len(blocks)] - blocks).max() < 1e-7


def test_a_recording_of_an_odd_length_is_heard_to_its_last_whole_sample() -> None:
    sound = noise(44_100 + 440)
    heard = hear(sound, 44_100, FilterSpec(kind="none"), 1000)
    assert len(heard) == 1009
    longer = hear(np.pad(sound, (0, 44_100)), 44_100, FilterSpec(kind="none"), 1000)
    assert np.array_equal(heard, longer[:1009])


def test_a_steady_offset_is_gone_after_the_preroll() -> None:
    assert np.abs(block_filter(2000)(np.full(6000, 20000, np.int16))).max() < 1e-7


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_a_block_does_not_depend_on_its_neighbours_in_a_batch(rate_hz: int) -> None:
    blocks = blocks_at(rate_hz, 19)
    alone = np.stack([block_filter(rate_hz)(block) for block in blocks])
    assert np.array_equal(block_filter(rate_hz).many(blocks), alone)
    assert np.array_equal(block_filter(rate_hz).many(blocks[5:8]), alone[5:8])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_floats_of_full_scale_one_are_the_same_sound(rate_hz: int) -> None:
    block = blocks_at(rate_hz, 1)[0]
    as_floats = (block / 2**15).astype(np.float32)
    assert np.array_equal(block_filter(rate_hz)(block), block_filter(rate_hz)(as_floats))


def test_without_a_filter_the_grids_own_rate_passes_through_untouched() -> None:
    block = blocks_at(2000, 1)[0]
    heard = BlockFilter(2000, FilterSpec(kind="none"))(block)
    assert np.array_equal(heard, (block[1000:] / 2**15).astype(np.float32))


def test_no_blocks_give_no_blocks() -> None:
    assert block_filter(4000).many(np.empty((0, 12000), np.int16)).shape == (0, 5000)


@pytest.mark.parametrize(
    ("blocks", "complaint"),
    [
        (np.zeros((2, 5999), np.int16), r"shape \(2, 5999\), expected \(n, 6000\)"),
        (np.zeros((6000,), np.int16), "shape"),
        (np.zeros((2, 6000), np.float64), "type float64"),
        (np.full((1, 6000), np.nan, np.float32), "not finite"),
        (np.full((1, 6000), np.inf, np.float32), "not finite"),
    ],
)
def test_what_is_not_a_block_is_refused(blocks: Int16s, complaint: str) -> None:
    with pytest.raises(SignalError, match=complaint):
        block_filter(2000).many(blocks)


def streamed(sound: Int16s, rate_hz: int, cuts: list[int]) -> list[Floats]:
    """Blocks of a stream: chunks of odd lengths arrive, and each block is filtered once whole."""
    filters = block_filter(rate_hz)
    length = filters.source_preroll + filters.source_hop
    kept, blocks = np.zeros(filters.source_preroll, np.int16), []
    for chunk in np.split(sound, np.cumsum(cuts)[np.cumsum(cuts) < len(sound)]):
        kept = np.concatenate([kept, chunk])
        while len(kept) >= length:
            blocks.append(filters(kept[:length]))
            kept = kept[filters.source_hop :]
    return blocks


@settings(deadline=None, max_examples=40)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    duration_ms=st.integers(5000, 14000),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_a_stream_in_odd_chunks_equals_the_whole_file_bit_for_bit(
    rate_hz: int, duration_ms: int, seed: int, data: st.DataObject
) -> None:
    sound = noise(duration_ms * rate_hz // 1000, seed)
    chunk = st.integers(rate_hz // 4, 2 * rate_hz)
    cuts = data.draw(st.lists(chunk, min_size=56, max_size=56))
    blocks = streamed(sound, rate_hz, cuts)
    windows = windows_of(sound, rate_hz)
    assert np.array_equal(np.stack(blocks), windows.blocks)
    for number, window in enumerate(windows.samples):
        assert np.array_equal(window, np.concatenate(blocks[number : number + 2]))


def test_a_tail_shorter_than_a_hop_is_left_out() -> None:
    windows = windows_of(noise(2000 * 12), 2000)
    assert len(windows) == 3
    assert windows.samples.shape == (3, PIPELINE_GRID.window_samples)
    assert not windows.gap_fraction.any()


@pytest.mark.parametrize(("seconds", "gap"), [(4.0, 0.2), (1.0, 0.8), (5.0, 0.0)])
def test_only_a_recording_shorter_than_a_window_is_filled_up(seconds: float, gap: float) -> None:
    sound = noise(int(2000 * seconds))
    windows = windows_of(sound, 2000)
    assert len(windows) == 1
    assert windows.gap_fraction[0] == pytest.approx(gap)
    assert np.array_equal(windows.raw.reshape(-1)[: len(sound)], sound)
    assert not windows.raw.reshape(-1)[len(sound) :].any()


@pytest.mark.parametrize(
    "sound", [np.zeros(0, np.int16), np.zeros((5000, 2), np.int16), np.zeros(9999)]
)
def test_what_is_not_a_recording_is_refused(sound: Int16s) -> None:
    with pytest.raises(SignalError, match="expected int16"):
        windows_of(sound, 2000)


def windows_of_level(*levels: float) -> Floats:
    rng = np.random.default_rng(0)
    shape = (len(levels), PIPELINE_GRID.window_samples)
    sound = rng.standard_normal(shape) * np.array(levels)[:, np.newaxis]
    return np.asarray(sound, dtype=np.float32)


def test_windows_are_scaled_to_an_rms() -> None:
    scaled = scale(windows_of_level(1e-3, 0.1), Scaling(kind="rms", target=0.5, clip=10))
    assert np.sqrt(np.mean(np.square(scaled), axis=1)) == pytest.approx([0.5, 0.5], rel=1e-5)


def test_windows_are_scaled_to_a_peak() -> None:
    scaled = scale(windows_of_level(1e-3, 0.1), Scaling(kind="peak", target=2.0, clip=10))
    assert np.abs(scaled).max(axis=1) == pytest.approx([2.0, 2.0], rel=1e-5)


@pytest.mark.parametrize("kind", ["rms", "peak", "none"])
def test_nothing_leaves_the_clipping_bound(kind: str) -> None:
    scaled = scale(windows_of_level(0.01, 5.0), Scaling(kind=kind, target=1.0, clip=0.5))  # type: ignore[arg-type]
    assert np.abs(scaled).max() <= 0.5


@pytest.mark.parametrize("kind", ["rms", "peak", "none"])
def test_silence_stays_silence(kind: str) -> None:
    silence = np.zeros((1, 1000), np.float32)
    assert not scale(silence, Scaling(kind=kind)).any()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["rms", "peak", "none"])
def test_scaling_a_window_does_not_depend_on_the_others(kind: str) -> None:
    scaling = Scaling(kind=kind)  # type: ignore[arg-type]
    windows = windows_of_level(*np.linspace(0.01, 3, 17))
    together = scale(windows, scaling)
    for batch in (1, 2, 3, 5):
        parts = [scale(windows[k : k + batch], scaling) for k in range(0, 17, batch)]
        assert np.array_equal(np.concatenate(parts), together)
