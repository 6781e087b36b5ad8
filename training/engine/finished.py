"""``heartward evaluate --run``: a finished training hears what it held back, or another set."""

from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from models.errors import ConfigurationError
from training.datasets import catalogue
from training.engine import runs, tested
from training.engine.commands import device_named, progress_on
from training.evaluation.commands import show_predictions
from training.evaluation.predictions import Predictions


def hear_and_show(
    folder: Path,
    *,
    data: str | None,
    max_files: int | None,
    draws: int,
    as_json: bool,
) -> None:
    """Write the predictions into the run's folder, and print their figures."""
    torch.set_num_threads(1)
    made = hear(folder, data, device=device_named(None), max_files=max_files)
    written = runs.add(folder, made)
    show_predictions([made] if data else _by_set(made), written, draws=draws, as_json=as_json)


def hear(
    folder: Path, data: str | None, *, device: torch.device, max_files: int | None = None
) -> list[Predictions]:
    """Predictions of what a run held back or, where `data` names a set, of all of that.

    Raises
    ------
    ModelError
        If the folder holds no whole run, or its split has changed since.
    ConfigurationError
        If nothing was held back, or the data set was trained on or is in other words.
    """
    net, told = runs.load(folder)
    run = runs.finished(folder)
    net = net.to(device)
    with progress_on(Console(stderr=True)) as progress:
        bar = progress.add_task("testing", total=None, said="")
        done = partial(progress.advance, bar)
        if data is not None:
            chosen = catalogue.load(data)
            progress.update(bar, total=max_files or len(chosen.recordings))
            one = tested.of_data_set(
                net, told, run, chosen, device=device, max_files=max_files, done=done
            )
            return [one]
        found = runs.held_back(folder, told)
        if not found.held:
            raise ConfigurationError(
                f"{folder} held nothing back: name a data set with --data that it was not "
                "trained on"
            )
        progress.update(bar, total=len(found.test) + len(found.validation))
        return tested.of_protocols(net, told, run, found, device=device, done=done)


def _by_set(made: list[Predictions]) -> list[list[Predictions]]:
    names = dict.fromkeys(each.run.data_set for each in made)
    return [[each for each in made if each.run.data_set == name] for name in names]
