from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from models.classify import classify_file
from models.errors import ConfigurationError
from models.predictor import OnnxPredictor
from tests.unit.models import tiny
from training import splits
from training.datasets.recordings import DataSet, Recording
from training.evaluation.hearing import hear

CONTRACT = msgspec.structs.replace(tiny.CONTRACT, training_data="physionet2016")


def data_set(folder: Path, name: str = "own") -> DataSet:
    """Four recordings: a normal, a lesion, an artefact, and one too short for a window."""
    draw = np.random.default_rng(0)
    records = []
    for path, label, seconds in (
        ("quiet.wav", "normal", 11),
        ("loud.wav", "MR", 6),
        ("knock.wav", "artifact", 6),
        ("short.wav", "N", 1),
    ):
        sound = 0.1 * draw.standard_normal(2000 * seconds)
        soundfile.write(folder / path, sound, 2000, subtype="PCM_16")
        records.append(Recording(path=path, labels=(label,), subject=path, database="d"))
    return DataSet(name=name, folder=folder, recordings=tuple(records))


@pytest.fixture
def predictor() -> OnnxPredictor:
    return OnnxPredictor(tiny.artifact(CONTRACT))


def test_what_is_measured_is_what_classify_says(tmp_path: Path, predictor: OnnxPredictor) -> None:
    (test,) = hear(predictor, data_set(tmp_path))
    assert [row.path for row in test.recordings] == ["quiet.wav", "loud.wav", "short.wav"]
    for row in test.recordings:
        said = classify_file(tmp_path / row.path, [predictor])
        assert (
            dict(zip(test.run.labels, row.combined, strict=True)) == said.summary[0].probabilities
        )
        assert len(row.windows) == said.summary[0].windows
        assert sum(row.usable) == said.summary[0].usable_windows


def test_data_of_which_nothing_was_trained_on_is_tested_whole(
    tmp_path: Path, predictor: OnnxPredictor
) -> None:
    (test,) = hear(predictor, data_set(tmp_path))
    assert (test.run.protocol, test.run.leaks, test.run.trained_on) == (
        "all",
        False,
        ("physionet2016",),
    )


def test_all_of_what_was_trained_on_leaks(tmp_path: Path, predictor: OnnxPredictor) -> None:
    (test,) = hear(predictor, data_set(tmp_path, "physionet2016"), "all")
    assert test.run.leaks


@pytest.mark.parametrize(
    ("trained_on", "name", "leaks"),
    [
        ("circor2022, noise", "circor2022-full", True),
        ("circor2022-full", "circor2022-full", True),
        ("physionet2016", "circor2022-full", False),
        ("ours of 2020, noise", "ours of 2020", True),
        ("ours, noise", "ours of 2020", False),
        ("ours of 2020", "ours", False),
    ],
)
def test_a_set_that_holds_what_was_trained_on_leaks_whatever_its_name(
    tmp_path: Path, trained_on: str, name: str, leaks: bool
) -> None:
    contract = msgspec.structs.replace(CONTRACT, training_data=trained_on)
    (test,) = hear(OnnxPredictor(tiny.artifact(contract)), data_set(tmp_path, name))
    assert (test.run.protocol, test.run.leaks) == ("all", leaks)


def test_a_quick_try_takes_some_from_everywhere(tmp_path: Path, predictor: OnnxPredictor) -> None:
    (test,) = hear(predictor, data_set(tmp_path), max_files=2)
    assert [row.path for row in test.recordings] == ["quiet.wav"]  # and the artefact


def test_folds_are_no_test_of_a_finished_model(tmp_path: Path, predictor: OnnxPredictor) -> None:
    with pytest.raises(ConfigurationError, match="folds are tested while they are trained"):
        hear(predictor, data_set(tmp_path, "physionet2016"), "physionet2016-5-fold")


def test_a_model_without_words_for_a_data_set_is_refused(tmp_path: Path) -> None:
    other = OnnxPredictor(tiny.artifact(msgspec.structs.replace(CONTRACT, labels=("S1", "S2"))))
    with pytest.raises(ConfigurationError, match="knows S1, S2: no recording of own"):
        hear(other, data_set(tmp_path))


def held_out(folder: Path, split_sha256: str) -> bool:
    """Whether the held-out part leaks for an artifact that was fit by a split of that hash."""
    protocol = splits.protocol_named("physionet2016")
    (turn,) = splits.turns(protocol)
    records = []
    for path in (turn.test[0], turn.validation[0]):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write((folder / path).with_suffix(".wav"), np.zeros(12000), 2000)
        records.append(Recording(path=path, labels=("normal",), subject=path, database="d"))
    data = DataSet(name="physionet2016", folder=folder, recordings=tuple(records))
    contract = msgspec.structs.replace(CONTRACT, split_sha256=split_sha256)
    test, validation = hear(OnnxPredictor(tiny.artifact(contract)), data)
    assert (test.run.part, validation.run.part) == ("test", "validation")
    assert [row.path for row in test.recordings] == [turn.test[0]]
    return test.run.leaks


def test_the_held_out_part_is_honest_for_its_own_split_alone(tmp_path: Path) -> None:
    assert not held_out(tmp_path, splits.sha256("physionet2016"))
    assert held_out(tmp_path, "0" * 64)
    both = ", ".join(map(splits.sha256, ("physionet2016", "circor2022")))
    assert not held_out(tmp_path, both)
