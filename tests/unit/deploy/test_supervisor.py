"""Parts start in order, come back with growing pauses, fall together, and end together."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy import supervisor
from deploy.supervisor import MAX_CRASHES, TERMINATE_S, Part, Phase, Supervisor
from models.errors import UserError


class FakeChild:
    """A process that ends when a test says so, or at once when it is signalled."""

    pids: Iterator[int] = iter(range(1000, 100_000))

    def __init__(self, *, obedient: bool = True) -> None:
        self.pid = next(self.pids)
        self.code: int | None = None
        self.obedient = obedient
        self.signals: list[int] = []

    def poll(self) -> int | None:
        return self.code

    def send_signal(self, sig: int, /) -> None:
        self.signals.append(sig)
        if self.obedient or sig == signal.SIGKILL:
            self.code = -sig


class Stage:
    """Fake children by name, in the order in which they were started."""

    def __init__(self, *, obedient: bool = True) -> None:
        self.started: list[str] = []
        self.children: dict[str, FakeChild] = {}
        self._obedient = obedient

    def launch(self, part: Part) -> FakeChild:
        self.started.append(part.name)
        self.children[part.name] = FakeChild(obedient=self._obedient)
        return self.children[part.name]


def _part(
    name: str,
    *,
    after: tuple[str, ...] = (),
    falls_with: tuple[str, ...] = (),
    ready: Callable[[int], bool] = lambda _pid: True,
    on_ready: Callable[[], None] = lambda: None,
) -> Part:
    return Part(
        name=name,
        command=[name],
        after=after,
        falls_with=falls_with,
        ready=ready,
        on_ready=on_ready,
    )


def _phases(held: Supervisor) -> dict[str, Phase]:
    return {state.name: state.phase for state in held.states()}


def _run(held: Supervisor, from_s: float, to_s: float) -> None:
    steps = round((to_s - from_s) / 0.1)
    for step in range(steps):
        held.step(from_s + step * 0.1)


def test_a_part_waits_until_those_it_needs_are_ready_and_prepared() -> None:
    stage, kafka_ready, prepared = Stage(), False, list[str]()
    held = Supervisor(
        [
            _part(
                "kafka", ready=lambda _pid: kafka_ready, on_ready=lambda: prepared.append("topics")
            ),
            _part("bridge", after=("kafka",)),
        ],
        launch=stage.launch,
    )
    _run(held, 0.0, 1.0)
    assert (stage.started, prepared) == (["kafka"], [])
    kafka_ready = True
    _run(held, 1.0, 1.5)
    assert (stage.started, prepared) == (["kafka", "bridge"], ["topics"])
    assert set(_phases(held).values()) == {Phase.RUNNING}


def test_a_crashed_part_is_shown_and_comes_back_after_growing_pauses() -> None:
    stage = Stage()
    held = Supervisor([_part("worker")], launch=stage.launch)
    _run(held, 0.0, 0.2)
    stage.children["worker"].code = -9
    held.step(1.0)
    (state,) = held.states()
    assert (state.phase, state.restarts, state.last_exit) == (Phase.WAITING, 1, -9)
    held.step(1.4)
    assert len(stage.started) == 1
    held.step(1.5)
    stage.children["worker"].code = 1
    held.step(2.0)
    held.step(2.9)
    assert len(stage.started) == 2
    held.step(3.0)
    assert len(stage.started) == 3


def test_crashes_far_apart_are_forgiven() -> None:
    stage = Stage()
    held = Supervisor([_part("worker")], launch=stage.launch)
    for crash in range(2 * MAX_CRASHES):
        _run(held, crash * 100.0, crash * 100.0 + 0.2)
        stage.children["worker"].code = 1
        held.step(crash * 100.0 + 1)
    assert held.states()[0].restarts == 2 * MAX_CRASHES


def test_a_part_that_cannot_be_held_up_ends_the_stack_with_its_last_words() -> None:
    stage = Stage()
    held = Supervisor(
        [_part("worker")], launch=stage.launch, last_words=lambda name: f"{name} has no model"
    )

    def crash_until_given_up() -> None:
        for tenth in range(1000):
            held.step(tenth / 10)
            if held.running("worker"):
                stage.children["worker"].code = 1

    with pytest.raises(UserError, match=r"^worker exits with 1, 5 times .*: worker has no model$"):
        crash_until_given_up()


def test_a_part_that_ends_before_it_was_ever_ready_ends_the_stack_with_its_reason() -> None:
    stage = Stage()
    held = Supervisor(
        [_part("worker", ready=lambda _pid: False)],
        launch=stage.launch,
        last_words=lambda name: f"{name} has no model",
    )
    _run(held, 0.0, 0.5)
    stage.children["worker"].code = 1
    with pytest.raises(UserError, match=r"^worker exits with 1, before it .*: worker has no model"):
        held.step(0.5)
    assert held.states()[0].restarts == 1


def test_a_part_that_was_ready_once_is_restarted_even_when_it_then_ends_early() -> None:
    stage, ready = Stage(), True
    held = Supervisor([_part("worker", ready=lambda _pid: ready)], launch=stage.launch)
    _run(held, 0.0, 0.2)
    ready = False
    for crash in range(1, 3):
        stage.children["worker"].code = 1
        _run(held, 5.0 * crash, 5.0 * crash + 3.0)
    assert len(stage.started) == 3


def test_a_part_that_cannot_tell_when_it_is_ready_must_live_for_a_while() -> None:
    stage = Stage()
    part = Part(name="simulator", command=["simulator"], settles_s=10.0)
    held = Supervisor([part], launch=stage.launch)
    _run(held, 0.0, 5.0)
    stage.children["simulator"].code = 1
    with pytest.raises(UserError, match="before it was ready"):
        held.step(5.0)
    again = Supervisor([part], launch=stage.launch)
    _run(again, 0.0, 11.0)
    stage.children["simulator"].code = 1
    again.step(11.0)
    assert again.states()[0].restarts == 1


def test_a_part_that_never_gets_ready_is_killed_and_counted() -> None:
    stage = Stage(obedient=False)
    held = Supervisor([_part("kafka", ready=lambda _pid: False)], launch=stage.launch)
    _run(held, 0.0, supervisor.START_TIMEOUT_S + 0.3)
    assert held.states()[0].restarts == 1
    assert held.states()[0].last_exit == -signal.SIGKILL


def _chain(stage: Stage) -> Supervisor:
    return Supervisor(
        [
            _part("mqtt"),
            _part("kafka"),
            _part("bridge", after=("mqtt", "kafka"), falls_with=("kafka",)),
            _part("worker", after=("kafka",), falls_with=("kafka",)),
            _part("simulator", after=("bridge",)),
        ],
        launch=stage.launch,
    )


def test_what_knew_a_dead_broker_is_gone_before_the_new_broker_starts() -> None:
    stage = Stage(obedient=False)
    held = _chain(stage)
    _run(held, 0.0, 1.0)
    stage.started.clear()
    bridge, worker = stage.children["bridge"], stage.children["worker"]
    stage.children["kafka"].code = -11
    _run(held, 1.0, 2.5)
    assert (bridge.signals, worker.signals) == ([signal.SIGTERM], [signal.SIGTERM])
    assert stage.started == []
    bridge.code = worker.code = 0
    _run(held, 2.5, 3.5)
    assert stage.started == ["kafka", "bridge", "worker"]
    assert {state.name: state.restarts for state in held.states()} == {
        "mqtt": 0, "kafka": 1, "bridge": 0, "worker": 0, "simulator": 0,
    }  # fmt: skip


def test_a_planned_restart_counts_no_crash() -> None:
    stage = Stage()
    held = _chain(stage)
    _run(held, 0.0, 1.0)
    stage.started.clear()
    held.restart("kafka", 1.0)
    _run(held, 1.0, 2.0)
    assert stage.started == ["kafka", "bridge", "worker"]
    assert {state.restarts for state in held.states()} == {0}


def test_an_ended_part_stays_ended_until_it_is_wanted_again() -> None:
    stage = Stage()
    held = _chain(stage)
    _run(held, 0.0, 1.0)
    held.end("bridge", 1.0)
    _run(held, 1.0, 9.0)
    assert held.ended("bridge")
    held.want("bridge")
    _run(held, 9.0, 9.5)
    assert held.running("bridge")


def test_the_end_comes_in_the_reverse_order_and_kills_who_does_not_listen() -> None:
    stage = Stage(obedient=False)
    held = _chain(stage)
    _run(held, 0.0, 1.0)
    assert not held.end_all(1.0)
    signalled = {name for name, child in stage.children.items() if child.signals}
    assert signalled == {"worker", "simulator"}
    stage.children["simulator"].code = 0
    held.end_all(1.1)
    assert stage.children["bridge"].signals == [signal.SIGTERM]
    stage.children["bridge"].code = 0
    held.end_all(1.0 + TERMINATE_S)
    assert stage.children["worker"].signals == [signal.SIGTERM, signal.SIGKILL]
    for at_s in (5.0, 5.1, 5.1 + TERMINATE_S, 5.2 + TERMINATE_S):
        ended = held.end_all(at_s)
    assert ended


_PARENT = """
import sys, time
from pathlib import Path
from deploy.supervisor import Part, launch
sleeper = Part(name="sleeper", command=[sys.executable, "-c", "import time; time.sleep(60)"])
print(launch(sleeper, Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's own")
def test_no_child_survives_a_kill_of_its_supervisor(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "sleeper.log")], stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert os.getsid(child.pid) != os.getsid(parent.pid)
        parent.kill()
    gone, _ = psutil.wait_procs([child], timeout=5)
    assert gone or child.status() == psutil.STATUS_ZOMBIE


def test_a_log_is_bounded_while_its_process_goes_on_writing(tmp_path: Path) -> None:
    log = tmp_path / "chatty.log"
    chatty = "import time\nfor i in range(400): print('x' * 99, flush=True); time.sleep(0.005)"
    child = supervisor.launch(Part(name="chatty", command=[sys.executable, "-c", chatty]), log)
    while child.poll() is None:
        supervisor.bound_log(log, limit_bytes=10_000)
        assert log.stat().st_size < 20_000
        time.sleep(0.02)
    assert (tmp_path / "chatty.log.1").stat().st_size <= 10_000
    assert supervisor.last_line(log) == "x" * 99


def test_on_a_full_disk_a_grown_log_is_cut_without_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "chatty.log"
    log.write_bytes(b"x" * 100)

    def full(aside: Path, data: bytes) -> None:
        aside.touch()
        raise OSError(errno.ENOSPC, f"no room for {len(data)} bytes")

    monkeypatch.setattr(Path, "write_bytes", full)
    supervisor.bound_log(log, limit_bytes=50)
    assert log.stat().st_size == 0
    assert list(tmp_path.iterdir()) == [log]


def test_a_system_that_gives_no_process_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(UserError, match=r"worker cannot be started \(Resource .*free memory"):
        supervisor.launch(Part(name="worker", command=["worker"]), tmp_path / "worker.log")


def test_last_words_of_a_silent_or_missing_process_are_empty(tmp_path: Path) -> None:
    assert supervisor.last_line(tmp_path / "none.log") == ""
