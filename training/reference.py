"""What a model is given and says on recordings that it did not learn from: drift's yardstick."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import DISTANCE, Distribution, ModelContract
from models.predictor import OnnxPredictor
from models.recording import Pace
from models.recording import Recording as Sound
from training.embedding import with_distance
from training.engine.parts import Owned
from training.export import contract_of, with_contract

Floats = npt.NDArray[np.float32]

_MOST_RECORDINGS = 400
_BATCH = 32
_SILENT = 1e-12  # power, whose logarithm is the least level


class _Given(NamedTuple):
    """Windows of one recording, shape (n, window), cut as in use, edges and all."""

    windows: Floats
    quality: tuple[float, ...]


def with_reference(artifact: bytes, owned: Sequence[Owned]) -> bytes:
    """The artifact with its embedding's distance as an output, and its reference distributions.

    Parameters
    ----------
    owned
        Recordings that were not trained on; of many, some that are spread evenly over them. Of
        none nothing can be told, and the artifact stays as it is.

    Raises
    ------
    ModelError
        As `training.embedding.with_distance`.
    """
    if not owned:
        return artifact
    contract = contract_of(artifact)
    most = min(len(owned), _MOST_RECORDINGS)
    given = [_given(owned[k * len(owned) // most], contract) for k in range(most)]
    telling = with_distance(artifact, [each.windows for each in given])
    reference = _distributions(OnnxPredictor(telling), given)
    return with_contract(telling, msgspec.structs.replace(contract, reference=reference))


def _given(owned: Owned, contract: ModelContract) -> _Given:
    data, recording = owned
    sound = Sound(*data.read(recording))
    scores = (each.score for each in sound.qualities(Pace.of(contract)))
    return _Given(np.ascontiguousarray(sound.windows(contract)), tuple(scores))


def _distributions(predictor: OnnxPredictor, given: Sequence[_Given]) -> dict[str, Distribution]:
    batches = [
        each.windows[k : k + _BATCH] for each in given for k in range(0, len(each.windows), _BATCH)
    ]
    answers = [predictor.answer(batch) for batch in batches]
    probabilities = np.concatenate([each.probabilities for each in answers])
    distances = [each.embedding_distances for each in answers]
    level_db = [10 * np.log10(np.square(batch).mean(1) + _SILENT) for batch in batches]
    labels = predictor.contract.labels
    return {
        **{f"{label}_probability": _deciles(probabilities[:, k]) for k, label in enumerate(labels)},
        "band_level_db": _deciles(np.concatenate(level_db)),
        "quality_score": _deciles(np.array([each for own in given for each in own.quality])),
        DISTANCE: _deciles(np.concatenate([each for each in distances if each is not None])),
    }


def _deciles(values: npt.NDArray[np.floating]) -> Distribution:
    return Distribution(deciles=tuple(np.percentile(values, range(0, 101, 10)).round(4).tolist()))
