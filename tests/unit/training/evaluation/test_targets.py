"""One table says of everything that was to be shown whether it is."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.contract import Metric
from models.errors import ConfigurationError
from models.predictor import SEGMENT
from models.registry import ARTIFACTS, read_manifest
from tests.unit.training.evaluation.made import RUN, predictions
from tests.unit.training.evaluation.test_cost import made
from training import splits
from training.architectures import registry
from training.evaluation import shipped, targets
from training.evaluation.collected import Row
from training.evaluation.hearing import ALL
from training.evaluation.literature import literature
from training.evaluation.summary import evaluate
from training.evaluation.targets import Cells, Target

_FIVE = tuple("01234")


def row(
    metrics: dict[str, float], *, folds: tuple[str, ...] = ("",), seeds: int = 1, **run: Any
) -> Row:
    """A row with the given figures, of as many tests as there are folds and seeds."""
    own = msgspec.structs.replace(RUN, **{"parameters": 50_000, **run})
    tests = tuple(
        predictions([0.2, 0.9], [0, 1], run=msgspec.structs.replace(own, fold=fold, seed=seed))
        for seed in range(seeds)
        for fold in folds
    )
    found = evaluate(tests[:1], draws=100)
    known = {name: Metric(value=value, low=0.0, high=1.0) for name, value in metrics.items()}
    return Row(run=own, tests=tests, found=msgspec.structs.replace(found, metrics=known))


def folds(uar: float, auc: float, within: float, **more: Any) -> Row:
    given = {"uar": uar, "uar_at_limit": 0.92, "auc": auc, "auc_within_databases": within}
    told: dict[str, Any] = {"protocol": "physionet2016-5-fold", "trained_on": ("physionet2016",)}
    five = {"folds": _FIVE, **told, **more}
    return row(given, **five)


def of(key: str, rows: list[Row]) -> list[Cells]:
    (target,) = (each for each in targets.targets() if each.key == key)
    start = target.title
    return [cells for cells in targets.lines(rows) if cells[0].startswith(start)]


def column(lines: list[Cells], head: str) -> list[str]:
    return [cells[targets.HEADS.index(head)] for cells in lines]


def test_what_was_not_run_says_so() -> None:
    lines = targets.lines([])
    assert set(column(lines, "measured")) == {"not run"}
    assert set(column(lines, "reached")) == {"not run"}
    assert len({cells[0] for cells in lines}) == len(targets.targets()) == 10


def test_each_figure_is_held_against_its_own_target() -> None:
    lines = of("folds", [folds(0.91, 0.96, 0.90)])
    assert column(lines, "figure") == [
        "UAR",
        "UAR at the validation part's limit",
        "AUC",
        "mean AUC within databases",
    ]
    assert column(lines, "measured")[:2] == ["0.910 [0.000, 1.000]", "0.920 [0.000, 1.000]"]
    assert column(lines, "reached") == ["yes", "yes", "no", "yes"]
    assert column(lines, "target")[2] == "≥ 0.965 with at most 100,000 parameters"


def test_a_large_net_does_not_answer_for_a_small_one() -> None:
    for parameters in (100_001, None):
        lines = of("folds", [folds(1.0, 1.0, 1.0, parameters=parameters)])
        assert column(lines, "reached")[0] == "not run"


def test_all_trainings_come_before_a_better_figure_and_the_count_is_told() -> None:
    part = folds(0.99, 0.99, 0.99, folds=("0",), model="lucky")
    whole = folds(0.91, 0.97, 0.91, model="whole")
    assert column(of("folds", [part, whole]), "by")[0].startswith("whole 1.0.0 (50.0 k")
    assert "the best of 2" in column(of("folds", [part, whole]), "by")[0]
    alone = of("folds", [part])
    assert column(alone, "reached")[0] == "yes, on 1 of 5 trainings"


def test_a_quick_try_answers_nothing() -> None:
    assert column(of("folds", [folds(1.0, 1.0, 1.0, max_files=40)]), "reached")[0] == "not run"


def test_what_else_was_trained_on_tells_targets_apart() -> None:
    both = ("circor2022", "physionet2016")
    joint = folds(0.895, 0.97, 0.9, trained_on=both, model="joint")
    assert column(of("folds", [joint]), "reached")[0] == "not run"
    there = row(
        {"auc": 0.97},
        folds=_FIVE,
        data_set="circor2022",
        protocol="circor2022-5-fold",
        trained_on=both,
        model="joint",
    )
    alone = folds(0.91, 0.97, 0.91, model="alone")
    assert column(of("both", [there]), "reached") == ["yes"]
    kept = of("kept", [joint, there, alone])
    assert column(kept, "reached") == ["no", "yes", "yes"]  # 0.015 less, and none
    assert "so ≥ 0.900" in column(kept, "target")[0]
    assert "which was not run" in column(of("kept", [joint, there]), "target")[0]
    other = folds(1.0, 1.0, 1.0, trained_on=both, model="other")
    assert column(of("kept", [other, there, alone]), "measured")[0] == "not run"


def test_where_others_may_help_they_are_named() -> None:
    given = dict.fromkeys(("auc_MVP_against_N", "auc_AS_against_N", "auc_MR_against_N"), 0.8)
    more = row(given, protocol=ALL, trained_on=("yaseen2018", "circor2022"))
    assert all("trained on circor2022 too" in line[-1] for line in of("valve-abroad", [more]))
    without = row(given, protocol=ALL, trained_on=("circor2022",))
    assert all(line[-1] == "-" for line in of("valve-abroad", [without]))


def test_another_data_set_is_answered_by_nets_that_were_trained_on_one_alone() -> None:
    abroad: dict[str, Any] = {"data_set": "circor2022", "protocol": ALL, "model": "abroad"}
    alone = row({"auc": 0.81}, trained_on=("physionet2016",), **abroad)
    assert column(of("to-circor2022", [alone]), "reached") == ["yes"]
    both = row({"auc": 0.81}, trained_on=("physionet2016", "yaseen2018"), **abroad)
    assert column(of("to-circor2022", [both]), "reached") == ["not run"]


def test_lesions_are_told_one_by_one() -> None:
    given = {"auc_MVP_against_N": 0.8, "auc_AS_against_N": 0.7, "auc_MR_against_N": float("nan")}
    lines = of("valve-abroad", [row(given, protocol=ALL, trained_on=("yaseen2018",))])
    assert column(lines, "figure")[0] == "AUC MVP against N"
    assert column(lines, "reached") == ["yes", "no", "not run"]


def test_weights_from_elsewhere_do_not_count_as_from_scratch() -> None:
    told: dict[str, Any] = {
        "data_set": "yaseen2018",
        "protocol": "yaseen2018-random-70-20-10",
        "trained_on": ("yaseen2018",),
        "leaks": True,
    }
    own = row({"accuracy": 0.996}, seeds=5, **told)
    lines = of("valve-random", [own])
    assert column(lines, "reached") == ["yes"]
    assert "LEAKS" in lines[0][0]
    begun = row({"accuracy": 0.996}, seeds=5, init="weights.pt", **told)
    assert column(of("valve-random", [begun]), "reached") == ["not run"]


def test_databases_and_labels_are_told_where_asked() -> None:
    own = row(
        {"auc_within_databases": 0.81},
        protocol="physionet2016-databases",
        trained_on=("physionet2016",),
    )
    aucs = {"training-a": 0.7, "training-b": 0.92}
    found = msgspec.structs.replace(own.found, database_aucs=aucs)
    lines = of("databases", [own._replace(found=found)])
    assert column(lines, "figure")[1:] == ["AUC within training-a", "AUC within training-b"]
    assert column(lines, "measured")[1:] == ["0.700", "0.920"]
    valve = row(
        {"group_recall": 0.9},
        folds=_FIVE,
        data_set="yaseen2018",
        protocol="yaseen2018-5-fold",
        trained_on=("yaseen2018",),
    )
    said = of("valve-folds", [valve])
    assert column(said, "figure")[1] == "recall of normal, by group"
    assert column(said, "measured")[1] == "1.000"


def test_every_target_names_a_known_split_and_an_earlier_target() -> None:
    known = {protocol.name: protocol for protocol in splits.PROTOCOLS}
    seen: set[str] = set()
    for target in targets.targets():
        assert isinstance(target, Target)
        assert target.protocol == ALL or known[target.protocol].data_set == target.data_set
        earlier = {figure.not_below for figure in target.figures} | {target.same_net_as}
        assert earlier - {""} <= seen
        seen.add(target.key)
    assert "ours" in registry.NAMES


def test_nets_of_the_literature_by_our_own_recipes_are_counted_apart() -> None:
    rows = [
        row({}, architecture="vgg16", recipe="ours-vgg16-log-mel", model="ours-vgg16-log-mel"),
        row({}, architecture="vgg16", recipe="ours-vgg16-spectrogram", model="ours-vgg16-b"),
        row({}, architecture="vgg19", recipe="e-vgg19-log-mel", model="e-vgg19-log-mel"),
        row({}, architecture="ours", recipe="ours-audible", model="ours-audible"),
    ]
    architectures = {result.architecture for result in literature().result}
    (line,) = (cells for cells in shipped.lines(rows, [], 0) if "our own recipe" in cells[0])
    assert line[4:7] == (f"1 of {len(architectures)}", str(len(architectures)), "no")


def test_shipped_files_are_weighed_and_timed(tmp_path: Path) -> None:
    bench = tmp_path / "inference.json"
    entries = read_manifest(ARTIFACTS).models
    classifiers = [entry for entry in entries if entry.task != SEGMENT]
    cost = msgspec.structs.replace(made(2, 3e6), model=entries[0].name, version=entries[0].version)
    lines = shipped.lines([], [], 3, benchmark=bench)
    sizes_kb = [(ARTIFACTS / entry.file).stat().st_size / 1e3 for entry in entries]
    assert column(lines, "measured")[: len(entries)] == [f"{size_kb:.0f}" for size_kb in sizes_kb]
    assert column(lines, "reached").count("not run") == 2 * len(classifiers) + 2
    ratios = {"librosa and PyTorch": 6.5, "librosa and ONNX Runtime": 3}
    bench.write_text(json.dumps({"measured": {"times_ours": ratios}}))
    timed = shipped.lines([], [cost], 0, benchmark=bench)
    own = {each.batch: each.per_window_ms for each in cost.latency}
    first = next(cells for cells in timed if "batch 1" in cells[1])
    assert first[4] == f"{own[1]:.3f}"
    assert column(timed, "reached")[-4:] == ["yes", "no", "yes", "no"]
    bench.write_text("{}")
    with pytest.raises(ConfigurationError, match="is no benchmark of inference"):
        shipped.lines([], [], 0, benchmark=bench)
