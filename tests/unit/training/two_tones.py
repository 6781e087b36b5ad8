"""Recordings that anyone can tell apart: a low or a high tone in noise."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from training.datasets import folder
from training.datasets.recordings import DataSet
from training.engine import clips, recipe_files
from training.engine.clips import Clips
from training.engine.loop import Trainer
from training.engine.recipe import Recipe

RATE_HZ = 1000
_TONES_HZ = {"high": 200.0, "low": 60.0}


def write(place: Path, *, of_each: int = 6, seconds: float = 2.5) -> DataSet:
    """WAV files with a table, two of each subject; half of a class is from either database."""
    rng = np.random.default_rng(1)
    lines = ["path,label,subject,database"]
    for label, tone_hz in _TONES_HZ.items():
        for number in range(of_each):
            time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
            tone = np.sin(2 * np.pi * (tone_hz + 3 * number) * time_s + number)
            noise = rng.standard_normal(len(time_s))
            name = f"{label}{number}.wav"
            soundfile.write(place / name, 0.2 * tone + 0.05 * noise, RATE_HZ, "PCM_16")
            lines.append(f"{name},{label},{label}-{number // 2},{'ab'[number % 2]}")
    (place / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder.load(place)


def recipe(place: Path, **changes: Any) -> Recipe:
    """A quick one; `changes` are dotted names with two underscores for dots."""
    fields = {
        "name": "tones",
        "about": "A tone, low or high",
        "work": "ours",
        "data": {"whole": [str(place)], "labels": ["low", "high"], "validation_share": 0.34},
        "contract": {"sample_rate_hz": RATE_HZ, "window_s": 1.0, "hop_s": 0.5, "filter": "none"},
        "front_end": {
            "kind": "log-mel",
            "sample_rate_hz": RATE_HZ,
            "bands": 16,
            "normalisation": "standard",
        },
        "architecture": {
            "name": "ours",
            "options": {"maps": [8, 16], "strides": [[2, 2], [2, 2]], "repeats": 1, "dropout": 0.0},
        },
        "optimiser": {"learning_rate": 0.01},
        "training": {"epochs": 3, "batch": 8},
    }
    told = recipe_files.convert(fields, "test")
    return recipe_files.changed(
        told, {name.replace("__", "."): value for name, value in changes.items()}
    )


def heard(data: DataSet, told: Recipe) -> Clips:
    chosen = [(data, recording) for recording in data.recordings]
    return clips.gather(chosen, told, told.contract.excerpt)


def trainer(told: Recipe, train: Clips, validation: Clips | None = None, **more: Any) -> Trainer:
    """As the command makes one."""
    torch.manual_seed(told.training.seed)
    return Trainer(
        told.build(), told, train, validation or train, device=torch.device("cpu"), **more
    )
