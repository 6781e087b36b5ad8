"""One recording in one picture: waveform with S1 and S2, log-mel spectrogram, each model's word.

Figures are made without pyplot, so nothing here needs or changes a display.
"""

import textwrap
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dashboards.pictures.log_mel import HIGHEST_HZ, LOWEST_HZ, log_mel, mel
from models.classify import RecordingResult, Summary, WindowFindings
from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import hear
from models.recording_heart import RecordingHeart
from models.recording_quality import WindowQuality

# Okabe and Ito's colours, which the colour-blind can tell apart; the first is for healthy hearts.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_HEALTHY = ("normal", "N")
_INK, _PALE = "#222222", "#666666"
_SOUNDS = {"S1": "#D55E00", "S2": "#0072B2"}
_SHADES = {"poor": "#EEE6C8", "unusable": "#D2D2D2"}
_WIDTH_IN = 12.0
_HEIGHTS_IN = (1.5, 2.1, 1.35)  # waveform, spectrogram, each model
_SIDE = 0.17  # of the width, for words
_MOST_POINTS = 6000
_TICKS_HZ = (50, 100, 200, 300, 400, 600)


class Panels(NamedTuple):
    """The figure and its axes of time."""

    figure: Figure
    waveform: Axes
    spectrogram: Axes
    models: tuple[Axes, ...]

    @property
    def timed(self) -> tuple[Axes, ...]:
        return (self.waveform, self.spectrogram, *self.models)


def draw(
    samples: npt.NDArray[np.int16], sample_rate_hz: int, result: RecordingResult, *, title: str
) -> Panels:
    """Draw a classified recording; samples of shape (n,), int16."""
    panels, sides = _panels(len(result.summary))
    _waveform(panels.waveform, samples, sample_rate_hz)
    _say_quality(sides[0], result)
    if result.heart is not None:
        _sounds(panels.waveform, sides[0], result.heart)
    _spectrogram(panels, sides[1], samples, sample_rate_hz)
    for axes, side, summary in zip(panels.models, sides[2:], result.summary, strict=True):
        _probabilities(axes, side, summary, result)
    for axes in panels.timed:
        axes.set_xlim(0, result.duration_s)
        axes.label_outer()
    for axes in (panels.waveform, *panels.models):
        _shade(axes, result)
    panels.timed[-1].set_xlabel("seconds")
    panels.figure.suptitle(
        f"{title}   {result.duration_s:.1f} s",
        x=0.01,
        ha="left",
        fontsize=12,
        color=_INK,
        parse_math=False,  # a file's name may hold a dollar sign
    )
    panels.figure.supxlabel(
        "Research software, not a medical device.", x=0.01, ha="left", fontsize=8, color=_PALE
    )
    return panels


def _panels(models: int) -> tuple[Panels, tuple[Axes, ...]]:
    heights = (*_HEIGHTS_IN[:2], *(_HEIGHTS_IN[2] for _ in range(models)))
    layout = ConstrainedLayoutEngine(h_pad=0.06, w_pad=0.06)
    figure = Figure(figsize=(_WIDTH_IN, sum(heights) + 0.9), layout=layout)
    grid = figure.subplots(
        len(heights),
        2,
        squeeze=False,
        sharex="col",
        gridspec_kw={"height_ratios": heights, "width_ratios": (1, _SIDE)},
    )
    for side in grid[:, 1]:
        side.axis("off")
        side.set_xlim(0, 1)
    for axes in grid[:, 0]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9, colors=_INK)
    timed = tuple(grid[:, 0])
    return Panels(figure, timed[0], timed[1], timed[2:]), tuple(grid[:, 1])


def _waveform(axes: Axes, samples: npt.NDArray[np.int16], sample_rate_hz: int) -> None:
    """Filtered as the pipeline does, for else a sensor's drift hides the beats."""
    rate_hz = PIPELINE_GRID.sample_rate_hz
    sound = hear(samples, sample_rate_hz, PIPELINE_FILTER, rate_hz)
    width = max(1, -(-len(sound) // _MOST_POINTS))
    columns = np.pad(sound, (0, -len(sound) % width)).reshape(-1, width)
    time_s = np.arange(len(columns)) * width / rate_hz
    low, high = columns.min(axis=1), columns.max(axis=1)
    if width == 1:
        axes.plot(time_s, low, color=_INK, linewidth=0.6)
    else:
        axes.fill_between(time_s, low, high, color=_INK, linewidth=0.3)
    most = max(float(np.abs(sound).max(initial=0.0)), 1e-4)
    axes.set_ylim(-1.08 * most, 1.08 * most)
    axes.set_yticks([0.0])
    axes.set_yticklabels(["0"])
    axes.set_ylabel(f"{PIPELINE_FILTER.low_hz:g}-{PIPELINE_FILTER.high_hz:g} Hz", fontsize=9)


def _sounds(axes: Axes, side: Axes, heart: RecordingHeart) -> None:
    """A mark over each sound that was told, and the rate beside them."""
    marks: list[Line2D] = []
    for (name, colour), times_s in zip(_SOUNDS.items(), (heart.s1_s, heart.s2_s), strict=True):
        marks += axes.plot(
            times_s,
            [1.02] * len(times_s),
            linestyle="none",
            marker="v",
            markersize=4,
            color=colour,
            label=name,
            transform=axes.get_xaxis_transform(),  # seconds, and the share of the panel's height
            clip_on=False,
        )
    side.legend(
        handles=marks,
        title=f"{heart.rate_bpm:.0f} bpm, confidence {heart.confidence:.2f}",
        title_fontsize=9,
        fontsize=9,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(-0.06, -0.08),
        ncols=len(marks),
        handletextpad=0.0,
        columnspacing=1.0,
        borderpad=0.0,
        alignment="left",
    )


def _spectrogram(
    panels: Panels, side: Axes, samples: npt.NDArray[np.int16], sample_rate_hz: int
) -> None:
    axes = panels.spectrogram
    level_db, duration_s = log_mel(samples, sample_rate_hz)
    bottom, top = float(mel(LOWEST_HZ)), float(mel(HIGHEST_HZ))
    shown = axes.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        extent=(0.0, duration_s, bottom, top),
        cmap="magma",
        vmin=-60,
        vmax=0,
    )
    axes.set_yticks(mel(_TICKS_HZ).tolist(), [str(hz) for hz in _TICKS_HZ])
    axes.set_ylabel("Hz, mel scale", fontsize=9)
    bar = panels.figure.colorbar(shown, cax=side.inset_axes((0.02, 0.05, 0.09, 0.9)))
    bar.set_ticks([-60, -40, -20, 0])
    bar.set_label("dB of the loudest", fontsize=9)
    bar.ax.tick_params(labelsize=9)


def _probabilities(axes: Axes, side: Axes, summary: Summary, result: RecordingResult) -> None:
    """Each window's answer, from half-way to the window before to half-way to the next."""
    own = [window for window in result.windows if _opinion(window, summary) is not None]
    labels = sorted(summary.probabilities, key=lambda label: label not in _HEALTHY)
    edges = _edges(own, result.duration_s)
    for colour, label in zip(_colours(labels), labels, strict=True):
        values = [said[label] for window in own if (said := _opinion(window, summary)) is not None]
        axes.stairs(values, edges, baseline=None, color=colour, linewidth=0.8, alpha=0.5)
        axes.hlines(values, edges[:-1], edges[1:], color=colour, linewidth=2.2)
    axes.axhline(0.5, color=_PALE, linewidth=0.5, linestyle=":")
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    axes.set_ylabel("probability", fontsize=9)
    _say_finding(side, summary, labels)


def _opinion(window: WindowFindings, summary: Summary) -> dict[str, float] | None:
    for opinion in window.opinions:
        if (opinion.model, opinion.version) == (summary.model, summary.version):
            return opinion.probabilities
    return None


def _edges(own: list[WindowFindings], duration_s: float) -> list[float]:
    """Where windows hand over to each other: half-way between their middles."""
    centres = [window.start_s + window.window_s / 2 for window in own]
    between = [(before + after) / 2 for before, after in pairwise(centres)]
    last = min(duration_s, own[-1].start_s + own[-1].window_s)
    return [own[0].start_s, *between, last]


def _say_finding(side: Axes, summary: Summary, labels: list[str]) -> None:
    handles = [
        Patch(color=colour, label=f"{label}  {summary.probabilities[label]:.0%}")
        for colour, label in zip(_colours(labels), labels, strict=True)
    ]
    legend = side.legend(
        handles=handles,
        title=f"{summary.model} {summary.version}",
        title_fontsize=9,
        fontsize=9,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(-0.06, 0.5),
        handlelength=1.0,
        borderpad=0.0,
        alignment="left",
    )
    for text in legend.get_texts():
        chosen = text.get_text().startswith(f"{summary.label}  ") and summary.usable_windows
        text.set_fontweight("bold" if chosen else "normal")


def _say_quality(side: Axes, result: RecordingResult) -> None:
    quality = result.quality
    lines = [
        f"{quality.usable_windows} of {len(quality.windows)} windows usable",
        *(f"- {reason}" for reason in quality.reasons[:3]),
    ]
    wrapped = "\n".join(textwrap.fill(line, 30, subsequent_indent="  ") for line in lines)
    side.text(0, 0.98, f"signal {quality.verdict}", fontsize=9, va="top", weight="bold")
    side.text(0, 0.82, wrapped, fontsize=8, va="top", color=_PALE)


def _shade(axes: Axes, result: RecordingResult) -> None:
    """Behind windows that are not good, over the hop in their middle."""
    windows = result.quality.windows
    for window, (first, last) in zip(windows, _hops(windows, result.duration_s), strict=True):
        if window.verdict in _SHADES:
            axes.axvspan(first, last, color=_SHADES[window.verdict], linewidth=0, zorder=0)


def _hops(windows: tuple[WindowQuality, ...], duration_s: float) -> list[tuple[float, float]]:
    half_s = (PIPELINE_GRID.window_s - PIPELINE_GRID.hop_s) / 2
    edges = [0.0, *(window.start_s + half_s for window in windows[1:])]
    return list(zip(edges, [*edges[1:], duration_s], strict=True))


def _colours(labels: list[str]) -> list[str]:
    first = 0 if labels[0] in _HEALTHY else 1
    return [_COLOURS[(first + place) % len(_COLOURS)] for place in range(len(labels))]
