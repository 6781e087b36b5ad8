"""Which region of a recording moved a model's decision.

Occlusion sensitivity, after Zeiler M, Fergus R, "Visualizing and understanding convolutional
networks", ECCV 2014: a region is taken out, the model is asked again, and the loss of probability
of the label that it had chosen is the region's share in the decision. Here a region is a quarter
of a second of one of six mel bands. The bands are cut by raised cosines over the spectrum and the
quarters by raised cosines over time; both add up to one, so that taking out all regions leaves
silence and no cut clicks. The artifact itself is asked, through the same scaling as ever. All
regions of a window go through it in one batch.

At most `MOST_WINDOWS` windows are asked, those that were surest of the decision, so that the time
does not grow with the recording without end, and the answer depends on nothing but the sound.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from models.classify import RecordingResult, Summary
from models.contract import ModelContract
from models.dsp import Floats
from models.predictor import SEGMENT, Predictor
from models.recording import Pace, Recording
from models.recording_heart import RecordingHeart

MOST_WINDOWS = 48
STEP_S = 0.25
_BANDS = 6
_LOWEST_HZ, _HIGHEST_HZ = 20.0, 600.0
_EDGE = 0.12  # of its frequency, to each side, in which one band fades into the next
_NEAR_S = 0.06  # of a sound's middle: the sound itself


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """Where; `share` is the probability that is lost without it; `phase` of the heart, if known."""

    start_s: float
    end_s: float
    low_hz: float
    high_hz: float
    share: float
    phase: str | None


class Saliency(msgspec.Struct, frozen=True, kw_only=True):
    """One model's map.

    Attributes
    ----------
    shares
        A row each `step_s`, in it a number each band of `edges_hz`, from the lowest; null where
        no window was asked. Above 0 speaks for `label`, below against it.
    strongest
        The regions that spoke loudest for it, at most three.
    """

    model: str
    version: str
    label: str
    step_s: float
    edges_hz: tuple[float, ...]
    shares: tuple[tuple[float, ...] | None, ...]
    strongest: tuple[Region, ...]
    windows_asked: int
    windows: int


def explain(
    samples: npt.NDArray[np.int16],
    sample_rate_hz: int,
    result: RecordingResult,
    models: Sequence[Predictor],
) -> tuple[Saliency, ...]:
    """A map of each classifier, for the label that it chose for the whole recording."""
    recording = Recording(samples, sample_rate_hz)
    summaries = {(summary.model, summary.version): summary for summary in result.summary}
    return tuple(
        _map(recording, model, summaries[model.contract.name, model.contract.version], result)
        for model in models
        if model.contract.task != SEGMENT
    )


def _map(
    recording: Recording, model: Predictor, summary: Summary, result: RecordingResult
) -> Saliency:
    contract = model.contract
    label = contract.labels.index(summary.label)
    windows = recording.windows(contract)
    starts_s = [float(start_s) for start_s in recording.starts_s(Pace.of(contract))]
    edges_hz = band_edges_hz(contract)
    asked = _surest(recording, model, windows, label)
    steps = int(np.ceil(max(result.duration_s, contract.window_s) / STEP_S))
    total = np.zeros((steps, len(edges_hz) - 1))
    heard = np.zeros(steps)
    for place in asked:
        shares = window_shares(windows[place], model, label, edges_hz)
        first = round(starts_s[place] / STEP_S)
        own = slice(first, min(first + len(shares), steps))
        total[own] += shares[: own.stop - first]
        heard[own] += 1
    mean = total / np.maximum(heard, 1)[:, np.newaxis]
    return Saliency(
        model=contract.name,
        version=contract.version,
        label=summary.label,
        step_s=STEP_S,
        edges_hz=tuple(round(edge, 1) for edge in edges_hz.tolist()),
        shares=tuple(
            tuple(np.round(row, 4).tolist()) if count else None
            for row, count in zip(mean, heard, strict=True)
        ),
        strongest=_strongest(mean, edges_hz, result),
        windows_asked=len(asked),
        windows=len(windows),
    )


def _surest(recording: Recording, model: Predictor, windows: Floats, label: int) -> tuple[int, ...]:
    """The windows to ask, in the order of time: usable ones, and of those the surest."""
    qualities = recording.qualities(Pace.of(model.contract))
    usable = np.array([quality.usable for quality in qualities])
    candidates = np.flatnonzero(usable if usable.any() else np.ones_like(usable))
    sure = np.concatenate(
        [model.predict(windows[k : k + 32])[:, label] for k in range(0, len(windows), 32)]
    )
    ranked = candidates[np.argsort(-sure[candidates], kind="stable")]
    return tuple(sorted(ranked[:MOST_WINDOWS].tolist()))


def window_shares(
    window: Floats, model: Predictor, label: int, edges_hz: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The probability of a label that a window loses without each region.

    Parameters
    ----------
    window
        Shape (samples,), float32, filtered as the model's contract says.

    Returns
    -------
    Shape (steps of `STEP_S`, bands).
    """
    rate_hz = model.contract.sample_rate_hz
    bands = split_bands(window, rate_hz, edges_hz)
    tapers = split_time(len(window), rate_hz)
    parts = tapers[:, np.newaxis, :] * bands[np.newaxis]
    without = (window - parts).reshape(-1, len(window)).astype(np.float32)
    answers = model.predict(np.concatenate([window[np.newaxis], without]))[:, label]
    lost = answers[0].astype(np.float64) - answers[1:].astype(np.float64)
    return np.asarray(lost.reshape(len(tapers), len(bands)))


def band_edges_hz(contract: ModelContract) -> npt.NDArray[np.float64]:
    """Where bands meet: evenly in mel over what the model hears, at most 20 to 600 Hz."""
    filtered = contract.filter
    low_hz = filtered.low_hz or _LOWEST_HZ
    high_hz = min(filtered.high_hz or _HIGHEST_HZ, 0.49 * contract.sample_rate_hz, _HIGHEST_HZ)
    mels = np.linspace(np.log1p(low_hz / 700.0), np.log1p(high_hz / 700.0), _BANDS + 1)
    return np.asarray(700.0 * np.expm1(mels))


def split_bands(
    window: Floats, rate_hz: int, edges_hz: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Parts that add up to the window, shape (bands, samples); the outermost have no outer edge."""
    spectrum = np.fft.rfft(window.astype(np.float64))
    frequency_hz = np.fft.rfftfreq(len(window), 1 / rate_hz)
    inner = edges_hz[1:-1, np.newaxis]
    above = np.clip((frequency_hz - inner * (1 - _EDGE)) / (2 * _EDGE * inner), 0, 1)
    steps = np.vstack(
        [np.ones_like(frequency_hz), 0.5 - 0.5 * np.cos(np.pi * above), np.zeros_like(frequency_hz)]
    )
    return np.asarray(np.fft.irfft(spectrum * -np.diff(steps, axis=0), len(window)))


def split_time(samples: int, rate_hz: int) -> npt.NDArray[np.float64]:
    """Weights that add up to one at every sample, shape (steps, samples)."""
    steps = max(1, int(np.ceil(samples / rate_hz / STEP_S)))
    middles_s = (np.arange(steps) + 0.5) * STEP_S
    time_s = np.clip(np.arange(samples) / rate_hz, middles_s[0], middles_s[-1])
    distance = np.abs(time_s - middles_s[:, np.newaxis]) / STEP_S
    return np.asarray(np.where(distance < 1, 0.5 + 0.5 * np.cos(np.pi * distance), 0.0))


def _strongest(
    shares: npt.NDArray[np.float64], edges_hz: npt.NDArray[np.float64], result: RecordingResult
) -> tuple[Region, ...]:
    loudest = np.argsort(-shares, axis=None, kind="stable")[:3]
    places = [np.unravel_index(place, shares.shape) for place in loudest]
    return tuple(
        Region(
            start_s=float(step) * STEP_S,
            end_s=min((float(step) + 1) * STEP_S, result.duration_s),
            low_hz=round(float(edges_hz[band])),
            high_hz=round(float(edges_hz[band + 1])),
            share=round(float(shares[step, band]), 4),
            phase=phase_at((float(step) + 0.5) * STEP_S, result.heart),
        )
        for step, band in places
        if shares[step, band] > 0
    )


def phase_at(at_s: float, heart: RecordingHeart | None) -> str | None:
    """S1, systole, S2 or diastole, by the nearest sounds; None where none is near."""
    if heart is None:
        return None
    sounds = sorted([(s, "S1") for s in heart.s1_s] + [(s, "S2") for s in heart.s2_s])
    near = [kind for sound_s, kind in sounds if abs(sound_s - at_s) <= _NEAR_S]
    if near:
        return near[0]
    before = [(sound_s, kind) for sound_s, kind in sounds if sound_s < at_s]
    if not before or at_s - before[-1][0] > 1.0:
        return None
    return "systole" if before[-1][1] == "S1" else "diastole"
