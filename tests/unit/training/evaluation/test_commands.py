"""What a person gets: files, a table, a page; and one line where something is wrong."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.errors import ConfigurationError, UserError
from tests.unit.training.evaluation.made import RUN, predictions
from tests.unit.training.evaluation.test_cost import made
from training import splits
from training.datasets.recordings import Recording
from training.evaluation import collected
from training.evaluation.commands import evaluate_and_show, write_report
from training.evaluation.predictions import Predictions, Run, file_name, write


def records(count: int) -> list[Recording]:
    return [
        Recording(
            path=f"r{k}.wav",
            labels=("normal",),
            subject=f"s{k // 2}",
            database=f"training-{'ab'[k % 2]}",
        )
        for k in range(count)
    ]


def put(folder: Path, **changes: object) -> Run:
    """40 recordings, or half of them a fold; a third of the abnormal ones are missed."""
    run = msgspec.structs.replace(RUN, **changes)
    truth = [k // 2 % 2 for k in range(40)]
    given = [0.7 if label and k % 3 else 0.3 - k / 1000 for k, label in enumerate(truth)]
    every = predictions(given, truth, run=run, recordings=records(40))
    own = {"": slice(40), "0": slice(20), "1": slice(20, 40)}[run.fold]
    write(Predictions(run=run, recordings=every.recordings[own]), folder / file_name(run))
    return run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return fill(tmp_path / "results")


def fill(folder: Path) -> Path:
    """Ours by both kinds of split, and one net of work E by the leaking one."""
    for fold in ("0", "1"):
        put(folder / "a", protocol="physionet2016-5-fold", fold=fold, model="ours", epochs=3)
    put(folder / "b", protocol="physionet2016-random-3-1-1", seed=1, leaks=True, model="ours")
    put(
        folder / "c",
        protocol="physionet2016-random-3-1-1",
        seed=1,
        leaks=True,
        model="e-cnn14",
        architecture="cnn14",
        front_end="log-mel",
        parameters=79_700_000,
    )
    put(folder / "d", data_set="circor2022", protocol="all", trained_on=("physionet2016",))
    collected.write_cost(made(2, 3e6), folder)
    (folder / "not-run.toml").write_text(
        '[[not_run]]\narchitecture = "vgg16"\nwhy = "no time"\n', encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a page and its pictures."""
    folder = tmp_path_factory.mktemp("report")
    write_report(fill(folder / "results"), folder / "page", draws=100)
    return folder / "page"


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return (written / "comparison.md").read_text(encoding="utf-8")


def section(page: str, start: str) -> str:
    (found,) = (each for each in page.split("\n## ") if each.startswith(start))
    return found


def test_honest_sections_come_first_and_leaking_ones_say_so(page: str) -> None:
    heads = [line for line in page.splitlines() if line.startswith("## ")]
    leaking = [place for place, head in enumerate(heads) if "LEAKS" in head]
    assert heads[:3] == [
        "## What is reached",
        "## circor2022, all of it, nothing of it trained on",
        "## physionet2016, 5 folds, subjects kept apart",
    ]
    assert leaking == [3]


def test_a_row_says_what_is_missing_and_what_it_was_trained_on(page: str) -> None:
    assert "only 2 of 5 folds" in section(page, "physionet2016, 5 folds")
    assert "trained on physionet2016" in section(page, "circor2022")


FOLDS = [str(fold) for fold in range(5)]


def put_fold(folder: Path, model: str, fold: str, missed: int, **changes: object) -> None:
    """Eight recordings of one fold, half of them abnormal, of which some are missed."""
    run = msgspec.structs.replace(
        RUN, model=model, protocol="physionet2016-5-fold", fold=fold, **changes
    )
    own = [msgspec.structs.replace(each, path=f"{fold}-{each.path}") for each in records(8)]
    given = [0.2] * 4 + [0.3 if k < missed else 0.8 for k in range(4)]
    said = predictions(given, [0] * 4 + [1] * 4, run=run, recordings=own)
    write(said, folder / model / file_name(run))


def test_what_lacks_trainings_stands_after_what_is_whole_whatever_it_reaches(
    tmp_path: Path,
) -> None:
    """Seeds of one fold are not folds, and a quick try of all folds is still a try."""
    for fold in FOLDS:
        put_fold(tmp_path, "whole-worse", fold, 2)
        put_fold(tmp_path, "whole-better", fold, 1)
        put_fold(tmp_path, "tried", fold, 0, max_files=8)
    for fold in FOLDS[:4]:
        put_fold(tmp_path, "four-folds", fold, 0)
    for seed in range(1, 6):
        put_fold(tmp_path, "five-seeds-of-one", "0", 1, seed=seed)
    write_report(tmp_path, tmp_path / "page", draws=10)
    page = (tmp_path / "page" / "comparison.md").read_text(encoding="utf-8")
    honest = section(page, "physionet2016, 5 folds")
    rows = [line.split()[1] for line in honest.splitlines() if " of 4 subjects, " in line]
    assert rows == ["whole-better", "whole-worse", "four-folds", "five-seeds-of-one", "tried"]
    assert honest.count("only 4 of 5 folds") == honest.count("only 1 of 5 folds") == 1
    assert "McNemar's exact test of whole-better 1.0.0, the first" in honest
    assert "### whole-better 1.0.0 in detail" in honest


def test_the_literatures_figures_stand_in_the_section_of_their_split(page: str) -> None:
    leaking = section(page, "physionet2016, random 3:1:1")
    assert "*work E: PANNs CNN14* | *cnn14, log-mel* | *80.7 M* | *as printed* | *0.897" in leaking
    assert "work A" not in leaking
    assert "work E" not in section(page, "physionet2016, 5 folds")


def test_what_the_leak_is_worth_is_shown(page: str) -> None:
    both = section(page, "The same nets by both kinds of split")
    assert "| ours 1.0.0 | physionet2016-5-fold | physionet2016-random-3-1-1 |" in both
    assert "+0.0 points" in both


def test_a_quick_try_by_one_split_is_not_held_against_the_whole_by_another(
    tmp_path: Path,
) -> None:
    net = {"architecture": "cnn", "front_end": "log-mel", "model": "d-cnn", "recipe": "d-cnn"}
    put(tmp_path, protocol="physionet2016-5-fold", fold="0", version="aaaa", **net)
    put(tmp_path, protocol="physionet2016-random-4-1", version="bbbb-of-8-files", leaks=True, **net)
    write_report(tmp_path, None, draws=10)
    assert "The same nets by both" not in (tmp_path / "comparison.md").read_text()
    put(tmp_path, protocol="physionet2016-random-4-1", version="aaaa", leaks=True, **net)
    write_report(tmp_path, None, draws=10)
    both = section((tmp_path / "comparison.md").read_text(), "The same nets by both")
    assert both.count("| d-cnn") == both.count("| d-cnn aaaa | physionet2016-5-fold |") == 1


def test_what_was_not_run_says_why(page: str) -> None:
    gaps = section(page, "Not run").splitlines()
    assert any("VGG16" in line and "not run: no time" in line for line in gaps)
    assert any("A: SqueezeNet" in line and "no predictions of it" in line for line in gaps)
    cnn14 = [line for line in gaps if "CNN14" in line]
    assert len(cnn14) == 1
    assert "physionet2016-5-fold" in cnn14[0]


def test_cost_and_tier_are_shown(page: str) -> None:
    assert "| made 1 | 0.0 k |" in section(page, "Cost")
    assert "| wearable |" in section(page, "Where they can run")


def test_the_best_of_a_section_is_shown_in_detail(page: str) -> None:
    honest = section(page, "physionet2016, 5 folds")
    assert "### ours 1.0.0 in detail" in honest
    assert "no validation part to fit a temperature on" in honest
    assert "| training-a | 20 of 20 |" in honest
    assert honest.count(" | abnormal | normal | 0.7") == 7


def test_every_picture_of_the_page_is_there(page: str, written: Path) -> None:
    named = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert len(named) == 3 * (1 + 4)
    for name in named:
        assert (written / name).read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_predictions_is_evaluated(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(str(results / "a"), to=tmp_path / "out", as_json=True)
    (found,) = msgspec.json.decode(capsys.readouterr().out)["evaluations"]
    assert found["folds"] == ["0", "1"]
    assert found["metrics"]["specificity"]["value"] == 1.0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [
        "ours-1.0.0-physionet2016-5-fold-confusion.png",
        "ours-1.0.0-physionet2016-5-fold-reliability.png",
        "ours-1.0.0-physionet2016-5-fold-risk-coverage.png",
        "ours-1.0.0-physionet2016-5-fold-roc.png",
        "ours-1.0.0-physionet2016-5-fold.json",
    ]


def test_clips_of_sources_are_told_as_of_source_groups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, data_set="yaseen2018", protocol="yaseen2018")
    show(str(tmp_path))
    assert "40 recordings of 20 source groups" in capsys.readouterr().out
    write_report(tmp_path, tmp_path / "page", draws=10)
    page = (tmp_path / "page" / "comparison.md").read_text(encoding="utf-8")
    assert "| 40 of 20 source groups |" in page


def test_the_terminal_says_that_a_protocol_leaks(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(str(results / "b"))
    assert "LEAKS" in capsys.readouterr().out
    show(str(results / "a"))
    assert "LEAKS" not in capsys.readouterr().out


def test_the_same_test_twice_is_refused(results: Path) -> None:
    shutil.copytree(results / "a", results / "again")
    with pytest.raises(ConfigurationError, match="are the same test: keep one"):
        write_report(results, None, draws=100)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no \*\.predictions\.jsonl\.gz"):
        write_report(tmp_path, None, draws=100)


def test_folders_are_not_compared_as_if_they_were_models(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--against compares two artifacts"):
        show(str(tmp_path), against="screen")


@pytest.mark.parametrize(
    "asked", [{"data": "circor2022"}, {"protocol": "all"}, {"max_files": 3}], ids=str
)
def test_saved_predictions_are_of_no_other_recordings_than_their_own(
    results: Path, asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = asked
    with pytest.raises(UserError, match=f"so --{name.replace('_', '-')} would change nothing"):
        show(str(results), **asked)
    assert not capsys.readouterr().out


def test_reasons_that_cannot_be_understood_are_refused(results: Path) -> None:
    (results / "not-run.toml").write_text("[[not_run]]\nbecause = 1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"not-run\.toml cannot be understood"):
        write_report(results, None, draws=100)


def test_every_protocol_has_a_title_that_names_its_leak() -> None:
    for protocol in splits.PROTOCOLS:
        run = msgspec.structs.replace(
            RUN, data_set=protocol.data_set, protocol=protocol.name, leaks=protocol.leaks
        )
        assert ("LEAKS" in collected.title_of(run)) == protocol.leaks
    assert "LEAKS" in collected.title_of(msgspec.structs.replace(RUN, leaks=True))
    assert "LEAKS" in collected.title_of(msgspec.structs.replace(RUN, protocol="all", leaks=True))


def test_lesions_and_screening_of_one_data_set_are_not_compared() -> None:
    every = msgspec.structs.replace(RUN, protocol="all")
    lesions = msgspec.structs.replace(every, labels=("AS", "MR", "N"))
    assert collected.title_of(every) != collected.title_of(lesions)


def show(what: str, **asked: Any) -> None:
    asked = dict.fromkeys(("data", "protocol", "to", "against", "max_files")) | asked
    evaluate_and_show(what, draws=100, with_cost=False, **({"as_json": False} | asked))
