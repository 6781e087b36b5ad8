"""Whether the difference between two models is more than luck."""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import stats

from models.errors import ConfigurationError
from training.evaluation.predictions import Heard, Predictions
from training.evaluation.scored import Bools, scored


class McNemar(msgspec.Struct, frozen=True, kw_only=True):
    """Two models on the same recordings: which one alone was right, and how often."""

    recordings: int
    only_first_right: int
    only_second_right: int
    p_value: float


class PairedTimes(msgspec.Struct, frozen=True, kw_only=True):
    first_median_ms: float
    second_median_ms: float
    p_value: float


def mcnemar(first: Bools, second: Bools) -> McNemar:
    """Exact and two-sided: of those where they differ, heads and tails should be even.

    McNemar Q., Psychometrika 12(2), 1947; the exact binomial form. It takes recordings as
    independent, so several of one subject make it too sure.
    """
    if first.shape != second.shape:
        raise ConfigurationError(f"{len(first)} answers cannot be paired with {len(second)}")
    only_first = int((first & ~second).sum())
    only_second = int((~first & second).sum())
    differing = only_first + only_second
    p_value = stats.binomtest(only_first, differing).pvalue if differing else 1.0
    return McNemar(
        recordings=len(first),
        only_first_right=only_first,
        only_second_right=only_second,
        p_value=float(p_value),
    )


def compared(first: Sequence[Predictions], second: Sequence[Predictions]) -> McNemar | None:
    """McNemar's test on the recordings that both tested in the same repetition; None without."""
    ours, theirs = _answers(first), _answers(second)
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        return None
    return mcnemar(
        np.array([ours[key] for key in common], bool),
        np.array([theirs[key] for key in common], bool),
    )


def wilcoxon(
    first_ms: npt.NDArray[np.floating], second_ms: npt.NDArray[np.floating]
) -> PairedTimes:
    """Signed-rank test of times that were taken in turns, two-sided.

    Wilcoxon F., Biometrics Bulletin 1(6), 1945. Times are skewed, so no t-test.
    """
    if first_ms.shape != second_ms.shape:
        raise ConfigurationError(f"{len(first_ms)} times cannot be paired with {len(second_ms)}")
    different = bool((first_ms != second_ms).any())
    return PairedTimes(
        first_median_ms=float(np.median(first_ms)),
        second_median_ms=float(np.median(second_ms)),
        p_value=float(stats.wilcoxon(first_ms, second_ms).pvalue) if different else 1.0,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected for how many there are, so that one in twenty is not luck's due.

    Holm S., Scandinavian Journal of Statistics 6(2), 1979.
    """
    corrected = [1.0] * len(p_values)
    worst = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        worst = max(worst, min(1.0, p_values[place] * (len(p_values) - rank)))
        corrected[place] = worst
    return corrected


def _answers(runs: Sequence[Predictions]) -> dict[tuple[int, str], bool]:
    found: dict[tuple[int, str], bool] = {}
    for predictions in runs:
        right = scored([predictions]).right.tolist()
        rows: Sequence[Heard] = predictions.recordings
        for row, hit in zip(rows, right, strict=True):
            found[predictions.run.seed, row.path] = hit
    return found
