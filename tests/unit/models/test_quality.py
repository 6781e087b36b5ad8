import numpy as np
import numpy.typing as npt
import pytest

from models.contract import SAMPLE_RATES_HZ
from models.dsp import windows_of
from models.errors import SignalError
from models.quality import Assessment, assess, measure
from models.recording import judge

Int16s = npt.NDArray[np.int16]


def heart(*, loudness: float = 8000, rate_hz: int = 2000) -> Int16s:
    """Ten seconds of two short tones a beat over a little hiss."""
    seconds = np.arange(10 * rate_hz) / rate_hz
    sound = np.random.default_rng(0).standard_normal(len(seconds)) * loudness / 300
    for start, tone_hz in ((0.1, 60), (0.42, 90)):
        beats = np.exp(-(((seconds % 0.85) - start) ** 2) / 5e-4)
        sound += loudness * beats * np.sin(2 * np.pi * tone_hz * seconds)
    return np.clip(sound, -32768, 32767).astype(np.int16)


def worst(sound: Int16s, rate_hz: int = 2000) -> Assessment:
    return min(judge(windows_of(sound, rate_hz)), key=lambda quality: quality.score)


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_clean_heart_sounds_are_good_at_every_rate(rate_hz: int) -> None:
    assert worst(heart(rate_hz=rate_hz), rate_hz) == Assessment(
        score=1.0, verdict="good", reasons=()
    )


@pytest.mark.parametrize("loudness", [300, 1000, 30000])
def test_loudness_alone_is_no_fault(loudness: float) -> None:
    assert worst(heart(loudness=loudness)).verdict == "good"


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(20000), "there is no sound: is the sensor on the skin?"),
        (np.full(20000, 700), "there is no sound: is the sensor on the skin?"),
        (np.random.default_rng(0).integers(-2, 3, 20000), "the heart is hardly audible (-92 dB)"),
        (np.random.default_rng(0).normal(0, 3000, 20000), "a steady noise covers the beats"),
        (np.clip(heart() * 30.0, -32768, 32767), "of the sound is clipped"),
    ],
    ids=["silence", "offset", "converter noise", "hiss", "overdriven"],
)
def test_what_cannot_be_heard_through_is_unusable_and_says_why(
    sound: npt.NDArray[np.floating], reason: str
) -> None:
    quality = worst(sound.astype(np.int16))
    assert quality.verdict == "unusable"
    assert reason in quality.reasons[0]


def test_a_hum_outside_the_band_is_named() -> None:
    hum = 20000 * np.sin(2 * np.pi * 5 * np.arange(20000) / 2000)
    quality = worst((hum + heart(loudness=500)).astype(np.int16))
    assert quality.verdict != "good"
    assert quality.reasons == ("almost all of the sound lies outside 25-400 Hz",)


def test_a_knock_is_named() -> None:
    sound = heart(loudness=500)
    sound[12000:12040] = np.tile([30000, -30000], 20)
    sound[12000:12100] += (25000 * np.sin(2 * np.pi * 100 * np.arange(100) / 2000)).astype(np.int16)
    assert "a knock is far louder than the beats" in worst(sound).reasons


def test_a_sensor_that_is_off_for_half_the_time_is_unusable() -> None:
    sound = heart()
    sound[10000:15000] = 0
    quality = worst(sound)
    assert quality.verdict == "unusable"
    assert "the signal stands still for 50% of the time" in quality.reasons


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.0, "good"), (0.1, "good"), (0.2, "poor"), (0.45, "unusable")]
)
def test_missing_sound_lowers_the_score_in_step(gap: float, verdict: str) -> None:
    windows = windows_of(heart(), 2000)
    levels = [measure(*pair) for pair in zip(windows.raw, windows.blocks, strict=True)]
    assert assess(levels[:2], gap).verdict == verdict


def test_what_is_not_one_block_is_refused() -> None:
    with pytest.raises(SignalError, match="not one block"):
        measure(np.zeros(4999, np.int16), np.zeros(5000, np.float32))
    with pytest.raises(SignalError, match="not one block"):
        measure(np.zeros(5000, np.int16), np.zeros(4999, np.float32))
    with pytest.raises(SignalError, match="not one block"):
        measure(np.zeros(0, np.int16), np.zeros(0, np.float32))


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
@pytest.mark.parametrize("tenths", [1, 7, 20, 120])
def test_a_block_of_any_number_of_tenths_is_measured_as_its_tenths_are(
    tenths: int, rate_hz: int
) -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 20000, tenths * rate_hz // 10).clip(-32768, 32767).astype(np.int16)
    raw[: rate_hz // 20] = 500
    heard = rng.normal(0, 0.1, tenths * 200).astype(np.float32)
    whole = measure(raw, heard)
    each = [
        measure(*pair) for pair in zip(np.split(raw, tenths), np.split(heard, tenths), strict=True)
    ]
    assert np.array_equal(whole.frame_power, np.concatenate([tenth.frame_power for tenth in each]))
    for share in ("clipped_share", "flat_share", "band_power"):
        mean = np.mean([getattr(tenth, share) for tenth in each])
        assert getattr(whole, share) == pytest.approx(mean)
        assert getattr(whole, share) > 0


def test_a_score_is_a_number_that_a_record_can_carry() -> None:
    silent = measure(np.zeros(5000, np.int16), np.zeros(5000, np.float32))
    noise = np.random.default_rng(1).normal(0, 0.05, 5000).astype(np.float32)
    noisy = measure((noise * 32767).astype(np.int16), noise)
    for earlier, later in ((silent, silent), (noisy, noisy), (silent, noisy)):
        assert type(assess((earlier, later), 0.0).score) is float
