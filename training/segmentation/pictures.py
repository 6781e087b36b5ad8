"""Heart rate against what was marked, and examples of what was segmented."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from models.contract import PIPELINE_GRID
from models.dsp import windows_of
from models.heart import LEAST_CONFIDENCE
from training.datasets import catalogue
from training.segmentation.figures import pairs
from training.segmentation.listening import Heard
from training.segmentation.scoring import middles_s

_COLOURS = {"S1": "#1f6feb", "S2": "#d1495b"}
_DPI = 120
_DPI_OF_MANY = 80


def bland_altman(heard: Sequence[Heard], to: Path) -> None:
    """The difference of told and marked rate over their mean, of the windows answered."""
    own = pairs(heard, good=False)
    answered = (own.confidence >= LEAST_CONFIDENCE) & np.isfinite(own.told_bpm)
    mean = (own.marked_bpm + own.told_bpm)[answered] / 2
    difference = (own.told_bpm - own.marked_bpm)[answered]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(mean, difference, s=4, alpha=0.25, linewidths=0, color=_COLOURS["S1"])
    low, middle, high = difference.mean() + np.array([-1.96, 0, 1.96]) * difference.std()
    for level in (low, middle, high):
        axes.axhline(level, color="black", linewidth=0.8, linestyle="--")
    axes.set_xlabel("mean of told and marked heart rate, bpm")
    axes.set_ylabel("told less marked, bpm")
    axes.set_title(
        f"{len(mean)} windows answered, of {len(answered)}; mean {middle:.1f} bpm, "
        f"95 % within {low:.1f} and {high:.1f} bpm if normal",
        fontsize=10,
    )
    figure.savefig(to, dpi=_DPI)


def examples(heard: Sequence[Heard], to: Path) -> None:
    """One window of each database, the middle one of a recording: sound, and told S1 and S2.

    Marked ones are triangles below.
    """
    first_of = {own.recording.database: own for own in reversed(heard)}
    chosen = [first_of[name] for name in sorted(first_of)]
    figure = Figure(figsize=(10, 1.5 * len(chosen)), layout="constrained")
    rows = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    for axes, own in zip(rows, chosen, strict=True):
        _example(axes, own, len(own.hearts) // 2)
    rows[0].legend(loc="upper right", fontsize=7)
    rows[-1].set_xlabel("seconds; triangles are what was marked")
    figure.savefig(to, dpi=_DPI_OF_MANY)


def _example(axes: Any, heard: Heard, window: int) -> None:
    data = catalogue.load(heard.data_set)
    sound = windows_of(*data.read(heard.recording)).samples[window]
    sound = sound / max(float(np.abs(sound).max()), 1e-9)
    start_s = window * PIPELINE_GRID.hop_s
    at_s = np.arange(len(sound)) / PIPELINE_GRID.sample_rate_hz
    axes.plot(at_s, sound, linewidth=0.4, color="0.4")
    heart = heard.hearts[window]
    rate = "no beats" if heart is None else f"{heart.rate_bpm:.0f} bpm"
    axes.set_title(f"{heard.data_set} {heard.recording.path}, {rate}", fontsize=8, loc="left")
    for kind, colour in _COLOURS.items():
        told_s = () if heart is None else heart.s1_s if kind == "S1" else heart.s2_s
        axes.vlines(told_s, -1, 1, color=colour, linewidth=1, label=kind)
        marked_s = middles_s(heard.states, kind) - start_s
        inside = marked_s[(marked_s >= 0) & (marked_s < PIPELINE_GRID.window_s)]
        axes.plot(inside, np.full(len(inside), -1.1), "^", markersize=4, color=colour)
    axes.set_yticks([])
