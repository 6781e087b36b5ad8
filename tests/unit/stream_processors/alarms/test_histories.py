"""Random histories with deaths and repetitions in between: what must never happen does not.

`make histories` runs 10,000 of them; the usual tests a few.
"""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ingest.chunk import DeviceStatus
from stream_processors.alarms.machine import Tick, step
from stream_processors.alarms.turn import Moment, Step
from stream_processors.records import (
    AlarmAction,
    AlarmState,
    Assignment,
    decode,
    encode,
)
from tests.unit.stream_processors.alarms.bedside import ANN, BOB, QUICK, SILENCE, us, window
from tests.unit.stream_processors.alarms.simulated import (
    TOPICS,
    Cluster,
    Entry,
    Worker,
    same_but_clock,
)

LIMITS = dataclasses.replace(QUICK, escalate_medium_s=60, remind_medium_s=90, shelve_s=60)
ACTIONS = ("acknowledge", "pause_audio", "resume", "shelve", "standby")
HISTORIES = int(os.environ.get("HEARTWARD_TEST_HISTORIES", "10000"))

_windows = st.fixed_dictionaries(
    {
        "abnormal": st.sampled_from([0.1, 0.45, 0.9]),
        "bpm": st.sampled_from([30.0, 72.0, 118.0, 150.0]),
        "verdict": st.sampled_from(["good", "good", "good", "poor", "unusable"]),
        "late": st.sampled_from([False, False, False, True]),
    }
)
_seconds = st.sampled_from([1.0, 5.0, 12.0, 40.0, 130.0, 700.0])


class Ward(RuleBasedStateMachine):
    """One device; everything that can happen to it, to its patient and to its worker."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(LIMITS)
        self.now_s = 0.0
        self.index = 0
        self.boot_id = 1
        self.assignment: Assignment | None = None
        self.actions = 0

    @initialize(worn=st.booleans())
    def begin(self, worn: bool) -> None:
        self._wear(ANN if worn else None)
        self.worker = Worker(self.cluster, now_us=us(0))

    @rule(said=_windows, number=st.integers(1, 4))
    def windows(self, said: dict[str, Any], number: int) -> None:
        reasons = (SILENCE,) if said["verdict"] == "unusable" else ()
        worn = None if self.assignment is None else self.assignment.assignment_id
        for _ in range(number):
            self.now_s += 2.5
            one = window(
                self.index,
                at_s=self.now_s,
                boot_id=self.boot_id,
                assignment_id=worn,
                reasons=reasons,
                **said,
            )
            self._log("results", one)
            self.index += 1

    @rule(back=st.integers(1, 12))
    def a_result_comes_again(self, back: int) -> None:
        log = self.cluster.logs["results"]
        if log:
            entry = log[-min(back, len(log))]
            log.append(entry._replace(at_us=us(self.now_s)))

    @rule()
    def the_device_restarts(self) -> None:
        self.boot_id += 1
        self.index = 0

    @rule(contact=st.booleans(), battery=st.sampled_from([0.05, 0.18, 0.8]))
    def status(self, contact: bool, battery: float) -> None:
        said = DeviceStatus(
            state="online", boot_id=1, at_us=0, contact=contact, battery_fraction=battery
        )
        self._log("status", said)

    @rule(
        action=st.sampled_from(ACTIONS),
        of_one=st.booleans(),
        until_s=st.sampled_from([None, -5.0, 30.0, 90.0]),
        again=st.booleans(),
    )
    def somebody_acts(self, action: str, of_one: bool, until_s: float | None, again: bool) -> None:
        """On what is on the screen: an event that has gone out."""
        shown = sorted(self.cluster.witness.standing())
        self.actions += not again
        asked = AlarmAction(
            action_id=f"action-{self.actions}",
            action=action,  # type: ignore[arg-type]
            episode_id=shown[0] if of_one and shown else None,
            device_id="d1",
            until_us=None if until_s is None else us(self.now_s + until_s),
            actor="nurse",
            at_us=us(self.now_s),
        )
        self._log("actions", asked)

    @rule(worn=st.sampled_from([ANN, BOB, None]))
    def the_bed_changes(self, worn: Assignment | None) -> None:
        self._wear(worn)

    @rule(seconds=_seconds)
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(whole=st.booleans())
    def the_worker_ticks(self, whole: bool) -> None:
        self.worker.tick(us(self.now_s), whole_us=us(0) if whole else None)

    @rule(topic=st.sampled_from(TOPICS), most=st.integers(1, 8))
    def the_worker_reads(self, topic: str, most: int) -> None:
        self.worker.work(topic, most, wall_us=us(self.now_s))

    @rule(urgent_only=st.booleans())
    def the_worker_saves(self, urgent_only: bool) -> None:
        self.worker.save(urgent_only=urgent_only)

    @rule(most=st.integers(1, 4))
    def the_worker_sends(self, most: int) -> None:
        self.worker.send(most)

    @rule()
    def the_worker_commits(self) -> None:
        self.worker.commit()

    @rule()
    def the_worker_dies(self) -> None:
        self.now_s += 0.001
        self.worker = Worker(self.cluster, now_us=us(self.now_s))

    @invariant()
    def what_has_gone_out_is_saved(self) -> None:
        """Otherwise somebody could answer an alarm that the next worker has never heard of."""
        assert self.cluster.witness.standing().keys() <= self.cluster.known

    def teardown(self) -> None:
        """All is read at last: what is open is on the screens, and nothing else."""
        if not hasattr(self, "worker"):
            return
        self.worker.finish(wall_us=us(self.now_s))
        self.worker.tick(us(self.now_s), whole_us=None)
        self.worker.commit()
        open_ones = {
            episode.episode_id: episode.state
            for state in self.worker.desk.states
            for episode in state.episodes
        }
        assert self.cluster.witness.standing() == open_ones

    def _log(self, topic: str, given: Any) -> None:
        self.cluster.logs[topic].append(Entry("d1", given, us(self.now_s)))

    def _wear(self, worn: Assignment | None) -> None:
        """From now on; an assignment of the past is ended."""
        now_us = us(self.now_s)
        history = self.cluster.assignments
        if self.assignment is not None:
            ended = msgspec.structs.replace(self.assignment, until_us=now_us)
            history.step(ended.assignment_id, ended)
        self.assignment = None
        if worn is not None:
            self.actions += 1
            begun = msgspec.structs.replace(
                worn, assignment_id=f"{worn.assignment_id}-{self.actions}", from_us=now_us
            )
            history.step(begun.assignment_id, begun)
            self.assignment = begun


_SOME = settings(
    max_examples=30,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_nothing_forbidden_happens_in_some_histories() -> None:
    run_state_machine_as_test(Ward, settings=_SOME)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_nothing_forbidden_happens_in_many_histories() -> None:
    run_state_machine_as_test(Ward, settings=settings(_SOME, max_examples=HISTORIES))


_inputs = st.one_of(
    st.builds(lambda said: ("window", said), _windows),
    st.builds(lambda action: ("action", action), st.sampled_from(ACTIONS)),
    st.builds(lambda seconds: ("time", seconds), _seconds),
)


@given(st.lists(_inputs, max_size=60))
@settings(max_examples=30, derandomize=True, deadline=None)
def test_the_same_inputs_give_the_same_events_however_often_it_restarts(
    inputs: list[tuple[str, Any]],
) -> None:
    once, again = _run(inputs, restarts=False), _run(inputs, restarts=True)
    assert once == again


_about_pauses = st.one_of(
    st.builds(
        lambda bpm: ("window", {"abnormal": 0.9, "bpm": bpm, "verdict": "good", "late": False}),
        st.sampled_from([72.0, 150.0]),
    ),
    st.builds(
        lambda action: ("action", action), st.sampled_from(["pause_audio", "resume", "acknowledge"])
    ),
    st.builds(lambda seconds: ("time", seconds), _seconds),
)


@given(st.lists(_about_pauses | _inputs, min_size=20, max_size=60))
@settings(max_examples=30, derandomize=True, deadline=None)
def test_nothing_but_an_answer_puts_an_escalation_off(inputs: list[tuple[str, Any]]) -> None:
    due_us: dict[str, dict[int, int]] = {}
    for after in _steps(inputs):
        for episode in after.state.episodes:
            due = due_us.setdefault(episode.episode_id, {})
            if episode.state not in ("active", "latched"):
                due.clear()
            elif episode.escalate_us is not None:
                first_us = due.setdefault(episode.escalation, episode.escalate_us)
                assert episode.escalate_us == first_us


@given(st.lists(_inputs, max_size=40))
@settings(max_examples=30, derandomize=True, deadline=None)
def test_windows_that_come_again_change_nothing(inputs: list[tuple[str, Any]]) -> None:
    state, _ = _run(inputs, restarts=False)
    now_us = state.clock_us
    for index, (kind, said) in enumerate(inputs):
        if kind == "window":
            one = window(index, at_s=0, **said)
            after = step(state, one, Moment(now_us, now_us, ANN, LIMITS))
            assert after.events == ()
            assert same_but_clock(after.state, state)


def _run(inputs: list[tuple[str, Any]], *, restarts: bool) -> tuple[AlarmState, list[bytes]]:
    state = AlarmState(device_id="d1")
    events: list[bytes] = []
    for after in _steps(inputs, restarts=restarts):
        state = after.state
        events += map(encode, after.events)
    return state, events


def _steps(inputs: list[tuple[str, Any]], *, restarts: bool = False) -> Iterator[Step]:
    state = AlarmState(device_id="d1")
    now_s = 0.0
    for index, (kind, said) in enumerate(inputs):
        now_s += said if kind == "time" else 2.5
        if kind == "window":
            one: Any = window(index, at_s=now_s, **said)
        elif kind == "action":
            one = AlarmAction(action_id=str(index), action=said, actor="nurse", at_us=0)
        else:
            one = Tick(us(0))
        if restarts:
            state = decode(AlarmState, encode(state))
        after = step(state, one, Moment(us(now_s), us(now_s), ANN, LIMITS))
        state = after.state
        yield after
