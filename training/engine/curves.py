"""How a training went, as a picture; made without pyplot, so without a display."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.datasets.pictures import COLOURS
from training.engine.loop import Epoch


def draw(history: Sequence[Epoch], kept: Epoch, title: str, path: Path) -> None:
    """Losses on the left, what the validation part says on the right."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, figures = figure.subplots(1, 2)
    epochs = [epoch.epoch + 1 for epoch in history]
    mark = "o" if len(history) == 1 else None
    losses.plot(
        epochs, [it.loss for it in history], color=COLOURS[0], marker=mark, label="training"
    )
    judged = [epoch.validation for epoch in history]
    losses.plot(
        epochs, [it.loss for it in judged], color=COLOURS[1], marker=mark, label="validation"
    )
    losses.set(xlabel="epoch", ylabel="loss")
    for name, colour in zip(("uar", "accuracy", "auc"), COLOURS, strict=False):
        values = [getattr(it, name) for it in judged]
        figures.plot(epochs, values, color=colour, marker=mark, label=name)
    figures.set(xlabel="epoch", ylabel="validation, per recording", ylim=(0, 1.02))
    for axes in (losses, figures):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.axvline(kept.epoch + 1, color="0.6", linestyle=":", label=f"kept: {kept.epoch + 1}")
        axes.legend(frameon=False, fontsize="small")
    figure.suptitle(title, fontsize="medium")
    figure.savefig(path, dpi=120)
