"""Recorded noise to mix in: a chest-worn microphone while walking and talking, households."""

import numpy as np
import soundfile
import torch
from torch import Tensor

from models.dsp import hear
from models.errors import ConfigurationError
from training.datasets.recordings import data_folder, rows
from training.engine.recipe import Hearing

NAME = "noise"


def load(contract: Hearing) -> Tensor:
    """All of it end to end, heard as the recordings are: shape (samples,)."""
    folder = data_folder(NAME)
    heard = []
    for row in rows(folder):
        samples, rate_hz = soundfile.read(folder / row["path"], dtype="int16")
        if samples.ndim != 1:
            raise ConfigurationError(f"{row['path']} of {NAME} has {samples.shape[1]} channels")
        heard.append(hear(samples, rate_hz, contract.filter_spec, contract.sample_rate_hz))
    return torch.from_numpy(np.concatenate(heard))
