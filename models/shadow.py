"""A candidate beside the model in service on the same windows: where they differ, and how sure.

Nobody knows the truth of a ward's windows, so nothing here says which of the two is right. McNemar
asks whether one of them says a label more often than the other beyond chance.
"""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from scipy import stats

from models.contract import DISTANCE, Distribution
from models.drift import Drift, drift
from models.errors import SignalError

_LISTED = 10


class Pair(NamedTuple):
    """Two answers to one window.

    Attributes
    ----------
    place
        Where the window is, for a person who wants to hear it.
    source
        Device or file: its windows are not independent of each other.
    verdict, quality_score
        Of the window's sound.
    in_service, candidate
        Probabilities by label.
    in_service_distance, candidate_distance
        Of the window from what each was validated on; None from a model that does not tell.
    """

    place: str
    source: str
    verdict: str
    quality_score: float
    in_service: Mapping[str, float]
    candidate: Mapping[str, float]
    in_service_distance: float | None = None
    candidate_distance: float | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Of some windows: how many of them have the same likeliest label, and Cohen's kappa.

    `kappa` is 1 where all agree and 0 where chance alone would agree as often; None where chance
    alone would always. Cohen J., Educational and Psychological Measurement 20(1), 1960.
    """

    windows: int
    agreed: int
    kappa: float | None


class LabelDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How often only one of the two names a label; `p_value` is McNemar's, exact and two-sided.

    It takes windows as independent. Those of one patient are not, so it is too sure.
    """

    label: str
    only_in_service: int
    only_candidate: int
    p_value: float


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One window of which they say most different things; `distance` is the largest by label."""

    place: str
    verdict: str
    in_service: str
    candidate: str
    distance: float


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """Two models on the same windows.

    `drifts` are by model, then by quantity, as far as the artifacts hold reference distributions.
    """

    in_service: str
    candidate: str
    windows: int
    sources: int
    agreement: Agreement
    by_verdict: dict[str, Agreement]
    labels: tuple[LabelDifference, ...]
    mean_distance: float
    largest: tuple[Difference, ...]
    drifts: dict[str, dict[str, Drift]]


def compare(
    in_service: str,
    candidate: str,
    pairs: Sequence[Pair],
    references: Mapping[str, Mapping[str, Distribution]],
) -> Shadow:
    """Compare two models on the windows that both have answered.

    Parameters
    ----------
    in_service, candidate
        What they are called, as in ``screen 0.1.0``; keys of `references`.

    Raises
    ------
    SignalError
        If there is no window, or they do not know the same labels.
    """
    if not pairs:
        raise SignalError(f"{in_service} and {candidate} have no window in common")
    first = pairs[0]
    if set(first.in_service) != set(first.candidate):
        raise SignalError(
            f"{in_service} tells {', '.join(first.in_service)} and {candidate} "
            f"{', '.join(first.candidate)}: only models of the same labels can be compared"
        )
    by_verdict: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_verdict[pair.verdict].append(pair)
    distances = [_distance(pair) for pair in pairs]
    return Shadow(
        in_service=in_service,
        candidate=candidate,
        windows=len(pairs),
        sources=len({pair.source for pair in pairs}),
        agreement=_agreement(pairs),
        by_verdict={name: _agreement(by_verdict[name]) for name in sorted(by_verdict)},
        labels=tuple(_label(label, pairs) for label in first.in_service),
        mean_distance=float(np.mean(distances)),
        largest=_largest(pairs, distances),
        drifts={
            name: _drifts(references.get(name, {}), said, pairs)
            for name, said in (
                (in_service, [(pair.in_service, pair.in_service_distance) for pair in pairs]),
                (candidate, [(pair.candidate, pair.candidate_distance) for pair in pairs]),
            )
        },
    )


def _agreement(pairs: Sequence[Pair]) -> Agreement:
    labels = list(pairs[0].in_service)
    counts = np.zeros((len(labels), len(labels)))
    for pair in pairs:
        counts[
            labels.index(_likeliest(pair.in_service)), labels.index(_likeliest(pair.candidate))
        ] += 1
    shares = counts / counts.sum()
    observed = float(np.trace(shares))
    by_chance = float(shares.sum(axis=0) @ shares.sum(axis=1))
    kappa = None if by_chance >= 1 else (observed - by_chance) / (1 - by_chance)
    return Agreement(windows=len(pairs), agreed=int(np.trace(counts)), kappa=kappa)


def _label(label: str, pairs: Sequence[Pair]) -> LabelDifference:
    theirs = np.array([_likeliest(pair.in_service) == label for pair in pairs])
    ours = np.array([_likeliest(pair.candidate) == label for pair in pairs])
    only_theirs, only_ours = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    differing = only_theirs + only_ours
    p_value = stats.binomtest(only_theirs, differing).pvalue if differing else 1.0
    return LabelDifference(
        label=label, only_in_service=only_theirs, only_candidate=only_ours, p_value=float(p_value)
    )


def _largest(pairs: Sequence[Pair], distances: Sequence[float]) -> tuple[Difference, ...]:
    """Of usable sound; what is said of other sound is worth nothing anyway."""
    usable = [k for k, pair in enumerate(pairs) if pair.verdict != "unusable"]
    chosen = heapq.nlargest(_LISTED, usable, key=lambda k: distances[k])
    return tuple(
        Difference(
            place=pairs[k].place,
            verdict=pairs[k].verdict,
            in_service=_said(pairs[k].in_service),
            candidate=_said(pairs[k].candidate),
            distance=distances[k],
        )
        for k in chosen
    )


def _drifts(
    reference: Mapping[str, Distribution],
    said: Sequence[tuple[Mapping[str, float], float | None]],
    pairs: Sequence[Pair],
) -> dict[str, Drift]:
    labels, _ = said[0]
    values = {
        **{f"{label}_probability": [each[label] for each, _ in said] for label in labels},
        "quality_score": [pair.quality_score for pair in pairs],
        DISTANCE: [distance for _, distance in said if distance is not None],
    }
    return {
        name: drift(reference[name], np.array(own))
        for name, own in values.items()
        if own and name in reference
    }


def _distance(pair: Pair) -> float:
    return max(abs(pair.in_service[label] - pair.candidate[label]) for label in pair.in_service)


def _likeliest(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda label: probabilities[label])


def _said(probabilities: Mapping[str, float]) -> str:
    label = _likeliest(probabilities)
    return f"{label} {probabilities[label]:.0%}"
