"""What a model answered to recordings that it was not trained on: saved once, counted at leisure.

A file ``*.predictions.jsonl.gz`` is one test of one training: a first line that says which (`Run`),
then a line per recording (`Heard`). Every figure of a report is computed from such files alone, so
it can be computed again without the model, the data set or an accelerator. Probabilities are
written with as many digits as float32 has, no more and no fewer.

A recording's probabilities are combined from its windows' by `models.classify.overall`, here and
everywhere: the mean over usable windows. The mean needs no fitting, is what a person expects of
several looks at one thing, keeps calibrated windows calibrated, and does not grow with the length
of the recording as a maximum does; and what is measured is then what `heartward classify` prints.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from models.classify import overall
from models.errors import ConfigurationError
from training.datasets.recordings import Recording
from training.splits.parts import Part

SUFFIX = ".predictions.jsonl.gz"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one training.

    Attributes
    ----------
    data_set
        Whose recordings were tested.
    part
        ``validation`` where these serve to fit a temperature, and are no result.
    protocol
        Name of the split (`training.splits`), or a few words where it has no file.
    leaks
        Whether one subject's recordings are in training and test.
    fold
        What was tested, as in ``3`` or ``training-a``; empty where the protocol has one part.
    model, version
        The same for all folds and seeds of one row of a comparison.
    labels
        In the order of the probabilities.
    exclusive
        False where several labels may concur.
    architecture, front_end, recipe, init, note
        For the reader; empty where unknown.
    parameters
        Learnt numbers, without the front end's constants.
    max_files
        None, but for a quick try on so many recordings.
    """

    data_set: str
    protocol: str
    leaks: bool
    model: str
    version: str
    labels: tuple[str, ...]
    part: Part = "test"
    fold: str = ""
    seed: int = 0
    exclusive: bool = True
    trained_on: tuple[str, ...] = ()
    architecture: str = ""
    front_end: str = ""
    recipe: str = ""
    init: str = ""
    epochs: int | None = None
    training_s: float | None = None
    parameters: int | None = None
    note: str = ""
    max_files: int | None = None


class Heard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recording: the truth in the model's words, and what the model said.

    Attributes
    ----------
    windows
        Probabilities of each window, in the order of time.
    usable
        Whether each window's quality suffices.
    combined
        Probabilities of the recording, by `models.classify.overall`.
    """

    path: str
    subject: str
    database: str
    truth: tuple[str, ...]
    windows: tuple[tuple[float, ...], ...]
    usable: tuple[bool, ...]
    combined: tuple[float, ...]
    clear: bool = True
    age_group: str | None = None
    sex: str | None = None
    site: str | None = None
    murmur_grade: str | None = None


class Predictions(msgspec.Struct, frozen=True, kw_only=True):
    run: Run
    recordings: tuple[Heard, ...]


def heard(
    recording: Recording,
    truth: Sequence[str],
    windows: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
) -> Heard:
    """Put down one recording.

    Parameters
    ----------
    truth
        The labels that hold, in the model's words.
    windows
        Probabilities, shape (windows, labels), float32.
    usable
        Shape (windows,).
    """
    return Heard(
        path=recording.path,
        subject=recording.subject,
        database=recording.database,
        truth=tuple(truth),
        windows=tuple(tuple(_shortest(value) for value in row) for row in windows),
        usable=tuple(usable.tolist()),
        combined=tuple(overall(windows, usable).tolist()),
        clear=recording.clear,
        age_group=recording.age_group,
        sex=recording.sex,
        site=recording.site,
        murmur_grade=recording.murmur_grade,
    )


def write(predictions: Predictions, path: Path) -> None:
    """Write whole or not at all; the same predictions give the same bytes."""
    lines = [predictions.run, *predictions.recordings]
    text = b"\n".join(msgspec.json.encode(line) for line in lines) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(gzip.compress(text, mtime=0))
    part.replace(path)


def read(path: Path) -> Predictions:
    """Read what `write` wrote.

    Raises
    ------
    ConfigurationError
        If the file is missing, cut short or something else.
    """
    try:
        first, *rest = gzip.decompress(path.read_bytes()).splitlines()
        return Predictions(
            run=msgspec.json.decode(first, type=Run),
            recordings=tuple(msgspec.json.decode(line, type=Heard) for line in rest),
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"predictions {path} cannot be read: {reason}") from None
    except (EOFError, ValueError, zlib.error) as error:
        raise ConfigurationError(f"{path} holds no predictions: {error}") from None


def head(path: Path) -> Run:
    """Which test a file is of, without reading its recordings; raises as `read` does."""
    try:
        with gzip.open(path) as file:
            return msgspec.json.decode(file.readline(), type=Run)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"predictions {path} cannot be read: {reason}") from None
    except (EOFError, ValueError, zlib.error) as error:
        raise ConfigurationError(f"{path} holds no predictions: {error}") from None


def find(folder: Path) -> Iterator[Path]:
    """Every file of predictions in a folder and those below it, in one order on every machine."""
    return iter(sorted(folder.rglob(f"*{SUFFIX}")))


def file_name(run: Run) -> str:
    """A name that no other run of the same comparison has."""
    split = run.protocol
    if not split.startswith(run.data_set):
        split = f"{run.data_set}-{split}"
    said = (run.model, run.version, split, f"seed{run.seed}", run.fold, run.part)
    return "-".join(_plain(word) for word in said if word) + SUFFIX


def by_seed(runs: Iterable[Predictions]) -> dict[int, list[Predictions]]:
    """All folds of each repetition."""
    found: dict[int, list[Predictions]] = {}
    for predictions in runs:
        found.setdefault(predictions.run.seed, []).append(predictions)
    return dict(sorted(found.items()))


def _shortest(value: np.float32) -> float:
    """The double with the fewest digits that is this float32."""
    return float(str(value))


def _plain(word: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in word)
