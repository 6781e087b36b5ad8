"""Drift is told by model and version, out of all results of an interval and nothing else."""

import tracemalloc
from collections.abc import Iterable

import msgspec
import numpy as np

from models.contract import Distribution
from stream_processors.drift_points import DriftInterval, References
from stream_processors.line_protocol import parse
from stream_processors.records import Finding, Quality, WindowResult, decode, encode
from tests.results import window_result

EVEN = Distribution(deciles=tuple(k / 10 for k in range(11)))
REFERENCES = {"screen 1": {"abnormal_probability": EVEN, "quality_score": EVEN}}


def drift_lines(given: Iterable[WindowResult], references: References, *, at_us: int) -> list[str]:
    interval = DriftInterval()
    for result in given:
        interval.take(result)
    return interval.lines(references, at_us=at_us)


def finding(probability: float, *, version: str = "1", shadow: bool = False) -> Finding:
    label = "abnormal" if probability > 0.5 else "normal"
    return Finding(
        model="screen",
        version=version,
        label=label,
        probability=max(probability, 1 - probability),
        probabilities={"normal": 1 - probability, "abnormal": probability},
        abstained=probability == 0.5,
        shadow=shadow,
    )


def results(probabilities: list[float], shadows: list[float]) -> list[WindowResult]:
    pairs = zip(probabilities, shadows, strict=True)
    return [
        window_result(
            "d1",
            index,
            quality=Quality(score=active, verdict="good"),
            findings=(finding(active), finding(other, version="2", shadow=True)),
        )
        for index, (active, other) in enumerate(pairs)
    ]


def test_a_model_as_it_was_validated_has_not_drifted_and_another_has() -> None:
    even = list((np.arange(1000) + 0.5) / 1000)
    high = [0.9 + value / 10 for value in even]
    (same, _) = map(parse, drift_lines(results(even, even), REFERENCES, at_us=60))
    (moved, _) = map(parse, drift_lines(results(high, high), REFERENCES, at_us=60))
    assert same.tags == {"model": "screen", "role": "active", "version": "1"}
    assert same.time_us == 60
    assert abs(float(same.fields["psi_worst"])) < 0.05
    assert float(moved.fields["psi_worst"]) > 1
    worst = max(float(moved.fields[f"psi_{name}"]) for name in REFERENCES["screen 1"])
    assert float(moved.fields["psi_worst"]) == worst


def test_a_shadow_says_how_often_it_agrees_and_a_model_how_often_it_abstains() -> None:
    lines = drift_lines(results([0.2, 0.8, 0.5, 0.9], [0.1, 0.2, 0.4, 0.7]), {}, at_us=0)
    active, shadow = map(parse, lines)
    assert active.fields["abstained_share"] == "0.25"
    assert "agreement" not in active.fields
    assert "psi_worst" not in active.fields
    assert shadow.tags["role"] == "shadow"
    assert shadow.fields["agreement"] == "0.75"
    assert shadow.fields["windows"] == "4i"


def test_a_window_that_was_published_twice_counts_once() -> None:
    once = results([0.2, 0.8], [0.2, 0.8])
    again = [msgspec.structs.replace(result, late=True, findings=()) for result in once]
    assert drift_lines([*once, *again], {}, at_us=0) == drift_lines(once, {}, at_us=0)


def test_few_windows_tell_nothing_however_far_they_are() -> None:
    def drifted(windows: int) -> str:
        high = [0.99] * windows
        line, _ = drift_lines(results(high, high), REFERENCES, at_us=0)
        found = parse(line).fields
        assert float(found["psi_worst"]) > 1
        return found["drifted"]

    assert (drifted(99), drifted(100)) == ("0i", "1i")


def test_of_a_result_a_few_numbers_are_kept() -> None:
    """An hour of a thousand beds is more than a million of them."""

    def fresh(windows: int) -> Iterable[WindowResult]:
        for index in range(windows):
            value = encode(results([0.2], [0.4])[0])
            yield msgspec.structs.replace(decode(WindowResult, value), window_index=index)

    interval = DriftInterval()
    tracemalloc.start()
    try:
        for result in fresh(5000):
            interval.take(result)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes / 5000 < 300  # the strip alone is 2500


def test_no_results_are_no_points() -> None:
    assert drift_lines([], REFERENCES, at_us=0) == []


def test_sound_that_is_strange_to_a_model_shows_though_it_says_the_usual() -> None:
    references = {"screen 1": {"embedding_distance": EVEN}}

    def heard(distances: list[float]) -> dict[str, str]:
        own = [
            msgspec.structs.replace(finding(0.1), embedding_distance=distance)
            for distance in distances
        ]
        told = [window_result("d1", index, findings=(each,)) for index, each in enumerate(own)]
        (line,) = drift_lines(told, references, at_us=0)
        return dict(parse(line).fields)

    even = list((np.arange(1000) + 0.5) / 1000)
    usual, strange = heard(even), heard([3.0 + value for value in even])
    assert abs(float(usual["psi_embedding_distance"])) < 0.05
    assert float(usual["embedding_distance"]) == 0.5
    assert float(strange["psi_worst"]) == float(strange["psi_embedding_distance"]) > 1
    assert float(strange["embedding_distance"]) == 3.5
