"""A murmur is where in the cycle it is heard."""

import numpy as np
import pytest

from models.cycle_energy import CycleEnergy, cycle_energy
from models.errors import SignalError
from models.segmentation import FRAME_S, STATES
from tests.unit.models.beats import FRAMES, Floats, probabilities, sound, steady

ONSET_S = steady(70)
LABELS = probabilities(ONSET_S).argmax(axis=2)


def with_murmur(*states: str, level: float = 0.05) -> Floats:
    waveform = sound(ONSET_S)
    heard = np.isin(LABELS, [STATES.index(state) for state in states])
    samples = np.repeat(heard[0], waveform.shape[1] // FRAMES)
    murmur = level * np.sin(2 * np.pi * 180 * np.arange(waveform.shape[1]) / 2000)
    return (waveform + np.where(samples, murmur, 0)).astype(np.float32)


@pytest.mark.parametrize(
    ("states", "timing"),
    [
        ((), None),
        (("systole",), "systolic"),
        (("diastole",), "diastolic"),
        (("systole", "diastole"), "continuous"),
    ],
)
def test_it_is_where_the_sound_is(states: tuple[str, ...], timing: str | None) -> None:
    assert cycle_energy(with_murmur(*states), LABELS).timing(0) == timing


def test_its_level_is_in_decibels() -> None:
    louder, softer = (
        cycle_energy(with_murmur("systole", level=level), LABELS) for level in (0.04, 0.02)
    )
    assert louder.systole_db[0] - softer.systole_db[0] == pytest.approx(6.0, abs=0.7)


def test_it_does_not_depend_on_the_device_s_gain() -> None:
    own = with_murmur("systole")
    told = [cycle_energy((gain * own).astype(np.float32), LABELS) for gain in (1.0, 0.1)]
    assert told[0].systole_db[0] == pytest.approx(told[1].systole_db[0], abs=0.05)


def test_a_window_without_a_systole_tells_no_level() -> None:
    found = cycle_energy(sound(ONSET_S), np.full((1, FRAMES), STATES.index("diastole")))
    assert np.isnan(found.systole_db[0])
    assert found.timing(0) is None


@pytest.mark.parametrize("levels_db", [(-5.0, np.nan), (np.nan, -5.0), (np.nan, np.nan)])
def test_where_one_half_of_the_cycle_is_not_heard_nobody_knows_when_a_murmur_is(
    levels_db: tuple[float, float],
) -> None:
    systole_db, diastole_db = (np.array([level_db]) for level_db in levels_db)
    assert CycleEnergy(systole_db, diastole_db).timing(0) is None


def test_samples_that_are_no_whole_frames_are_refused() -> None:
    with pytest.raises(SignalError, match="labels of"):
        cycle_energy(np.zeros((1, round(FRAMES * FRAME_S * 2000) + 1), np.float32), LABELS)
