"""How nets were trained stands beside what they reached."""

import json
from pathlib import Path

import msgspec
import pytest

from models.errors import ConfigurationError
from tests.unit.training.evaluation.made import RUN, predictions
from training.evaluation import trainings
from training.evaluation.predictions import file_name, write


def put(folder: Path, *, fold: int, epochs: int, minutes: float) -> None:
    """What ``heartward train`` leaves, as far as it is read; JSON's null is a NaN."""
    history = [
        {
            "epoch": k,
            "phase": "training",
            "loss": 1 / (k + 1),
            "seconds": 60 * minutes / epochs,
            "validation": {"loss": 0.5, "accuracy": 0.5, "uar": 0.5 + k / 10, "auc": None},
        }
        for k in range(epochs)
    ]
    run = {
        "recipe": "ours",
        "protocol": "a title",
        "fold": fold,
        "seed": 1,
        "parameters": 59_000,
        "best": epochs - 1,
        "training_s": 60 * minutes,
        "device": "some machine",
    }
    folder.mkdir(parents=True)
    (folder / "history.json").write_text(json.dumps(history))
    (folder / "run.json").write_text(json.dumps(run))
    own = msgspec.structs.replace(
        RUN, protocol="physionet2016-5-fold", fold=str(fold), trained_on=("physionet2016",)
    )
    for each in (own, msgspec.structs.replace(own, data_set="circor2022", protocol="all")):
        write(predictions([0.2, 0.9], [0, 1], run=each), folder / file_name(each))


def test_time_and_epochs_are_those_of_all_trainings(tmp_path: Path) -> None:
    put(tmp_path / "runs" / "0", fold=0, epochs=3, minutes=6)
    put(tmp_path / "runs" / "1", fold=1, epochs=5, minutes=10)
    found = trainings.find(tmp_path / "runs")
    assert [each.protocols for each in found] == [("physionet2016-5-fold",)] * 2
    page = trainings.section(found, tmp_path)
    line = next(line for line in page.splitlines() if line.startswith("| made"))
    assert line == (
        "| made 1.0.0 | physionet2016-5-fold | 2 | 59.0 k | 3 to 5 | 3 to 5 | 8.0 | 120.0 "
        "| some machine |"
    )
    assert "](training-curves-1.png)" in page
    assert (tmp_path / "training-curves-1.png").read_bytes().startswith(b"\x89PNG")


def test_a_curve_is_the_mean_over_trainings(tmp_path: Path) -> None:
    put(tmp_path / "0", fold=0, epochs=2, minutes=1)
    put(tmp_path / "1", fold=1, epochs=3, minutes=1)
    figure = trainings.draw({"made": trainings.find(tmp_path)}, "title")
    loss, _, uar = figure.axes
    assert loss.lines[0].get_ydata() == pytest.approx([1, 1 / 2, 1 / 3])
    assert uar.lines[0].get_ydata() == pytest.approx([0.5, 0.6, 0.7])


@pytest.mark.parametrize("epochs", [1, 3])
def test_no_two_of_many_models_look_alike(tmp_path: Path, epochs: int) -> None:
    put(tmp_path / "run", fold=0, epochs=epochs, minutes=6)
    own = trainings.find(tmp_path)
    figure = trainings.draw({f"model {k}": own for k in range(24)}, "a protocol")
    for axes in figure.axes:
        looks = {(it.get_color(), it.get_linestyle(), it.get_marker()) for it in axes.lines}
        assert len(looks) == 24


def test_folders_of_something_else_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text("[]")
    assert trainings.find(tmp_path) == []
    assert trainings.section([], tmp_path) == ""


def test_a_damaged_history_is_named(tmp_path: Path) -> None:
    put(tmp_path / "0", fold=0, epochs=2, minutes=1)
    (tmp_path / "0" / "history.json").write_text("[{")
    with pytest.raises(ConfigurationError, match=r"history\.json is not of a training"):
        trainings.find(tmp_path)
