"""Several workers in one group: they share the devices, and each can take the others' over.

The failure tests have workers come, go and die on Apache Kafka with a whole ward.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ApacheKafka, EmbeddedKafka
from tests.worker_log import Feeding, WorkerLog, worker_log

DEVICES = 9


@pytest.fixture(params=[EmbeddedKafka, pytest.param(ApacheKafka, marks=pytest.mark.slow)])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerLog]:
    with worker_log(request.param, tmp_path) as started:
        yield started


@pytest.mark.slow  # the failure tests kill one of two on Apache Kafka, in a whole ward
def test_when_one_of_two_is_killed_the_other_serves_all_devices_again(log: WorkerLog) -> None:
    staying, dying = log.add_worker(), log.add_worker()
    log.wait_for_shares(staying, dying)
    feeding = Feeding(log, devices=DEVICES)
    feeding.start()
    log.wait_for_windows(DEVICES * 8)
    dying.kill()
    taken_over_s = log.wait_for_shares(staying)
    feeding.end()
    log.wait_for_results()

    verdict = log.verdict()
    print(
        f"taken over after {taken_over_s:.1f} s; {verdict.repeated} results twice "
        f"of {feeding.seconds * DEVICES} device-seconds"
    )
    assert (verdict.lost, verdict.invented, verdict.altered) == (set(), set(), [])
    assert taken_over_s < 30


def test_workers_that_come_and_go_while_no_sound_comes_kill_nobody(log: WorkerLog) -> None:
    staying = log.add_worker()
    log.wait_for_shares(staying)
    feeding = Feeding(log, devices=DEVICES)
    feeding.start()
    log.wait_for_windows(DEVICES * 4)
    feeding.end()
    log.wait_for_results()
    for _ in range(3):
        guest = log.add_worker()
        log.wait_for_shares(staying, guest)
        guest.stop()
        log.wait_for_shares(staying)

    assert staying.is_running, staying.log.read_text()[-2000:]


@pytest.mark.slow
def test_from_one_to_three_and_back_to_one_under_load(log: WorkerLog) -> None:
    first = log.add_worker()
    log.wait_for_shares(first)
    feeding = Feeding(log, devices=DEVICES)
    feeding.start()
    others = [log.add_worker(), log.add_worker()]
    log.wait_for_shares(first, *others)
    for worker in others:
        worker.stop()
    log.wait_for_shares(first)
    feeding.end()
    log.wait_for_results()

    verdict = log.verdict()
    print(f"{verdict.repeated} results twice of {feeding.seconds * DEVICES} device-seconds")
    assert (verdict.lost, verdict.invented, verdict.altered) == (set(), set(), [])
