"""Names in a recipe that nothing bears, and that would be passed over without a word.

A name counts that any data set knows, in use here or not: recipes inherit from each other, and
with that what only another's sets have. Where labels exclude each other a recording that is called
otherwise is refused by `clips.targets`, and so is what is misspelt in `labels` and `rename`.
"""

import difflib
from collections.abc import Collection, Iterable

from models.errors import ConfigurationError
from training.datasets.catalogue import CATALOGUE
from training.datasets.recordings import DataSet
from training.engine.recipe import Data, Recipe

_A_WORD = "no label or diagnosis of a data set"


def require_known(told: Recipe, in_use: Collection[DataSet]) -> None:
    """Refuse what is misspelt, in one sentence with what is known and what is nearest.

    Parameters
    ----------
    in_use
        The recipe's data sets: a person's own bring labels that no catalogue has.
    """
    data = told.data
    words = _words(in_use)
    sets = {*CATALOGUE, *(each.name for each in in_use)}
    _require(data.without, words | {*data.labels}, _A_WORD, f"{told.name}: data.without")
    _require(data.middle_s, sets, "no data set", f"{told.name}: data.middle_s")
    if not data.exclusive:
        _require_words(data, words, told.name)


def _require_words(data: Data, words: set[str], recipe: str) -> None:
    answers = {label for renamed in data.rename.values() for label in renamed.split("|")}
    _require(data.labels, words | answers, _A_WORD, f"{recipe}: data.labels")
    _require(answers, words | {*data.labels}, _A_WORD, f"{recipe}: data.rename")
    # What no word is like is of a set that is heard at another time: clinicians' labels, for one.
    alike = [name for name in data.rename if _nearest(name, words)]
    _require(alike, words, _A_WORD, f"{recipe}: data.rename")


def _words(in_use: Iterable[DataSet]) -> set[str]:
    listed = {word for each in CATALOGUE.values() for word in (*each.labels, *each.diagnoses)}
    own = [recording for each in in_use for recording in each.recordings]
    said = {recording.diagnosis for recording in own if recording.diagnosis}
    return listed | said | {label for recording in own for label in recording.labels}


def _require(names: Iterable[str], known: Collection[str], what: str, where: str) -> None:
    for name in names:
        if name in known:
            continue
        near = _nearest(name, known)
        hint = f" (did you mean {near}?)" if near else ""
        raise ConfigurationError(
            f"{where} names {name!r}, which is {what}{hint}: known are {', '.join(sorted(known))}"
        )


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt most like it, whatever is in capitals."""
    small = {each.lower(): each for each in sorted(known)}
    near = difflib.get_close_matches(name.lower(), small, n=1)
    return small[near[0]] if near else None
