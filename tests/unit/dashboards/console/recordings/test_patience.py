"""A worker may compute for so long; a busy machine may take for it as long as it wants."""

import sys
import time

import pytest

from dashboards.console.recordings import limits, orders, patience
from dashboards.console.recordings.patience import IDLE_S, Patience
from dashboards.console.recordings.worker import (
    NotReadyError,
    TookTooLongError,
    Worker,
    WorkerDiedError,
)

_SAY_READY = """
import sys, time
def report(kind): print('{"type":"stage","words":"%s"}' % kind, flush=True)
"""
_ORDER = orders.Order(task="classify", folder="/nowhere", main="a", kind="wav", name="a.wav")


def test_what_counts_is_processor_time_and_not_the_clock() -> None:
    waits = Patience(cpu_s=5.0, now_s=100.0, within_cpu_s=30.0)
    for minute in range(1, 60):
        waits.look(cpu_s=5.0 + minute / 2, now_s=100.0 + 60 * minute)
        assert not waits.is_spent
        assert not waits.is_stuck(100.0 + 60 * minute)
    waits.look(cpu_s=35.1, now_s=3800.0)
    assert waits.is_spent


def test_who_computes_nothing_for_long_is_stuck() -> None:
    waits = Patience(cpu_s=5.0, now_s=100.0, within_cpu_s=30.0)
    waits.look(cpu_s=5.01, now_s=110.0)
    assert not waits.is_stuck(110.0 + IDLE_S)
    assert waits.is_stuck(110.1 + IDLE_S)


def _worker(script: str) -> Worker:
    return Worker(command=(sys.executable, "-c", _SAY_READY + script))


def test_a_start_that_a_busy_machine_draws_out_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the processor were another's: it is no nearer to its end, but not at it either."""
    monkeypatch.setattr(limits, "START_CPU_S", 1.0)
    worker = _worker("time.sleep(1.5); report('ready'); time.sleep(60)")
    try:
        begin_s = time.monotonic()
        worker.start()
        assert time.monotonic() - begin_s > limits.START_CPU_S
        assert worker.is_up
    finally:
        worker.end()


def test_a_worker_that_does_not_come_up_says_so() -> None:
    with pytest.raises(NotReadyError):
        _worker("sys.exit(3)").start()


def test_an_order_that_computes_without_end_is_ended() -> None:
    worker = _worker("report('ready'); sys.stdin.readline()\nwhile True: pass")
    with pytest.raises(TookTooLongError):
        worker.ask(_ORDER, within_cpu_s=0.3, on_stage=lambda _: None)
    assert not worker.is_up


def test_an_order_on_which_nothing_is_done_ends_as_if_the_worker_had_died(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "IDLE_S", 0.6)
    worker = _worker("report('ready'); sys.stdin.readline(); time.sleep(60)")
    with pytest.raises(WorkerDiedError):
        worker.ask(_ORDER, within_cpu_s=30, on_stage=lambda _: None)
    assert not worker.is_up
