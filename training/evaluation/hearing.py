"""An artifact on a data set, as `heartward classify` would hear it."""

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from models.contract import ModelContract
from models.errors import ConfigurationError
from models.predictor import SEGMENT, Predictor
from models.recording import Pace
from models.recording import Recording as Sound
from training import splits
from training.datasets import catalogue
from training.datasets.recordings import DataSet, Recording
from training.evaluation.predictions import Heard, Predictions, Run, heard
from training.evaluation.truths import truth_of
from training.progress import tracked

ALL = "all"  # the protocol of a data set of which nothing was trained on
_BATCH = 32


def hear(
    predictor: Predictor,
    data: DataSet,
    protocol: str | None = None,
    *,
    max_files: int | None = None,
) -> list[Predictions]:
    """Predict the test of a protocol and, for a temperature, its validation.

    Parameters
    ----------
    protocol
        A split with named parts, or ``all``. By default the data set's held-out part where the
        artifact says that it was trained on this data set and there is one, else all.
    max_files
        At most so many of each part, spread evenly over it: for a quick try.

    Raises
    ------
    ConfigurationError
        If a finished artifact cannot be tested so, or knows no label of the data set.
    """
    contract = predictor.contract
    if contract.task == SEGMENT:
        raise ConfigurationError(
            f"{contract.name} {contract.version} finds heart sounds and classifies nothing: "
            "measure it by python -m training.segmentation.evaluate"
        )
    has_part = _trained_on(contract, data) and data.name in _with_parts(data.name)
    name = protocol or (data.name if has_part else ALL)
    parts = _parts(data, name)
    run = Run(
        data_set=data.name,
        protocol=name,
        leaks=_leaks(contract, data, name),
        model=contract.name,
        version=contract.version,
        labels=contract.labels,
        exclusive=contract.exclusive,
        trained_on=tuple(contract.training_data.split(", ")),
        max_files=max_files,
    )
    found = []
    for part, paths in parts.items():
        own = [recording for recording in data.recordings if recording.path in paths]
        if own:
            rows = tuple(predicted(predictor, data, _some(own, max_files)))
            found.append(Predictions(run=msgspec.structs.replace(run, part=part), recordings=rows))
    if not any(each.recordings for each in found if each.run.part == "test"):
        raise ConfigurationError(
            f"{contract.name} {contract.version} knows {', '.join(contract.labels)}: no recording "
            f"of {data.name} is one of these"
        )
    return found


def predicted(
    predictor: Predictor, data: DataSet, recordings: Iterable[Recording]
) -> Iterator[Heard]:
    """Hear each recording whose truth the model has words for."""
    contract = predictor.contract
    known = [(each, truth_of(each, contract.labels)) for each in recordings]
    judged = [(each, truth) for each, truth in known if truth is not None]
    for recording, truth in tracked(judged, f"hearing {data.name}"):
        sound = Sound(*data.read(recording))
        windows = sound.windows(contract)
        batches = [windows[k : k + _BATCH] for k in range(0, len(windows), _BATCH)]
        probabilities = np.concatenate([predictor.predict(batch) for batch in batches])
        usable = np.array([each.usable for each in sound.qualities(Pace.of(contract))])
        yield heard(recording, truth, probabilities, usable)


def require_protocol(data_set: str, protocol: str) -> None:
    """Refuse a protocol by which no finished artifact is tested on a data set.

    Raises
    ------
    ConfigurationError
        It names those that are known.
    """
    names = [ALL, *_with_parts(data_set)]
    if protocol not in names:
        raise ConfigurationError(
            f"{protocol} is no protocol by which a finished model can be tested on {data_set}: "
            f"known are {', '.join(names)}; folds are tested while they are trained"
        )


def _with_parts(data_set: str) -> dict[str, splits.Protocol]:
    named = [each for each in splits.PROTOCOLS if each.data_set == data_set and each.shares]
    return {each.name: each for each in named}


def _parts(data: DataSet, protocol: str) -> dict[splits.Part, set[str]]:
    require_protocol(data.name, protocol)
    if protocol == ALL:
        return {"test": {recording.path for recording in data.recordings}}
    first, *_ = splits.turns(_with_parts(data.name)[protocol])
    return {"test": set(first.test), "validation": set(first.validation)}


def _trained_on(contract: ModelContract, data: DataSet) -> bool:
    learnt = f", {contract.training_data}, "  # as it is joined: a folder's name may have spaces
    return any(f", {name}, " in learnt for name in catalogue.kin_of(data.name))


def _leaks(contract: ModelContract, data: DataSet, protocol: str) -> bool:
    """An artifact is tested honestly on its own split's test, and on data that it never saw."""
    if not _trained_on(contract, data):
        return False
    if protocol == ALL or splits.protocol_named(protocol).leaks:
        return True
    return splits.sha256(protocol) not in contract.split_sha256.split(", ")


def _some(own: list[Recording], most: int | None) -> list[Recording]:
    if most is None or len(own) <= most:
        return own
    return [own[k * len(own) // most] for k in range(most)]
