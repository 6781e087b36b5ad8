"""What a training holds back is heard as the artifact that comes of it will hear it."""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

import heartward
from models.contract import ModelContract
from models.errors import ConfigurationError, ModelError
from models.predictor import OnnxPredictor
from tests.unit.training import two_tones
from training import export, splits
from training.datasets import catalogue, circor2022, circor2022_full
from training.datasets.recordings import DataSet
from training.engine import commands, finished, parts, recipe_files, runs
from training.engine.commands import Order
from training.engine.recipe import Recipe
from training.evaluation import hearing, predictions
from training.evaluation.predictions import Predictions
from training.splits import Protocol

_FOLDS = ("first", "second")
_CPU = torch.device("cpu")


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, DataSet]:
    """Three sets of tones, two of which have folds and one repeated random splits."""
    monkeypatch.chdir(tmp_path)
    found = {}
    for name in ("here", "there", "elsewhere"):
        (tmp_path / name).mkdir()
        data = two_tones.write(tmp_path / name, seconds=2.75)
        found[name] = msgspec.structs.replace(data, name=name)
    known = tuple(
        Protocol(name=f"{name}-folds", data_set=name, separates="subjects", after="", folds=2)
        for name in ("here", "there")
    )
    random = Protocol(
        name="here-random",
        data_set="here",
        separates="recordings",
        after="",
        shares={"train": 0.5, "validation": 0.25, "test": 0.25},
        seeds=(1, 2, 3),
    )
    double = msgspec.structs.replace(known[0], name="here-again")
    by_name = {protocol.name: protocol for protocol in (*known, random, double)}

    def turns(protocol: Protocol) -> list[splits.Fold]:
        table = protocol.divide(found[protocol.data_set].recordings)
        return list(protocol.turns(table))

    monkeypatch.setattr(splits, "protocol_named", by_name.__getitem__)
    monkeypatch.setattr(splits, "turns", turns)
    monkeypatch.setattr(splits, "sha256", lambda name: name)
    monkeypatch.setattr(parts, "load", found.__getitem__)
    monkeypatch.setattr(catalogue, "load", found.__getitem__)
    return found


def trained(*protocols: str, fold: int = 0, seed: int = 1, **changes: Any) -> tuple[Path, Recipe]:
    told = two_tones.recipe(Path("x"), data__whole=[], data__protocols=protocols, **changes)
    Path("tones.toml").write_text(recipe_files.to_toml(told))
    folder = Path(f"{'-'.join(protocols)}-{fold}-{seed}")
    commands.run(
        Order(recipe="tones.toml", epochs=1, fold=fold, seed=seed, device="cpu", out=folder)
    )
    return folder, told


def contract(told: Recipe) -> ModelContract:
    hearing_told = told.contract
    return ModelContract(
        name="tones",
        version="1",
        task="tones",
        labels=told.data.labels,
        exclusive=told.data.exclusive,
        sample_rate_hz=hearing_told.sample_rate_hz,
        window_s=hearing_told.window_s,
        hop_s=hearing_told.hop_s,
        filter=hearing_told.filter_spec,
        scaling=hearing_told.scaling_spec,
        opset=export.OPSET,
        training_data="here",
        training_data_sha256="",
        split="",
        split_sha256="",
        git_commit="",
        metrics={},
        reference={},
        intended_use="",
        licence="",
    )


def found_in(folder: Path) -> dict[tuple[str, str], Predictions]:
    every = [predictions.read(path) for path in predictions.find(folder)]
    return {(each.run.data_set, each.run.part): each for each in every}


@pytest.mark.parametrize(
    "changes",
    [{}, {"data__exclusive": False, "contract__scaling": {"kind": "peak", "clip": 1.0}}],
    ids=["exclusive", "concurring"],
)
def test_what_is_heard_in_training_is_what_the_artifact_hears(
    sets: dict[str, DataSet], changes: dict[str, Any]
) -> None:
    folder, told = trained("here-folds", **changes)
    net, _ = runs.load(folder)
    artifact = OnnxPredictor(export.export(net, contract(told)))
    data = sets["here"]
    for part in ("test", "validation"):
        own = found_in(folder)["here", part]
        known = {each.path: each for each in data.recordings}
        heard = hearing.predicted(artifact, data, [known[row.path] for row in own.recordings])
        for ours, theirs in zip(own.recordings, heard, strict=True):
            assert (ours.path, ours.truth) == (theirs.path, theirs.truth)
            assert (ours.subject, ours.database) == (theirs.subject, theirs.database)
            np.testing.assert_allclose(ours.windows, theirs.windows, atol=2e-6)
            np.testing.assert_allclose(ours.combined, theirs.combined, atol=2e-6)


@pytest.mark.usefixtures("sets")
def test_each_protocol_has_a_file_of_test_and_validation() -> None:
    folder, told = trained("here-folds", "there-folds", fold=1, seed=4)
    found = found_in(folder)
    assert set(found) == {(s, p) for s in ("here", "there") for p in ("test", "validation")}
    net, _ = runs.load(folder)
    for (name, _), own in found.items():
        run = own.run
        assert (run.protocol, run.fold, run.seed) == (f"{name}-folds", "1", 4)
        assert (run.architecture, run.front_end, run.recipe) == ("ours", "log-mel", "tones")
        assert run.trained_on == ("here", "there")
        assert (run.labels, run.leaks, run.epochs) == (told.data.labels, False, 1)
        assert run.parameters == sum(it.numel() for it in net.parameters())
        assert run.training_s is not None
        assert run.training_s > 0
    every = parts.parts(told, 1)
    for name in ("here", "there"):
        tested = {row.path for row in found[name, "test"].recordings}
        assert tested == {each.path for data, each in every.test if data.name == name}
        assert not tested & {each.path for data, each in every.train if data.name == name}
    said = runs.finished(folder).files
    for path in predictions.find(folder):
        assert said[path.name] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("sets")
def test_all_folds_and_seeds_of_a_recipe_are_one_row() -> None:
    trained("here-folds", fold=0)
    trained("here-folds", fold=1)
    trained("here-folds", fold=1, seed=2)
    trained("there-folds", fold=1)
    trained("here-random", fold=2)
    trained("here-random", fold=0, seed=2)
    trained("here-folds", fold=0, seed=3, optimiser__learning_rate=0.1)
    every = [predictions.read(path).run for path in predictions.find(Path())]
    versions = {run.version for run in every}
    assert len(versions) == 2  # the last has another rate
    seeds = [run.seed for run in every if (run.protocol, run.part) == ("here-random", "test")]
    assert sorted(seeds) == [3, 4]  # of three repetitions each
    assert all(run.leaks == (run.protocol == "here-random") for run in every)


@pytest.mark.usefixtures("sets")
def test_a_quick_try_is_no_part_of_a_row() -> None:
    trained("here-folds")
    commands.run(Order(recipe="tones.toml", epochs=1, max_files=4, device="cpu", out=Path("try")))
    (test,) = [own for (_, part), own in found_in(Path("try")).items() if part == "test"]
    assert test.run.version.endswith("-of-4-files")
    assert test.run.max_files == 4
    assert len(test.recordings) == 2
    again = finished.hear(Path("try"), None, device=_CPU)
    assert [each for each in again if each.run.part == "test"] == [test]


@pytest.mark.usefixtures("sets")
def test_what_was_lost_is_heard_again() -> None:
    folder, _ = trained("here-folds", "there-folds")
    before = {path: predictions.read(path) for path in predictions.find(folder)}
    for path in before:
        path.unlink()
    runs.add(folder, finished.hear(folder, None, device=_CPU))
    assert set(predictions.find(folder)) == set(before)
    for path, first in before.items():
        again = predictions.read(path)
        assert again.run == first.run
        assert [row.path for row in again.recordings] == [row.path for row in first.recordings]
        for ours, theirs in zip(again.recordings, first.recordings, strict=True):
            np.testing.assert_allclose(ours.windows, theirs.windows, atol=1e-6)


def test_another_data_set_is_heard_whole_by_a_finished_run(
    sets: dict[str, DataSet], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = trained("here-folds", fold=1, seed=2)
    arguments = ["evaluate", "--run", str(folder), "--data", "elsewhere", "--draws", "100"]
    monkeypatch.setattr(sys, "argv", ["heartward", *arguments])
    with pytest.raises(SystemExit) as left:
        heartward.main()
    assert not left.value.code
    own = found_in(folder)["elsewhere", "test"]
    assert len(own.recordings) == len(sets["elsewhere"].recordings)
    assert (own.run.protocol, own.run.leaks, own.run.trained_on) == ("all", False, ("here",))
    assert own.run.seed == 4  # the second of two folds, for the second time
    said = runs.finished(folder)
    assert predictions.file_name(own.run) in said.files
    assert "tones" in capsys.readouterr().out
    assert not list(folder.glob("*.part"))


def test_labels_are_put_into_the_recipes_words(sets: dict[str, DataSet]) -> None:
    folder, _ = trained("here-folds")
    renamed = {"low": "N", "high": "MR"}
    data = sets["elsewhere"]
    sets["elsewhere"] = msgspec.structs.replace(
        data,
        recordings=tuple(
            msgspec.structs.replace(each, labels=(renamed[each.label],)) for each in data.recordings
        ),
    )
    with pytest.raises(ConfigurationError, match="knows low, high: no recording of elsewhere"):
        finished.hear(folder, "elsewhere", device=_CPU)
    other, _ = trained(
        "there-folds",
        data__labels=["normal", "abnormal"],
        data__rename={"low": "normal", "high": "abnormal"},
    )
    (own,) = finished.hear(other, "elsewhere", device=_CPU)
    truths = {row.path: row.truth for row in own.recordings}
    assert truths["low0.wav"] == ("normal",)
    assert truths["high0.wav"] == ("abnormal",)


@pytest.mark.usefixtures("sets")
def test_what_was_trained_on_is_no_further_data_set() -> None:
    folder, _ = trained("here-folds")
    with pytest.raises(ConfigurationError, match="tones was trained on here"):
        finished.hear(folder, "here", device=_CPU)


def test_nor_is_a_set_that_holds_what_was_trained_on(
    sets: dict[str, DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As circor2022-full holds circor2022; the other way round it is the same."""
    folder, _ = trained("here-folds")
    for name in (circor2022.NAME, circor2022_full.NAME):
        monkeypatch.setitem(sets, name, msgspec.structs.replace(sets["elsewhere"], name=name))
    assert finished.hear(folder, circor2022_full.NAME, device=_CPU)
    made = runs.finished(folder)
    tables = {circor2022.NAME: made.label_tables["here"]}
    (folder / "run.json").write_bytes(
        msgspec.json.encode(msgspec.structs.replace(made, label_tables=tables))
    )
    with pytest.raises(ConfigurationError, match=r"circor2022, which holds .* of circor2022-full"):
        finished.hear(folder, circor2022_full.NAME, device=_CPU)


def test_two_sets_of_one_publication_are_not_trained_on_together() -> None:
    told = two_tones.recipe(
        Path("x"), data__whole=["circor2022-full"], data__protocols=["circor2022-5-fold"]
    )
    with pytest.raises(
        ConfigurationError, match=r"names circor2022 and circor2022-full in .* the same recordings"
    ):
        parts.parts(told, 0)


def test_a_run_whose_split_has_changed_is_not_tested_again(
    sets: dict[str, DataSet], tmp_path: Path
) -> None:
    folder, _ = trained("here-folds")
    shutil.rmtree(tmp_path / "here")
    (tmp_path / "here").mkdir()
    fewer = two_tones.write(tmp_path / "here", of_each=4)
    sets["here"] = msgspec.structs.replace(fewer, name="here")
    with pytest.raises(ModelError, match="the split or the data set has changed"):
        finished.hear(folder, None, device=_CPU)


@pytest.mark.usefixtures("sets")
def test_one_data_set_cannot_be_divided_in_two_ways() -> None:
    with pytest.raises(ConfigurationError, match="tones names here twice"):
        trained("here-folds", "here-again")


@pytest.mark.usefixtures("sets")
def test_a_run_that_held_nothing_back_says_so(tmp_path: Path) -> None:
    told = two_tones.recipe(Path("x"), data__whole=["here"])
    Path("tones.toml").write_text(recipe_files.to_toml(told))
    commands.run(Order(recipe="tones.toml", epochs=1, device="cpu", out=tmp_path / "all"))
    assert not list(predictions.find(tmp_path / "all"))
    with pytest.raises(ConfigurationError, match="held nothing back"):
        finished.hear(tmp_path / "all", None, device=_CPU)
    (own,) = finished.hear(tmp_path / "all", "elsewhere", device=_CPU)
    assert own.run.seed == 1
