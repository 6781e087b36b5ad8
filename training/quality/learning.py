"""One model of quality out of some recordings: what is good, and what spoils the rest."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from models.quality_indices import INDICES, indices
from models.quality_model import Additive, QualityModel
from training.datasets.recordings import DataSet
from training.quality.fitting import calibrated, fit
from training.quality.sound import CAUSES, Heard, Mixed, hear_all, mix, noises

VERSION = "1.0.0"
SEED = 5
TRAINING_SNRS_DB = (-10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0)

_CLEAN_WINDOWS = 2  # of a recording, that noise is mixed into
_HALF_GOOD_DB, _GOOD_WIDTH_DB = 3.0, 2.5  # of the ratio, for the noise that we mix in ourselves
_CAUSE_UP_TO_DB = 5.0
# A clearer heart is never worse to hear, nor is more of what only noise adds ever better.
_DIRECTIONS = {
    "periodicity": 1,
    "log_periodicity": 1,
    "low_band_periodicity": 1,
    "mid_band_periodicity": 1,
    "low_mid_agreement": 1,
    "mid_high_agreement": 1,
    "contrast_db": 1,
    "spread_db": 1,
    "slow_share": -1,
    "spectral_entropy": -1,
    "high_share_db": -1,
}
_PENALTY = 1.0
# The spectrum is the sensor's as much as the heart's: it may say little.
_SENSOR_PENALTY = {"spectral_entropy": 30.0, "low_share_db": 30.0, "high_share_db": 30.0}
_CAUSE_PENALTY = 3.0

Numbers = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Material(NamedTuple):
    """All that is learnt from, with the indices of each window.

    Attributes
    ----------
    natural, mixed
        Windows as they were recorded, and with noise mixed in.
    natural_indices, mixed_indices
        Shape (windows, `INDICES`).
    """

    natural: Heard
    natural_indices: Numbers
    mixed: Mixed
    mixed_indices: Numbers


def material(data: DataSet, seed: int = SEED) -> Material:
    """Hear a data set, and mix the training's half of the noise into its clear windows."""
    natural = hear_all(data, per_recording=_CLEAN_WINDOWS, seed=seed)
    draw = np.random.default_rng(seed)
    mixed = mix(
        natural.clean,
        natural.clean_recording,
        noises(second_half=False),
        TRAINING_SNRS_DB,
        draw,
    )
    return Material(natural, indices(natural.levels), mixed, indices(mixed.levels))


def learn(what: Material, recordings: Bools, *, without_noise: int | None = None) -> QualityModel:
    """Learn from the chosen recordings alone.

    Parameters
    ----------
    recordings
        Shape (recordings of the data set,): which to learn from.
    without_noise
        A place in `CAUSES`: of this noise nothing is learnt.
    """
    own = recordings[what.natural.recording]
    mixed = recordings[what.mixed.recording]
    if without_noise is not None:
        mixed &= what.mixed.kind != without_noise
    natural = what.natural_indices[own]
    clear = what.natural.clear[own]
    weight = _one_each(what.natural.recording[own])
    added = what.mixed_indices[mixed]
    usual = np.median(natural[clear], axis=0)
    good = fit(
        np.concatenate([natural, added]),
        np.concatenate([clear, _goodness(what.mixed.snr_db[mixed])]),
        np.concatenate([weight, np.full(len(added), weight.sum() / len(added))]),
        penalty=[_SENSOR_PENALTY.get(name, _PENALTY) for name in INDICES],
        usual=usual,
        directions=[_DIRECTIONS.get(name, 0) for name in INDICES],
    )
    return QualityModel(
        version=VERSION,
        training={},
        good=calibrated(good, natural, clear.astype(np.float64), weight),
        causes=_causes(natural[clear], added, what.mixed, mixed, usual),
    )


def _goodness(snr_db: Numbers) -> Numbers:
    """How good sound is with noise of this ratio in it: half good at 3 dB."""
    goodness: Numbers = special.expit((snr_db - _HALF_GOOD_DB) / _GOOD_WIDTH_DB)
    return goodness


def _causes(
    clear: Numbers, added: Numbers, mixed: Mixed, chosen: Bools, usual: Numbers
) -> dict[str, Additive]:
    """Each cause against the others and against clear sound, where the noise is loud."""
    loud = mixed.snr_db[chosen] <= _CAUSE_UP_TO_DB
    words = list(CAUSES.values())
    cause = np.array([words[kind] for kind in mixed.kind[chosen][loud]])
    known = np.concatenate([added[loud], clear])
    weight = np.concatenate(
        [np.ones(int(loud.sum())), np.full(len(clear), loud.sum() / len(clear))]
    )
    return {
        word: fit(
            known,
            np.concatenate([cause == word, np.zeros(len(clear))]).astype(np.float64),
            weight,
            penalty=[_CAUSE_PENALTY] * len(INDICES),
            usual=usual,
        )
        for word in dict.fromkeys(words)
    }


def _one_each(owner: npt.NDArray[np.int64]) -> Numbers:
    """Weights by which every recording counts as one, however long."""
    weight: Numbers = 1 / np.bincount(owner)[owner]
    return weight
