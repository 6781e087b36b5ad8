"""Pictures of a data set: class balance, durations, spectra, and how each class looks.

Figures are made without pyplot, so nothing here needs or changes a display.
"""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import signal

from training.datasets.describe import (
    GRID_HZ,
    TOP_HZ,
    Description,
    Spectra,
    decibels,
    has_label,
    is_from,
)
from training.datasets.recordings import DataSet, Recording

# Okabe and Ito's colours, which the colour-blind can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_EXCERPT_S = 3.0
_SHOWN_HZ = 600.0
_FLOOR_DB = -60.0
_LOWEST_HZ = 20.0
_SMOOTHED_BINS = 3
_SEED = 1


def draw(data: DataSet, found: Description, spectra: Spectra, folder: Path) -> list[Path]:
    """Write four PNG files; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "classes": classes(found),
        "durations": durations(data, found),
        "spectra": mean_spectra(found, spectra),
        "examples": examples(data, found),
    }
    files = [folder / f"{data.name}-{name}.png" for name in figures]
    for file, figure in zip(files, figures.values(), strict=True):
        figure.savefig(file, dpi=120)
    return files


def classes(found: Description) -> Figure:
    """How many recordings of each label each database has; labels that concur count each."""
    names = list(found.databases)
    figure, axes = _figure(7.5, 1.7 + 0.42 * len(names), "recordings by database and label", found)
    counts = {
        label: np.array([group.labels.get(label, 0) for group in found.databases.values()])
        for label in found.labels
    }
    left = np.zeros(len(names), int)
    for colour, (label, own) in zip(_colours(len(counts)), counts.items(), strict=True):
        bars = axes.barh(names, own, left=left, color=colour, label=label, height=0.7)
        left += own
    said = [" + ".join(str(own[place]) for own in counts.values()) for place in range(len(names))]
    axes.bar_label(bars, said, padding=4, fontsize=9, color="#555555")
    axes.set_xlim(0, left.max() * (1 + 0.11 * len(counts)))
    axes.invert_yaxis()
    axes.set_xlabel("recordings")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend_below(figure)
    return figure


def durations(data: DataSet, found: Description) -> Figure:
    """A histogram, stacked by label."""
    figure, axes = _figure(7.5, 3.7, "length of recordings", found)
    lengths = [_lengths(data, label) for label in found.labels]
    longest = max(float(own.max()) for own in lengths if len(own))
    axes.hist(
        lengths,
        bins=np.linspace(0, longest, 41).tolist(),
        stacked=True,
        color=_colours(len(lengths)),
        label=list(found.labels),
    )
    axes.set_xlabel("seconds")
    axes.set_ylabel("recordings")
    _legend_below(figure)
    return figure


def mean_spectra(found: Description, spectra: Spectra) -> Figure:
    """Mean level by frequency, per label and, if there are several, per database."""
    panels = {"by label": {name: has_label(name) for name in found.labels}}
    if len(found.databases) > 1:
        panels["by database"] = {name: is_from(name) for name in found.databases}
    figure = Figure(figsize=(1 + 4.5 * len(panels), 4), layout="constrained")
    figure.suptitle(f"{found.name}: mean spectra, every recording equally loud", fontsize=11)
    (row,) = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    for axes, (title, groups) in zip(row, panels.items(), strict=True):
        _curves(axes, spectra, groups, title)
    row[0].set_ylabel(f"share of power per {GRID_HZ:g} Hz, dB")
    return figure


def examples(data: DataSet, found: Description) -> Figure:
    """Three seconds of one clear recording per label: waveform and spectrogram."""
    chosen = [_example(data, label) for label in found.labels]
    figure = Figure(figsize=(10, 0.7 + 1.75 * len(chosen)), layout="constrained")
    figure.suptitle(f"{found.name}: one recording per label", fontsize=11)
    grid = figure.subplots(len(chosen), 2, squeeze=False, sharex="col", width_ratios=(1, 1.08))
    for label, recording, colour, (wave, picture) in zip(
        found.labels, chosen, _colours(len(chosen)), grid, strict=True
    ):
        excerpt, sample_rate_hz = _excerpt(data, recording)
        _waveform(wave, excerpt, sample_rate_hz, colour)
        wave.set_title(f"{label}: {recording.path}", fontsize=9, loc="left")
        shown = _spectrogram(picture, excerpt, sample_rate_hz)
        figure.colorbar(shown, ax=picture, label="dB", pad=0.01)
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    return figure


def _waveform(axes: Axes, excerpt: npt.NDArray[np.int16], sample_rate_hz: int, colour: str) -> None:
    level = excerpt / max(1, np.abs(excerpt.astype(int)).max())
    axes.plot(np.arange(len(level)) / sample_rate_hz, level, color=colour, linewidth=0.6)
    axes.set_xlim(0, _EXCERPT_S)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1])
    _plain(axes)


def _spectrogram(axes: Axes, excerpt: npt.NDArray[np.int16], sample_rate_hz: int) -> QuadMesh:
    frequency_hz, time_s, power = signal.spectrogram(
        excerpt.astype(float),
        sample_rate_hz,
        nperseg=round(0.05 * sample_rate_hz),
        noverlap=round(0.045 * sample_rate_hz),
        nfft=round(0.2 * sample_rate_hz),
    )
    shown = frequency_hz <= _SHOWN_HZ
    level_db = 10 * np.log10(power[shown] / max(power[shown].max(), 1e-12) + 1e-12)
    axes.set_ylabel("Hz")
    axes.set_xlim(0, _EXCERPT_S)
    return axes.pcolormesh(
        time_s, frequency_hz[shown], level_db, vmin=_FLOOR_DB, vmax=0, cmap="magma", shading="auto"
    )


def _curves(
    axes: Axes, spectra: Spectra, groups: dict[str, Callable[[Recording], bool]], title: str
) -> None:
    frequency_hz = np.arange(0, TOP_HZ + GRID_HZ / 2, GRID_HZ)
    shown = frequency_hz >= _LOWEST_HZ
    window = np.ones(_SMOOTHED_BINS) / _SMOOTHED_BINS
    for colour, (name, chosen) in zip(_colours(len(groups)), groups.items(), strict=True):
        power = spectra.of(chosen)
        if not len(power):
            continue
        level_db = np.convolve(np.pad(decibels(power), 1, "edge"), window, "valid")
        axes.plot(
            frequency_hz[shown], level_db[shown], color=colour, label=f"{name} ({len(power)})"
        )
    axes.set_xscale("log")
    axes.set_xticks([25, 50, 100, 200, 400, 800], ["25", "50", "100", "200", "400", "800"])
    axes.minorticks_off()
    axes.set_xlim(_LOWEST_HZ, TOP_HZ)
    axes.set_xlabel("Hz")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    _plain(axes)


def _example(data: DataSet, label: str) -> Recording:
    """A clear one of this label alone that fills the excerpt, or else what comes closest."""
    own = [recording for recording in data.recordings if label in recording.labels]
    best = max(_fitness(recording) for recording in own)
    fitting = [recording for recording in own if _fitness(recording) == best]
    return random.Random(_SEED).choice(fitting)  # noqa: S311 (repetition, not secrecy)


def _fitness(recording: Recording) -> tuple[bool, bool, bool]:
    long_enough = (recording.duration_s or 0) >= _EXCERPT_S
    return len(recording.labels) == 1, recording.clear, long_enough


def _excerpt(data: DataSet, recording: Recording) -> tuple[npt.NDArray[np.int16], int]:
    """From the middle, where hands have left the stethoscope."""
    samples, sample_rate_hz = data.read(recording)
    length = round(_EXCERPT_S * sample_rate_hz)
    start = max(0, (len(samples) - length) // 2)
    return samples[start : start + length], sample_rate_hz


def _lengths(data: DataSet, label: str) -> npt.NDArray[np.floating]:
    own = (recording for recording in data.recordings if label in recording.labels)
    return np.array([each.duration_s for each in own if each.duration_s is not None])


def _figure(width: float, height: float, title: str, found: Description) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{found.name}: {title}", fontsize=11, loc="left")
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _legend_below(figure: Figure) -> None:
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=6)


def _colours(count: int) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(count)]
