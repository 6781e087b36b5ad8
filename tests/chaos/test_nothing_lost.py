"""Whatever is killed or away, every acknowledged window is published, once and unchanged.

On Mosquitto, Apache Kafka and InfluxDB, whose data survive what is done to them here.
"""

import random
import signal
from functools import partial

import pytest

from tests.chaos.harness import Ward, kill_and_restart, stand_still
from tests.chaos.scenario import Disturbance, Outcome, survive
from tests.servers import Child

LONG = (pytest.mark.slow, pytest.mark.timeout(1800))


@pytest.fixture(autouse=True)
def _mended(real_ward: Ward) -> None:
    real_ward.mend()


def kills(ward: Ward, names: list[str]) -> list[Disturbance]:
    victims: dict[str, Child | None] = {
        "bridge": ward.bridge,
        "worker": ward.workers[0],
        "writer": ward.writer,
        "InfluxDB": ward.database,
        "Mosquitto": ward.mqtt,
        "Kafka": ward.kafka,
    }
    return [
        Disturbance(f"{name} killed", partial(kill_and_restart, victim))
        for name in names
        if (victim := victims[name]) is not None
    ]


@pytest.mark.timeout(400)
def test_what_is_killed_or_away_one_after_the_other_loses_nothing(
    real_ward: Ward, outcomes: list[Outcome]
) -> None:
    """The scenarios below in one short run; each by itself, longer and larger, is slow."""
    steps = [
        *kills(real_ward, ["bridge", "InfluxDB", "writer", "worker"]),
        Disturbance("Kafka paused for 6 s", partial(stand_still, real_ward.kafka, 6)),
        Disturbance("bridge away for 6 s", partial(kill_and_restart, real_ward.bridge, away_s=6)),
        Disturbance(
            "Kafka killed, back after 5 s", partial(kill_and_restart, real_ward.kafka, away_s=5)
        ),
    ]
    outcomes.append(survive(real_ward, "each killed or away once", steps, devices=12))


@pytest.mark.parametrize(("devices", "rounds"), [pytest.param(100, 6, marks=LONG)])
def test_bridge_worker_and_database_are_killed_in_random_order(
    real_ward: Ward, outcomes: list[Outcome], devices: int, rounds: int
) -> None:
    order = random.Random(3)  # noqa: S311 (a failure must come again)
    names = [n for _ in range(rounds) for n in order.sample(["bridge", "worker", "InfluxDB"], 3)]
    name = f"bridge, worker, InfluxDB killed {rounds}x"
    outcomes.append(survive(real_ward, name, kills(real_ward, names), devices=devices))


@pytest.mark.parametrize(("devices", "away_s"), [pytest.param(100, 60, marks=LONG)])
def test_kafka_stands_still(
    real_ward: Ward, outcomes: list[Outcome], devices: int, away_s: int
) -> None:
    name = f"Kafka paused for {away_s} s"
    happens = partial(stand_still, real_ward.kafka, away_s)
    outcomes.append(survive(real_ward, name, [Disturbance(name, happens)], devices=devices))


@pytest.mark.parametrize(("devices", "away_s"), [pytest.param(100, 60, marks=LONG)])
def test_kafka_is_killed_and_comes_back(
    real_ward: Ward, outcomes: list[Outcome], devices: int, away_s: int
) -> None:
    name = f"Kafka killed, back after {away_s} s"
    happens = partial(kill_and_restart, real_ward.kafka, away_s=away_s)
    outcomes.append(survive(real_ward, name, [Disturbance(name, happens)], devices=devices))


@pytest.mark.parametrize(("devices", "times"), [(12, 1), pytest.param(100, 5, marks=LONG)])
def test_what_a_killed_mosquitto_forgot_the_devices_send_again(
    real_ward: Ward, outcomes: list[Outcome], devices: int, times: int
) -> None:
    name = f"Mosquitto killed {times}x"
    killed = kills(real_ward, ["Mosquitto"] * times)
    outcomes.append(survive(real_ward, name, killed, devices=devices))


@pytest.mark.parametrize(("devices", "away_s"), [pytest.param(100, 60, marks=LONG)])
def test_mosquitto_keeps_what_comes_while_the_bridge_is_away(
    real_ward: Ward, outcomes: list[Outcome], devices: int, away_s: int
) -> None:
    name = f"bridge away for {away_s} s"
    happens = partial(kill_and_restart, real_ward.bridge, away_s=away_s)
    outcomes.append(survive(real_ward, name, [Disturbance(name, happens)], devices=devices))


@pytest.mark.parametrize("devices", [12, pytest.param(100, marks=LONG)])
def test_workers_come_and_go_and_one_of_two_is_killed(
    real_ward: Ward, outcomes: list[Outcome], devices: int
) -> None:
    def grow(by: int) -> None:
        for _ in range(by):
            real_ward.add_worker()
        real_ward.wait_until_shared()

    def shrink(by: int) -> None:
        for _ in range(by):
            real_ward.remove_worker(signal.SIGTERM)
        real_ward.wait_until_shared()

    steps = [
        Disturbance("2 workers join 1", partial(grow, 2)),
        Disturbance("2 workers of 3 leave", partial(shrink, 2)),
        Disturbance("1 worker joins 1", partial(grow, 1)),
        Disturbance("1 worker of 2 killed", partial(real_ward.remove_worker, signal.SIGKILL)),
    ]
    name = f"workers 1, 3, 1, 2, one killed; {devices} devices"
    outcomes.append(survive(real_ward, name, steps, devices=devices))
