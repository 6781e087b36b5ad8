import numpy as np
import pytest
import torch
from scipy import signal

from training.architectures.logmel_cnn import CnnConfig, LogMelCnn
from training.front_end_config import LogMelConfig
from training.front_ends import LogMel, mel_bank

CONFIG = LogMelConfig()


def waveform(samples: int = 10_000, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(0))


def test_the_front_end_is_a_log_mel_spectrogram() -> None:
    sound = waveform(batch=1)
    window = signal.get_window("hann", CONFIG.frame_samples)
    frames = np.lib.stride_tricks.sliding_window_view(sound[0].double().numpy(), 128)[
        :: CONFIG.hop_samples
    ]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    level = np.log(mel_bank(CONFIG).numpy() @ power.T + CONFIG.floor)
    expected = level - level.mean(axis=1, keepdims=True)
    assert LogMel(CONFIG)(sound)[0, 0].numpy() == pytest.approx(expected, abs=1e-3)


def test_a_sensors_own_response_hardly_leaves_a_trace() -> None:
    front = LogMel(CONFIG)
    low_shelf = torch.from_numpy(signal.lfilter([1, 0.3], [1, -0.3], waveform().numpy())).float()
    assert (front(waveform()) - front(low_shelf)).abs().mean() < 0.05
    assert front(waveform()).mean(-1).abs().max() < 1e-5


def test_every_band_hears_something() -> None:
    bank = mel_bank(CONFIG)
    assert bank.shape == (24, 65)
    assert (bank.sum(1) > 0).all()
    heard = torch.nonzero(bank.sum(0)).squeeze() * 2000 / 128
    assert heard.min() > CONFIG.low_hz
    assert heard.max() < CONFIG.high_hz


def test_the_net_is_small() -> None:
    net = LogMelCnn(2, CnnConfig())
    assert sum(weight.numel() for weight in net.parameters()) <= 60_000


@pytest.mark.parametrize("seconds", [1, 2, 5, 13])
def test_the_net_takes_any_length_from_one_second(seconds: int) -> None:
    assert LogMelCnn(5, CnnConfig()).eval()(waveform(2000 * seconds)).shape == (2, 5)
