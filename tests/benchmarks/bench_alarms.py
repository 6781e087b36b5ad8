"""What the alarms cost a device: CPU of the rules alone, on one core, without Kafka.

    python -m tests.benchmarks.bench_alarms

Each window has a rate, the findings of two models and six labels that may raise.
"""

import time
from collections.abc import Callable
from statistics import median

import msgspec

from stream_processors.alarms.desk import Desk
from stream_processors.alarms.profiles import Profiles
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import Assignment, StageTimes, WindowResult, decode, encode
from tests.benchmarks import report
from tests.results import FINDING, HOP_US, START_US, window_result

DEVICES = 500
WINDOWS = 20
ROUNDS = 5
_VALVE = {"AS": 0.1, "MR": 0.1, "MS": 0.1, "MVP": 0.1, "N": 0.6}
_TICKS_A_S, _WINDOWS_A_S, _STATES_A_S = 2.0, 0.4, 0.2


def main() -> None:
    rounds = [_measured() for _ in range(ROUNDS)]
    cost_us = {name: median(one[name] for one in rounds) for name in rounds[0]}
    cost_us["device-second"] = (
        _WINDOWS_A_S * cost_us["window"]
        + _TICKS_A_S * cost_us["tick"]
        + _STATES_A_S * cost_us["state"]
    )
    report.save("alarms", {"cpu_us": cost_us, "state_bytes": _state_bytes()})
    report.table(
        f"CPU of the alarms, µs, {DEVICES} devices, median of {ROUNDS}",
        ("of one", "µs"),
        list(cost_us.items()),
    )


def _measured() -> dict[str, float]:
    desk, assignments = _desk()
    values = [
        (f"d{device}", encode(_window(device, index)), START_US + index * HOP_US)
        for index in range(WINDOWS)
        for device in range(DEVICES)
    ]

    def windows() -> None:
        for device_id, value, at_us in values:
            desk.take(device_id, decode(WindowResult, value), at_us=at_us, wall_us=at_us)

    now_us = START_US + WINDOWS * HOP_US
    ids = assignments.device_ids()
    return {
        "window": _cpu_us(windows) / len(values),
        "tick": _cpu_us(lambda: desk.tick(ids, now_us=now_us, path_whole_us=START_US)) / DEVICES,
        "state": _cpu_us(lambda: _save(desk)) / DEVICES,
    }


def _save(desk: Desk) -> None:
    for saved in desk.unsaved(urgent_only=False):
        if saved.state is not None:
            encode(saved.state)


def _state_bytes() -> int:
    desk, _ = _desk()
    at_us = START_US
    desk.take("d0", _window(0, 0), at_us=at_us, wall_us=at_us)
    (saved,) = desk.unsaved(urgent_only=False)
    return 0 if saved.state is None else len(encode(saved.state))


def _desk() -> tuple[Desk, AssignmentHistory]:
    assignments = AssignmentHistory()
    for device in range(DEVICES):
        assignments.step(f"a{device}", _assignment(device))
    desk = Desk(owner_us=0, states=(), profiles=Profiles(), assignments=assignments)
    return desk, assignments


def _assignment(device: int) -> Assignment:
    return Assignment(
        assignment_id=f"a{device}",
        device_id=f"d{device}",
        patient_id=f"p{device}",
        ward="west",
        bed=str(device),
        from_us=0,
    )


def _window(device: int, index: int) -> WindowResult:
    quiet = msgspec.structs.replace(FINDING, probabilities={"normal": 0.9, "abnormal": 0.1})
    valve = msgspec.structs.replace(FINDING, model="valve", probabilities=_VALVE)
    received_us = START_US + index * HOP_US
    return window_result(
        f"d{device}",
        index,
        assignment_id=f"a{device}",
        findings=(quiet, valve),
        stages=StageTimes(
            captured_us=received_us,
            received_us=received_us,
            windowed_us=received_us,
            inferred_us=received_us,
        ),
    )


def _cpu_us(work: Callable[[], None]) -> float:
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1e6


if __name__ == "__main__":
    main()
