"""CPU time of the audio worker per device-second: stage by stage, and the whole process live.

    python -m tests.benchmarks.bench_worker [--devices 1000] [--seconds 30]

A device-second is one second of one device at 2 kHz: one chunk and two fifths of a window. The
stages run one after the other in this process, in one thread, on sound of the packaged hearts.
The whole process reads the same chunks from the embedded Kafka, second by second as they would
come; what it takes beyond its stages is Faust, the Kafka clients and the interpreter's threads.
"""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ingest.sounds import PACKAGED, recordings
from models.contract import PIPELINE_GRID
from models.registry import Registry
from models.sound_file import read_sound
from stream_processors.assignments import AssignmentHistory
from stream_processors.inference import finish, judge
from stream_processors.partition import Partition
from stream_processors.records import encode
from stream_processors.results import result_of, strips_of
from stream_processors.running_models import RunningModel, RunningModels
from stream_processors.windows import Window
from tests.benchmarks import report
from tests.servers import EmbeddedKafka
from tests.unit.stream_processors.logs import Record, Sent, record_of
from tests.worker_log import WorkerLog, worker_log

BUDGET_US = 375.0
CUT = "decode, reorder, cut"
WARM_UP_S = 8
RATE_HZ = 2000
BATCH = 32
FETCH = 50  # chunks of a partition that come with one fetch at some thousand devices

Samples = npt.NDArray[np.int16]
_Made = TypeVar("_Made")


class Stopwatch:
    """Adds up this thread's CPU time by stage."""

    def __init__(self) -> None:
        self.taken_s: defaultdict[str, float] = defaultdict(float)

    def __call__(self, stage: str, work: Callable[..., _Made], *given: object) -> _Made:
        started_s = time.thread_time()
        made = work(*given)
        self.taken_s[stage] += time.thread_time() - started_s
        return made


def hearts() -> Samples:
    return np.concatenate([read_sound(path)[0] for path in recordings(PACKAGED)[:6]])


def chunks(devices: int, second: int, *, start_us: int, sound: Samples) -> list[Record]:
    """One second of sound from each device, spread over the second that follows."""
    found = []
    for device in range(devices):
        at = (device * 977 + second * RATE_HZ) % (len(sound) - RATE_HZ)
        chunk = Sent(
            f"wearable-{device:05}",
            second * RATE_HZ,
            sound[at : at + RATE_HZ],
            received_s=second + 1 + device / devices,
        )
        found.append(record_of(chunk, offset=second * devices + device, start_us=start_us))
    return found


def measure_stages(devices: int, seconds: int) -> dict[str, float]:
    """Microseconds of CPU per device-second, by stage."""
    sound, running = hearts(), RunningModels(Registry()).current
    partition = Partition("pcg.audio", 0, history=False)
    stopwatch = Stopwatch()
    waiting: list[Window] = []
    windows = 0
    for second in range(seconds):
        records = chunks(devices, second, start_us=0, sound=sound)
        for at in range(0, len(records), FETCH):
            waiting += stopwatch(CUT, _cut, partition, records[at : at + FETCH])
            while len(waiting) >= BATCH:
                batch, waiting = waiting[:BATCH], waiting[BATCH:]
                _classify(batch, partition, running, stopwatch)
                windows += BATCH
    cut_us = stopwatch.taken_s.pop(CUT) / (devices * seconds) * 1e6
    per_window = 1e6 / (windows * PIPELINE_GRID.hop_s)
    return {CUT: cut_us} | {stage: s * per_window for stage, s in stopwatch.taken_s.items()}


def _cut(partition: Partition, records: Sequence[Record]) -> list[Window]:
    return [window for record in records for window in partition.step(record)]


def _classify(
    batch: Sequence[Window],
    partition: Partition,
    running: Sequence[RunningModel],
    stopwatch: Stopwatch,
) -> None:
    """What the inference thread does, in pieces; the model is asked once more to be timed alone."""
    stopwatch("filter, measure", finish, [b for w in batch for b in (w.earlier, w.later)])
    halves = [block.filtered for window in batch for block in (window.earlier, window.later)]
    waveforms = np.concatenate(halves).reshape(len(batch), -1)
    alone = Stopwatch()
    for model in running:
        alone("model", model.predictor.predict, waveforms)
    judgements = stopwatch("judge", judge, batch, running)
    stopwatch.taken_s["model"] += alone.taken_s["model"]
    stopwatch.taken_s["judge"] -= alone.taken_s["model"]
    strips = stopwatch("strip", strips_of, batch)
    assemble = partial(
        result_of,
        partition=partition,
        assignments=AssignmentHistory(),
        windowed_us=0,
        inferred_us=0,
    )
    results = [
        stopwatch("result", assemble, *parts)
        for parts in zip(batch, judgements, strips, strict=True)
    ]
    stopwatch("encode", lambda: [encode(result) for result in results])
    for window in batch:
        partition.settle(window.oldest_offset)


def measure_process(devices: int, seconds: int) -> float:
    """Microseconds of CPU per device-second that a worker takes live, warm-up apart."""
    sound = hearts()
    with tempfile.TemporaryDirectory() as folder, worker_log(EmbeddedKafka, Path(folder)) as log:
        worker = log.add_worker()
        log.wait_for_shares(worker)
        start_us = time.time_ns() // 1000
        before_s = 0.0
        for second in range(WARM_UP_S + seconds):
            if second == WARM_UP_S:
                before_s = worker.cpu_s()
            _feed_second(log, chunks(devices, second, start_us=start_us, sound=sound))
        taken_s = worker.cpu_s() - before_s
    return taken_s / (devices * seconds) * 1e6


def _feed_second(log: WorkerLog, records: Sequence[Record]) -> None:
    """Twenty portions, each when its first chunk is due."""
    portion = -(-len(records) // 20)
    for at in range(0, len(records), portion):
        due_s = records[at].timestamp / 1000 - 1
        time.sleep(max(0.0, due_s - time.time()))
        log.feed(records[at : at + portion])


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU time of the audio worker, by stage.")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    given = parser.parse_args()
    stages = measure_stages(min(given.devices, 400), 20)
    process_us = measure_process(given.devices, given.seconds)
    staged_us = sum(stages.values())
    rows = [
        *stages.items(),
        ("all stages", staged_us),
        ("Faust, Kafka clients, threads", process_us - staged_us),
        ("whole process", process_us),
        ("budget", BUDGET_US),
    ]
    title = f"Audio worker, µs of CPU per device-second ({given.devices} devices at 2 kHz)"
    report.table(title, ("stage", "µs"), rows)
    report.save(
        "worker",
        {"devices": given.devices, "seconds": given.seconds, "us_per_device_second": dict(rows)},
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
