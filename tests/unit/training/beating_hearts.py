"""Four people whose hearts beat at different rates, for nets that learn the heart's states."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import nn

from tests.unit.training import two_tones
from training.datasets import folder
from training.engine import recipe_files
from training.engine.clips import Clips
from training.engine.recipe import Recipe
from training.engine.state_task import OwnStates, StateHead

_RATE_HZ = 2000
Beating = tuple[Recipe, Clips]


def beating_hearts(place: Path) -> Beating:
    """Their sound, and `ours`, small and quick."""
    lines = ["path,label,subject"]
    for number, rate_bpm in enumerate((60, 75, 90, 110)):
        soundfile.write(place / f"{number}.wav", _heart(rate_bpm), _RATE_HZ, "PCM_16")
        lines.append(f"{number}.wav,{('normal', 'abnormal')[number % 2]},{number}")
    (place / "labels.csv").write_text("\n".join(lines) + "\n")
    told = _changed(recipe_files.load(recipe_files.find("ours")), place)
    return told, two_tones.heard(folder.load(place), told)


def losses_of(net: nn.Module, task: OwnStates | StateHead, waveform: torch.Tensor) -> list[float]:
    """Of a task that learns alone, in forty steps."""
    learnt = torch.optim.Adam([*net.parameters(), *task.parameters()], 0.01)
    losses = []
    for _ in range(40):
        learnt.zero_grad()
        net(waveform)
        loss = task.loss(waveform)
        torch.autograd.backward(loss)
        learnt.step()
        losses.append(float(loss.detach()))
    return losses


def _changed(told: Recipe, place: Path) -> Recipe:
    quick = {
        "data.protocols": [],
        "data.whole": [str(place)],
        "architecture.options.maps": [8, 16, 16],
        "architecture.options.strides": [[2, 2], [2, 2], [2, 2]],
        "sampling.kind": "natural",
        "sampling.windows_per_epoch": 0,
        "augmentation.recorded_snr_db": [],
        "training.epochs": 2,
        "training.batch": 8,
    }
    return recipe_files.changed(told, quick)


def _heart(rate_bpm: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Two thuds a beat, the second a third of the beat later and higher."""
    time_s = np.arange(12 * _RATE_HZ) / _RATE_HZ
    beat_s = 60 / rate_bpm
    sound = 0.002 * np.random.default_rng(1).standard_normal(len(time_s))
    for after_s, hz in ((0.0, 50.0), (beat_s / 3, 80.0)):
        since_s = (time_s - after_s) % beat_s
        sound += 0.3 * np.exp(-since_s / 0.03) * np.sin(2 * np.pi * hz * since_s)
    return sound
