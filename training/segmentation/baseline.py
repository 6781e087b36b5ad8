"""What segmentation was before nets: four envelopes, a logistic regression, and the same decoder.

The envelopes of Springer et al. 2016 (IEEE TBME 63(4), 822), who put a logistic regression in the
place of the Gaussians of Schmidt et al. 2010 (Physiol. Meas. 31, 513): homomorphic and Hilbert
envelope, power at 40 to 60 Hz, and detail coefficients of a wavelet, each at 50 frames a second and
with zero mean and unit variance over the window. Here one regression tells all four states apart.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pywt
import torch
from scipy import signal
from torch import nn

from models.contract import PIPELINE_GRID
from models.dsp import Floats
from models.segmentation import STATES
from training.segmentation.marked import FRAME_SAMPLES, UNMARKED, WINDOW_FRAMES, Marked

_LOW_PASS_HZ = 8.0
_BAND_HZ = (40.0, 60.0)
_WAVELET, _LEVEL = "rbio3.9", 4  # 62 to 125 Hz at 2 kHz
_LEAST = 1e-9
_WINDOWS_AT_ONCE = 32
_STEPS = 100

FEATURES = ("homomorphic envelope", "Hilbert envelope", "40-60 Hz", "wavelet")


def features(windows: Floats) -> Floats:
    """Shape (n, samples) to (n, frames, 4)."""
    rate_hz = PIPELINE_GRID.sample_rate_hz
    samples = windows.astype(np.float64)
    hilbert = np.abs(signal.hilbert(samples, axis=1)) + _LEAST
    low_pass = signal.butter(1, _LOW_PASS_HZ, fs=rate_hz, output="sos")
    homomorphic = np.exp(signal.sosfiltfilt(low_pass, np.log(hilbert), axis=1))
    band = signal.butter(2, _BAND_HZ, "bandpass", fs=rate_hz, output="sos")
    in_band = np.square(signal.sosfiltfilt(band, samples, axis=1))
    detail = pywt.wavedec(samples, _WAVELET, level=_LEVEL, axis=1)[1]
    wavelet = np.abs(signal.resample(np.abs(detail), samples.shape[1], axis=1))
    envelopes = np.stack([homomorphic, hilbert, in_band, wavelet], axis=2)
    framed = envelopes.reshape(len(windows), -1, FRAME_SAMPLES, len(FEATURES)).mean(axis=2)
    centred = framed - framed.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1, keepdims=True), _LEAST)
    return np.asarray(centred / spread, dtype=np.float32)


class Baseline:
    """Probabilities of the states as of the net, from the four envelopes."""

    def __init__(self, weight: Floats, bias: Floats) -> None:
        self._weight, self._bias = weight, bias

    def predict(self, windows: Floats) -> Floats:
        """Shape (n, samples) to (n, frames, states)."""
        parts = range(0, len(windows), _WINDOWS_AT_ONCE)
        return np.concatenate([self._some(windows[k : k + _WINDOWS_AT_ONCE]) for k in parts])

    def _some(self, windows: Floats) -> Floats:
        logits = features(windows) @ self._weight.T + self._bias
        odds = np.exp(logits - logits.max(axis=2, keepdims=True))
        return np.asarray(odds / odds.sum(axis=2, keepdims=True), dtype=np.float32)


def fit(recordings: Sequence[Marked], *, windows: int = 1000, seed: int = 1) -> Baseline:
    """Learn from so many windows of recordings, drawn evenly among those long enough."""
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for place in rng.integers(len(recordings), size=windows):
        own = recordings[place]
        start = int(rng.integers(len(own.marks) - WINDOW_FRAMES + 1))
        marks = own.marks[start : start + WINDOW_FRAMES]
        first = start * FRAME_SAMPLES
        sound = own.sound[np.newaxis, first : first + WINDOW_FRAMES * FRAME_SAMPLES]
        inputs.append(features(sound)[0][marks != UNMARKED])
        targets.append(marks[marks != UNMARKED])
    return _regression(np.concatenate(inputs), np.concatenate(targets), seed)


def _regression(inputs: Floats, targets: npt.NDArray[np.int64], seed: int) -> Baseline:
    torch.manual_seed(seed)
    net = nn.Linear(len(FEATURES), len(STATES))
    optimiser = torch.optim.LBFGS(net.parameters(), max_iter=_STEPS)
    heard, marks = torch.from_numpy(inputs), torch.from_numpy(targets)
    loss_of = nn.CrossEntropyLoss()

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss: torch.Tensor = loss_of(net(heard), marks)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return Baseline(net.weight.detach().numpy(), net.bias.detach().numpy())
