"""One comparison of everything trained, as a Markdown page beside its figures."""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from models.contract import Metric
from training import splits
from training.datasets import catalogue
from training.evaluation import figures, png
from training.evaluation.collected import Row, title_of
from training.evaluation.comparison import compared, holm
from training.evaluation.details import details
from training.evaluation.intervals import Spread
from training.evaluation.literature import Published, Result, literature
from training.evaluation.markdown_table import DASH, count, number, p_text, table

_SHOWN = {
    "uar": "UAR",
    "uar_at_limit": "UAR at limit",
    "accuracy": "accuracy",
    "auc": "AUC",
    "auc_within_databases": "AUC within databases",
    "group_recall": "recall by source group",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "f1": "F1",
    "macro_f1": "mean F1",
    "challenge_score": "2016 score",
    "aurc": "AURC",
}
_BINARY = ("group_recall", "macro_f1")  # said otherwise where there are two labels
_INTRODUCTION = """\
# Comparison of heart-sound models

Written by `heartward report` from saved predictions alone. Brackets are 95 % intervals from \
drawing subjects (or source groups) anew; ± is the standard deviation over seeds. A recording's \
probabilities are the mean of its usable windows', everywhere. UAR is the mean of the labels' \
recalls, once of the likelier label, once at the limit that served the training's validation part \
best; AUC within databases is the mean over those with five of each label, for the name of the \
database alone tells much. Rows that lack some of their protocol's trainings stand after those \
that lack none, and quick tries on few recordings last, whatever they reach.

**Compare only within a section.** One that says LEAKS has recordings of one person, or cuts of \
one source, in training and test, as the literature's random splits have: it says little about \
people who were never heard. Rows in italics are the literature's own figures as printed. None of \
these works says that it kept a person's recordings together, and their sets and splits are not \
exactly ours.
"""


def introduction() -> str:
    return _INTRODUCTION


def sections(rows: Sequence[Row], folder: Path) -> list[str]:
    """One per data set and protocol, the honest ones first; pictures go into `folder`."""
    ordered = sorted(rows, key=lambda row: (row.found.leaks, title_of(row.run)))
    return [
        _section(title, sorted(own, key=_worst_last), folder / f"comparison-{number}.png")
        for number, (title, own) in enumerate(
            groupby(ordered, key=lambda row: title_of(row.run)), start=1
        )
    ]


def side_by_side(rows: Sequence[Row]) -> str:
    """Models that were trained both ways: what the leak alone is worth."""
    honest = {_who(row): row for row in rows if not row.found.leaks}
    said = []
    for row in sorted((row for row in rows if row.found.leaks), key=_worst_last):
        other = honest.get(_who(row))
        if other is not None:
            pair = (other.found.metrics["uar"], row.found.metrics["uar"])
            gained = pair[1].value - pair[0].value
            names = (other.run.protocol, row.run.protocol)
            said.append((row.name, *names, *map(_metric, pair), f"{100 * gained:+.1f} points"))
    if not said:
        return ""
    heads = ("model", "honest split", "leaking split", "UAR, honest", "UAR, LEAKS", "gained by it")
    return "## The same nets by both kinds of split\n\n" + table(heads, said)


def gaps(missing: Sequence[tuple[Result, str, str]]) -> str:
    """What of the literature was not run, and why."""
    if not missing:
        return ""
    said = [
        (f"{result.work}: {result.model}", result.front_end, protocol, f"not run: {why}")
        for result, protocol, why in missing
    ]
    return "## Not run\n\n" + table(("work", "front end", "protocol", "why"), said)


def works() -> str:
    """The works by their letters, and what to know before comparing."""
    lines = ["## The works\n"]
    for work in literature().work:
        lines.append(f"**{work.letter}**: {work.title}. {work.by}.")
        lines += [f"- {caveat}" for caveat in work.caveats]
        lines.append("")
    return "\n".join(lines)


def _section(title: str, rows: Sequence[Row], picture: Path) -> str:
    published = [
        result
        for result in literature().result
        if result.protocol == rows[0].run.protocol and result.data_set == rows[0].run.data_set
    ]
    shown = _columns(rows)
    heads = (
        "model",
        "net, front end",
        "parameters",
        "tested",
        *(_SHOWN[name] for name in shown),
        "ECE",
    )
    ours = [_cells(row, shown) for row in rows]
    theirs = [_published_cells(result, shown) for result in published]
    _draw(title, rows, published, picture)
    parts = [f"## {title}\n", table(heads, ours + theirs), f"![{title}]({picture.name})\n"]
    parts += [
        part for part in (_seeds(rows), _labels(rows), _lesions(rows), _databases(rows)) if part
    ]
    parts += [part for part in (_tests(rows), details(rows[0], picture.parent)) if part]
    return "\n".join(parts)


def _cells(row: Row, shown: Sequence[str]) -> list[str]:
    run, found = row.run, row.found
    people = catalogue.people_of([run.data_set])
    return [
        row.name + _trained(row),
        ", ".join(word for word in (run.architecture, run.front_end) if word) or DASH,
        count(run.parameters),
        f"{found.recordings} of {found.subjects} {people}{_turns(row)}",
        *(_metric(found.metrics.get(name)) for name in shown),
        number(found.calibration.error),
    ]


def _trained(row: Row) -> str:
    """How long, and on what else than what is tested."""
    run = row.run
    said = [] if run.epochs is None else [f"{run.epochs} epochs"]
    times_s = [each.run.training_s for each in row.tests if each.run.training_s is not None]
    if times_s:
        said.append(f"{sum(times_s) / len(times_s) / 60:.1f} min a training")
    if any(each.run.max_files is not None for each in row.tests):
        said.append("a quick try on few recordings")
    if run.trained_on not in ((), (run.data_set,)):
        said.append(f"trained on {' and '.join(run.trained_on)}")
    return f" ({', '.join(said)})" if said else ""


def _turns(row: Row) -> str:
    """Which of the protocol's trainings there are."""
    known = {protocol.name: protocol for protocol in splits.PROTOCOLS}
    protocol = known.get(row.run.protocol)
    given, wanted = _trainings(row)
    if protocol is None or given == wanted == 1:
        return ""
    what = "seeds" if protocol.shares else "folds"
    return f", {given} {what}" if given >= wanted else f", only {given} of {wanted} {what}"


def _trainings(row: Row) -> tuple[int, int]:
    """How many of its protocol's folds or repetitions a row has, and how many there are."""
    known = {protocol.name: protocol for protocol in splits.PROTOCOLS}
    protocol = known.get(row.run.protocol)
    if protocol is None:  # nothing divides the set: whoever heard it heard it whole
        return 1, 1
    own = {each.run.seed if protocol.shares else each.run.fold for each in row.tests}
    return len(own), len(splits.turns(protocol))


def _published_cells(result: Result, shown: Sequence[str]) -> list[str]:
    said = "expected, not measured" if result.expected else "as printed"
    parameters = count(None if result.parameters_m is None else round(1e6 * result.parameters_m))
    figures_said = [_published(result.figure(name)) for name in shown]
    if all(figure == DASH for figure in figures_said):
        said = "no figure given"
    cells = [f"work {result.work}: {result.model}", f"{result.architecture}, {result.front_end}"]
    return [f"*{cell}*" for cell in (*cells, parameters, said, *figures_said, DASH)]


def _draw(title: str, rows: Sequence[Row], published: Sequence[Result], picture: Path) -> None:
    lines = [
        figures.Line(row.name, metric.value, metric.low, metric.high, row.found.leaks)
        for row in rows
        if (metric := row.found.metrics["uar"])
    ]
    for result in published:
        if result.uar is not None:
            name = f"work {result.work}: {result.model}, {result.front_end}"
            nothing = math.nan
            lines.append(figures.Line(name, result.uar.value, nothing, nothing, result.leaks))
    png.save(figures.side_by_side(lines, "UAR of recordings", title), picture)


def _seeds(rows: Sequence[Row]) -> str:
    """Mean and deviation over repetitions, where there were any."""
    repeated = [row for row in rows if row.found.over_seeds]
    if not repeated:
        return ""
    names = [name for name in ("uar", "accuracy", "auc") if name in repeated[0].found.over_seeds]
    said = [
        (
            row.name,
            str(len(row.found.seeds)),
            *(_spread(row.found.over_seeds[name]) for name in names),
        )
        for row in repeated
    ]
    heads = ("model", "seeds", *(_SHOWN[name] for name in names))
    return "Over seeds, each counted by itself:\n\n" + table(heads, said)


def _labels(rows: Sequence[Row]) -> str:
    """Recall and area of each label, where there are more than two."""
    many = [row for row in rows if len(row.found.labels) > 2]
    if not many:
        return ""
    said = [
        (
            row.name,
            each.label,
            f"{each.recordings} of {each.subjects}",
            number(each.precision),
            number(each.recall),
            number(each.f1),
            number(row.found.label_aucs[each.label]),
        )
        for row in many
        for each in row.found.per_class
    ]
    heads = ("model", "label", "recordings of groups", "precision", "recall", "F1", "AUC")
    return table(heads, said)


def _databases(rows: Sequence[Row]) -> str:
    names = sorted({name for row in rows for name in row.found.database_aucs})
    if len(names) < 2:
        return ""
    said = [
        (row.name, *(number(row.found.database_aucs.get(name, math.nan)) for name in names))
        for row in rows
    ]
    return "AUC within each database:\n\n" + table(("model", *names), said)


def _lesions(rows: Sequence[Row]) -> str:
    """Each lesion against healthy hearts alone, where the labels are lesions."""
    said = [
        (row.name, name.removeprefix("auc_").replace("_", " "), _metric(metric))
        for row in rows
        for name, metric in row.found.metrics.items()
        if "_against_" in name
    ]
    return table(("model", "AUC of", "with interval"), said) if said else ""


def _tests(rows: Sequence[Row]) -> str:
    """Each against the first, on the recordings and seeds that both were tested on."""
    best, *others = rows
    pairs = [(row, compared(best.tests, row.tests)) for row in others]
    tested = [(row, test) for row, test in pairs if test is not None]
    if not tested:
        return ""
    corrected = holm([test.p_value for _, test in tested])
    said = [
        (
            row.name,
            str(test.recordings),
            str(test.only_first_right),
            str(test.only_second_right),
            p_text(test.p_value),
            p_text(p),
        )
        for (row, test), p in zip(tested, corrected, strict=True)
    ]
    heads = ("against", "tests", "only first right", "only the other", "p", "p after Holm")
    return (
        f"McNemar's exact test of {best.name}, the first, against each (recordings are taken as "
        f"independent, which flatters p):\n\n{table(heads, said)}"
    )


def _columns(rows: Sequence[Row]) -> list[str]:
    known = {name for row in rows for name in row.found.metrics}
    binary = all(len(row.found.labels) == 2 for row in rows)
    return [name for name in _SHOWN if name in known and not (binary and name in _BINARY)]


def _who(row: Row) -> tuple[str, str, str, str]:
    """Nets that differ in their split alone: a version names epochs and a quick try's files, too.

    What was tried on few recordings and what heard them all differ by more than a leak.
    """
    return (row.run.data_set, row.run.model, row.run.version, row.run.recipe)


def _worst_last(row: Row) -> tuple[bool, bool, float]:
    """Whole rows, then those that lack trainings, then quick tries: few are easily all right."""
    tried = any(each.run.max_files is not None for each in row.tests)
    given, wanted = _trainings(row)
    return (tried, given < wanted, -row.found.metrics["uar"].value)


def _metric(metric: Metric | None) -> str:
    if metric is None or not math.isfinite(metric.value):
        return DASH
    return f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"


def _spread(own: Spread) -> str:
    return f"{own.mean:.3f} ± {own.deviation:.3f}"


def _published(figure: Published | None) -> str:
    return DASH if figure is None else str(figure)
