"""What the score is worth on subjects that it never learnt from: every figure of the report."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.quality import assess
from models.quality_model import QualityModel
from models.verdict import GOOD_FROM, Assessment
from training.datasets.recordings import DataSet
from training.evaluation.ranking import FEWEST, auc
from training.quality.learning import SEED, Material, learn
from training.quality.sound import CAUSES, Mixed, mix, noises
from training.splits import protocol_named, turns

PROTOCOL = "physionet2016-5-fold"
TEST_SNRS_DB = (np.inf, 20.0, 15.0, 10.0, 5.0, 0.0, -5.0, -10.0)
_BINS = 10

Numbers = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings of like score: what was claimed, and the share that annotators call clear."""

    score: float
    clear: float
    recordings: int


class AtRatio(msgspec.Struct, frozen=True, kw_only=True):
    """A clear window of each held-out recording, with noise of one ratio (or none) in it.

    `not_good` is the share not judged good, `not_good_by_noise` the same of each noise; `named` is
    the share of the windows not good that are given their noise's cause among the reasons.
    """

    snr_db: float | None
    windows: int
    mean_score: float
    not_good: float
    not_good_by_noise: dict[str, float]
    named: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`ece` is the expected calibration error in ten bins of equal width, of whole recordings.

    `clear_good` is the share of all clear windows that is judged good, and `rises` the share of
    windows whose score rises by more than 0.1 from any ratio to the next lower one.
    """

    protocol: str
    recordings: int
    unclear: int
    auc: float
    auc_by_database: dict[str, float]
    auc_within_databases: float
    auc_of_the_databases_name: float
    ece: float
    ece_windows: float
    clear_good: float
    reliability: tuple[Bin, ...]
    noise: tuple[AtRatio, ...]
    rises: float


class _Turn(NamedTuple):
    """One fold's answers: of the held-out windows, and of those with noise in them."""

    windows: npt.NDArray[np.int64]
    scores: Numbers
    mixed: Mixed
    answers: tuple[Assessment, ...]


def figures(data: DataSet, what: Material, seed: int = SEED) -> Figures:
    """Learn on four folds and test on the fifth, five times."""
    place = {recording.path: number for number, recording in enumerate(data.recordings)}
    found = []
    for number, fold in enumerate(turns(protocol_named(PROTOCOL))):
        learns = np.zeros(len(place), np.bool_)
        learns[[place[path] for path in fold.train]] = True
        found.append(_turn(what, learns, np.random.default_rng((seed, number))))
    scores = np.empty(len(what.natural.recording))
    for turn in found:
        scores[turn.windows] = turn.scores
    owner = what.natural.recording
    of_recording = np.bincount(owner, scores) / np.bincount(owner)
    clear = np.array([recording.clear for recording in data.recordings])
    database = np.array([recording.database for recording in data.recordings])
    by_database = {
        name: auc(clear[database == name], of_recording[database == name])
        for name in sorted(set(database.tolist()))
        if min(np.bincount(clear[database == name], minlength=2)) >= FEWEST
    }
    bins = reliability(clear, of_recording)
    windows_clear = clear[owner]
    return Figures(
        protocol=protocol_named(PROTOCOL).title,
        recordings=len(clear),
        unclear=int((~clear).sum()),
        auc=auc(clear, of_recording),
        auc_by_database=by_database,
        auc_within_databases=float(np.mean(list(by_database.values()))),
        auc_of_the_databases_name=auc(clear, _share_of_database(clear, database)),
        ece=expected_error(bins),
        ece_windows=expected_error(reliability(windows_clear, scores)),
        reliability=bins,
        clear_good=float(np.mean(scores[what.natural.clear] >= GOOD_FROM)),
        noise=tuple(_at_ratios(found)),
        rises=_rises(found),
    )


def reliability(truth: Bools, score: Numbers) -> tuple[Bin, ...]:
    """Ten bins of equal width; the empty ones are left out."""
    place = np.minimum((score * _BINS).astype(np.int64), _BINS - 1)
    return tuple(
        Bin(
            score=float(score[place == k].mean()),
            clear=float(truth[place == k].mean()),
            recordings=int((place == k).sum()),
        )
        for k in np.unique(place).tolist()
    )


def expected_error(bins: Sequence[Bin]) -> float:
    """Mean distance of claim and truth, by the bins' counts (Guo C. et al., ICML 2017)."""
    total = sum(each.recordings for each in bins)
    return sum(each.recordings * abs(each.score - each.clear) for each in bins) / total


def _turn(what: Material, learns: Bools, draw: np.random.Generator) -> _Turn:
    model = learn(what, learns)
    natural = what.natural
    windows = np.flatnonzero(~learns[natural.recording])
    levels = natural.levels.rows(windows)
    judged = assess(levels, natural.gap_fraction[windows], model=model)
    _, first = np.unique(natural.clean_recording, return_index=True)
    first = first[~learns[natural.clean_recording[first]]]
    mixed = mix(
        natural.clean[first],
        natural.clean_recording[first],
        noises(second_half=True),
        TEST_SNRS_DB,
        draw,
    )
    return _Turn(windows, _scores(judged), mixed, _judged(mixed, model))


def _judged(mixed: Mixed, model: QualityModel) -> tuple[Assessment, ...]:
    return assess(mixed.levels, np.zeros(len(mixed.kind)), model=model)


def _scores(judged: Sequence[Assessment]) -> Numbers:
    return np.array([each.score for each in judged])


def _share_of_database(clear: Bools, database: npt.NDArray[np.str_]) -> Numbers:
    _, place = np.unique(database, return_inverse=True)
    share: Numbers = (np.bincount(place, clear) / np.bincount(place))[place]
    return share


def _at_ratios(found: Sequence[_Turn]) -> list[AtRatio]:
    kind = np.concatenate([turn.mixed.kind for turn in found])
    snr_db = np.concatenate([turn.mixed.snr_db for turn in found])
    answers = [answer for turn in found for answer in turn.answers]
    scores = _scores(answers)
    causes = list(CAUSES.values())
    named = np.array(
        [
            any(said.startswith(causes[k]) for said in each.reasons)
            for k, each in zip(kind.tolist(), answers, strict=True)
        ]
    )
    rows = []
    for ratio in TEST_SNRS_DB:
        own = snr_db == ratio
        poor = own & (scores < GOOD_FROM)
        rows.append(
            AtRatio(
                snr_db=ratio if np.isfinite(ratio) else None,
                windows=int(own.sum()),
                mean_score=float(scores[own].mean()),
                not_good=float(np.mean(scores[own] < GOOD_FROM)),
                not_good_by_noise={
                    name: float(np.mean(scores[own & (kind == k)] < GOOD_FROM))
                    for k, name in enumerate(CAUSES)
                },
                named=float(named[poor].mean()) if poor.any() and np.isfinite(ratio) else None,
            )
        )
    return rows


def _rises(found: Sequence[_Turn]) -> float:
    paths = [_scores(turn.answers).reshape(len(TEST_SNRS_DB), -1) for turn in found]
    rising = np.diff(np.concatenate(paths, axis=1), axis=0).max(axis=0) > 0.1
    return float(rising.mean())
