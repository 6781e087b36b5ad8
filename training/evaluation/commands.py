"""What ``heartward evaluate`` and ``heartward report`` do."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.errors import ConfigurationError, UserError
from models.predictor import OnnxPredictor
from models.registry import ARTIFACTS, Registry, read_manifest
from training.datasets import catalogue
from training.evaluation import collected, markdown, predictions, shipped, targets, trainings
from training.evaluation.collected import Row
from training.evaluation.comparison import McNemar, PairedTimes, compared, wilcoxon
from training.evaluation.cost import Cost, measure, times_in_turns
from training.evaluation.cost_tables import cost_tables
from training.evaluation.hearing import hear, require_protocol
from training.evaluation.markdown_table import count, number, p_text
from training.evaluation.predictions import Predictions
from training.evaluation.scored import scored
from training.evaluation.summary import Evaluation, evaluate
from training.progress import tracked

_PAGE = "comparison.md"
_USUAL = "physionet2016"  # where no data set is named


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What ``heartward evaluate --json`` prints."""

    evaluations: tuple[Evaluation, ...]
    cost: Cost | None = None
    against: McNemar | None = None
    times: PairedTimes | None = None


def evaluate_and_show(
    what: str,
    *,
    data: str | None,
    protocol: str | None,
    to: Path | None,
    against: str | None,
    draws: int,
    max_files: int | None,
    with_cost: bool,
    as_json: bool,
) -> None:
    """Evaluate an artifact on a data set, or the predictions in a folder."""
    folder = Path(what)
    if folder.is_dir():
        _require_artifact(folder, data=data, protocol=protocol, max_files=max_files)
        if against is not None:
            raise UserError("--against compares two artifacts: name a file or a model, no folder")
        own = list(collected.grouped(folder).values())
        answer = Answer(evaluations=tuple(evaluate(each, draws=draws) for each in own))
    else:
        artifact = artifact_named(what)
        own = [_heard(artifact, data or _USUAL, protocol, max_files)]
        answer = Answer(
            evaluations=(evaluate(own[0], draws=draws),),
            cost=measure(artifact) if with_cost else None,
        )
        if against is not None:
            answer = _with_other(answer, own[0], artifact, artifact_named(against), max_files)
    written = _write(own, answer, to) if to else []
    if to and not folder.is_dir():
        for each in own[0]:
            written.append(to / predictions.file_name(each.run))
            predictions.write(each, written[-1])
    _say_answer(answer, written, as_json=as_json)


def _require_artifact(folder: Path, **asked: object) -> None:
    """What was predicted is of its own recordings, whatever one asks for beside it."""
    given = [f"--{name.replace('_', '-')}" for name, value in asked.items() if value is not None]
    if given:
        raise UserError(
            f"{folder} holds predictions of their own recordings, so {' and '.join(given)} would "
            "change nothing: to hear others name an artifact, or a training by --run"
        )


def show_predictions(
    groups: Sequence[list[Predictions]], written: Sequence[Path], *, draws: int, as_json: bool
) -> None:
    """Print the figures of what was predicted just now, and where it was written."""
    answer = Answer(evaluations=tuple(evaluate(each, draws=draws) for each in groups))
    _say_answer(answer, written, as_json=as_json)


def write_report(folder: Path, to: Path | None, *, draws: int) -> None:
    """Write the page and its pictures into `to`, by default the folder of results itself."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: name the one that holds the results")
    reasons = collected.reasons_in(folder)
    costs = collected.costs(folder)
    trained = trainings.find(folder)
    collected.grouped(folder)  # says what is wrong before hours of counting
    found = collected.rows(folder, draws=draws)
    rows: list[Row] = list(tracked(found, "counting"))
    place = to or folder
    place.mkdir(parents=True, exist_ok=True)
    missing = collected.missing(rows, reasons)
    parts = [
        markdown.introduction(),
        targets.section(rows, shipped.lines(rows, costs, len(missing))),
        *markdown.sections(rows, place),
        markdown.side_by_side(rows),
        trainings.section(trained, place),
        cost_tables(costs, rows),
        markdown.gaps(missing),
        markdown.works(),
    ]
    page = place / _PAGE
    page.write_text("\n".join(part for part in parts if part), encoding="utf-8")
    print(page)  # noqa: T201 (for a pipe)


def artifact_named(text: str) -> Path:
    """A file, or a shipped model by NAME or NAME-VERSION."""
    path = Path(text)
    if path.is_file():
        return path
    if path.suffix == ".onnx" or len(path.parts) > 1:
        raise ConfigurationError(f"{text} is neither a file nor a folder")
    contract = Registry().named(text).contract
    (entry,) = (
        each
        for each in read_manifest(ARTIFACTS).models
        if (each.name, each.version) == (contract.name, contract.version)
    )
    return ARTIFACTS / entry.file


def _heard(
    artifact: Path, data: str, protocol: str | None, max_files: int | None
) -> list[Predictions]:
    if protocol is not None and data in catalogue.CATALOGUE:
        require_protocol(data, protocol)  # before the data are looked for
    predictor = OnnxPredictor.of_file(artifact, artifact.read_bytes())
    return hear(predictor, catalogue.load(data), protocol, max_files=max_files)


def _with_other(
    answer: Answer, own: list[Predictions], first: Path, second: Path, max_files: int | None
) -> Answer:
    """The same recordings by the other artifact, and both timed in turns."""
    run = own[0].run
    other = _heard(second, run.data_set, run.protocol, max_files)
    tests, theirs = ([each for each in both if each.run.part == "test"] for both in (own, other))
    return msgspec.structs.replace(
        answer,
        against=compared(tests, theirs),
        times=wilcoxon(*times_in_turns(first, second)),
    )


def _write(groups: Sequence[list[Predictions]], answer: Answer, to: Path) -> list[Path]:
    try:
        from training.evaluation import figures  # noqa: PLC0415 (an extra of its own)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"pictures need {error.name}: pip install 'heartward[training]'"
        ) from error
    to.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for own, found in zip(groups, answer.evaluations, strict=True):
        name = figures.stem(found)
        written.append(to / f"{name}.json")
        written[-1].write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        tested = scored([each for each in own if each.run.part == "test"])
        written += figures.draw(found, tested, to)
    if answer.cost is not None:
        written.append(collected.write_cost(answer.cost, to))
    return written


def _say_answer(answer: Answer, written: Sequence[Path], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(answer).decode())  # noqa: T201 (for a pipe)
    else:
        _show(answer)
    for file in written:
        Console(stderr=as_json).print(f"wrote {file}", highlight=False, soft_wrap=True)


def _show(answer: Answer) -> None:
    for found in answer.evaluations:
        _show_evaluation(found)
    if answer.cost is not None:
        _show_cost(answer.cost)
    if answer.against is not None:
        test = answer.against
        _say(
            f"McNemar's exact test on {test.recordings} recordings: this alone right "
            f"{test.only_first_right}, the other alone {test.only_second_right}, "
            f"p {p_text(test.p_value)}"
        )
    if answer.times is not None:
        times = answer.times
        _say(
            f"one window in turns: median {times.first_median_ms:.3f} ms, the other "
            f"{times.second_median_ms:.3f} ms, Wilcoxon p {p_text(times.p_value)}"
        )


def _show_evaluation(found: Evaluation) -> None:
    leak = ", which LEAKS: the same subjects were trained on" if found.leaks else ""
    _say(
        f"{found.model} {found.version} on {found.data_set} (protocol {found.protocol}{leak}): "
        f"{found.recordings} recordings of {found.subjects} {catalogue.people_of([found.data_set])}"
    )
    _show_metrics(found)
    _show_labels(found)
    _show_groups(found)
    worst = [
        (own.path, "+".join(own.truth), "+".join(own.said) or "nothing", f"{own.confidence:.2f}")
        for own in found.worst[:5]
    ]
    _table(("Surest mistakes", "Is", "Called", "Confidence"), worst)


def _show_metrics(found: Evaluation) -> None:
    lines = [
        (name.replace("_", " "), f"{own.value:.3f}", f"{own.low:.3f} to {own.high:.3f}")
        for name, own in found.metrics.items()
    ]
    lines.append(("ece", f"{found.calibration.error:.3f}", ""))
    if found.calibration.error_after is not None:
        by = f"temperature {found.calibration.temperature:.2f}, fitted on validation"
        lines.append(("ece after it", f"{found.calibration.error_after:.3f}", by))
    _table(("Of recordings", "", "95 % interval, drawn by subject"), lines)


def _show_labels(found: Evaluation) -> None:
    labels = [
        (
            own.label,
            f"{own.recordings} of {own.subjects}",
            *map(number, (own.precision, own.recall, own.specificity, own.f1)),
            number(found.label_aucs[own.label]),
        )
        for own in found.per_class
    ]
    heads = ("Label", "Of subjects", "Precision", "Recall", "Specificity", "F1", "AUC")
    _table(heads, labels)


def _show_groups(found: Evaluation) -> None:
    for field, groups in found.groups.items():
        rows = [
            (
                value,
                f"{own.recordings} of {own.subjects}",
                *map(number, (own.accuracy, own.uar, own.auc)),
            )
            for value, own in groups.items()
        ]
        head = field.replace("_", " ").capitalize()
        _table((head, "Of subjects", "Accuracy", "UAR", "AUC"), rows)


def _show_cost(cost: Cost) -> None:
    counted = cost.operations
    _say(
        f"{cost.size_bytes / 1e3:.0f} kB, {count(counted.parameters)} parameters, "
        f"{counted.flops / 1e6:.1f} million operations a window, {cost.own_mb:.1f} MB of memory "
        f"above the runtime ({cost.peak_mb:.0f} MB in all)"
    )
    rows = [
        (
            each.batch,
            f"{each.mean_ms:.2f} ± {each.deviation_ms:.2f}",
            f"{each.least_ms:.2f} to {each.most_ms:.2f}",
            f"{each.per_window_ms:.3f}",
        )
        for each in cost.latency
    ]
    place = "one thread on one core" if cost.pinned else "one thread"
    _table((f"Batch, {place}", "Mean ms", "Least to most", "Median ms a window"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        return
    shown = Table(box=None, header_style="underline", padding=(0, 2, 0, 0))
    for head in heads:
        shown.add_column(head)
    for row in rows:
        shown.add_row(*(Text(str(cell)) for cell in row))
    Console().print(shown)
    Console().print()


def _say(line: str) -> None:
    Console().print(line, highlight=False, markup=False, soft_wrap=True)
