"""Who lies in the beds of the study: people that a training held back, one a stream.

A stream is all recordings of one subject, one after the other, over and over for ten minutes:
never two people. For the noisy ward a chest-worn microphone's noise of walking or of talking is
mixed in, at a ratio drawn for each stream.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import hear
from models.errors import ConfigurationError
from models.resample import Resampler
from training.datasets.recordings import DataSet, Recording, data_folder
from training.engine.parts import Owned

STREAM_S = 600
RATE_HZ = PIPELINE_GRID.sample_rate_hz
SNRS_DB = (0.0, 15.0)  # of powers in the pipeline's band, drawn evenly in between
NOISES = {
    "walking": "wearable_contact_mic/walking_noisy_diff.flac",
    "talking": "wearable_contact_mic/talking_noisy_diff.flac",
}
_NORMAL = frozenset({"normal", "N"})
_LOUDEST = 0.9 * 2**15

Samples = npt.NDArray[np.int16]


class Person(NamedTuple):
    """A subject of a data set; abnormal where any recording of theirs is called so."""

    data_set: DataSet
    subject: str
    recordings: tuple[Recording, ...]

    @property
    def name(self) -> str:
        return f"{self.data_set.name}/{self.subject}"

    @property
    def abnormal(self) -> bool:
        return any(set(each.labels) - _NORMAL for each in self.recordings)

    @property
    def has(self) -> str:
        """Where they were recorded, and what they have: some of it cannot be heard."""
        ill = [each for each in self.recordings if set(each.labels) - _NORMAL]
        first = (ill or self.recordings)[0]
        return f"{first.database}, {first.diagnosis or first.labels[0]}"

    @property
    def age_group(self) -> str | None:
        """As it is told; all of CirCor's people are young."""
        unknown = "child" if self.data_set.name == "circor2022" else None
        return self.recordings[0].age_group or unknown


def people(owned: Sequence[Owned]) -> list[Person]:
    """The subjects of some recordings, in the order of their names."""
    found: defaultdict[tuple[str, str], list[Recording]] = defaultdict(list)
    sets = {data.name: data for data, _ in owned}
    for data, recording in owned:
        found[data.name, recording.subject].append(recording)
    return [
        Person(sets[name], subject, tuple(sorted(own, key=lambda each: each.path)))
        for (name, subject), own in sorted(found.items())
    ]


def stream(person: Person) -> Samples:
    """Ten minutes of one person, at the pipeline's rate.

    Raises
    ------
    ConfigurationError
        For recordings of another rate.
    """
    sounds = []
    for recording in person.recordings:
        samples, rate_hz = person.data_set.read(recording)
        if rate_hz != RATE_HZ:
            raise ConfigurationError(f"{recording.path} has {rate_hz} Hz, expected {RATE_HZ}")
        sounds.append(samples)
    return np.resize(np.concatenate(sounds), STREAM_S * RATE_HZ)


def noise(kind: str) -> npt.NDArray[np.float32]:
    """The second half of a noise, from which no quality was learnt: shape (samples,), full scale 1.

    Raises
    ------
    ConfigurationError
        If the noise is not there.
    """
    file = data_folder("noise") / NOISES[kind]
    try:
        samples, rate_hz = soundfile.read(file, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise ConfigurationError(f"{file} cannot be read as sound: {error.error_string}") from None
    resample = Resampler(rate_hz, RATE_HZ)
    half = samples[len(samples) // 2 :]
    whole_turns = half[: len(half) // resample.turn * resample.turn]
    heard: npt.NDArray[np.float32] = resample(whole_turns[np.newaxis])[0]
    return heard


def disturbed(sound: Samples, added: npt.NDArray[np.float32], draw: np.random.Generator) -> Samples:
    """The sound with a noise from any moment on, over and over, at a ratio that is drawn."""
    snr_db = draw.uniform(*SNRS_DB)
    noise_steps = np.resize(np.roll(added, -int(draw.integers(len(added)))), len(sound)) * 2**15
    ratio = _band_power(sound) / max(_band_power(noise_steps), 1e-12)
    both = sound + noise_steps * np.sqrt(ratio / 10 ** (snr_db / 10))
    both *= min(1.0, _LOUDEST / max(float(np.abs(both).max()), 1.0))
    mixed: Samples = np.rint(both).astype(np.int16)
    return mixed


def _band_power(sound: npt.NDArray[np.generic]) -> float:
    heard = hear(np.rint(sound).astype(np.int16), RATE_HZ, PIPELINE_FILTER, RATE_HZ)
    return float(np.mean(np.square(heard, dtype=np.float64)))
