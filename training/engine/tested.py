"""A trained net on recordings that it never heard, as predictions that figures are computed from.

The recordings are cut as in training and as the finished artifact gets them, so that both say the
same; a test holds one to the other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
import numpy as np
import torch
from torch import nn

from models.errors import ConfigurationError
from training import front_end_config
from training.datasets import catalogue
from training.datasets.recordings import DataSet, Recording
from training.engine import clips, measures, parts, runs
from training.engine.parts import Held, Owned, Parts
from training.engine.recipe import Recipe
from training.evaluation.hearing import ALL
from training.evaluation.predictions import Heard, Predictions, Run, heard
from training.evaluation.truths import HEALTHY, truth_of
from training.splits import Part

_TOGETHER = 256  # recordings that are held in memory at once

Done = Callable[[], None]


def of_protocols(
    net: nn.Module,
    told: Recipe,
    trained: runs.Run,
    found: Parts,
    *,
    device: torch.device,
    done: Done = lambda: None,
) -> list[Predictions]:
    """Predict what each protocol held back, and its validation part for a temperature.

    Parameters
    ----------
    done
        Called after each recording.
    """
    made = []
    for held in found.held:
        of_parts: tuple[tuple[Part, tuple[Owned, ...]], ...] = (
            ("test", found.test),
            ("validation", found.validation),
        )
        for part, owned in of_parts:
            own = [(data, each) for data, each in owned if data.name == held.data_set]
            if own:
                rows = tuple(_heard(net, told, own, device, done))
                made.append(Predictions(run=_run(told, trained, held, part), recordings=rows))
    return made


def of_data_set(
    net: nn.Module,
    told: Recipe,
    trained: runs.Run,
    data: DataSet,
    *,
    device: torch.device,
    max_files: int | None = None,
    done: Done = lambda: None,
) -> Predictions:
    """Predict all of a data set that nothing was trained on.

    Labels are put into the recipe's words; recordings that have none there are left out.

    Raises
    ------
    ConfigurationError
        If the net was trained on the data set, or the recipe has no word for any recording.
    """
    learnt = sorted(catalogue.kin_of(data.name) & {*trained.label_tables})
    if learnt:
        raise ConfigurationError(
            f"{told.name} was trained on {_named(data, learnt[0])}: its own test is the part that "
            "it held back, which heartward evaluate --run hears without --data"
        )
    known = known_in(data, told)
    if not known:
        raise ConfigurationError(
            f"{told.name} knows {', '.join(told.data.labels)}: no recording of {data.name} is one "
            "of these"
        )
    most = min(len(known), max_files or len(known))
    chosen = [(data, known[k * len(known) // most]) for k in range(most)]
    held = Held(data.name, ALL, leaks=False, fold="", repeats=True)
    rows = tuple(_heard(net, told, chosen, device, done))
    run = _run(told, trained, held, "test")
    if max_files is not None:
        run = msgspec.structs.replace(run, max_files=max_files)
    return Predictions(run=run, recordings=rows)


def _named(data: DataSet, learnt: str) -> str:
    return learnt if learnt == data.name else f"{learnt}, which holds recordings of {data.name}"


def known_in(data: DataSet, told: Recipe) -> list[Recording]:
    """The recordings that a recipe has words for, with their labels in these words."""
    judged = ((each, _in_words_of(each, told)) for each in data.recordings)
    return [
        msgspec.structs.replace(each, labels=labels)
        for each, labels in judged
        if labels is not None
    ]


def _in_words_of(recording: Recording, told: Recipe) -> tuple[str, ...] | None:
    renamed = tuple(told.data.rename.get(label, label) for label in recording.labels)
    if not told.data.exclusive and set(renamed) <= HEALTHY:
        return tuple(label for label in renamed if label in told.data.labels)
    return truth_of(msgspec.structs.replace(recording, labels=renamed), told.data.labels)


def _heard(
    net: nn.Module, told: Recipe, owned: Sequence[Owned], device: torch.device, done: Done
) -> Iterator[Heard]:
    for some in _pieces(owned):
        own = clips.gather(some, told, told.contract.judged, assessed=True, done=done)
        logits = measures.answers(net, own.to(device), told)
        probabilities = measures.probabilities(logits, told).numpy()
        places = np.flatnonzero(np.diff(own.owner.numpy())) + 1
        windows = np.split(probabilities, places)
        usable = np.split(own.usable.numpy(), places)
        for k, (_, recording) in enumerate(some):
            holds = (own.targets[k] > 0).tolist()
            truth = [label for label, true in zip(told.data.labels, holds, strict=True) if true]
            yield heard(recording, truth, windows[k], usable[k])


def _pieces(owned: Sequence[Owned]) -> Iterable[Sequence[Owned]]:
    return (owned[k : k + _TOGETHER] for k in range(0, len(owned), _TOGETHER))


def _run(told: Recipe, trained: runs.Run, held: Held, part: Part) -> Run:
    """Repetitions of one test are told apart by their seeds: 1 to 5 of the first five."""
    seed = told.training.seed
    if held.repeats:
        seed = (seed - 1) * parts.folds(told) + trained.fold + 1
    tried = "" if trained.max_files is None else f"-of-{trained.max_files}-files"
    begun = "-from-weights" if trained.init else ""
    middle_s = told.data.middle_s.get(held.data_set)
    return Run(
        data_set=held.data_set,
        protocol=held.protocol,
        leaks=held.leaks,
        model=told.name,
        version=f"{told.version()}{begun}{tried}",
        labels=told.data.labels,
        part=part,
        fold=held.fold,
        seed=seed,
        exclusive=told.data.exclusive,
        trained_on=tuple(sorted(trained.label_tables)),
        architecture=told.architecture.name,
        front_end=front_end_config.kind(told.front_end),
        recipe=told.name,
        init=trained.init,
        epochs=trained.epochs,
        training_s=trained.training_s,
        parameters=trained.parameters,
        max_files=trained.max_files,
        note="" if middle_s is None else f"the middle {middle_s:g} s of each recording",
    )
