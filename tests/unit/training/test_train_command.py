"""A run from the recipe's file to the folder that it leaves."""

import csv
import hashlib
import shutil
import sys
from pathlib import Path

import msgspec
import pytest
import torch

import heartward
from models.errors import ConfigurationError, ModelError, UserError
from tests.unit.training import two_tones
from tests.unit.training.trained_tones import ordered, same, write_recipe
from training.datasets.folder import load as load_folder
from training.engine import clips, commands, curves, recipe_files, runs
from training.engine import parts as divided
from training.engine.commands import Order
from training.engine.loop import Heard
from training.evaluation import predictions


def test_a_run_leaves_all_that_it_takes_to_judge_and_repeat_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ordered(epochs=2)
    folder = place / "runs" / "tones" / "fold-0-seed-1"
    assert "validation per recording: UAR" in capsys.readouterr().out
    assert {it.name for it in folder.iterdir()} == {
        *("checkpoint.pt", "recipe.toml", "history.json", "curves.png", "split.csv", "run.json")
    }
    run = msgspec.json.decode((folder / "run.json").read_bytes(), type=runs.Run)
    for name, sha256 in run.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
    assert len(run.files) == 5
    assert run.recordings == {"train": 8, "validation": 4, "test": 0}
    assert run.recipe_sha256 == recipe_files.load(folder / "recipe.toml").sha256()
    assert run.training_s > 0
    assert run.manifests == {}  # own recordings are not permitted ones
    with (folder / "split.csv").open(newline="") as file:
        parts = {row["path"]: row["part"] for row in csv.DictReader(file)}
    for number in range(0, 6, 2):  # two recordings of one subject
        assert parts[f"low{number}.wav"] == parts[f"low{number + 1}.wav"]
    net, told = runs.load(folder)
    assert told.training.epochs == 2
    assert not net.training
    assert not list(place.glob("runs/tones/*.part"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no recipe 'nowhere'"),
        (["ours", "--fold", "7"], "ours has folds 0 to 4, not 7"),
        (["ours", "--protocol", "circor"], "'circor' is not one of physionet2016,"),
        (["ours", "--init", "/nowhere.pt"], "/nowhere.pt: cannot be read"),
        (["ours", "--resume"], "nothing to resume"),
        (["ours", "--all-folds", "--fold", "0"], "--all-folds trains every fold, and --fold one"),
        (["c-lstm-raw", "--search", "1", "--all-folds"], "give it without --all-folds"),
        (["c-lstm-raw", "--search", "1", "--resume"], "give it without --resume"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
@pytest.mark.usefixtures("place")
def test_what_goes_wrong_is_told_in_one_line(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["heartward", "train", *arguments])
    with pytest.raises(SystemExit) as left:
        heartward.main()
    assert isinstance(left.value.code, str)
    assert said in left.value.code
    assert "\n" not in left.value.code
    assert not Path("runs").exists()


def test_the_command_line_runs_a_recipe_of_ones_own(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["train", "tones.toml", "--epochs", "1", "--seed", "5", "--max-files", "4"]
    monkeypatch.setattr(sys, "argv", ["heartward", *arguments, "--device", "cpu"])
    with pytest.raises(SystemExit) as left:
        heartward.main()
    assert not left.value.code
    _, told = runs.load(place / "runs" / "tones" / "fold-0-seed-5")
    assert (told.training.epochs, told.training.seed) == (1, 5)


def test_a_quick_try_of_few_recordings_draws_few_windows(place: Path) -> None:
    write_recipe(place, sampling__kind="classes", sampling__windows_per_epoch=4000)
    ordered(epochs=1, max_files=4, out=place / "one")
    _, told = runs.load(place / "one")
    assert told.sampling.windows_per_epoch == 32


def test_what_is_there_is_never_overwritten(place: Path) -> None:
    ordered(epochs=1, out=place / "one")
    with pytest.raises(ConfigurationError, match="one exists"):
        ordered(epochs=1, out=place / "one")
    (place / "two.part").mkdir()
    (place / "two.part" / "thesis.txt").touch()
    with pytest.raises(ConfigurationError, match="holds files of others"):
        ordered(epochs=1, out=place / "two")
    assert (place / "two.part" / "thesis.txt").exists()


def test_a_run_that_is_interrupted_leaves_nothing_but_what_it_can_go_on_from(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(curves, "draw", interrupted)
        with pytest.raises(UserError, match="interrupted after 2 epochs: go on with --resume"):
            ordered(epochs=2, out=place / "one")
    assert not (place / "one").exists()
    ordered(epochs=2, out=place / "one", resume=True)
    ordered(epochs=2, out=place / "two")
    assert same(place / "one", place / "two")


def test_ctrl_c_says_how_to_go_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_bar: commands._Bar, heard: Heard) -> None:
        if heard.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(commands._Bar, "__call__", interrupted)
        with pytest.raises(UserError, match=r"interrupted after 1 epochs: go on with --resume"):
            ordered(epochs=3, out=place / "one")
    ordered(epochs=3, out=place / "one", resume=True)
    ordered(epochs=3, out=place / "two")
    assert same(place / "one", place / "two")


def interrupt(out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave a training as Ctrl-C does after its first epoch."""

    def interrupted(_bar: commands._Bar, heard: Heard) -> None:
        if heard.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(commands._Bar, "__call__", interrupted)
        with pytest.raises(UserError, match="go on with --resume"):
            ordered(epochs=3, out=out)
    return runs.part_of(out) / "resume.pt"


def test_what_was_interrupted_is_never_thrown_away_unasked(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = interrupt(place / "one", monkeypatch)
    kept = checkpoint.read_bytes()
    with pytest.raises(
        ConfigurationError, match=r"one\.part holds a training that was interrupted.*--resume"
    ) as told:
        ordered(epochs=3, out=place / "one")
    assert "\n" not in str(told.value)
    assert checkpoint.read_bytes() == kept
    shutil.rmtree(checkpoint.parent)
    ordered(epochs=3, out=place / "one")
    assert (place / "one" / "checkpoint.pt").is_file()


def test_a_file_in_the_folders_place_is_left_alone(place: Path) -> None:
    (place / "one.part").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"one\.part holds files of others"):
        ordered(epochs=1, out=place / "one")
    assert (place / "one.part").read_text() == "mine"


def test_an_interrupted_fold_is_told_before_any_other_is_trained(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(divided, "folds", lambda _told: 3)
    interrupt(place / "all" / "fold-2-seed-1", monkeypatch)
    with pytest.raises(ConfigurationError, match=r"fold-2-seed-1\.part holds a training"):
        ordered(epochs=3, out=place / "all", all_folds=True)
    assert {it.name for it in (place / "all").iterdir()} == {"fold-2-seed-1.part"}


def test_a_checkpoint_of_another_recipe_is_told_how_to_begin_anew(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = interrupt(place / "one", monkeypatch).parent
    with pytest.raises(ModelError, match=f"another recipe .*or remove {part} to begin anew"):
        ordered(epochs=4, out=place / "one", resume=True)


def test_a_full_disk_is_told_in_one_line_and_the_training_goes_on_from_before(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = place / "one.part" / "resume.part"

    def filling(_bar: commands._Bar, heard: Heard) -> None:
        if heard.epoch == 1 and heard.step == 1:
            part.symlink_to("/dev/full")

    with monkeypatch.context() as patch:
        patch.setattr(commands._Bar, "__call__", filling)
        with pytest.raises(
            UserError, match=r"one.part/resume.pt .*No space left.*--resume"
        ) as told:
            ordered(epochs=3, out=place / "one")
    assert "\n" not in str(told.value)
    assert {it.name for it in part.parent.iterdir()} == {"resume.pt"}
    ordered(epochs=3, out=place / "one", resume=True)
    ordered(epochs=3, out=place / "two")
    assert same(place / "one", place / "two")


@pytest.mark.parametrize("damage", ["none yet", "cut", "empty", "of another program"])
def test_what_has_no_whole_checkpoint_begins_anew_when_resumed(
    place: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    part = place / "one.part"
    part.mkdir()
    if damage != "none yet":
        torch.save([1, 2] if damage == "of another program" else {"a": 1}, part / "resume.pt")
    if damage in {"cut", "empty"}:
        whole = (part / "resume.pt").read_bytes()
        (part / "resume.pt").write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"")
    ordered(epochs=1, out=place / "one", resume=True)
    assert ("is damaged" in capsys.readouterr().err) == (damage != "none yet")
    ordered(epochs=1, out=place / "two")
    assert same(place / "one", place / "two")


def test_all_folds_go_on_where_they_were(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One is done, one was interrupted, one died before its first checkpoint, one never began."""
    monkeypatch.setattr(divided, "folds", lambda _told: 4)
    own = divided.parts
    monkeypatch.setattr(divided, "parts", lambda told, _fold, **how: own(told, 0, **how))

    def interrupted(_bar: commands._Bar, heard: Heard) -> None:
        if heard.epoch == 1:
            raise KeyboardInterrupt

    folders = [place / "all" / f"fold-{fold}-seed-1" for fold in range(4)]
    ordered(epochs=2, out=folders[0])
    with monkeypatch.context() as patch:
        patch.setattr(commands._Bar, "__call__", interrupted)
        with pytest.raises(UserError, match="interrupted"):
            ordered(epochs=2, out=folders[1])
    runs.part_of(folders[2]).mkdir()
    began = (folders[0] / "run.json").stat().st_mtime_ns
    ordered(epochs=2, out=place / "all", all_folds=True, resume=True)
    assert (folders[0] / "run.json").stat().st_mtime_ns == began
    assert capsys.readouterr().err.count("is there already") == 1
    assert all(same(folders[0], folder) for folder in folders)
    assert {it.name for it in (place / "all").iterdir()} == {it.name for it in folders}


@pytest.mark.parametrize(
    ("content", "said"), [(b"RIFF", "cannot be read as WAV, FLAC, OGG or MP3"), (b"", "is empty")]
)
def test_a_damaged_recording_is_named(place: Path, content: bytes, said: str) -> None:
    found = load_folder(place / "sounds")
    damaged = found.recordings[0]
    (place / "sounds" / damaged.path).write_bytes(content)
    told = two_tones.recipe(place / "sounds")
    with pytest.raises(UserError, match=f"{damaged.path} {said}"):
        clips.gather([(found, damaged)], told, "grid")


def test_there_must_be_something_to_resume(place: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing to resume"):
        ordered(epochs=1, out=place / "one", resume=True)
    assert not (place / "one").exists()


def test_a_folder_of_ones_own_is_divided_by_subject_and_each_fold_is_tested(place: Path) -> None:
    write_recipe(place, data__protocols=["sounds"], data__whole=[])
    ordered(epochs=1, all_folds=True)
    folders = sorted((place / "runs" / "tones").iterdir())
    assert len(folders) == 5
    known = {each.path: each.subject for each in load_folder(place / "sounds").recordings}
    tested: list[str] = []
    for folder in folders:
        listed = runs.listed(folder)
        parts = {
            part: {known[path] for paths in sets.values() for path in paths}
            for part, sets in listed.items()
        }
        assert not parts["test"] & (parts["train"] | parts["validation"])
        assert not parts["train"] & parts["validation"]
        (said,) = folder.glob("*-test.predictions.jsonl.gz")
        run = predictions.read(said).run
        assert (run.data_set, run.protocol, run.leaks) == ("sounds", "sounds-5-fold", False)
        tested += listed["test"]["sounds"]
    assert sorted(tested) == sorted(known)


def test_there_is_no_such_device(place: Path) -> None:
    with pytest.raises(ConfigurationError, match="no device 'abacus' here"):
        commands.run(Order(recipe="tones.toml", device="abacus", out=place / "one"))
