"""How a training went, as a picture."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from training.engine import curves
from training.engine.loop import Epoch
from training.engine.measures import Figures


@pytest.mark.parametrize("epochs", [1, 2, 16])
def test_epochs_are_counted_in_whole_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    drawn: list[Figure] = []
    save = Figure.savefig

    def kept(figure: Figure, *told: Any, **more: Any) -> None:
        save(figure, *told, **more)
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", kept)
    judged = Figures(loss=0.5, accuracy=0.5, uar=0.5, auc=0.5)
    history = [
        Epoch(
            epoch=number,
            phase="training",
            learning_rate=1e-3,
            loss=1.0,
            validation=judged,
            seconds=1.0,
            best=False,
        )
        for number in range(epochs)
    ]
    curves.draw(history, history[-1], "title", tmp_path / "curves.png")
    (figure,) = drawn
    for axes in figure.axes:
        low, high = axes.get_xlim()
        shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert shown
        assert all(float(tick).is_integer() for tick in shown)
