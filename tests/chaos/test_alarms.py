"""Alarm and audio workers are killed under load: no alarm is lost, and none rings twice."""

import random
import time
from functools import partial

import pytest

from tests.benchmarks.ward import wait_until
from tests.chaos.alarms import AlarmWatch, Problems
from tests.chaos.harness import Ward, kill_and_restart, load_on
from tests.waiting import until

_NONE = Problems((), (), (), (), ())
_WAITS_S = 120.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("devices", "rounds"),
    [(12, 2), pytest.param(60, 8, marks=(pytest.mark.slow, pytest.mark.timeout(1800)))],
)
def test_no_alarm_is_lost_or_rings_twice_when_workers_are_killed(
    embedded_ward: Ward, devices: int, rounds: int
) -> None:
    embedded_ward.mend()
    draw = random.Random(7)  # noqa: S311 (a failure must come again)
    with load_on(embedded_ward, devices=devices, seed=3) as load:
        watch = AlarmWatch(embedded_ward, load)
        try:
            watch.start()
            _killed(embedded_ward, watch, rounds, draw)
            until(lambda: bool(watch.told("raised")), "an alarm is raised", timeout_s=_WAITS_S)
            answered = sorted(watch.told("raised"))[::2]
            watch.acknowledge(answered)
            until(
                lambda: watch.told("acknowledged") >= set(answered),
                "what a nurse has answered is acknowledged",
                timeout_s=_WAITS_S,
            )
            _killed(embedded_ward, watch, rounds, draw)
            load.end()
            wait_until(lambda: watch.problems() == _NONE, timeout_s=_WAITS_S)
            assert watch.problems() == _NONE
        finally:
            watch.worker.kill()


def _killed(ward: Ward, watch: AlarmWatch, rounds: int, draw: random.Random) -> None:
    """Kill one, the other or both, at moments in and between their beginnings."""
    steps = [
        partial(kill_and_restart, watch.worker),
        partial(kill_and_restart, ward.workers[0]),
    ]
    for _ in range(rounds):
        for step in draw.sample(steps, draw.choice((1, 2))):
            step()
        time.sleep(draw.uniform(2, 12))
