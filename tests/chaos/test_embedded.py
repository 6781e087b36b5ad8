"""What the embedded brokers promise too: nothing is lost while they themselves live."""

import random
import time
from functools import partial

import pytest

from tests.chaos.harness import Ward, kill_and_restart, paused
from tests.chaos.scenario import Disturbance, Outcome, survive


@pytest.mark.parametrize(
    ("devices", "rounds"),
    [(12, 1), pytest.param(100, 5, marks=(pytest.mark.slow, pytest.mark.timeout(1800)))],
)
def test_bridge_and_worker_are_killed_and_both_brokers_stand_still(
    embedded_ward: Ward, outcomes: list[Outcome], devices: int, rounds: int
) -> None:
    def pause_kafka() -> None:
        with paused(embedded_ward.kafka):
            time.sleep(5)

    def pause_mqtt() -> None:
        with paused(embedded_ward.mqtt):
            time.sleep(5)

    each = [
        Disturbance("bridge killed", partial(kill_and_restart, embedded_ward.bridge)),
        Disturbance("worker killed", partial(kill_and_restart, embedded_ward.workers[0])),
        Disturbance("Kafka paused for 5 s", pause_kafka),
        Disturbance("MQTT paused for 5 s", pause_mqtt),
    ]
    order = random.Random(5)  # noqa: S311 (a failure must come again)
    steps = [step for _ in range(rounds) for step in order.sample(each, len(each))]
    embedded_ward.mend()
    name = f"embedded: bridge, worker, pauses {rounds}x"
    outcomes.append(survive(embedded_ward, name, steps, devices=devices))
