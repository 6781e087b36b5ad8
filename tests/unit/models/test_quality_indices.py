import numpy as np
import numpy.typing as npt
import pytest

from models.contract import SAMPLE_RATES_HZ
from models.errors import SignalError
from models.quality_indices import INDICES, Levels, indices, join, measure, stacked

Floats = npt.NDArray[np.float32]


def measured(sound: npt.NDArray[np.floating]) -> Levels:
    """One window of two blocks, filtered as it is, shape (10000,) of full scale 1."""
    blocks = sound.astype(np.float32).reshape(2, -1)
    levels = measure(np.rint(blocks * 32767).astype(np.int16), blocks)
    return join(levels.rows(slice(0, 1)), levels.rows(slice(1, 2)))


def index(name: str, sound: npt.NDArray[np.floating]) -> float:
    return float(indices(measured(sound))[0, INDICES.index(name)])


def white(seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 0.05, 10000)


def pulses(beat_s: float, tone_hz: float = 60) -> npt.NDArray[np.float64]:
    seconds = np.arange(10000) / 2000
    return (
        np.exp(-(((seconds % beat_s) - 0.1) ** 2) / 5e-4)
        * np.sin(2 * np.pi * tone_hz * seconds)
        / 4
        + white() / 100
    )


@pytest.mark.parametrize("beat_s", [0.28, 0.5, 0.9, 1.4, 1.9])
def test_a_beat_repeats_itself_and_noise_does_not(beat_s: float) -> None:
    for name in ("periodicity", "log_periodicity", "low_band_periodicity"):
        assert index(name, pulses(beat_s)) > 0.7
        assert index(name, white()) < 0.35


def test_noise_has_the_kurtosis_of_a_normal_and_beats_more() -> None:
    assert index("kurtosis", white()) == pytest.approx(np.log(3), abs=0.1)
    assert index("kurtosis", pulses(0.9)) > np.log(8)


def test_spectral_entropy_tells_a_tone_from_hiss() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(10000) / 2000) / 10
    assert index("spectral_entropy", white()) > 0.98
    assert index("spectral_entropy", tone) < 0.5


def test_bands_are_where_they_say() -> None:
    def tone(hz: float) -> npt.NDArray[np.float64]:
        return np.sin(2 * np.pi * hz * np.arange(10000) / 2000) / 10

    assert index("low_share_db", tone(40)) > -1
    assert index("low_share_db", tone(100)) < -20
    assert index("high_share_db", tone(300)) > -1
    assert index("high_share_db", tone(100)) < -20


def test_contrast_is_in_decibels() -> None:
    halves = np.where(np.arange(10000) % 4000 < 1000, 1.0, 0.1) * white()
    assert index("spread_db", halves) == pytest.approx(20, abs=3)
    knocked = white()
    knocked[5000:5020] *= 10
    assert index("knock_db", knocked) == pytest.approx(18, abs=3)


def test_one_beat_is_in_all_bands_at_once() -> None:
    wide = pulses(0.9, 40) + pulses(0.9, 85) + pulses(0.9, 160)
    for name in ("low_mid_agreement", "mid_high_agreement"):
        assert index(name, wide) > 0.8
        assert index(name, white()) < 0.5


@pytest.mark.parametrize("sound", [np.zeros(10000), np.full(10000, 0.5), np.eye(1, 10000)[0]])
def test_indices_are_finite_for_every_sound(sound: npt.NDArray[np.float64]) -> None:
    assert np.isfinite(indices(measured(sound))).all()


def random_blocks(count: int, rate_hz: int = 2000) -> tuple[npt.NDArray[np.int16], Floats]:
    draw = np.random.default_rng(7)
    raw = draw.normal(0, 12000, (count, rate_hz * 5 // 2)).clip(-32768, 32767).astype(np.int16)
    raw[0, :600] = 500
    return raw, draw.normal(0, 0.1, (count, 5000)).astype(np.float32)


def test_measures_and_indices_do_not_depend_on_the_batch_bit_for_bit() -> None:
    raw, heard = random_blocks(41)
    whole = measure(raw, heard)
    alone = [measure(raw[k : k + 1], heard[k : k + 1]).row(0) for k in range(41)]
    again = stacked(alone)
    assert all(
        getattr(whole, name).tobytes() == getattr(again, name).tobytes() for name in Levels._fields
    )
    windows = join(whole.rows(slice(0, -1)), whole.rows(slice(1, None)))
    together = indices(windows)
    for size in (1, 2, 3, 7, 16):
        parts = [indices(windows.rows(slice(k, k + size))) for k in range(0, 40, size)]
        assert np.concatenate(parts).tobytes() == together.tobytes()


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_shares_are_counted_at_the_devices_own_rate(rate_hz: int) -> None:
    raw = np.tile(np.array([1000, -1000], np.int16), rate_hz * 5 // 4)[np.newaxis].copy()
    raw[0, : rate_hz // 2] = 500
    raw[0, -rate_hz // 4 :] = -32768
    (clipped, flat), *_ = measure(raw, np.zeros((1, 5000), np.float32)).shares
    assert clipped == pytest.approx(0.1)
    assert flat == pytest.approx(0.3, abs=0.01)


def test_an_offset_is_no_power() -> None:
    raw = np.full((1, 5000), 30000, np.int16)
    raw[0, ::2] += 1
    assert measure(raw, np.zeros((1, 5000), np.float32)).moments[0, 0] < 1e-9


@pytest.mark.parametrize("tenths", [1, 2, 7, 20, 120])
def test_any_number_of_tenths_can_be_judged(tenths: int) -> None:
    draw = np.random.default_rng(0)
    heard = draw.normal(0, 0.1, (3, tenths * 200)).astype(np.float32)
    raw = draw.integers(-9000, 9000, (3, tenths * 400)).astype(np.int16)
    assert np.isfinite(indices(measure(raw, heard))).all()


@pytest.mark.parametrize(
    ("raw", "heard"),
    [((1, 4999), (1, 5000)), ((1, 5000), (1, 4999)), ((2, 5000), (1, 5000)), ((1, 0), (1, 0))],
)
def test_what_is_not_the_same_blocks_is_refused(
    raw: tuple[int, int], heard: tuple[int, int]
) -> None:
    with pytest.raises(SignalError, match="not the same blocks"):
        measure(np.zeros(raw, np.int16), np.zeros(heard, np.float32))
