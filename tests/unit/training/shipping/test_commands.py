"""From runs to an artifact that is listed: small nets, real files."""

import json
import lzma
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from deploy.command_line import app
from models.classify import classify_file
from models.errors import ConfigurationError, ModelError
from models.predictor import OnnxPredictor
from models.registry import ARTIFACTS, Registry
from tests.unit.training import two_tones
from training.datasets.folder import load as load_folder
from training.engine import commands as training_commands
from training.engine import recipe_files
from training.engine.commands import Order as TrainOrder
from training.evaluation import predictions
from training.evaluation.predictions import Predictions, Run
from training.shipping import commands, forms, origin, trained
from training.shipping.commands import Order
from training.shipping.forms import Speed


def train(place: Path, name: str, **changes: Any) -> Path:
    told = two_tones.recipe(place / "sounds", **changes)
    recipe = place / f"{name}.toml"
    recipe.write_text(recipe_files.to_toml(told))
    out = place / "runs" / name
    training_commands.run(TrainOrder(recipe=str(recipe), device="cpu", out=out))
    return out


def hold_back(run: Path) -> None:
    """As a protocol's fold does: what judged the training is now its test, too."""
    lines = (run / "split.csv").read_text().splitlines()
    tested = [line.replace(",validation", ",test") for line in lines if "validation" in line]
    (run / "split.csv").write_text("\n".join([*lines, *tested]) + "\n")


def write_predictions(run: Path, labels: tuple[str, ...]) -> None:
    data = load_folder(run.parents[1] / "sounds")
    told = Run(
        data_set="sounds",
        protocol="2 halves",
        leaks=False,
        model="tones",
        version="1",
        labels=labels,
        trained_on=("sounds",),
    )
    rows = []
    for each in data.recordings:
        given = np.array([[0.9, 0.1], [0.8, 0.2]], np.float32)
        said = given if each.label == labels[0] else given[:, ::-1]
        rows.append(predictions.heard(each, each.labels, said, np.ones(2, bool)))
    made = Predictions(run=told, recordings=tuple(rows))
    predictions.write(made, run / predictions.file_name(told))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ship")
    (made / "sounds").mkdir()
    two_tones.write(made / "sounds")
    train(made, "final", data__without=["CAD"])
    hold_back(train(made, "fold", data__without=["CAD"], training__epochs=2))
    write_predictions(made / "runs" / "fold", ("low", "high"))
    return made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are another test's."""

    def timed(artifacts: dict[str, bytes]) -> dict[str, tuple[Speed, ...]]:
        speeds = {"float": 1.0, "weights": 1.01, "static": 0.99, "dynamic": 3.0}
        return {
            name: (Speed(batch=1, window_ms=0.2 * speeds[name], times_float=speeds[name]),)
            for name in artifacts
        }

    monkeypatch.setattr(forms, "timed", timed)


def ordered(place: Path, to: Path, **told: Any) -> Order:
    asked: dict[str, Any] = {
        "final": (place / "runs" / "final",),
        "protocol_runs": (place / "runs" / "fold",),
        "name": "tones",
        "version": "1.0.0",
        "to": to,
        "draws": 100,
    }
    return Order(**(asked | told))


@pytest.mark.usefixtures("quick")
def test_runs_become_a_listed_artifact_with_card_and_mobile_file(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.ship(ordered(place, tmp_path))
    registry = Registry(tmp_path)
    registry.check()
    (entry,) = registry.entries
    assert (entry.name, entry.version, entry.task, entry.default) == (
        *("tones", "1.0.0", "tones"),
        True,
    )
    assert entry.labels == ("low", "high")
    contract = registry.load("tones", "1.0.0").contract
    run = trained.load(place / "runs" / "final").run
    assert contract.training_data == "sounds"
    assert contract.training_data_sha256 == run.label_tables["sounds"]
    split = lzma.decompress((tmp_path / f"{contract.split}.xz").read_bytes())
    assert split == (place / "runs" / "final" / "split.csv").read_bytes()
    assert contract.split_sha256 == run.files["split.csv"]
    assert contract.git_commit == (run.git_commit or "unknown")
    assert contract.metrics["sounds-2 halves.recording.uar"].value == 1.0
    assert set(contract.reference) == {
        *("low_probability", "high_probability"),
        *("band_level_db", "quality_score", "embedding_distance"),
    }
    assert all(len(each.deciles) == 11 for each in contract.reference.values())
    card = (tmp_path / entry.card).read_text()
    said = capsys.readouterr().out
    for form in ("float", "weights", "static", "dynamic"):
        assert f"| {form} |" in card or f"| **{form}** |" in card
        assert form in said
    assert "1 net of the protocol's folds" in card
    assert "`training.epochs`" in card, "in which the fold's recipe differs"
    assert "holds none back" in card
    size_kb = (tmp_path / entry.file).stat().st_size / 1e3
    assert f"`{entry.file}`, {size_kb:.0f} kB" in card
    assert f"- {size_kb:.0f} kB, aimed for" in card
    assert re.search(rf"^\| \*\*\w+\*\* \| {size_kb:.0f} \|", card, re.MULTILINE)
    assert f"{size_kb:.0f} kB, aimed for" in said
    assert "the licence of sounds" in card
    assert "Recordings of CAD were left out of its training" in card
    assert not list(tmp_path.glob("*.part"))
    mobile = OnnxPredictor((tmp_path / entry.mobile).read_bytes())
    assert mobile.contract == contract


@pytest.mark.usefixtures("quick")
def test_what_ships_tells_the_tones_apart_in_files(place: Path, tmp_path: Path) -> None:
    final = train(place, "longer", training__epochs=12)
    commands.ship(ordered(place, tmp_path, final=(final,), default=False))
    model = Registry(tmp_path).named("tones")
    labels = {
        file.stem: classify_file(file, [model]).summary[0].label
        for file in sorted((place / "sounds").glob("*.wav"))
    }
    assert sum(stem.startswith(label) for stem, label in labels.items()) >= 10  # of 12


@pytest.mark.usefixtures("quick")
def test_a_version_is_shipped_once(place: Path, tmp_path: Path) -> None:
    listed = {"models": [_entry("tones", "1.0.0")]}
    (tmp_path / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(ConfigurationError, match=r"tones 1\.0\.0 is in .* already: give another"):
        commands.ship(ordered(place, tmp_path))


def test_what_holds_nothing_back_cannot_be_judged_alone(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds nothing back: name runs"):
        commands.ship(ordered(place, tmp_path, protocol_runs=()))
    assert not list(tmp_path.iterdir())


def test_runs_of_another_net_say_nothing_of_it(place: Path, tmp_path: Path) -> None:
    other = train(place, "wider", front_end__bands=20)
    hold_back(other)
    with pytest.raises(ConfigurationError, match="has another front_end than"):
        commands.ship(ordered(place, tmp_path, protocol_runs=(other,)))


@pytest.mark.usefixtures("quick")
def test_several_seeds_ship_as_their_mean_only_where_they_held_back_the_same(
    place: Path, tmp_path: Path
) -> None:
    first, second = (train(place, f"seed-{seed}", training__seed=seed) for seed in (1, 2))
    hold_back(first)
    write_predictions(first, ("low", "high"))
    order = ordered(place, tmp_path, final=(first, second), protocol_runs=())
    with pytest.raises(ConfigurationError, match="seed-2 learnt from other recordings than"):
        commands.ship(order)
    shutil.copy(first / "split.csv", second)
    commands.ship(order)
    mean = Registry(tmp_path).load("tones", "1.0.0")
    assert mean.contract.metrics["sounds-2 halves.recording.uar"].value == 1.0
    card = (tmp_path / "tones-1.0.0.md").read_text()
    assert "the mean of 2: " in card
    assert "the mean of 2 was not measured" in card


@pytest.mark.usefixtures("quick")
def test_a_fold_of_ones_own_recordings_ships_by_what_it_held_back(
    place: Path, tmp_path: Path
) -> None:
    own = {"data__whole": [], "data__protocols": [str(place / "sounds")]}
    fold = train(place, "own", **own)
    commands.ship(ordered(place, tmp_path, final=(fold,), protocol_runs=()))
    contract = Registry(tmp_path).load("tones", "1.0.0").contract
    assert contract.split_sha256 == trained.load(fold).run.files["split.csv"]
    assert "sounds-5-fold.recording.uar" in contract.metrics
    assert "of one's own" in (tmp_path / "tones-1.0.0.md").read_text()


def test_who_taught_it_is_held_to_what_is_permitted_and_told(place: Path) -> None:
    (place / "others").mkdir()
    two_tones.write(place / "others")
    teacher = train(place, "teacher", data__whole=[str(place / "others")])
    pupil = trained.load(train(place, "pupil", distillation={"teachers": [str(teacher)]}))
    nothing = pupil._replace(listed={part: {} for part in pupil.listed})
    with pytest.raises(ConfigurationError, match=r"teacher learnt from .* not among the files"):
        origin.require_permitted(nothing)
    assert set(origin.hashes(pupil)) == {"sounds", "others"}


def test_what_was_not_permitted_does_not_go_among_what_ships(place: Path) -> None:
    with pytest.raises(ConfigurationError, match="not among the files that shipped models may"):
        commands.ship(ordered(place, ARTIFACTS))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"name": "Ö ../x"}, "--name"),
        ({"version": "one"}, "three numbers"),
        ({"final": (Path("nowhere"),)}, "cannot be read"),
        ({"protocol_runs": (Path("nowhere"),)}, "no finished run"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    place: Path, tmp_path: Path, told: dict[str, Any], said: str
) -> None:
    with pytest.raises((ConfigurationError, ModelError), match=said) as refused:
        commands.ship(ordered(place, tmp_path, **told))
    assert "\n" not in str(refused.value)


def test_predictions_of_other_labels_are_refused(place: Path, tmp_path: Path) -> None:
    own = predictions.read(next(predictions.find(place / "runs" / "fold")))
    run = msgspec.structs.replace(own.run, labels=("high", "low"))
    path = tmp_path / "other" / predictions.file_name(run)
    predictions.write(msgspec.structs.replace(own, run=run), path)
    with pytest.raises(ConfigurationError, match="the predictions are of high, low"):
        commands.ship(ordered(place, tmp_path / "to", figures=(tmp_path / "other",)))


@pytest.mark.parametrize("bare", [True, False])
def test_a_run_is_exported_in_both_formats(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], bare: bool
) -> None:
    arguments = ["export", str(place / "runs" / "fold"), "--out", str(tmp_path), "--int8"]
    with pytest.raises(SystemExit) as ended:
        app([*arguments, *(["--bare"] if bare else []), "--draws", "100"])
    assert not ended.value.code
    names = {file.name for file in tmp_path.iterdir()}
    stems = ("tones-0.0.0", "tones-0.0.0-int8")
    assert names == {f"{stem}{suffix}" for stem in stems for suffix in (".onnx", ".ort")}
    for name in names:
        contract = OnnxPredictor((tmp_path / name).read_bytes()).contract
        assert contract.labels == ("low", "high")
        assert bool(contract.metrics) is not bare
        assert bool(contract.reference) is not bare
    assert "PyTorch and ONNX Runtime differ by" in capsys.readouterr().out


def _entry(name: str, version: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "task": name,
        "file": "x.onnx",
        "sha256": "0" * 64,
        "card": "x.md",
    }
