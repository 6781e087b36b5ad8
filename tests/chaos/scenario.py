"""Load, disturbances one after the other, and the verdict on what came of it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaException

from stream_processors.records import identity
from tests.chaos.harness import Load, Ward, load_on
from tests.chaos.reference import Identity, undisturbed
from tests.chaos.verdict import Verdict, judge, points_per_window, recovery_s

_RECOVERS_S = 150.0
_COMPLETE_S = 60.0
# What a worker reads again for one device: a window and its pre-roll, what waited to be put in
# order, the last commit interval; and joining may take two rebalances.
_REPEATED_WINDOWS = 12


class Disturbance(NamedTuple):
    what: str
    happens: Callable[[], None]


@dataclass(kw_only=True)
class Outcome:
    """What a scenario measured; `as_dict` is what its report keeps."""

    name: str
    devices: int
    seconds: float = 0.0
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    verdict: Verdict
    points: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "devices": self.devices,
            "seconds": round(self.seconds, 1),
            "recovery_s": [[what, round(took_s, 1)] for what, took_s in self.recoveries],
            **self.verdict.counts(),
            "points": self.points,
        }


def survive(
    ward: Ward,
    name: str,
    disturbances: Sequence[Disturbance],
    *,
    devices: int,
    seed: int = 1,
) -> Outcome:
    """Disturb a ward under load, each time until every device is served again.

    Fails when a window is lost or not as it should be, or when the database, if there is one,
    does not hold each window once.
    """
    began_s = time.monotonic()
    with load_on(ward, devices=devices, seed=seed) as load:
        recoveries = [(each.what, _recovered_s(ward, load, each)) for each in disturbances]
        outcome = _outcome(ward, name, load, disturbances=len(disturbances))
    outcome.seconds = time.monotonic() - began_s
    outcome.recoveries = recoveries
    return outcome


def _recovered_s(ward: Ward, load: Load, disturbance: Disturbance) -> float:
    """Disturb, and wait until every device is served again."""
    at_us = time.time_ns() // 1000
    disturbance.happens()
    deadline_s = time.monotonic() + _RECOVERS_S
    while time.monotonic() < deadline_s:
        with suppress(KafkaException):  # it may still be on its way back
            took_s = recovery_s(ward.published(load.prefix), at_us)
            if took_s is not None:
                return took_s
        time.sleep(0.5)
    raise AssertionError(f"not served again after: {disturbance.what}")


def _outcome(ward: Ward, name: str, load: Load, *, disturbances: int) -> Outcome:
    expected = undisturbed(load.settings, load.end(), ward.models)
    _wait_for(lambda: expected.keys() <= _windows(ward, load))
    verdict = judge(expected, ward.published(load.prefix))
    assert (verdict.lost, verdict.different, verdict.gapped) == (0, 0, 0), verdict
    bound = load.settings.devices * _REPEATED_WINDOWS * disturbances
    assert verdict.duplicates <= bound, verdict
    outcome = Outcome(name=name, devices=load.settings.devices, verdict=verdict)
    if ward.database is not None:
        database = ward.database
        _wait_for(lambda: expected.keys() <= points_per_window(database, load.prefix).keys())
        points = points_per_window(database, load.prefix)
        assert set(points.values()) == {1}, points.most_common(5)
        assert points.keys() == _windows(ward, load)
        outcome.points = len(points)
    return outcome


def _windows(ward: Ward, load: Load) -> set[Identity]:
    return {identity(result) for _, result in ward.published(load.prefix)}


def _wait_for(condition: Callable[[], bool]) -> None:
    """Give it a minute; the verdict says what is missing then."""
    deadline_s = time.monotonic() + _COMPLETE_S
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.5)
