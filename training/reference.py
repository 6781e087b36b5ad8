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


class Given(NamedTuple):
    """Windows of one recording, shape (n, window), cut as in use, edges and all."""

    windows: Floats
    quality: tuple[float, ...]


def with_reference(artifact: bytes, owned: Sequence[Owned]) -> bytes:
    """The artifact as `stamped` with what `given` says of recordings that were not trained on."""
    return stamped(artifact, given(owned, contract_of(artifact)))


def given(owned: Sequence[Owned], contract: ModelContract) -> list[Given]:
    """What a model of this contract is given of recordings; of many, some spread evenly."""
    most = min(len(owned), _MOST_RECORDINGS)
    return [_given(owned[k * len(owned) // most], contract) for k in range(most)]


def stamped(artifact: bytes, heard: Sequence[Given]) -> bytes:
    """The artifact with its embedding's distance as an output, and its reference distributions.

    Of nothing heard nothing can be told, and the artifact stays as it is.

    Raises
    ------
    ModelError
        As `training.embedding.with_distance`.
    """
    if not heard:
        return artifact
    contract = contract_of(artifact)
    telling = with_distance(artifact, [each.windows for each in heard])
    reference = _distributions(OnnxPredictor(telling), heard)
    return with_contract(telling, msgspec.structs.replace(contract, reference=reference))


def _given(owned: Owned, contract: ModelContract) -> Given:
    data, recording = owned
    sound = Sound(*data.read(recording))
    scores = (each.score for each in sound.qualities(Pace.of(contract)))
    return Given(np.ascontiguousarray(sound.windows(contract)), tuple(scores))


def _distributions(predictor: OnnxPredictor, heard: Sequence[Given]) -> dict[str, Distribution]:
    batches = [
        each.windows[k : k + _BATCH] for each in heard for k in range(0, len(each.windows), _BATCH)
    ]
    answers = [predictor.answer(batch) for batch in batches]
    probabilities = np.concatenate([each.probabilities for each in answers])
    distances = [each.embedding_distances for each in answers]
    level_db = [10 * np.log10(np.square(batch).mean(1) + _SILENT) for batch in batches]
    labels = predictor.contract.labels
    return {
        **{f"{label}_probability": _deciles(probabilities[:, k]) for k, label in enumerate(labels)},
        "band_level_db": _deciles(np.concatenate(level_db)),
        "quality_score": _deciles(np.array([each for own in heard for each in own.quality])),
        DISTANCE: _deciles(np.concatenate([each for each in distances if each is not None])),
    }


def _deciles(values: npt.NDArray[np.floating]) -> Distribution:
    return Distribution(deciles=tuple(np.percentile(values, range(0, 101, 10)).round(4).tolist()))
