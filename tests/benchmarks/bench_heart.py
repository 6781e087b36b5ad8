"""What quality, heart rate, S1 and S2 cost a window, on one core, in batches; and their parts.

    python -m tests.benchmarks.bench_heart

Windows are the packaged recordings, over and over. The parts are timed in turns with the filter of
the same windows, so that what else the machine does falls on all alike: where it is not idle, the
ratio to the filter says more than the milliseconds. All of it together shall take half a
millisecond a window in the worker's batches.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import ingest.recordings
from models.contract import PIPELINE_GRID
from models.dsp import Floats, block_filter, windows_of
from models.envelope import frame_power
from models.fast_heart import hear_fast_too
from models.heart_rate import periods
from models.quality import assess
from models.quality_indices import join, measure
from models.registry import Registry
from models.segmentation import segment
from models.sound_file import read_sound
from tests.benchmarks import report

BATCHES = (1, 8, 32, 64)
ROUNDS = 15
TARGET_MS = 0.5

Part = Callable[[], object]


def windows(number: int) -> Floats:
    """So many windows of real sound, shape (number, samples)."""
    folder = Path(ingest.recordings.__path__[0])
    every = [windows_of(*read_sound(file)).samples for file in sorted(folder.glob("*.flac"))]
    return np.resize(np.concatenate(every), (number, PIPELINE_GRID.window_samples))


def parts(number: int) -> dict[str, Part]:
    """Each part, ready to run on the same windows; the last two are what the worker calls."""
    model = Registry().segmenter()
    own = windows(number)
    probabilities = model.predict(own)
    rates_bpm = periods(probabilities, frame_power(own)).rate_bpm
    filters = block_filter(PIPELINE_GRID.sample_rate_hz)
    blocks = np.resize(own, (number, filters.source_preroll + filters.source_hop))
    return {
        "filter of a hop": lambda: filters.many(blocks),
        "net": lambda: model.predict(own),
        "period": lambda: periods(probabilities, frame_power(own)),
        "decoder": lambda: segment(probabilities, rates_bpm),
        "quality": lambda: _judged(own),
        "rate, S1 and S2": lambda: hear_fast_too(own, model.predict),
    }


def _judged(own: Floats) -> object:
    """A window is two blocks, each of which is measured once and part of two windows."""
    hop = PIPELINE_GRID.hop_samples
    blocks = measure((own[:, :hop] * 2**15).astype(np.int16), own[:, :hop])
    return assess(join(blocks, blocks), np.zeros(len(own)))


def cpu_ms(number: int) -> dict[str, float]:
    """Median CPU milliseconds a window of each part, timed in turns."""
    own = parts(number)
    taken_ms: dict[str, list[float]] = {name: [] for name in own}
    for _ in range(ROUNDS):
        for name, part in own.items():
            began_s = time.process_time()
            part()
            taken_ms[name].append(1000 * (time.process_time() - began_s) / number)
    found = {name: statistics.median(taken) for name, taken in taken_ms.items()}
    return found | {"together": found["quality"] + found["rate, S1 and S2"]}


def main() -> None:
    measured = {number: cpu_ms(number) for number in BATCHES}
    report.save("heart", {"target_ms": TARGET_MS, "cpu_ms_per_window": measured})
    report.table(
        "CPU milliseconds a window, one thread; in brackets as many times the filter",
        ("part", *(f"batch {number}" for number in BATCHES)),
        [
            (
                name,
                *(
                    f"{own[name]:.3f} ({own[name] / own['filter of a hop']:.1f})"
                    for own in measured.values()
                ),
            )
            for name in measured[BATCHES[0]]
        ],
    )
    batched = min(own["together"] for own in measured.values())
    print(f"{batched:.2f} ms together, batched; at most {TARGET_MS} ms is the target")


if __name__ == "__main__":
    main()
