import logging

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import fft, signal

from training.front_end_config import (
    FrontEndConfig,
    LogMelConfig,
    MfccConfig,
    Normalisation,
    RawFramesConfig,
    SpectrogramConfig,
)
from training.front_ends import LogMel, band_edges_hz, build, mel_bank, normalised

CONFIG = LogMelConfig()
# Work A: 2 s at 1 kHz, 128 bands from 65 bins.
WORK_A = LogMelConfig(
    sample_rate_hz=1000,
    frame_samples=128,
    hop_samples=32,
    bands=128,
    low_hz=0.0,
    high_hz=500.0,
    level="db-of-max",
    normalisation="unit",
    centred=True,
)
EVERY_NORMALISATION: tuple[Normalisation, ...] = (
    "band-mean",
    "band-standard",
    "standard",
    "unit",
    "none",
)


def waveform(samples: int = 10_000, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(0))


def power(sound: npt.NDArray[np.float64], frame: int, hop: int) -> npt.NDArray[np.float64]:
    """Shape (bins, frames), by numpy's own FFT."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, frame)[::hop]
    windowed = frames * signal.get_window("hann", frame)
    return np.asarray(np.abs(np.fft.rfft(windowed)).T ** 2)


def test_log_mel_is_the_logarithm_of_mel_bands() -> None:
    sound = waveform(batch=1)
    level = np.log(mel_bank(CONFIG).numpy() @ power(sound[0].double().numpy(), 128, 50) + 1e-2)
    expected = level - level.mean(axis=1, keepdims=True)
    assert LogMel(CONFIG)(sound)[0, 0].numpy() == pytest.approx(expected, abs=1e-3)


def test_a_spectrogram_is_the_power_of_its_bins() -> None:
    config = SpectrogramConfig(
        frame_samples=400,
        hop_samples=400,
        low_hz=0,
        high_hz=1000,
        level="power",
        normalisation="none",
    )
    sound = waveform(batch=1)
    expected = power(sound[0].double().numpy(), 400, 400)
    picture = build(config)(sound)[0, 0].numpy()
    assert picture.shape == (201, 25)
    assert picture == pytest.approx(expected, rel=1e-3, abs=1e-2)


def test_mfcc_are_the_cosine_transform_of_the_levels() -> None:
    config = MfccConfig(bands=40, coefficients=13, normalisation="none")
    levels = LogMel(LogMelConfig(bands=40, normalisation="none"))(waveform())
    expected = fft.dct(levels.numpy(), axis=2, norm="ortho")[:, :, :13]
    assert build(config)(waveform()).numpy() == pytest.approx(expected, abs=1e-3)


def test_raw_frames_are_the_waveform_itself() -> None:
    sound = waveform()
    frames = build(RawFramesConfig(frame_samples=40, hop_samples=20))(sound)
    assert torch.equal(frames[:, 0], sound.unfold(1, 40, 20).transpose(1, 2))


@pytest.mark.parametrize("samples", [2000, 2001, 2049, 9999])
@pytest.mark.parametrize(
    "config",
    [
        LogMelConfig(),
        LogMelConfig(centred=True, hop_samples=32),
        SpectrogramConfig(),
        MfccConfig(),
        RawFramesConfig(),
    ],
)
def test_a_picture_is_as_large_as_its_config_says(config: FrontEndConfig, samples: int) -> None:
    picture = build(config)(waveform(samples))
    assert picture.shape == (2, 1, config.features, config.frames(samples))


def test_the_picture_of_work_a_has_its_size_and_range() -> None:
    picture = build(WORK_A)(waveform(2000))
    assert picture.shape == (2, 1, 128, 63)
    assert picture.amin((2, 3)).tolist() == [[0.0], [0.0]]
    assert picture.amax((2, 3)).tolist() == [[1.0], [1.0]]


def test_decibels_end_at_the_maximum_and_80_below() -> None:
    config = msgspec.structs.replace(WORK_A, normalisation="none")
    sound = waveform(2000)
    sound[:, 1000:] = 0
    picture = build(config)(sound)
    assert picture.amax().item() == 0
    assert picture.amin().item() == -80
    assert build(config)(10 * sound).numpy() == pytest.approx(picture.numpy(), abs=1e-2)


def test_a_band_without_a_bin_hears_the_nearest_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        bank = mel_bank(WORK_A)
    assert (bank.sum(1) > 0).all()
    assert "2 of 128 mel bands" in caplog.text
    centres_hz = band_edges_hz(WORK_A)[1:-1]
    strongest_hz = bank.argmax(1) * WORK_A.bin_hz
    assert (strongest_hz - centres_hz).abs().max() <= WORK_A.bin_hz / 2


def test_bands_are_those_of_slaneys_scale() -> None:
    edges_hz = band_edges_hz(LogMelConfig(sample_rate_hz=16000, bands=40, low_hz=0, high_hz=8000))
    below = edges_hz[edges_hz < 1000].diff()
    above = edges_hz[edges_hz > 1000]
    assert below == pytest.approx([below[0].item()] * len(below))
    ratio = above[1:] / above[:-1]
    assert ratio == pytest.approx([ratio[0].item()] * len(ratio))


def test_every_default_band_hears_something_in_range() -> None:
    bank = mel_bank(CONFIG)
    assert bank.shape == (24, 65)
    assert (bank.sum(1) > 0).all()
    heard = torch.nonzero(bank.sum(0)).squeeze() * CONFIG.bin_hz
    assert heard.min() > CONFIG.low_hz
    assert heard.max() < CONFIG.high_hz


def test_a_sensors_own_response_hardly_leaves_a_trace() -> None:
    front = LogMel(CONFIG)
    low_shelf = torch.from_numpy(signal.lfilter([1, 0.3], [1, -0.3], waveform().numpy())).float()
    assert (front(waveform()) - front(low_shelf)).abs().mean() < 0.05
    assert front(waveform()).mean(-1).abs().max() < 1e-5


@pytest.mark.parametrize("normalisation", EVERY_NORMALISATION)
@pytest.mark.parametrize("config", [LogMelConfig(), WORK_A, SpectrogramConfig(), MfccConfig()])
def test_silence_makes_a_picture_without_infinities(
    config: LogMelConfig, normalisation: Normalisation
) -> None:
    silent = build(msgspec.structs.replace(config, normalisation=normalisation))(
        torch.zeros(2, 4000)
    )
    assert torch.isfinite(silent).all()


def test_normalisations_give_what_they_promise() -> None:
    picture = torch.exp(torch.randn(3, 1, 10, 50, generator=torch.Generator().manual_seed(1)))
    standard = normalised(picture, "standard")
    assert standard.mean((1, 2, 3)) == pytest.approx([0.0] * 3, abs=1e-5)
    assert standard.square().mean((1, 2, 3)) == pytest.approx([1.0] * 3, abs=1e-4)
    unit = normalised(picture, "unit")
    assert unit.amin((1, 2, 3)).tolist() == [0.0] * 3
    assert unit.amax((1, 2, 3)).tolist() == [1.0] * 3
    assert normalised(picture, "band-mean").mean(-1).abs().max() < 1e-5
    assert torch.equal(normalised(picture, "none"), picture)


@pytest.mark.parametrize("kind", [LogMelConfig, SpectrogramConfig])
@pytest.mark.parametrize("silent", [slice(6000, 10_000), slice(0, 2000), slice(3000, 7000)])
def test_silence_in_a_window_changes_nothing_beside_it(
    kind: type[LogMelConfig | SpectrogramConfig], silent: slice
) -> None:
    config = kind()
    sound = torch.randn(4, 10_000, generator=torch.Generator().manual_seed(1))
    holed = sound.clone()
    holed[:, silent] = 0.0
    whole, with_hole = build(config)(sound), build(config)(holed)
    hop, frame = config.hop_samples, config.frame_samples
    begin = torch.arange(whole.shape[-1]) * hop
    inside = (begin >= silent.start) & (begin + frame <= silent.stop)
    apart = (begin + frame <= silent.start) | (begin >= silent.stop)
    assert (with_hole[..., inside] == 0).all()
    # Means over fewer frames of noise differ by chance, and by nothing else.
    assert (with_hole - whole)[..., apart].abs().mean() < 0.15
