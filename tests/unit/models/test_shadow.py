import numpy as np
import pytest
from scipy import stats

from models.contract import Distribution
from models.errors import SignalError
from models.shadow import Pair, compare

SERVICE, CANDIDATE = "screen 1.0.0", "screen 2.0.0"


def pair(theirs: float, ours: float, *, verdict: str = "good", place: str = "bed-1 at 0 s") -> Pair:
    """What each says for abnormal."""
    return Pair(
        place=place,
        source=place.partition(" ")[0],
        verdict=verdict,
        quality_score=0.9,
        in_service={"normal": 1 - theirs, "abnormal": theirs},
        candidate={"normal": 1 - ours, "abnormal": ours},
    )


def test_agreement_and_kappa_are_those_of_a_table_counted_by_hand() -> None:
    # Cohen's own kind of table: both normal 45, both abnormal 25, 15 and 15 apart.
    pairs = [pair(0.1, 0.2)] * 45 + [pair(0.9, 0.8)] * 25 + [pair(0.1, 0.9)] * 15
    pairs += [pair(0.9, 0.1)] * 15
    found = compare(SERVICE, CANDIDATE, pairs, {})
    assert (found.windows, found.agreement.agreed) == (100, 70)
    by_chance = 0.6 * 0.6 + 0.4 * 0.4
    assert found.agreement.kappa == pytest.approx((0.7 - by_chance) / (1 - by_chance))


def test_mcnemar_asks_whether_one_names_a_label_more_often() -> None:
    pairs = [pair(0.1, 0.1)] * 50 + [pair(0.2, 0.8)] * 12 + [pair(0.8, 0.2)] * 2
    found = compare(SERVICE, CANDIDATE, pairs, {})
    by_label = {each.label: each for each in found.labels}
    abnormal = by_label["abnormal"]
    assert (abnormal.only_in_service, abnormal.only_candidate) == (2, 12)
    assert abnormal.p_value == pytest.approx(2 * stats.binom.cdf(2, 14, 0.5))
    assert by_label["normal"].p_value == pytest.approx(abnormal.p_value)


def test_models_that_always_agree_differ_by_nothing_more_than_chance() -> None:
    found = compare(SERVICE, CANDIDATE, [pair(0.2, 0.3)] * 9, {})
    assert found.agreement.kappa is None  # chance alone would agree as often
    assert {each.p_value for each in found.labels} == {1.0}
    assert found.mean_distance == pytest.approx(0.1)


def test_differences_are_counted_by_the_signals_verdict() -> None:
    pairs = [
        pair(0.1, 0.1),
        pair(0.1, 0.9, verdict="poor"),
        pair(0.9, 0.9, verdict="poor"),
        pair(0.0, 1.0, verdict="unusable"),
    ]
    found = compare(SERVICE, CANDIDATE, pairs, {})
    assert {name: (own.agreed, own.windows) for name, own in found.by_verdict.items()} == {
        "good": (1, 1),
        "poor": (1, 2),
        "unusable": (0, 1),
    }


def test_the_largest_differences_come_first_and_never_from_unusable_sound() -> None:
    pairs = [pair(0.5, 0.5 + k / 100, place=f"bed-{k} at 0 s") for k in range(20)]
    pairs.append(pair(0.0, 1.0, verdict="unusable", place="bed-99 at 0 s"))
    found = compare(SERVICE, CANDIDATE, pairs, {})
    assert [each.place for each in found.largest] == [f"bed-{k} at 0 s" for k in range(19, 9, -1)]
    assert found.largest[0].candidate == "abnormal 69%"
    assert found.sources == 21


def test_drift_is_told_of_the_model_whose_reference_is_known() -> None:
    even = Distribution(deciles=tuple(k / 10 for k in range(11)))
    rng = np.random.default_rng(0)
    pairs = [pair(rng.uniform(), rng.uniform(0.8, 1.0)) for _ in range(2000)]
    references = {name: {"abnormal_probability": even} for name in (SERVICE, CANDIDATE)}
    found = compare(SERVICE, CANDIDATE, pairs, references)
    assert found.drifts[SERVICE]["abnormal_probability"].verdict == "stable"
    assert found.drifts[CANDIDATE]["abnormal_probability"].verdict == "drifted"
    assert compare(SERVICE, CANDIDATE, pairs, {}).drifts == {SERVICE: {}, CANDIDATE: {}}


def test_drift_of_the_embedding_is_told_of_the_model_that_tells_its_distance() -> None:
    even = Distribution(deciles=tuple(k / 10 for k in range(11)))
    distances = np.random.default_rng(0).uniform(size=2000)
    pairs = [pair(0.1, 0.1)._replace(candidate_distance=2 + far) for far in distances]
    references = {name: {"embedding_distance": even} for name in (SERVICE, CANDIDATE)}
    assert compare(SERVICE, CANDIDATE, pairs, references).drifts[SERVICE] == {}
    both = [it._replace(in_service_distance=far) for it, far in zip(pairs, distances, strict=True)]
    found = compare(SERVICE, CANDIDATE, both, references).drifts
    assert found[SERVICE]["embedding_distance"].verdict == "stable"
    assert found[CANDIDATE]["embedding_distance"].verdict == "drifted"


def test_without_a_common_window_or_common_labels_there_is_nothing_to_compare() -> None:
    with pytest.raises(SignalError, match="no window in common"):
        compare(SERVICE, CANDIDATE, [], {})
    other = pair(0.1, 0.2)._replace(candidate={"AS": 1.0})
    with pytest.raises(SignalError, match="only models of the same labels"):
        compare(SERVICE, CANDIDATE, [other], {})
