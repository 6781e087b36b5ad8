"""The small model that makes one score of a window's indices, read from committed numbers.

It is additive: a curve per index, straight between its knots and level beyond them, and the sum of
all through a logistic function (Hastie T., Tibshirani R., "Generalized Additive Models", 1990). So
a score can be taken apart into what each index gave. `python -m training.quality` learns it.
"""

from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from models.errors import ModelError
from models.quality_indices import INDICES

ARTIFACT = Path(__file__).parent / "artifacts" / "quality-1.0.0.json"

Numbers = npt.NDArray[np.float64]


class Curve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one index adds to the logit: `values` at `knots`, which rise."""

    index: str
    knots: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.index not in INDICES:
            raise ValueError(f"there is no index {self.index}")
        rising = all(a < b for a, b in zip(self.knots, self.knots[1:], strict=False))
        if len(self.knots) != len(self.values) or len(self.knots) < 2 or not rising:
            raise ValueError(f"the curve of {self.index} needs as many values as rising knots")
        if not np.isfinite([*self.knots, *self.values]).all():
            raise ValueError(f"the curve of {self.index} has values that are not finite")


class Additive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bias: float
    curves: tuple[Curve, ...]

    def parts(self, indices: Numbers) -> Numbers:
        """What each curve adds: shape (n, curves), from indices of shape (n, `INDICES`)."""
        found = np.empty((len(indices), len(self.curves)))
        for place, curve in enumerate(self.curves):
            given = indices[:, INDICES.index(curve.index)]
            found[:, place] = np.interp(given, curve.knots, curve.values)
        return found

    def probability(self, parts: Numbers) -> Numbers:
        """Shape (n,), from `parts`; added one after the other, so that no row sees the others."""
        logit = np.full(len(parts), self.bias)
        for column in parts.T:
            logit += column
        probability: Numbers = special.expit(logit)
        return probability


class QualityModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is learnt of quality.

    Attributes
    ----------
    good
        The probability that an annotator would call the recording's signal quality good. Its
        curves are 0 at what is usual for good sound.
    causes
        In words, and how likely it is that this is what spoils a window that is not good.
    training
        What it was learnt from, for the record.
    """

    version: str
    training: dict[str, str]
    good: Additive
    causes: dict[str, Additive]


@cache
def shipped() -> QualityModel:
    """The model of this release; raises `ModelError` if its file is missing or damaged."""
    return read(ARTIFACT)


def read(path: Path) -> QualityModel:
    """Read a model that was learnt.

    Raises
    ------
    ModelError
        If it cannot be read, or is not such a model.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=QualityModel)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): install Heartward again"
        ) from None
    except msgspec.DecodeError as error:
        raise ModelError(f"{path} is not a model of quality: {error}") from None


def written(model: QualityModel) -> bytes:
    """What its file holds."""
    return msgspec.json.format(msgspec.json.encode(model), indent=1) + b"\n"
