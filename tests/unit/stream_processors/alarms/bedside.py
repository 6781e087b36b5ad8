"""One device under the alarms, told in seconds: what comes in, and what comes of it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from ingest.chunk import DeviceStatus
from models.rhythm import Heart
from stream_processors.alarms.limits import BUILT_IN, Limits
from stream_processors.alarms.machine import Input, Tick, step
from stream_processors.alarms.turn import Moment
from stream_processors.records import (
    AlarmAction,
    AlarmEpisode,
    AlarmEvent,
    AlarmState,
    Assignment,
    Finding,
    Quality,
    StageTimes,
    WindowResult,
    decode,
    encode,
)
from tests.reports import device_stats
from tests.results import START_US, window_result

HOP_S = 2.5
SILENCE = "there is no sound: is the sensor on the skin?"
# Few windows, so that a test can be read; nothing comes by itself unless a test asks for it.
QUICK = dataclasses.replace(
    BUILT_IN,
    finding_k=2,
    finding_n=3,
    finding_clear_k=2,
    finding_clear_n=3,
    rate_k=2,
    rate_n=3,
    rate_clear_k=2,
    rate_clear_n=3,
    heart_lost_k=2,
    heart_lost_n=2,
    heart_lost_clear_k=2,
    heart_lost_clear_n=2,
    poor_signal_k=3,
    poor_signal_n=3,
    poor_signal_clear_k=2,
    poor_signal_clear_n=2,
)
ANN = Assignment(
    assignment_id="a1", device_id="d1", patient_id="p1", ward="west", bed="12", from_us=START_US
)
BOB = Assignment(
    assignment_id="a2", device_id="d1", patient_id="p2", ward="west", bed="12", from_us=START_US
)


def us(at_s: float) -> int:
    return START_US + round(at_s * 1e6)


def window(
    index: int,
    *,
    at_s: float,
    abnormal: float = 0.1,
    bpm: float | None = 72,
    verdict: str = "good",
    reasons: tuple[str, ...] = (),
    boot_id: int = 7,
    late: bool = False,
    assignment_id: str | None = "a1",
    **finding: Any,
) -> WindowResult:
    """A window whose last sound the bridge received at `at_s`."""
    received_us = us(at_s)
    probabilities = {"normal": 1 - abnormal, "abnormal": abnormal}
    said: dict[str, Any] = {"model": "screen", "version": "1", "label": "x", "probability": 1.0}
    return window_result(
        "d1",
        index,
        boot_id=boot_id,
        late=late,
        assignment_id=assignment_id,
        start_us=received_us - 5_000_000,
        quality=Quality(score=0.9, verdict=verdict, reasons=reasons),  # type: ignore[arg-type]
        heart=None if bpm is None else Heart(rate_bpm=bpm, confidence=0.9),
        findings=(Finding(**(said | {"probabilities": probabilities} | finding)),),
        stages=StageTimes(
            captured_us=received_us,
            received_us=received_us,
            windowed_us=received_us,
            inferred_us=received_us,
        ),
    )


class Bedside:
    """Time passes in hops; `now_s` is the log's clock, and the wall's unless that is ahead."""

    def __init__(
        self, limits: Limits = QUICK, *, assignment: Assignment | None = ANN, **changes: Any
    ) -> None:
        self.limits = dataclasses.replace(limits, **changes)
        self.assignment = assignment
        self.state = AlarmState(device_id="d1")
        self.events: list[AlarmEvent] = []
        self.note: str | None = None
        self.now_s = 0.0
        self.wall_s = 0.0
        self.index = 0
        self._actions = 0

    def give(self, given: Input, *, refusal: str | None = None) -> list[AlarmEvent]:
        wall_us = us(max(self.wall_s, self.now_s))
        moment = Moment(us(self.now_s), wall_us, self.assignment, self.limits, refusal)
        self.state, events, self.note = step(self.state, given, moment)
        self.events += events
        return list(events)

    def windows(self, number: int = 1, **said: Any) -> list[AlarmEvent]:
        """So many windows, one a hop."""
        events = []
        for _ in range(number):
            self.now_s += HOP_S
            given = dict(said, at_s=self.now_s)
            if self.assignment is None:
                given["assignment_id"] = None
            elif "assignment_id" not in said:
                given["assignment_id"] = self.assignment.assignment_id
            events += self.give(window(self.index, **given))
            self.index += 1
        return events

    def wait(self, seconds: float, *, whole_s: float | None = None) -> list[AlarmEvent]:
        """Let time pass without a word of the device, in steps of a second."""
        events = []
        until_s = self.now_s + seconds
        whole_us = None if whole_s is None else us(whole_s)
        while self.now_s < until_s:
            self.now_s = min(until_s, self.now_s + 1)
            events += self.give(Tick(whole_us))
        return events

    def act(
        self,
        action: str,
        *,
        episode_id: str | None = None,
        until_s: float | None = None,
        action_id: str | None = None,
    ) -> list[AlarmEvent]:
        self._actions += 1
        return self.give(
            AlarmAction(
                action_id=action_id or f"action-{self._actions}",
                action=action,  # type: ignore[arg-type]
                episode_id=episode_id,
                device_id="d1",
                until_us=None if until_s is None else us(until_s),
                actor="nurse",
                at_us=us(self.now_s),
            )
        )

    def status(self, **said: Any) -> list[AlarmEvent]:
        given: dict[str, Any] = {"state": "online", "boot_id": 7, "at_us": us(self.now_s)} | said
        return self.give(DeviceStatus(**given))

    def stats(self, *, clock_offset_s: float | None = None) -> list[AlarmEvent]:
        offset_us = None if clock_offset_s is None else round(clock_offset_s * 1e6)
        return self.give(
            device_stats(
                at_us=us(self.now_s),
                last_received_us=us(self.now_s),
                clock_offset_us=offset_us,
            )
        )

    def restart(self) -> None:
        """Be another worker that has read the state from its topic."""
        self.state = decode(AlarmState, encode(self.state))

    def alarm(self, condition: str) -> AlarmEpisode | None:
        return next((e for e in self.state.episodes if e.condition == condition), None)

    def standing(self, condition: str) -> str:
        """The state of an alarm in one word."""
        alarm = self.alarm(condition)
        return "inactive" if alarm is None else alarm.state


def told(events: Sequence[AlarmEvent], condition: str | None = None) -> list[str]:
    """What happened, in order; with a star where it rings."""
    return [
        event.transition + "*" * event.rings
        for event in events
        if condition in (None, event.condition)
    ]
