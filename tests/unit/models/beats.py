"""Hearts whose every beat is known: what a perfect net would say of them, and how they sound."""

import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_GRID
from models.rhythm import LEAST_BPM, MOST_BPM
from models.segmentation import FRAME_S, STATES, likely_durations

Floats = npt.NDArray[np.float32]

WINDOW_S = PIPELINE_GRID.window_s
FRAMES = round(WINDOW_S / FRAME_S)

# Ten seconds at 2 kHz in which no heart beats.
WITHOUT = {
    "silence": np.zeros(20_000, np.int16),
    "a constant": np.full(20_000, 1234, np.int16),
    "clipped throughout": np.resize(np.repeat([32767, -32768], 37), 20_000).astype(np.int16),
    "noise": np.random.default_rng(1).normal(0, 3000, 20_000).astype(np.int16),
}


def onsets_s(beat_s: npt.ArrayLike, first_s: float) -> npt.NDArray[np.float64]:
    """Shape (beats, 4): when S1, systole, S2 and diastole of beats of these lengths begin."""
    lengths_s = np.asarray(beat_s, np.float64)
    likely = likely_durations(np.clip(60 / lengths_s, LEAST_BPM, MOST_BPM))
    usual_s = (likely.argmax(axis=2) + 1) * FRAME_S
    starts_s = first_s + np.concatenate([[0], np.cumsum(lengths_s)[:-1]])
    steps_s = np.concatenate([np.zeros((len(lengths_s), 1)), usual_s[:, :3].cumsum(axis=1)], 1)
    onsets: npt.NDArray[np.float64] = starts_s[:, np.newaxis] + steps_s
    return onsets


def steady(rate_bpm: float, first_s: float = -1.0) -> npt.NDArray[np.float64]:
    """Onsets of a steady heart that beats before, in and after the window."""
    beats = int((WINDOW_S - first_s) * rate_bpm / 60) + 2
    return onsets_s(np.full(beats, 60 / rate_bpm), first_s)


def probabilities(onset_s: npt.NDArray[np.float64], *, sure: float = 0.94) -> Floats:
    """Shape (1, frames, states): as sure as that of each frame's state."""
    middles_s = (np.arange(FRAMES) + 0.5) * FRAME_S
    place = np.searchsorted(onset_s.ravel(), middles_s, side="right") - 1
    heard = np.full((1, FRAMES, len(STATES)), (1 - sure) / 3, np.float32)
    heard[0, np.arange(FRAMES), place % len(STATES)] = sure
    return heard


def sound(onset_s: npt.NDArray[np.float64], *, seed: int = 1) -> Floats:
    """Shape (1, samples): short tones at S1 and S2 in faint noise."""
    rate_hz = PIPELINE_GRID.sample_rate_hz
    at_s = np.arange(PIPELINE_GRID.window_samples) / rate_hz
    waveform = 0.002 * np.random.default_rng(seed).normal(size=len(at_s))
    for start_s, end_s in (*onset_s[:, :2], *onset_s[:, 2:4]):
        inside = (at_s >= start_s) & (at_s < end_s)
        phase = (at_s[inside] - start_s) / (end_s - start_s)
        waveform[inside] += 0.2 * np.sin(np.pi * phase) * np.sin(2 * np.pi * 50 * at_s[inside])
    return waveform.astype(np.float32)[np.newaxis]
