"""What saved predictions say of a recipe, for the contract and the card."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from models.contract import Metric
from models.errors import ConfigurationError
from training.evaluation import collected, predictions
from training.evaluation.intervals import DRAWS
from training.evaluation.predictions import Predictions, Run
from training.evaluation.summary import Evaluation, evaluate


class Figures(NamedTuple):
    """One protocol: who was tested, and what came of it; `key` begins its metrics' names."""

    key: str
    run: Run
    found: Evaluation

    @property
    def title(self) -> str:
        return collected.title_of(self.run)


def of(
    folders: Iterable[Path], labels: tuple[str, ...], *, draws: int = DRAWS
) -> tuple[Figures, ...]:
    """Evaluate everything that lies in some folders; honest protocols first.

    Raises
    ------
    ConfigurationError
        If a folder holds no predictions, or those of another model.
    """
    groups: dict[collected.Key, list[Predictions]] = {}
    for folder in dict.fromkeys(folders):
        for key, own in collected.grouped(folder).items():
            groups.setdefault(key, []).extend(own)
    strange = {each.run.labels for own in groups.values() for each in own} - {labels}
    if strange:
        raise ConfigurationError(
            f"the predictions are of {', '.join(strange.pop())}, and the model knows "
            f"{', '.join(labels)}: name folders of one recipe"
        )
    tested = {
        key: own
        for key, own in groups.items()
        if any(each.run.part == "test" and each.recordings for each in own)
    }
    keys = _keys([own[0].run for own in tested.values()])
    found = [
        Figures(key, own[0].run, evaluate(own, draws=draws))
        for key, own in zip(keys, tested.values(), strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (each.found.leaks, each.key)))


def have_predictions(folder: Path) -> bool:
    return next(iter(predictions.find(folder)), None) is not None


def metrics(figures: Sequence[Figures]) -> dict[str, Metric]:
    """By ``PROTOCOL.LEVEL.MEASURE``; what could not be counted is left out."""
    found: dict[str, Metric] = {}
    for each in figures:
        levels = {"recording": each.found.metrics, "window": each.found.window_metrics}
        for level, own in levels.items():
            found |= {
                f"{each.key}.{level}.{name}": _rounded(metric)
                for name, metric in own.items()
                if metric.is_known
            }
    return found


def _rounded(metric: Metric) -> Metric:
    return Metric(
        value=round(metric.value, 4), low=round(metric.low, 4), high=round(metric.high, 4)
    )


def _keys(runs: Sequence[Run]) -> list[str]:
    """The protocol; and what was trained on, where one protocol has several such rows."""
    short = [
        run.protocol if run.protocol.startswith(run.data_set) else f"{run.data_set}-{run.protocol}"
        for run in runs
    ]
    found = [
        key if short.count(key) == 1 else f"{key}-from-{'-and-'.join(run.trained_on)}"
        for key, run in zip(short, runs, strict=True)
    ]
    twice = sorted({key for key in found if found.count(key) > 1})
    if twice:
        raise ConfigurationError(
            f"two models' predictions are of {', '.join(twice)}: name folders of one recipe"
        )
    return found
