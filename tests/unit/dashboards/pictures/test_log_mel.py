import numpy as np
import pytest

from dashboards.pictures.log_mel import HIGHEST_HZ, LOWEST_HZ, log_mel, mel


def tone(hertz: float, rate_hz: int, seconds: float = 2.0) -> np.typing.NDArray[np.int16]:
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * hertz * time_s)).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [2000, 8000, 44100])
@pytest.mark.parametrize("hertz", [50.0, 120.0, 440.0])
def test_a_tone_is_loudest_in_its_own_band(hertz: float, rate_hz: int) -> None:
    level_db, duration_s = log_mel(tone(hertz, rate_hz), rate_hz)
    assert duration_s == pytest.approx(2.0)
    mels = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), len(level_db))
    middle = level_db[:, level_db.shape[1] // 2]
    loudest_hz = 700 * (10 ** (mels[middle.argmax()] / 2595) - 1)
    assert loudest_hz == pytest.approx(hertz, abs=12)
    assert middle.max() == pytest.approx(0, abs=1)
    assert middle[np.abs(mels - mel(hertz)) > 150].max() < -40


def test_levels_lie_between_the_floor_and_the_loudest() -> None:
    noise = np.random.default_rng(0).normal(0, 500, 20_000).astype(np.int16)
    level_db = log_mel(noise, 2000).level_db
    assert -60 <= level_db.min() <= level_db.max() == 0


@pytest.mark.parametrize("samples", [1, 2, 100, 20_000])
def test_silence_is_at_the_floor_however_short(samples: int) -> None:
    level_db, _ = log_mel(np.zeros(samples, np.int16), 2000)
    assert level_db.size
    assert (level_db == -60).all()


def test_an_hour_takes_no_more_columns_than_a_screen_has() -> None:
    assert log_mel(np.zeros(3600 * 1000, np.int16), 1000).level_db.shape[1] <= 3100
