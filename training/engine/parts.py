"""Which recordings a training hears, and which judge it.

A recipe's protocol is one of `training.splits`, or a folder of a person's own recordings: that is
divided into five folds by subject, the same every time as long as the folder is the same.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from models.errors import ConfigurationError
from training import splits
from training.datasets import catalogue
from training.datasets.catalogue import load
from training.datasets.recordings import DataSet, Recording
from training.engine import clips, recipe_names
from training.engine.recipe import Data, Recipe
from training.splits import Fold, Protocol

Owned = tuple[DataSet, Recording]

_OF_WHOLE = "all of it, nothing tested"
_FEWEST = 2


class Held(NamedTuple):
    """What a protocol holds back in one fold.

    Attributes
    ----------
    fold
        As the protocol calls it, for instance ``3`` or ``training-a``; empty where it has named
        parts.
    repeats
        Whether the protocol's trainings are repetitions of one test, and no folds.
    """

    data_set: str
    protocol: str
    leaks: bool
    fold: str
    repeats: bool


class Parts(NamedTuple):
    """Recordings with the data set that each is from; `held` says by which protocol of each."""

    title: str
    leaks: bool
    train: tuple[Owned, ...]
    validation: tuple[Owned, ...]
    test: tuple[Owned, ...]
    held: tuple[Held, ...] = ()


def folds(recipe: Recipe) -> int:
    """How many trainings the recipe's protocols ask for: 1 where nothing is held back."""
    counts = {name: len(_turns(name)) for name in recipe.data.protocols}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ConfigurationError(
            f"{recipe.name}: protocols of as many folds go together, not {said}"
        )
    return next(iter(counts.values()), 1)


def parts(recipe: Recipe, fold: int, *, max_files: int | None = None) -> Parts:
    """The recordings of one fold of every protocol, and all of the whole sets.

    Parameters
    ----------
    max_files
        Train on no more than so many recordings, and judge and test on a quarter of it each.
    """
    count = folds(recipe)
    if not 0 <= fold < count:
        raise ConfigurationError(f"{recipe.name} has folds 0 to {count - 1}, not {fold}")
    _require_apart(recipe)
    divided = [(name, _data_set(name)) for name in recipe.data.protocols]
    whole = [load(name) for name in recipe.data.whole]
    recipe_names.require_known(recipe, [*(data for _, data in divided), *whole])
    found = [_of_protocol(name, data, fold, recipe.data) for name, data in divided]
    found += [_of_whole(data, recipe.data) for data in whole]
    every = Parts(
        title="; ".join(part.title for part in found),
        leaks=any(part.leaks for part in found),
        train=tuple(owned for part in found for owned in part.train),
        validation=tuple(owned for part in found for owned in part.validation),
        test=tuple(owned for part in found for owned in part.test),
        held=tuple(held for part in found for held in part.held),
    )
    _require_every_label(recipe, every.train)
    return every if max_files is None else _fewer(every, max_files, recipe.training.seed)


def for_search(
    recipe: Recipe, fold: int, inner: int, of: int, *, max_files: int | None = None
) -> Parts:
    """One inner fold by subject within a fold's training: the fold's test stays unheard."""
    outer = parts(recipe, fold, max_files=max_files)
    own = (*outer.train, *outer.validation)
    subjects: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    alone = {(data.name, record.subject): record for data, record in reversed(own)}
    for who, record in sorted(alone.items(), key=lambda item: item[0]):
        subjects[(who[0], record.database, *record.labels)].append(who)
    draw = random.Random(recipe.training.seed)  # noqa: S311 (repetition, not secrecy)
    judging = set()
    offset = 0
    for _, members in sorted(subjects.items()):
        draw.shuffle(members)
        judging |= {who for k, who in enumerate(members) if (k + offset) % of == inner}
        offset += len(members)
    return outer._replace(
        title=f"{outer.title}; inner fold {inner} of {of} by subject",
        train=tuple(it for it in own if (it[0].name, it[1].subject) not in judging),
        validation=tuple(it for it in own if (it[0].name, it[1].subject) in judging),
    )


def _require_apart(recipe: Recipe) -> None:
    """What one protocol tests, another of the same data set would train on."""
    sets = [_protocol(name).data_set for name in recipe.data.protocols]
    sets += [Path(name).name for name in recipe.data.whole]
    twice = sorted({name for name in sets if sets.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"{recipe.name} names {', '.join(twice)} twice in data.protocols and data.whole: "
            "divide each data set in one way"
        )
    for name in sets:
        kin = sorted(catalogue.kin_of(name) & {*sets})
        if len(kin) > 1:
            raise ConfigurationError(
                f"{recipe.name} names {' and '.join(kin)} in data.protocols and data.whole, which "
                "hold the same recordings: name one of them"
            )


def _require_every_label(recipe: Recipe, learnt: Sequence[Owned]) -> None:
    """What is never heard is never said, and nothing else would tell."""
    told = recipe.data
    heard = [clips.targets(recording, told) for _, recording in learnt]
    for label, said in zip(told.labels, zip(*heard, strict=True), strict=bool(heard)):
        if not any(said):
            raise ConfigurationError(
                f"{recipe.name} has no recording that is {label} to learn from: look at "
                "data.without and data.rename, or take it out of data.labels"
            )


def is_own(protocol: str) -> bool:
    """Whether it is a folder of recordings, and none of the committed protocols."""
    return protocol not in {each.name for each in splits.PROTOCOLS} and Path(protocol).is_dir()


def _turns(name: str) -> list[Fold]:
    protocol = _protocol(name)
    if is_own(name):
        return list(protocol.turns(protocol.divide(load(name).recordings)))
    return splits.turns(protocol)


def _protocol(name: str) -> Protocol:
    if is_own(name):
        return splits.folds_of(Path(name).resolve().name)
    try:
        return splits.protocol_named(name)
    except ValueError as error:
        raise ConfigurationError(f"the recipe's data.protocols: {error}") from None


def _data_set(protocol: str) -> DataSet:
    return load(protocol if is_own(protocol) else _protocol(protocol).data_set)


def _of_protocol(name: str, data: DataSet, fold: int, told: Data) -> Parts:
    protocol = _protocol(name)
    turn = _turns(name)[fold]
    held = Held(data.name, protocol.name, turn.leaks, turn.tested, repeats=bool(protocol.shares))
    if not turn.validation:
        turn = splits.with_validation(turn, data.recordings, share=told.validation_share)
    return _parts(turn, data, told)._replace(held=(held,))


def _of_whole(data: DataSet, told: Data) -> Parts:
    every = tuple(recording.path for recording in data.recordings)
    whole = Fold(
        title=f"{data.name}, {_OF_WHOLE}", leaks=False, train=every, validation=(), test=()
    )
    turn = splits.with_validation(whole, data.recordings, share=told.validation_share)
    return _parts(turn, data, told)


def _parts(turn: Fold, data: DataSet, told: Data) -> Parts:
    known = {recording.path: recording for recording in data.recordings}
    train, validation, test = (
        tuple((data, known[path]) for path in paths if path in known)
        for paths in (turn.train, turn.validation, turn.test)
    )
    return Parts(
        turn.title,
        turn.leaks,
        tuple(owned for owned in train if not _left_out(owned[1], told)),
        tuple(owned for owned in validation if _judges(owned[1], told)),
        test,
    )


def _left_out(recording: Recording, told: Data) -> bool:
    return recording.diagnosis in told.without or bool(set(recording.labels) & set(told.without))


def _judges(recording: Recording, told: Data) -> bool:
    """Whether one can say if an answer to it is right."""
    if _left_out(recording, told):
        return False
    return not told.exclusive or sum(clips.targets(recording, told)) == 1


def _fewer(every: Parts, max_files: int, seed: int) -> Parts:
    if max_files < _FEWEST:
        raise ConfigurationError(f"--max-files {max_files}: give at least {_FEWEST}")
    quarter = max(_FEWEST, max_files // 4)
    return every._replace(
        title=f"{every.title}; at most {max_files} files",
        train=_some(every.train, max_files, seed),
        validation=_some(every.validation, quarter, seed),
        test=_some(every.test, quarter, seed),
    )


def _some(owned: Sequence[Owned], count: int, seed: int) -> tuple[Owned, ...]:
    """As many of each label, as far as there are."""
    piles: dict[tuple[str, ...], list[Owned]] = defaultdict(list)
    for each in owned:
        piles[each[1].labels].append(each)
    draw = random.Random(seed)  # noqa: S311 (repetition, not secrecy)
    ranked: list[tuple[int, tuple[str, ...], Owned]] = []
    for labels, pile in sorted(piles.items()):
        draw.shuffle(pile)
        ranked += [(rank, labels, each) for rank, each in enumerate(pile)]
    return tuple(each for _, _, each in sorted(ranked, key=lambda it: it[:2])[:count])
