"""The process in which an artifact is timed; it is started by `training.evaluation.cost`."""

import base64
import os
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil

from models.predictor import Floats, OnnxPredictor  # before the runtime: it tells it to be silent

import onnxruntime  # isort: skip

_ROUNDS = 5  # over all sizes of batch: a neighbour's busy second is not one size's alone
_LEAST_CALLS = 4  # a round, also of a net so slow that the time is up before
_WARM_UP_CALLS = 3


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """With `calls`, so many calls in turns with the artifact `against`; else for `seconds`.

    `bare` is a graph that does nothing, in base 64: with it the runtime itself is in memory.
    """

    path: str
    bare: str
    batches: list[int]
    seconds: float
    against: str | None
    calls: int


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Times of single calls, by windows in one."""

    times_ms: dict[str, list[float]]
    against_ms: list[float]
    before_bytes: int
    peak_bytes: int
    pinned: bool


def measure(asked: Asked) -> Measured:
    pinned = _pin()
    artifact = Path(asked.path).read_bytes()
    bare = onnxruntime.InferenceSession(base64.b64decode(asked.bare))
    bare.run(None, {bare.get_inputs()[0].name: np.zeros(1, np.float32)})
    before = psutil.Process().memory_info().rss - len(artifact)
    model = OnnxPredictor(artifact)
    other = OnnxPredictor(Path(asked.against).read_bytes()) if asked.against else None
    times_ms: dict[str, list[float]] = {str(batch): [] for batch in asked.batches}
    against_ms: list[float] = []
    if other is None:
        for batch in asked.batches * _ROUNDS:
            times_ms[str(batch)] += _for_a_while(model, batch, asked.seconds / _ROUNDS)
    else:
        for batch in asked.batches:
            times_ms[str(batch)], against_ms = _in_turns(model, other, batch, asked.calls)
    return Measured(
        times_ms=times_ms,
        against_ms=against_ms,
        before_bytes=before,
        peak_bytes=_peak_bytes(),
        pinned=pinned,
    )


def _for_a_while(model: OnnxPredictor, batch: int, seconds: float) -> list[float]:
    windows = _windows(model, batch)
    for _ in range(_WARM_UP_CALLS):
        model.predict(windows)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < _LEAST_CALLS or time.perf_counter() < until:
        times.append(_ms(model, windows))
    return times


def _in_turns(
    first: OnnxPredictor, second: OnnxPredictor, batch: int, calls: int
) -> tuple[list[float], list[float]]:
    """Who goes first changes each time, for the second of two finds a warmer processor."""
    pair = [(first, _windows(first, batch)), (second, _windows(second, batch))]
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(_WARM_UP_CALLS + calls):
        for place in (turn % 2, 1 - turn % 2):
            taken = _ms(*pair[place])
            if turn >= _WARM_UP_CALLS:
                times[place].append(taken)
    return times


def _ms(model: OnnxPredictor, windows: Floats) -> float:
    started = time.perf_counter()
    model.predict(windows)
    return (time.perf_counter() - started) * 1e3


def _windows(model: OnnxPredictor, batch: int) -> Floats:
    """Noise: silence would be quicker than sound, for nothing overflows or is denormal in it."""
    draw = np.random.default_rng(batch)
    loud = draw.standard_normal((batch, model.contract.window_samples), np.float32)
    return np.asarray(0.1 * loud, np.float32)


def _pin() -> bool:
    """To the last core that is ours: the first is what interrupts like best."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return True


def _peak_bytes() -> int:
    """Of this program alone: `getrusage` on Linux still counts who started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        (line,) = (each for each in status.splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))


if __name__ == "__main__":
    said = measure(msgspec.json.decode(sys.argv[1], type=Asked))
    sys.stdout.write(msgspec.json.encode(said).decode())
