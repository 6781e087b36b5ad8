"""The net that segments in 8 bits and 7: its layers are dense convolutions, which gain by it."""

import numpy as np

from models.dsp import Floats, scale, windows_of
from training import quantize, splits
from training.datasets import catalogue
from training.datasets.recordings import DataSet
from training.segmentation.train import DATA_SETS, SCALING


def rounded(net: bytes) -> bytes:
    """Activations in 8 bits, weights in 7, by the ranges that people of the training show."""
    windows = scale(_some_windows(quantize.CALIBRATION_WINDOWS), SCALING)
    return quantize.static(net, windows, reduced=True)


def _some_windows(number: int) -> Floats:
    """The middle window of as many recordings of each data set, from among all alike."""
    share = number // len(DATA_SETS)
    return np.stack([window for name in DATA_SETS for window in _middles(name, share)])


def _middles(name: str, number: int) -> list[Floats]:
    data = catalogue.load(name)
    train = splits.turns(splits.protocol_named(name))[0].train
    chosen = {train[k * len(train) // number] for k in range(number)}
    return [_middle(data, path) for path in sorted(chosen)]


def _middle(data: DataSet, path: str) -> Floats:
    (recording,) = (each for each in data.recordings if each.path == path)
    windows = windows_of(*data.read(recording)).samples
    middle: Floats = windows[len(windows) // 2]
    return middle
