"""From an export to a candidate, on two tones that anyone can tell apart."""

import math
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

import heartward
from models.errors import ConfigurationError, ModelError, UserError
from models.registry import Registry
from tests.unit.models import tiny
from tests.unit.training import two_tones
from training import splits
from training.datasets import clinicians
from training.engine import recipe_files, runs
from training.retraining import candidate, commands, diary, material
from training.retraining.commands import Order, Outcome

HEADS = "path,model,version,said,verdict,label,subject,labelled_by,labelled_at"
TONES_HZ = {"high": 200.0, "low": 60.0}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: recordings, a recipe, a model in service and an export."""
    monkeypatch.chdir(tmp_path)
    for name in ("sounds", "service", "export"):
        (tmp_path / name).mkdir()
    two_tones.write(tmp_path / "sounds")
    told = two_tones.recipe(tmp_path / "sounds", training__epochs=2)
    (tmp_path / "tones.toml").write_text(recipe_files.to_toml(told))
    contract = msgspec.structs.replace(
        tiny.CONTRACT, labels=("low", "high"), sample_rate_hz=1000, window_s=1.0, hop_s=0.5
    )
    tiny.put_into(tmp_path / "service", contract, default=True)
    export(tmp_path / "export", 12)
    return tmp_path


def export(folder: Path, count: int) -> None:
    """Clips of as many patients; every sixth is an artefact, every second disagrees."""
    rng = np.random.default_rng(7)
    lines = [HEADS]
    for k in range(count):
        label = ("low", "high")[k // 2 % 2]
        time_s = np.arange(2500) / 1000
        tone = np.sin(2 * np.pi * (TONES_HZ[label] + k) * time_s)
        soundfile.write(folder / f"{k}.wav", 0.2 * tone + 0.05 * rng.standard_normal(2500), 1000)
        said = {"low": "high", "high": "low"}[label] if k % 2 else label
        verdict, corrected = ("disagree", label) if k % 2 else ("agree", "")
        if k % 6 == 5:
            verdict, corrected = "artefact", ""
        at = f"2026-11-20T09:{k:02}:00Z"
        lines.append(f"{k}.wav,tiny,1.0.0,{said},{verdict},{corrected},p-{k},n-1,{at}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def ordered(place: Path, **told: object) -> Outcome:
    fields = {
        "export": place / "export",
        "to": place / "retrained",
        "recipe": "tones.toml",
        "models_dir": place / "service",
        "device": "cpu",
        "draws": 100,
    }
    return commands.run(msgspec.convert(fields | told, Order))


def test_a_candidate_is_trained_without_the_held_out_compared_and_not_in_service(
    place: Path,
) -> None:
    outcome = ordered(place)
    assert (outcome.outcome, outcome.status) == ("candidate", 0)
    assert (outcome.labels, outcome.new_labels) == (12, 12)
    labels = clinicians.read(place / "export")
    own = material.divided(labels)
    assert (outcome.learnt, outcome.held_out) == (len(own.learnt), len(own.held_out))
    assert outcome.learnt + outcome.held_out == 10  # two are artefacts
    assert own.held_out
    folder = Path(outcome.folder)
    registry = Registry(folder)
    assert [entry.default for entry in registry.entries] == [False]
    (model,) = registry.installed()
    contract = model.contract
    assert f"{contract.name}-{contract.version}" == outcome.candidate
    assert contract.version.startswith("1.0.0-retrained.")
    assert contract.training_data == "sounds, clinicians"
    assert set(contract.reference) == {
        *("low_probability", "high_probability", "band_level_db", "quality_score"),
        "embedding_distance",
    }
    assert (folder / f"{outcome.candidate}.md").read_text().count("clinicians-held-out") >= 3
    (compared,) = outcome.comparisons
    assert compared.data_set == "clinicians-held-out"
    assert compared.recordings == outcome.held_out
    assert not compared.candidate.heard_them
    assert f"{compared.data_set}.recording.uar" in contract.metrics
    assert_heard_only_what_may_be_learnt(folder, place)


def test_held_out_patients_of_one_label_alone_end_no_retraining(place: Path) -> None:
    """An AUC of one label is none, and no artifact may say that it is."""
    table = place / "export" / "labels.csv"
    rows = table.read_text().splitlines()
    labels = clinicians.read(place / "export")
    others = [each.path for each in material.divided(labels).held_out if each.labels == ("high",)]
    assert others
    table.write_text("\n".join(row for row in rows if row.split(",")[0] not in others))
    outcome = ordered(place)
    (model,) = Registry(Path(outcome.folder)).installed()
    (compared,) = outcome.comparisons
    assert math.isnan(compared.candidate.metrics["auc"].value)
    assert {*model.contract.metrics} == {
        f"clinicians-held-out.recording.{name}"
        for name, metric in compared.candidate.metrics.items()
        if metric.is_known
    }
    assert "| auc | - | - |" in (Path(outcome.folder) / f"{outcome.candidate}.md").read_text()


def assert_heard_only_what_may_be_learnt(folder: Path, place: Path) -> None:
    """Neither held-out patients nor artefacts."""
    learnt = {each.path for each in clinicians.read(folder / "clinicians")}
    split = (folder / "run" / "split.csv").read_text()
    heard = {line.split(",")[1] for line in split.splitlines() if line.startswith("clinicians,")}
    assert heard == learnt
    for label in clinicians.read(place / "export"):
        usable = bool(label.labels) and not material.is_held_out(label.subject)
        assert (label.path in learnt) == usable


def test_without_new_labels_nothing_is_done_and_with_enough_new_ones_it_runs_again(
    place: Path,
) -> None:
    first = ordered(place)
    before = sorted((place / "retrained").rglob("*"))
    again = ordered(place)
    assert (again.outcome, again.status, again.new_labels) == ("nothing new", 3, 0)
    assert sorted((place / "retrained").rglob("*")) == before
    export(place / "export", 15)
    waiting = ordered(place, min_new_labels=4)
    assert (waiting.status, waiting.new_labels) == (3, 3)
    second = ordered(place, min_new_labels=3)
    assert (second.status, second.new_labels) == (0, 3)
    assert second.candidate != first.candidate
    assert Path(first.folder).is_dir()


def test_two_at_once_are_one_and_a_lock_that_was_left_behind_holds_nobody_up(place: Path) -> None:
    with diary.alone(place / "retrained"):
        busy = ordered(place)
    assert (busy.outcome, busy.status) == ("busy", 4)
    assert (place / "retrained" / "lock").exists()
    with diary.alone(place / "retrained"):
        pass


def test_what_failed_after_the_training_goes_on_without_training_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise UserError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("training.retraining.comparing.compare", broken)
        with pytest.raises(UserError, match="no space left"):
            ordered(place)
    assert not diary.read(place / "retrained").entries
    monkeypatch.setattr("training.engine.commands.run", broken)
    assert ordered(place).status == 0
    assert not list((place / "retrained").glob("*.part"))


def test_public_sets_keep_their_held_out_part_whatever_the_recipe_does(tmp_path: Path) -> None:
    shipped = recipe_files.load(recipe_files.find("ours-cycle-screen"))
    told = material.recipe_with(shipped, tmp_path)
    assert told.data.protocols == ("physionet2016", "circor2022", "yaseen2018")
    assert told.data.whole == (str(tmp_path),)
    folds = recipe_files.load(recipe_files.find("ours"))
    assert material.recipe_with(folds, tmp_path).data.protocols == ("physionet2016",)


def test_a_candidate_knows_its_held_out_parts_as_unheard(place: Path) -> None:
    """By hashes, as `heartward evaluate` compares them."""
    run = runs.finished(Path(ordered(place).folder) / "run")
    told = two_tones.recipe(
        place, data__protocols=["physionet2016", "circor2022"], data__whole=["yaseen2018"]
    )
    promise = candidate.promised(told, run, tiny.CONTRACT, version="1.0.1", sets=[])
    listed = promise.split_sha256.split(", ")
    assert listed == [splits.sha256("physionet2016"), splits.sha256("circor2022")]


def test_a_fifth_of_the_patients_is_held_out_and_always_the_same() -> None:
    patients = [f"p-{k}" for k in range(2000)]
    held_out = [patient for patient in patients if material.is_held_out(patient)]
    assert 0.17 < len(held_out) / len(patients) < 0.23
    first = [k for k in range(30) if material.is_held_out(f"p-{k}")]
    assert first == [0, 1, 3, 5, 17, 19, 21, 23, 24, 25]


def refused(place: Path, kind: type[UserError], **told: object) -> str:
    with pytest.raises(kind) as caught:
        ordered(place, **told)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_label_that_the_recipe_does_not_know_is_refused(place: Path) -> None:
    table = place / "export" / "labels.csv"
    table.write_text(table.read_text().replace("disagree,low", "disagree,murmur"))
    said = refused(place, ConfigurationError)
    assert "is called murmur by n-1, and tones tells low from high" in said
    assert not (place / "retrained").exists()


def test_only_artefacts_are_nothing_to_learn_from(place: Path) -> None:
    rows = [f"{k}.wav,tiny,1.0.0,low,artefact,,p-{k},n-1,2026-11-20T09:00:00Z" for k in range(3)]
    (place / "export" / "labels.csv").write_text("\n".join([HEADS, *rows]))
    assert "of 3 labels" in refused(place, UserError)


def test_without_a_model_in_service_to_compare_with_it_says_how_to_name_one(place: Path) -> None:
    contract = msgspec.structs.replace(tiny.CONTRACT, labels=("a", "b"))
    tiny.put_into(place / "service", contract, default=True)
    assert "no model in service tells low from high, as tones does" in refused(place, ModelError)


@pytest.mark.usefixtures("place")
def test_the_command_line_prints_one_line_and_exits_as_a_timer_wants(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["retrain", "export", "--recipe", "tones.toml", "--models-dir", "service", "--json"]
    more = ["--device", "cpu", "--draws", "100", "--to", "retrained"]
    monkeypatch.setattr(sys, "argv", ["heartward", *asked, *more])
    for status in (0, 3):
        with pytest.raises(SystemExit) as left:
            heartward.main()
        assert left.value.code == status
        (line,) = capsys.readouterr().out.splitlines()
        assert msgspec.json.decode(line, type=Outcome).status == status
