"""What was to be shown, and whether it is: one table out of the rows of a comparison.

Where several nets could answer one target, it is the one with most of the protocol's trainings,
then with most figures reached, then with the highest figures; the table says of how many it was
chosen, for the best of many is flattered.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.contract import Metric
from training import splits
from training.evaluation import metrics
from training.evaluation.collected import Row
from training.evaluation.markdown_table import DASH, count, number, table
from training.evaluation.scored import scored
from training.splits import LEAK

_TABLE = Path(__file__).with_name("targets.toml")
NOT_RUN = "not run"
_ABOUT = """\
## What is reached

Brackets are 95 % intervals from drawing subjects or source groups anew; what is reached is judged \
by the figure itself. Where several nets could answer, the one with most of the trainings, then \
with most reached, is shown.
"""
_NAMES = {
    "uar": "UAR",
    "uar_at_limit": "UAR at the validation part's limit",
    "auc": "AUC",
    "auc_within_databases": "mean AUC within databases",
    "group_recall": "recall by group, then class",
    "accuracy": "accuracy",
}
HEADS = ("protocol", "figure", "literature", "plain start", "measured", "target", "reached", "by")
Cells = tuple[str, ...]


class Figure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number; its bar is `at_least`, or what another target measured less `by_at_most`."""

    metric: str
    at_least: float | None = None
    not_below: str = ""
    by_at_most: float = 0.0
    start: str = NOT_RUN

    @property
    def name(self) -> str:
        return _NAMES.get(self.metric) or self.metric.replace("auc", "AUC").replace("_", " ")


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of what was to be shown.

    Attributes
    ----------
    trained_on
        No fewer data sets, and no more but where others may help; then they are named.
    others_too
        Whether other sets may help. What is tested by `all` was never trained on.
    same_net_as
        Another target, whose net is asked for.
    from_scratch
        Nets that began from other weights do not count; quick tries never do.
    by_database, by_label
        Whether the AUC of each database, or the recall of each label, is said too.
    """

    key: str
    title: str
    data_set: str
    protocol: str
    trained_on: tuple[str, ...]
    others_too: bool = False
    figures: tuple[Figure, ...]
    literature: str = "not reported"
    most_parameters: int | None = None
    same_net_as: str = ""
    from_scratch: bool = False
    by_database: bool = False
    by_label: bool = False

    @property
    def leaks(self) -> bool:
        known = {protocol.name: protocol.leaks for protocol in splits.PROTOCOLS}
        return known.get(self.protocol, False)

    def is_answered_by(self, row: Row) -> bool:
        run = row.run
        few = self.most_parameters is None or (
            run.parameters is not None and run.parameters <= self.most_parameters
        )
        return (
            (run.data_set, run.protocol) == (self.data_set, self.protocol)
            and self._fits(set(run.trained_on or (run.data_set,)))
            and all(figure.metric in row.found.metrics for figure in self.figures)
            and few
            and not (self.from_scratch and run.init)
            and all(each.run.max_files is None for each in row.tests)
        )

    def _fits(self, trained_on: set[str]) -> bool:
        wanted = set(self.trained_on)
        return wanted <= trained_on if self.others_too else wanted == trained_on


class Answer(NamedTuple):
    """The row that answers a target, and of how many it was chosen."""

    row: Row
    among: int

    def value(self, figure: Figure) -> Metric:
        return self.row.found.metrics[figure.metric]


class _Targets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: tuple[Target, ...]


@cache
def targets() -> tuple[Target, ...]:
    return msgspec.toml.decode(_TABLE.read_bytes(), type=_Targets).target


def answers(rows: Sequence[Row]) -> dict[str, Answer]:
    """The best row for each target that has any, by the target's key."""
    found: dict[str, Answer] = {}
    for target in targets():
        own = [row for row in rows if target.is_answered_by(row)]
        if target.same_net_as:
            other = found.get(target.same_net_as)
            own = [row for row in own if other and row.name == other.row.name]
        if own:
            best = max(own, key=lambda row: _rank(target, row, found))
            found[target.key] = Answer(best, len(own))
    return found


def lines(rows: Sequence[Row]) -> list[Cells]:
    """Every figure of every target: what it is, and whether it is reached."""
    found = answers(rows)
    return [
        cells
        for target in targets()
        for cells in (
            *(_line(target, figure, found) for figure in target.figures),
            *_parts(target, found.get(target.key)),
        )
    ]


def trainings(row: Row) -> tuple[int, int]:
    """How many of its protocol's trainings a row has, and how many there are."""
    known = {protocol.name: protocol for protocol in splits.PROTOCOLS}
    protocol = known.get(row.run.protocol)
    wanted = 1 if protocol is None else len(splits.turns(protocol))
    return len(row.tests), max(wanted, 1)


def section(rows: Sequence[Row], others: Sequence[Cells] = ()) -> str:
    """The table; `others` are lines about something else than predictions."""
    return f"{_ABOUT}\n{table(HEADS, [*lines(rows), *others])}"


def judged(value: float, bar: float | None, *, at_most: bool = False) -> str:
    if bar is None:
        return DASH
    if not math.isfinite(value):
        return NOT_RUN
    return "yes" if (value <= bar if at_most else value >= bar) else "no"


def _rank(target: Target, row: Row, found: Mapping[str, Answer]) -> tuple[float, ...]:
    given, wanted = trainings(row)
    values = [row.found.metrics[figure.metric].value for figure in target.figures]
    bars = [_bar(figure, found) for figure in target.figures]
    pairs = zip(values, bars, strict=True)
    reached = sum(judged(value, bar) == "yes" for value, bar in pairs)
    return (min(1.0, given / wanted), reached, float(sum(v for v in values if math.isfinite(v))))


def _bar(figure: Figure, found: Mapping[str, Answer]) -> float | None:
    if not figure.not_below:
        return figure.at_least
    other = found.get(figure.not_below)
    return None if other is None else other.value(figure).value - figure.by_at_most


def _line(target: Target, figure: Figure, found: Mapping[str, Answer]) -> Cells:
    title = f"{target.title} ({LEAK})" if target.leaks else target.title
    bar = _bar(figure, found)
    wanted = _wanted(target, figure, bar)
    answer = found.get(target.key)
    said = (title, figure.name, target.literature, figure.start)
    if answer is None:
        return (*said, NOT_RUN, wanted, NOT_RUN, DASH)
    metric = answer.value(figure)
    measured = f"{number(metric.value)} [{number(metric.low)}, {number(metric.high)}]"
    return (*said, measured, wanted, _reached(answer, metric.value, bar), _by(target, answer))


def _wanted(target: Target, figure: Figure, bar: float | None) -> str:
    if figure.not_below:
        said = "which was not run" if bar is None else f"so ≥ {number(bar)}"
        return f"at most {figure.by_at_most:g} less than without the other set, {said}"
    if bar is None:
        return DASH
    most = target.most_parameters
    few = "" if most is None else f" with at most {most:,} parameters"
    return f"≥ {number(bar)}{few}"


def _reached(answer: Answer, value: float, bar: float | None) -> str:
    given, wanted = trainings(answer.row)
    said = judged(value, bar)
    if said not in {"yes", "no"}:
        return said
    return f"{said}, on {given} of {wanted} trainings" if given < wanted else said


def _by(target: Target, answer: Answer) -> str:
    row = answer.row
    chosen = f", the best of {answer.among}" if answer.among > 1 else ""
    more = sorted(set(row.run.trained_on) - set(target.trained_on))
    others = f", trained on {' and '.join(more)} too" if more else ""
    return f"{row.name} ({count(row.run.parameters)} parameters{chosen}{others})"


def _parts(target: Target, answer: Answer | None) -> list[Cells]:
    """Figures without a target of their own."""
    if answer is None:
        return []
    found = answer.row.found
    parts: dict[str, float] = {}
    if target.by_database:
        parts |= {f"AUC within {name}": value for name, value in found.database_aucs.items()}
    if target.by_label:
        recalls = metrics.group_recalls(scored(answer.row.tests)).tolist()
        names = (f"recall of {label}, by group" for label in found.labels)
        parts |= dict(zip(names, recalls, strict=True))
    return [
        (target.title, name, DASH, DASH, number(value), DASH, DASH, _by(target, answer))
        for name, value in parts.items()
    ]
