"""What judging a window costs: quality, in turns with the filter that every window goes through.

    python -m tests.benchmarks.bench_clinical

One thread, in batches as the pipeline makes them. CPU time, the least of many rounds: the stages
take turns within a round, so that whatever else the machine does meets all of them. A block is
measured once and is part of two windows, so a window costs one block and one judgement.
"""

import time
from collections.abc import Callable

import numpy as np

from ingest.sounds import PACKAGED, recordings
from models.dsp import block_filter, windows_of
from models.quality import assess
from models.quality_indices import indices, join, measure
from models.sound_file import read_sound
from tests.benchmarks import report

BATCH = 32
ROUNDS = 60
RATE_HZ = 2000


def stages() -> dict[str, Callable[[], object]]:
    """Each stage on one batch of recorded hearts."""
    cut = [windows_of(*read_sound(file)) for file in recordings(PACKAGED)]
    raw = np.concatenate([windows.raw for windows in cut])[: BATCH + 1]
    heard = np.concatenate([windows.blocks for windows in cut])[: BATCH + 1]
    filters = block_filter(RATE_HZ)
    unfiltered = np.tile(raw[:BATCH], (1, 2))[:, : filters.source_preroll + filters.source_hop]
    levels = measure(raw, heard)
    windows = join(levels.rows(slice(0, -1)), levels.rows(slice(1, None)))
    gaps = np.zeros(BATCH)
    return {
        "filter a block": lambda: filters.many(unfiltered),
        "measure a block": lambda: measure(raw[:BATCH], heard[:BATCH]),
        "indices of a window": lambda: indices(windows),
        "judge a window (indices, score, reasons)": lambda: assess(windows, gaps),
    }


def least_ms(rounds: int = ROUNDS) -> dict[str, float]:
    """CPU time of each stage per window, in milliseconds."""
    todo = stages()
    least = dict.fromkeys(todo, float("inf"))
    for _ in range(rounds):
        for name, stage in todo.items():
            began = time.thread_time()
            stage()
            least[name] = min(least[name], 1000 * (time.thread_time() - began) / BATCH)
    return least


def main() -> None:
    found = least_ms()
    quality_ms = found["measure a block"] + found["judge a window (indices, score, reasons)"]
    found["quality in all"] = quality_ms
    report.save("clinical", {"batch": BATCH, "cpu_ms_per_window": found})
    report.table(
        f"CPU time per window, one thread, {BATCH} windows at once",
        ("stage", "ms", "of the filter's"),
        [(name, ms, ms / found["filter a block"]) for name, ms in found.items()],
    )


if __name__ == "__main__":
    main()
