"""Pictures of one evaluation, and of many side by side; made without pyplot, so without a display.

Axes of shares always begin at 0 or end at 1, a diagonal shows what chance or honesty would be, and
every title says the data, the protocol and whether it leaks.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from training.datasets.pictures import COLOURS
from training.evaluation import metrics, png, ranking, selective
from training.evaluation.calibration import Bin
from training.evaluation.hearing import ALL
from training.evaluation.scored import Scored
from training.evaluation.summary import Evaluation

_GREY = "#777777"
_KEY = [
    Line2D([], [], color=COLOURS[0], marker="o", label="subjects kept apart, 95 % interval"),
    Line2D(
        [], [], color=COLOURS[1], marker="o", markerfacecolor="white", label="LEAKS, 95 % interval"
    ),
    Line2D([], [], color=_GREY, marker="x", linestyle="", label="as the work prints it"),
]
_DARK = 0.55  # of a cell's share: from here on its number is white


class Line(NamedTuple):
    """One line of a comparison; the literature gives no interval, so its are NaN."""

    name: str
    value: float
    low: float
    high: float
    leaks: bool


def draw(found: Evaluation, tested: Scored, folder: Path) -> list[Path]:
    """Write a PNG of each kind; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "reliability": reliability(found),
        "roc": roc(found, tested),
        "risk-coverage": risk_coverage(found, tested),
    }
    if found.confusion:
        figures = {"confusion": confusion(found)} | figures
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{stem(found)}-{name}.png")
        png.save(figure, files[-1])
    return files


def stem(found: Evaluation) -> str:
    """The common part of its files' names."""
    part = found.protocol.removeprefix(found.data_set).strip("-") or "held-out"
    return f"{found.model}-{found.version}-{found.data_set}-{part}"


def confusion(found: Evaluation) -> Figure:
    """Each row adds up to 100 %: of those who are, how many are called."""
    counts = np.array(found.confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(found.labels)
    figure, axes = _figure(2.6 + 0.85 * size, 2.2 + 0.7 * size, "who is called what", found)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(share):
        text = f"{value:.0%}\n{counts[row, column]}"
        colour = "white" if value > _DARK else "#222222"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(size), found.labels)
    axes.set_yticks(range(size), [f"{own}" for own in found.labels])
    axes.set_xlabel("called")
    axes.set_ylabel("is")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def reliability(found: Evaluation) -> Figure:
    """What was claimed against what came true, and below how many decisions that is."""
    figure = Figure(figsize=(5.4, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    _title(figure, "does a probability come true?", found)
    upper.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="what is claimed")
    error = found.calibration.error
    _bins(upper, found.calibration.bins, COLOURS[0], f"as answered, ECE {error:.3f}", "o")
    if found.calibration.temperature is not None:
        said = f"temperature {found.calibration.temperature:.2f} (fitted on validation), "
        said += f"ECE {found.calibration.error_after:.3f}"
        _bins(upper, found.calibration.bins_after, COLOURS[1], said, "s")
    upper.set_ylabel("share that is right")
    upper.set_ylim(0, 1.02)
    upper.legend(frameon=False, fontsize=8, loc="best")
    middles = [(each.low + each.high) / 2 for each in found.calibration.bins]
    counts = [each.count for each in found.calibration.bins]
    bars = lower.bar(middles, counts, width=0.09, color=COLOURS[0], alpha=0.7)
    lower.bar_label(bars, fontsize=7, color=_GREY)
    lower.set_ylim(0, 1.25 * max(counts))
    lower.set_xlabel("confidence in the decision")
    lower.set_ylabel("decisions")
    lower.set_xlim(_lowest(found), 1.0)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
    return figure


def roc(found: Evaluation, tested: Scored) -> Figure:
    """One curve; of more than two labels, one against the rest each."""
    figure, axes = _figure(5.4, 5.2, "sensitivity for false alarms", found)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--")
    two = tested.exclusive and len(tested.labels) == 2
    for place, label in enumerate(tested.labels):
        if (two and place == 0) or not tested.truth[:, place].any() or tested.truth[:, place].all():
            continue
        curve = ranking.roc(tested.truth[:, place], tested.probabilities[:, place])
        colour = COLOURS[0 if two else place % len(COLOURS)]
        said = f"{label}: AUC {found.label_aucs[label]:.3f}"
        if two:
            area = found.metrics["auc"]
            said = f"{label}: AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
        axes.step(
            curve.false_alarm_rate,
            curve.sensitivity,
            where="post",
            color=colour,
            linewidth=1.6,
            label=said,
        )
    if two:
        _databases(axes, found, tested)
    axes.set_xlabel("false alarms (1 - specificity)")
    axes.set_ylabel("sensitivity")
    axes.set_xlim(-0.01, 1)
    axes.set_ylim(0, 1.01)
    axes.set_aspect("equal")
    if axes.get_legend_handles_labels()[0]:  # none where a label is missing from a small test
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.grid(alpha=0.25, linewidth=0.6)
    return figure


def risk_coverage(found: Evaluation, tested: Scored) -> Figure:
    """How wrong it is where it may pass what it is least sure of."""
    figure, axes = _figure(6, 4, "errors if the unsurest are passed on", found)
    curve = selective.risk_coverage(tested)
    steady = curve.coverage >= min(0.5, 20 / len(tested))  # the first few say nothing
    area = found.metrics["aurc"].value
    axes.plot(
        curve.coverage[steady],
        curve.risk[steady],
        color=COLOURS[0],
        label=f"{found.model} {found.version}, area {area:.3f}",
    )
    error = 1 - metrics.accuracy(tested)
    axes.axhline(
        error, color=_GREY, linestyle="--", linewidth=1, label=f"all answered: {error:.1%}"
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.15 * error, float(curve.risk[steady].max()) * 1.1, 0.01))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if error > 0.05 else 1))
    axes.set_xlabel("recordings that are answered, the surest first")
    axes.set_ylabel("of these, wrong")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.grid(alpha=0.25, linewidth=0.6)
    return figure


def side_by_side(lines: Sequence[Line], measure: str, title: str) -> Figure:
    """Values with their intervals, one line a model."""
    figure = Figure(figsize=(8.6, 1.7 + 0.3 * len(lines)), layout="constrained")
    axes = figure.subplots()
    figure.suptitle("\n".join(textwrap.wrap(title, 95)), fontsize=10)
    for place, line in enumerate(lines):
        _mark(axes, place, line)
        axes.annotate(
            f"{line.value:.3f}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
            color="#333333",
        )
    axes.set_yticks(range(len(lines)), [line.name for line in lines], fontsize=8)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    lowest = min(np.nanmin([line.value, line.low]) for line in lines)
    axes.set_xlim(np.floor(10 * lowest - 0.01) / 10, 1.0)
    axes.set_xlabel(f"{measure} (the axis does not begin at 0)")
    axes.grid(axis="x", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(handles=_KEY, frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    return figure


def _mark(axes: Axes, place: int, line: Line) -> None:
    colour = COLOURS[1] if line.leaks else COLOURS[0]
    if not np.isfinite(line.low):
        axes.plot(line.value, place, "x", color=_GREY, markersize=6, markeredgewidth=1.6)
        return
    axes.plot([line.low, line.high], [place, place], color=colour, linewidth=1.6, alpha=0.7)
    face = "white" if line.leaks else colour
    axes.plot(line.value, place, "o", color=colour, markerfacecolor=face, markersize=6)


def _databases(axes: Axes, found: Evaluation, tested: Scored) -> None:
    """Thin curves within databases: what is left where the sensor is the same."""
    if len(found.database_aucs) < 2:
        return
    for place, (database, area) in enumerate(found.database_aucs.items()):
        own = tested.take(tested.database == database)
        curve = ranking.roc(own.truth[:, 1], own.probabilities[:, 1])
        axes.step(
            curve.false_alarm_rate,
            curve.sensitivity,
            where="post",
            linewidth=0.9,
            alpha=0.85,
            color=COLOURS[1:][place % (len(COLOURS) - 1)],
            label=f"within {database} ({len(own)}): {area:.3f}",
        )


def _bins(axes: Axes, bins: Sequence[Bin], colour: str, said: str, marker: str) -> None:
    """With the standard error of a share, so that a bin of three does not look like one of 300."""
    shares = np.array([each.accuracy for each in bins])
    counts = np.array([each.count for each in bins])
    axes.errorbar(
        [each.confidence for each in bins],
        shares,
        yerr=np.sqrt(shares * (1 - shares) / counts),
        fmt=f"{marker}-",
        color=colour,
        linewidth=1.3,
        markersize=4.5,
        capsize=2,
        label=said,
    )


def _lowest(found: Evaluation) -> float:
    lowest = min(each.low for each in (*found.calibration.bins, *found.calibration.bins_after))
    return max(0.0, lowest)


def _figure(width: float, height: float, title: str, found: Evaluation) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    _title(figure, title, found)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _title(figure: Figure, title: str, found: Evaluation) -> None:
    leak = "\nLEAKS: the same subjects are in training and test" if found.leaks else ""
    where = f"{found.data_set} (split {found.protocol})"
    if found.protocol == ALL:
        where = f"all of {found.data_set}"
    tested = f"tested on {where}, {found.recordings} recordings"
    figure.suptitle(
        f"{found.model} {found.version}: {title}\n{tested}{leak}", fontsize=9.5, ha="center"
    )
