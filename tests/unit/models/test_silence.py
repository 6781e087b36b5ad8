"""What ships hears the sound in a window, not the silence beside it."""

from pathlib import Path

import numpy as np
import pytest

from models.dsp import Floats
from models.predictor import Predictor
from models.recording import Recording
from models.registry import Registry
from models.sound_file import read_sound

SOUNDS = Path(__file__).parents[3] / "ingest" / "recordings"
SILENCES = {"after a short recording": (6000, 10_000), "in a stream's hole": (3000, 7000)}


def windows(model: Predictor) -> list[Floats]:
    files = sorted(SOUNDS.glob("*.flac"))
    assert files
    return [Recording(*read_sound(file)).windows(model.contract) for file in files]


def abnormal(model: Predictor, heard: list[Floats]) -> Floats:
    place = model.contract.labels.index("abnormal")
    return np.array([model.predict(own)[:, place].mean() for own in heard])


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES.keys())
def test_silence_in_a_window_makes_no_heart_abnormal(silence: tuple[int, int]) -> None:
    model = Registry().named("screen")
    whole = windows(model)
    holed = [own.copy() for own in whole]
    for own in holed:
        own[:, slice(*silence)] = 0.0
    moved = abnormal(model, holed) - abnormal(model, whole)
    assert np.abs(moved).mean() < 0.15
    assert abs(moved.mean()) < 0.1
