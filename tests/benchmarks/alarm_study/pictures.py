"""The study as pictures: what quiet costs in delay, and who rings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmarks.alarm_study.choice import MOST_RING_CLEAN, MOST_RING_NOISY
from tests.benchmarks.alarm_study.figures import Group
from tests.benchmarks.alarm_study.rules import Measured
from training.datasets.pictures import COLOURS


def operating_curve(tried: Sequence[Measured], chosen: Measured, file: Path) -> None:
    """False alarms per hour against delay, and against abnormal people alarmed in time."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for place, rule in enumerate(_by_k_of_n(tried)):
        again, colour = divmod(place, len(COLOURS))
        line = "--" if again else "-"
        look: dict[str, Any] = {"color": COLOURS[colour], "marker": ".", "linestyle": line}
        alarms = [it.per_hour_clean for it in rule]
        label = f"{rule[0].point.k} of {rule[0].point.n}"
        left.plot([it.delay_s for it in rule], alarms, label=label, **look)
        right.plot([it.in_time_clean for it in rule], alarms, **look)
    for axes, at in ((left, chosen.delay_s), (right, chosen.in_time_clean)):
        axes.plot(at, chosen.per_hour_clean, "o", color="black", fillstyle="none", markersize=10)
        axes.set_yscale("symlog", linthresh=0.05)
        axes.grid(alpha=0.3)
    left.set(xlabel="median delay of abnormal people, s", ylabel="false alarms per patient-hour")
    right.set(xlabel="abnormal people alarmed within 60 s")
    left.legend(frameon=False, fontsize="x-small", ncols=2, title="windows that raise")
    figure.suptitle(f"People of the validation part; chosen: {chosen.point}", fontsize="medium")
    figure.savefig(file, dpi=110)


def ringing(groups: Mapping[str, Group], file: Path) -> None:
    """Share of people with any alarm of the patient, with intervals."""
    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes: Axes = figure.subplots()
    for place, (name, own) in enumerate(groups.items()):
        found = own.ring if name.startswith("normal") else own.in_time
        error = [[found.value - found.low], [found.high - found.value]]
        axes.bar(place, found.value, color=COLOURS[place % 2], yerr=error, capsize=4)
    axes.hlines(MOST_RING_CLEAN, -0.4, 0.4, color="black", linestyle=":")
    axes.hlines(MOST_RING_NOISY, 0.6, 1.4, color="black", linestyle=":")
    axes.hlines(0.8, 1.6, 2.4, color="black", linestyle=":")
    labels = [f"{name}\n({own.people} people)" for name, own in groups.items()]
    axes.set_xticks(range(len(groups)), labels, fontsize="small")
    axes.set(ylim=(0, 1), ylabel="share alarmed", title="Normal: ever; abnormal: within 60 s")
    figure.savefig(file, dpi=110)


def _by_k_of_n(tried: Sequence[Measured]) -> list[list[Measured]]:
    rules = dict.fromkeys((it.point.k, it.point.n) for it in tried)
    return [[it for it in tried if (it.point.k, it.point.n) == rule] for rule in rules]
