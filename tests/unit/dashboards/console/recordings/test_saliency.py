"""Which region moved a decision: found where it was put, in time and in frequency."""

import numpy as np
import numpy.typing as npt
import pytest

from dashboards.console.recordings import saliency
from models.classify import classify
from models.contract import ModelContract
from models.dsp import Floats
from models.predictor import Answer, OnnxPredictor
from models.recording import Recording
from models.recording_heart import RecordingHeart
from models.registry import Registry

_RATE_HZ = 2000


class ToneModel:
    """Says `abnormal` as far as there is power about 150 Hz in a window; its contract is real."""

    def __init__(self, like: OnnxPredictor) -> None:
        self.contract: ModelContract = like.contract

    def predict(self, windows: Floats) -> Floats:
        spectrum = np.abs(np.fft.rfft(windows, axis=1)) / windows.shape[1]
        hz = np.fft.rfftfreq(windows.shape[1], 1 / _RATE_HZ)
        level = (spectrum[:, (hz > 130) & (hz < 170)] ** 2).sum(axis=1)
        abnormal = level / (level + 1e-6)
        return np.stack([1 - abnormal, abnormal], axis=1).astype(np.float32)

    def answer(self, windows: Floats) -> Answer:
        return Answer(self.predict(windows), None)


@pytest.fixture(scope="module")
def screen() -> OnnxPredictor:
    return Registry().named("screen")


def _tone(from_s: float, until_s: float, duration_s: float) -> npt.NDArray[np.float64]:
    time_s = np.arange(round(duration_s * _RATE_HZ)) / _RATE_HZ
    inside = (time_s >= from_s) & (time_s < until_s)
    return np.asarray(0.1 * np.sin(2 * np.pi * 150 * time_s) * inside)


def test_bands_add_up_to_the_window_and_times_to_one(screen: OnnxPredictor) -> None:
    window = np.random.default_rng(1).normal(0, 1, 10_000).astype(np.float32)
    bands = saliency.split_bands(window, _RATE_HZ, saliency.band_edges_hz(screen.contract))
    assert np.allclose(bands.sum(axis=0), window, atol=1e-5)
    assert np.allclose(saliency.split_time(10_000, _RATE_HZ).sum(axis=0), 1.0)


def test_a_band_holds_its_own_frequency_and_no_other(screen: OnnxPredictor) -> None:
    edges_hz = saliency.band_edges_hz(screen.contract)
    bands = saliency.split_bands(_tone(0, 5, 5).astype(np.float32), _RATE_HZ, edges_hz)
    own = int(np.searchsorted(edges_hz, 150)) - 1
    power_db = 10 * np.log10((bands**2).sum(axis=1) + 1e-12)
    others = np.delete(power_db, own)
    assert power_db[own] - others.max() > 20


def test_the_strongest_region_is_where_the_tone_is(screen: OnnxPredictor) -> None:
    sound = _tone(6.0, 6.25, 10) + np.random.default_rng(3).normal(0, 1e-4, 20_000)
    samples = np.rint(sound * 32767).astype(np.int16)
    model = ToneModel(screen)
    edges_hz = saliency.band_edges_hz(model.contract)
    abnormal = model.contract.labels.index("abnormal")
    window = Recording(samples, _RATE_HZ).windows(model.contract)[2]  # from 5 s
    shares = saliency.window_shares(window, model, abnormal, edges_hz)
    step, band = np.unravel_index(np.argmax(shares), shares.shape)
    assert 5.0 + step * saliency.STEP_S == pytest.approx(6.0)
    assert edges_hz[band] < 150 < edges_hz[band + 1]


def test_no_more_windows_are_asked_than_the_bound(
    screen: OnnxPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saliency, "MOST_WINDOWS", 2)
    samples = np.random.default_rng(4).normal(0, 2000, 60_000).astype(np.int16)
    result = classify(samples, _RATE_HZ, [screen], name="noise")
    (found,) = saliency.explain(samples, _RATE_HZ, result, [screen])
    assert (found.windows_asked, found.windows) == (2, 11)
    assert len(found.shares) == 120
    assert any(row is None for row in found.shares)
    assert all(region.share > 0 for region in found.strongest)


@pytest.mark.parametrize(
    ("at_s", "phase"),
    [(1.0, "S1"), (1.15, "systole"), (1.3, "S2"), (1.6, "diastole"), (0.5, None), (9.0, None)],
)
def test_a_time_is_told_by_the_heart(at_s: float, phase: str | None) -> None:
    heart = RecordingHeart(rate_bpm=60, confidence=1, s1_s=(1.0, 2.0), s2_s=(1.3, 2.3))
    assert saliency.phase_at(at_s, heart) == phase
