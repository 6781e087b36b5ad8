"""What the quality model learns from: recordings as annotators judged them, and noise mixed in.

Two things are known of quality. physionet2016 has the organisers' word on each recording, good or
unsure, and marks of noise in the annotated heart states (nearly the same recordings). And where we
mix noise into clear sound ourselves, we know how much. The noise is recorded, but for rubbing, of
which there are no recordings: it is made. Noise is heard as the pipeline hears it; its first half
is for training, its second half for tests.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import Floats, hear, windows_of
from models.quality_indices import Levels, join, measure
from training.datasets.recordings import DataSet, data_folder, rows
from training.datasets.states import State, states
from training.progress import tracked

NOISE = "noise"
# The files of a chest-worn microphone that hold a heart as well are no noise.
CAUSES = {
    "talking_noisy_diff": "speech",
    "walking_noisy_diff": "movement or rubbing",
    "doing_the_dishes": "noise from the room",
    "dude_miaowing": "noise from the room",
    "exercise_bike": "noise from the room",
    "running_tap": "noise from the room",
    "white_noise": "noise from the room",
    "pink_noise": "noise from the room",
    "made_rubbing": "movement or rubbing",
}
_RUBBING_S = 120
_RUBS_PER_S = 3.0
_RUB_S = (0.03, 0.4)
_WINDOW = PIPELINE_GRID.window_samples
_HOP = PIPELINE_GRID.hop_samples
_FULL_SCALE = 2**15
_QUIETEST = 1e-4  # of full scale, RMS: quieter noise is the recorder's own
_NOISY_FROM = 0.2  # a window with more of its time marked as noise is noisy

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


class Heard(NamedTuple):
    """Windows of a data set.

    Attributes
    ----------
    levels
        What was measured of each.
    recording
        Shape (windows,): whose it is, a place in the data set.
    gap_fraction
        Shape (windows,).
    clear
        Shape (windows,): the annotators call its recording clear, and mark no noise in it.
    clean
        Sound of some clear windows, shape (chosen, window), float32, to mix noise into.
    clean_recording
        Shape (chosen,).
    """

    levels: Levels
    recording: Ints
    gap_fraction: Numbers
    clear: npt.NDArray[np.bool_]
    clean: Floats
    clean_recording: Ints


class Mixed(NamedTuple):
    """Windows with noise in them; the first axis counts them.

    Attributes
    ----------
    recording, kind
        Whose sound, and which noise: a place in the data set, and one in `CAUSES`.
    snr_db
        Ratio of the powers in the pipeline's band, over the window.
    """

    levels: Levels
    recording: Ints
    kind: Ints
    snr_db: Numbers


def hear_all(data: DataSet, *, per_recording: int, seed: int) -> Heard:
    """Measure all windows of a data set, and keep some clear ones of each recording."""
    marked = states(data)
    draw = np.random.default_rng(seed)
    levels, owners, gaps, clear, clean, clean_owners = [], [], [], [], [], []
    for place, recording in enumerate(tracked(data.recordings, f"hearing {data.name}")):
        windows = windows_of(*data.read(recording))
        blocks = measure(windows.raw, windows.blocks)
        count = len(windows)
        noisy = noise_share(marked.get(recording.path, ()), count) >= _NOISY_FROM
        levels.append(join(blocks.rows(slice(0, -1)), blocks.rows(slice(1, None))))
        owners.append(np.full(count, place))
        gaps.append(windows.gap_fraction)
        clear.append(recording.clear & ~noisy)
        fit = np.flatnonzero(clear[-1] & (windows.gap_fraction == 0))
        chosen = np.sort(draw.permutation(fit)[:per_recording])
        clean.append(windows.samples[chosen])
        clean_owners.append(np.full(len(chosen), place))
    return Heard(
        levels=_all(levels),
        recording=np.concatenate(owners),
        gap_fraction=np.concatenate(gaps),
        clear=np.concatenate(clear),
        clean=np.concatenate(clean),
        clean_recording=np.concatenate(clean_owners),
    )


def noise_share(marked: Sequence[State], windows: int) -> Numbers:
    """The share of each window of the pipeline's grid that is marked as noise, shape (windows,)."""
    starts = np.arange(windows) * PIPELINE_GRID.hop_s
    total = np.zeros(windows)
    for state in marked:
        if state.kind == "noise":
            ends = np.minimum(starts + PIPELINE_GRID.window_s, state.end_s)
            total += np.maximum(0, ends - np.maximum(starts, state.start_s))
    return total / PIPELINE_GRID.window_s


def noises(*, second_half: bool) -> dict[str, Floats]:
    """One half of each noise, as the pipeline hears it, shape (samples,)."""
    folder = data_folder(NOISE)
    found = {}
    for row in rows(folder):
        name = row["kind"].partition(":")[2]
        if name in CAUSES:
            samples, rate_hz = soundfile.read(folder / row["path"], dtype="int16")
            heard = hear(samples, rate_hz, PIPELINE_FILTER, PIPELINE_GRID.sample_rate_hz)
            half = len(heard) // 2
            found[name] = heard[half:] if second_half else heard[:half]
    found["made_rubbing"] = rubbing(np.random.default_rng(int(second_half)))
    return {name: found[name] for name in CAUSES}


def rubbing(draw: np.random.Generator) -> Floats:
    """Cloth or fingers on the sensor: bursts of coloured noise in no rhythm, shape (samples,).

    Each burst has its own length (30 to 400 ms), loudness (6 dB deviation) and colour (white to
    falling by 12 dB an octave); three begin in a second, on average.
    """
    rate_hz = PIPELINE_GRID.sample_rate_hz
    sound = draw.normal(0, 0.002, _RUBBING_S * rate_hz)
    for start in draw.integers(len(sound), size=round(_RUBBING_S * _RUBS_PER_S)):
        length = round(rate_hz * draw.uniform(*_RUB_S))
        spectrum = np.fft.rfft(draw.normal(size=length))
        spectrum[1:] /= np.arange(1, len(spectrum)) ** draw.uniform(0, 2)
        burst = np.fft.irfft(spectrum, length) * np.hanning(length)
        burst *= 0.1 * 10 ** (draw.normal(0, 6) / 20) / (np.sqrt(np.mean(burst**2)) + 1e-12)
        kept = sound[start : start + length]
        kept += burst[: len(kept)]
    steps = np.rint(np.clip(sound, -1, 1) * (_FULL_SCALE - 1)).astype(np.int16)
    return hear(steps, rate_hz, PIPELINE_FILTER, rate_hz)


def mix(
    sound: Floats,
    recording: Ints,
    noise: dict[str, Floats],
    snrs_db: Sequence[float],
    draw: np.random.Generator,
) -> Mixed:
    """Mix a stretch of one noise, drawn for each window, into it at every one of the ratios.

    Returns
    -------
    All windows at the first ratio, then all at the next.
    """
    names = list(noise)
    kind = draw.integers(len(names), size=len(sound))
    added = np.stack([_stretch(noise[names[k]], draw) for k in kind])
    power = np.mean(np.square(sound), axis=1) / np.mean(np.square(added), axis=1)
    parts = [_measured(sound, added * _gain(power, snr_db)) for snr_db in snrs_db]
    times = len(snrs_db)
    return Mixed(
        levels=_all(parts),
        recording=np.tile(recording, times),
        kind=np.tile(np.array([list(CAUSES).index(name) for name in names])[kind], times),
        snr_db=np.repeat(np.asarray(snrs_db, np.float64), len(sound)),
    )


def _gain(power: Floats, snr_db: float) -> Floats:
    gain: Floats = np.sqrt(power / np.float32(10 ** (snr_db / 10)))[:, np.newaxis]
    return gain


def _measured(sound: Floats, noise: Floats) -> Levels:
    """As a converter would give the sum, which is scaled down where it would not fit."""
    parts = []
    for first in range(0, len(sound), 256):
        rows_ = slice(first, first + 256)
        both = sound[rows_] + noise[rows_]
        both /= np.maximum(1, np.abs(both).max(axis=1, keepdims=True) / np.float32(0.9))
        raw = np.rint(both * _FULL_SCALE).astype(np.int16)
        earlier = measure(raw[:, :_HOP], both[:, :_HOP])
        later = measure(raw[:, _HOP:], both[:, _HOP:])
        parts.append(join(earlier, later))
    return _all(parts)


def _stretch(noise: Floats, draw: np.random.Generator) -> Floats:
    """A window's length of it, from where it is not silent."""
    while True:
        first = int(draw.integers(len(noise) - _WINDOW))
        stretch = noise[first : first + _WINDOW]
        if np.sqrt(np.mean(np.square(stretch))) >= _QUIETEST:
            return stretch


def _all(parts: Iterable[Levels]) -> Levels:
    return Levels(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))
