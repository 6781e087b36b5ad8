import numpy as np
import numpy.typing as npt
import pytest

from ingest.sounds import PACKAGED, recordings
from models.contract import SAMPLE_RATES_HZ
from models.dsp import windows_of
from models.quality import NO_HEART, NO_SOUND, assess, overall
from models.quality_indices import Levels, join, measure
from models.recording import judge
from models.sound_file import read_sound
from models.verdict import Assessment

Int16s = npt.NDArray[np.int16]


def heart(*, loudness: float = 8000, rate_hz: int = 2000, bpm: float = 70) -> Int16s:
    """Ten seconds of two short tones a beat over a little hiss."""
    seconds = np.arange(10 * rate_hz) / rate_hz
    beat_s = 60 / bpm
    sound = np.random.default_rng(0).standard_normal(len(seconds)) * loudness / 300
    for start_s, tone_hz in ((0.1, 60), (0.1 + min(0.32, 0.4 * beat_s), 90)):
        beats = np.exp(-(((seconds % beat_s) - start_s) ** 2) / 5e-4)
        sound += loudness * beats * np.sin(2 * np.pi * tone_hz * seconds)
    return np.clip(sound, -32768, 32767).astype(np.int16)


def noise(loudness: float) -> npt.NDArray[np.float64]:
    return np.random.default_rng(1).normal(0, loudness, 20000)


def judged(sound: npt.NDArray[np.generic], rate_hz: int = 2000) -> tuple[Assessment, ...]:
    return judge(windows_of(sound.astype(np.int16), rate_hz))


def worst(sound: npt.NDArray[np.generic], rate_hz: int = 2000) -> Assessment:
    return min(judged(sound, rate_hz), key=lambda quality: quality.score)


def window_levels(sound: Int16s) -> Levels:
    windows = windows_of(sound, 2000)
    blocks = measure(windows.raw, windows.blocks)
    return join(blocks.rows(slice(0, -1)), blocks.rows(slice(1, None)))


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_clean_heart_sounds_are_good_at_every_rate(rate_hz: int) -> None:
    quality = worst(heart(rate_hz=rate_hz), rate_hz)
    assert (quality.verdict, quality.reasons) == ("good", ())
    assert quality.score > 0.9


@pytest.mark.parametrize("bpm", [32, 50, 100, 150, 200, 218])
def test_clean_heart_sounds_are_good_at_every_heart_rate(bpm: float) -> None:
    assert worst(heart(bpm=bpm)).verdict == "good"


@pytest.mark.parametrize("loudness", [300, 1000, 30000])
def test_loudness_alone_is_no_fault(loudness: float) -> None:
    assert worst(heart(loudness=loudness)).verdict == "good"


def test_packaged_recordings_are_mostly_good() -> None:
    verdicts = [
        q.verdict for file in recordings(PACKAGED) for q in judge(windows_of(*read_sound(file)))
    ]
    assert verdicts.count("good") / len(verdicts) >= 0.8
    assert verdicts.count("unusable") / len(verdicts) <= 0.1


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(20000), NO_SOUND),
        (np.full(20000, 700), NO_SOUND),
        (np.full(20000, 32767), NO_SOUND),
        (np.random.default_rng(0).integers(-2, 3, 20000), "the heart is hardly audible (-92 dB)"),
        (noise(3000), "a steady noise covers the beats"),
        (20000 * np.sin(0.3 * np.arange(20000)), "a steady noise covers the beats"),
        (np.clip(heart() * 30.0, -32768, 32767), "clipping: "),
        (np.sign(noise(1)) * 32767, "clipping: 100.0% of the sound is clipped"),
    ],
    ids=["silence", "offset", "stuck", "converter noise", "hiss", "tone", "overdriven", "square"],
)
def test_what_cannot_be_heard_through_is_unusable_and_says_why(
    sound: npt.NDArray[np.generic], reason: str
) -> None:
    quality = worst(sound)
    assert quality.verdict == "unusable"
    assert any(reason in said for said in quality.reasons)


def test_noise_lowers_the_score_step_by_step() -> None:
    scores = [
        worst(heart() + noise(loudness)).score for loudness in (0, 250, 500, 1000, 2000, 4000)
    ]
    assert np.all(np.diff(scores) < 0.02)
    assert scores[0] > 0.9
    assert scores[-1] < 0.2


def bursts(starts: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    sound = noise(100)
    for at in starts:
        sound[at : at + 300] += 6000 * np.hanning(300) * np.sin(0.2 * np.arange(300))
    return sound


def test_bursts_in_no_rhythm_score_less_than_in_rhythm_and_say_why() -> None:
    regular = np.mean([each.score for each in judged(bursts(np.arange(500, 19000, 1600)))])
    draws = [np.random.default_rng(seed).integers(0, 19000, 12) for seed in range(12)]
    irregular = [each for starts in draws for each in judged(bursts(starts))]
    assert np.mean([each.score for each in irregular]) < regular - 0.15
    poor = [each for each in irregular if each.verdict != "good"]
    assert sum(NO_HEART in each.reasons for each in poor) > len(poor) / 2


def test_a_hum_outside_the_band_is_named() -> None:
    hum = 20000 * np.sin(2 * np.pi * 5 * np.arange(20000) / 2000)
    quality = worst(hum + heart(loudness=500))
    assert quality.verdict != "good"
    assert quality.reasons == ("almost all of the sound lies outside 25-400 Hz",)


def test_a_knock_is_named() -> None:
    sound = heart(loudness=500)
    sound[12000:12100] += (25000 * np.sin(2 * np.pi * 100 * np.arange(100) / 2000)).astype(np.int16)
    quality = worst(sound)
    assert quality.verdict != "good"
    assert "movement or rubbing: a knock is far louder than the beats" in quality.reasons


def test_a_sensor_that_is_off_for_half_the_time_is_unusable() -> None:
    sound = heart()
    sound[10000:15000] = 0
    quality = worst(sound)
    assert quality.verdict == "unusable"
    assert "no contact: no signal for 50% of the time" in quality.reasons


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.0, "good"), (0.1, "good"), (0.2, "poor"), (0.45, "unusable")]
)
def test_missing_sound_lowers_the_score_in_step(gap: float, verdict: str) -> None:
    assert assess(window_levels(heart()).rows(slice(0, 1)), [gap])[0].verdict == verdict


def test_a_window_that_is_all_gap_is_no_sound() -> None:
    (quality,) = assess(window_levels(np.zeros(10000, np.int16)), [1.0])
    assert quality == Assessment(score=0.0, verdict="unusable", reasons=(NO_SOUND,))


def test_a_window_is_judged_the_same_in_any_company() -> None:
    clipped = np.clip(heart() * 30.0, -32768, 32767)
    sound = np.concatenate([heart(), heart() + noise(1500), np.zeros(20000), clipped, noise(900)])
    levels = window_levels(sound.astype(np.int16))
    count = len(levels.power)
    gaps = np.linspace(0, 0.4, count)
    alone = [assess(levels.rows(slice(k, k + 1)), gaps[k : k + 1])[0] for k in range(count)]
    for size in (2, 3, 8, count):
        together = [
            each
            for at in range(0, count, size)
            for each in assess(levels.rows(slice(at, at + size)), gaps[at : at + size])
        ]
        assert together == alone
    assert {each.verdict for each in alone} == {"good", "poor", "unusable"}


def test_a_score_is_a_number_that_a_record_can_carry() -> None:
    for quality in judged(np.concatenate([heart(), np.zeros(10000), noise(900)])):
        assert type(quality.score) is float
        assert 0 <= quality.score <= 1
        assert len(quality.reasons) <= 3
        assert bool(quality.reasons) == (quality.verdict != "good")


def rated(score: float, *reasons: str) -> Assessment:
    verdict = "good" if score >= 0.6 else "poor" if score >= 0.25 else "unusable"
    return Assessment(score=score, verdict=verdict, reasons=reasons)  # type: ignore[arg-type]


def test_a_recording_is_worth_the_mean_of_its_windows_and_says_what_they_share() -> None:
    gap, cut = "gap: 12% of the sound is missing", "gap: 30% of the sound is missing"
    assert overall([rated(0.9), rated(0.8), rated(0.2, "speech")]).reasons == ()
    poor = overall([rated(0.4, gap, "speech"), rated(0.5, cut), rated(0.6), rated(0.5, cut)])
    assert poor == Assessment(score=0.5, verdict="poor", reasons=("gap", "speech"))
    rare = overall([rated(0.6)] * 9 + [rated(0.0, "speech")])
    assert rare == Assessment(score=0.54, verdict="poor", reasons=("speech",))
