"""A run that takes something of another: its weights, or its answers."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from models.errors import ConfigurationError, ModelError
from tests.unit.training import two_tones
from tests.unit.training.trained_tones import ordered, same, write_recipe
from training.engine import parts as divided
from training.engine import recipe_files, runs


def hold_back_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two recordings that were trained on until now are tested on by whoever comes next."""
    own = divided.parts

    def held_back(*told: Any, **how: Any) -> divided.Parts:
        found = own(*told, **how)
        return found._replace(train=found.train[2:], test=found.train[:2])

    monkeypatch.setattr(divided, "parts", held_back)


def test_a_teacher_is_found_by_its_folder_and_must_fit(place: Path) -> None:
    ordered(epochs=1, out=place / "teacher-0")
    write_recipe(place, distillation={"teachers": ["teacher-{fold}"]})
    ordered(epochs=1, out=place / "pupil")
    write_recipe(place, distillation={"teachers": ["teacher-{fold}"]}, contract__hop_s=0.25)
    with pytest.raises(ConfigurationError, match="other labels or another contract"):
        ordered(epochs=1, out=place / "deaf")
    write_recipe(place, distillation={"teachers": ["nobody"]})
    with pytest.raises(ConfigurationError, match="tones learns from nobody, and there is no such"):
        ordered(epochs=1, out=place / "alone")
    assert not (place / "alone.part").exists()


def test_a_teacher_may_not_have_heard_what_its_pupil_is_tested_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered(epochs=1, out=place / "teacher")
    hold_back_what_was_learnt(monkeypatch)
    write_recipe(place, distillation={"teachers": ["teacher"]})
    with pytest.raises(ConfigurationError, match=r"teacher learnt from .* and 1 others that tones"):
        ordered(epochs=1, out=place / "pupil")


def test_nor_may_the_run_whose_weights_another_begins_from(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered(epochs=1, out=place / "first")
    hold_back_what_was_learnt(monkeypatch)
    weights_of = place / "first" / "checkpoint.pt"
    with pytest.raises(ConfigurationError, match=r"first learnt from .* and 1 others that tones"):
        ordered(epochs=1, out=place / "second", init=weights_of)
    elsewhere = place / "published.pt"  # of which nothing is known
    elsewhere.write_bytes(weights_of.read_bytes())
    ordered(epochs=1, out=place / "second", init=elsewhere)


def test_what_a_run_learnt_from_counts_for_another_that_begins_from_it(place: Path) -> None:
    ordered(epochs=1, out=place / "one")
    before = runs.finished(place / "one")
    tables = before.label_tables | {"heard-before": "0" * 64}
    (place / "one" / "run.json").write_bytes(
        msgspec.json.encode(msgspec.structs.replace(before, label_tables=tables))
    )
    ordered(epochs=1, out=place / "two", init=place / "one" / "checkpoint.pt")
    assert runs.finished(place / "two").label_tables == tables


def test_a_run_begins_from_another_runs_weights(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ordered(epochs=1, out=place / "one")
    ordered(epochs=1, out=place / "two", init=place / "one" / "checkpoint.pt")
    assert "parameters taken" in capsys.readouterr().err
    run = msgspec.json.decode((place / "two" / "run.json").read_bytes(), type=runs.Run)
    assert run.initial_weights is not None
    assert "parameters taken" in run.initial_weights
    assert not same(place / "one", place / "two")


@pytest.mark.parametrize("damage", ["cut", "other", "missing"])
def test_a_folder_without_a_whole_run_is_refused(place: Path, damage: str) -> None:
    folder = place / "one"
    folder.mkdir()
    told = two_tones.recipe(place)
    if damage == "other":
        torch.save({"recipe": recipe_files.to_toml(told), "weights": {}}, folder / "checkpoint.pt")
    elif damage == "cut":
        (folder / "checkpoint.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError) as error:
        runs.load(folder)
    assert "\n" not in str(error.value)
