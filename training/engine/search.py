"""Hyper-parameters found by trying: Optuna over a recipe's ranges, judged by subject.

A trial trains on all inner folds but one, in turn, of one fold's training; what the protocol tests
is never heard. Trials that fall behind the median of others after an inner fold are given up.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import optuna

from models.errors import ConfigurationError, ModelError
from training.engine import recipe_files
from training.engine.recipe import Range, Recipe

INNER_FOLDS = 3

# The recipe of a trial and the number of an inner fold, to a figure of its validation part.
Judge = Callable[[Recipe, int], float]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    state: str
    figure: float | None
    values: dict[str, Any]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """``search.json``: the best values, and everything that was tried."""

    recipe: str
    monitor: str
    inner_folds: int
    best: dict[str, Any]
    best_figure: float
    trials: tuple[Trial, ...]


def search(
    recipe: Recipe,
    trials: int,
    judge: Judge,
    *,
    inner_folds: int = INNER_FOLDS,
    done: Callable[[], None] = lambda: None,
) -> Found:
    """Try values of ``[search]``; the same seed tries the same.

    A trial that diverges, or whose figure is not a number, is one that failed, and others go on.

    Raises
    ------
    ConfigurationError
        If the recipe has no ranges, or no trial came to an end.
    """
    if not recipe.search:
        raise ConfigurationError(
            f"{recipe.name} has no [search]: give ranges, such as "
            '"optimiser.learning_rate" = { low = 1e-4, high = 1e-2, log = true }'
        )
    monitor = recipe.training.monitor
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="minimize" if monitor == "loss" else "maximize",
        sampler=optuna.samplers.TPESampler(seed=recipe.training.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    study.optimize(
        lambda trial: _tried(trial, recipe, judge, inner_folds),
        n_trials=trials,
        callbacks=[lambda *_: done()],
        catch=(ModelError,),
    )
    if not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        raise ConfigurationError(
            f"{recipe.name}: none of {trials} trials came to an end with a {monitor}: give "
            "[search] other ranges, or the training more recordings"
        )
    return Found(
        recipe=recipe.name,
        monitor=monitor,
        inner_folds=inner_folds,
        best=study.best_params,
        best_figure=study.best_value,
        trials=tuple(
            Trial(number=it.number, state=it.state.name, figure=it.value, values=it.params)
            for it in study.trials
        ),
    )


def write(found: Found, recipe: Recipe, folder: Path) -> Path:
    """The table of trials, and the recipe with the best values."""
    if folder.exists():
        raise ConfigurationError(f"{folder} exists: name another with --out, or remove it")
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    better = recipe_files.changed(recipe, found.best)
    (part / "recipe.toml").write_text(recipe_files.to_toml(better), encoding="utf-8")
    table = msgspec.json.format(msgspec.json.encode(found), indent=2)
    (part / "search.json").write_bytes(table + b"\n")
    part.replace(folder)
    return folder / "recipe.toml"


def _tried(trial: optuna.Trial, recipe: Recipe, judge: Judge, inner_folds: int) -> float:
    values = {name: _value(trial, name, told) for name, told in recipe.search.items()}
    changed = recipe_files.changed(recipe, values)
    figures: list[float] = []
    for inner in range(inner_folds):
        figures.append(judge(changed, inner))
        if math.isnan(figures[-1]):
            return math.nan
        trial.report(float(np.mean(figures)), inner)
        if inner + 1 < inner_folds and trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(figures))


def _value(trial: optuna.Trial, name: str, told: Range) -> Any:
    if told.among:
        return trial.suggest_categorical(name, told.among)
    low, high = told.low, told.high
    assert low is not None and high is not None  # noqa: S101, PT018 (else it is among)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=told.log)
    return trial.suggest_float(name, low, high, log=told.log)
