"""What the embedded brokers promise too: nothing is lost while they themselves live."""

import random
from functools import partial

import pytest

from tests.chaos.harness import Ward, kill_and_restart, stand_still
from tests.chaos.scenario import Disturbance, Outcome, survive

PAUSE_S = 4


@pytest.mark.parametrize(
    ("devices", "rounds"),
    [(12, 1), pytest.param(100, 5, marks=(pytest.mark.slow, pytest.mark.timeout(1800)))],
)
def test_bridge_and_worker_are_killed_and_both_brokers_stand_still(
    embedded_ward: Ward, outcomes: list[Outcome], devices: int, rounds: int
) -> None:
    each = [
        Disturbance("bridge killed", partial(kill_and_restart, embedded_ward.bridge)),
        Disturbance("worker killed", partial(kill_and_restart, embedded_ward.workers[0])),
        Disturbance(
            f"Kafka paused for {PAUSE_S} s", partial(stand_still, embedded_ward.kafka, PAUSE_S)
        ),
        Disturbance(
            f"MQTT paused for {PAUSE_S} s", partial(stand_still, embedded_ward.mqtt, PAUSE_S)
        ),
    ]
    order = random.Random(5)  # noqa: S311 (a failure must come again)
    steps = [step for _ in range(rounds) for step in order.sample(each, len(each))]
    embedded_ward.mend()
    name = f"embedded: bridge, worker, pauses {rounds}x"
    outcomes.append(survive(embedded_ward, name, steps, devices=devices))
