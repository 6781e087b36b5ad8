"""Whether memory stays flat: resident memory of bridge and worker at half capacity.

    python -m tests.benchmarks.bench_memory [--devices 1000 --minutes 15]

Target: over 15 minutes each grows less than 2 %, by the medians of the first and last two minutes
after a warm-up of three.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.ward import Ward, ward

MAX_GROWTH_PERCENT = 2.0
_WARM_UP_S = 180.0
_EVERY_S = 5.0
_END_S = 120.0


def measure(devices: int, *, minutes: float, folder: Path) -> dict[str, Any]:
    """Sample resident memory every 5 s."""
    with ward(folder, workers=1) as running:
        running.start_load(devices=devices, connections=8)
        time.sleep(_WARM_UP_S)
        samples = _follow(running, minutes * 60)
    edge = max(1, round(_END_S / _EVERY_S))
    return {
        name: {
            "start_mib": median(series[:edge]),
            "end_mib": median(series[-edge:]),
            "growth_percent": 100 * (median(series[-edge:]) / median(series[:edge]) - 1),
            "series_mib": [round(value, 2) for value in series],
        }
        for name, series in samples.items()
    }


def _follow(running: Ward, seconds: float) -> dict[str, list[float]]:
    watched = [running.bridge, *running.workers]
    samples: dict[str, list[float]] = {part.name: [] for part in watched}
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        for part in watched:
            samples[part.name].append(part.rss_mib())
        time.sleep(_EVERY_S)
    return samples


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--devices", type=int, default=1000)
    options.add_argument("--minutes", type=float, default=15.0)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parts = measure(chosen.devices, minutes=chosen.minutes, folder=Path(folder))
    report.table(
        f"Resident memory over {chosen.minutes:g} min at {chosen.devices} devices, 1 worker",
        ("process", "start MiB", "end MiB", "growth %"),
        [
            (name, part["start_mib"], part["end_mib"], part["growth_percent"])
            for name, part in parts.items()
        ],
    )
    flat = all(part["growth_percent"] < MAX_GROWTH_PERCENT for part in parts.values())
    print("flat" if flat else "NOT FLAT", f"(each grows less than {MAX_GROWTH_PERCENT:g} %)")
    measured = {"devices": chosen.devices, "minutes": chosen.minutes, "parts": parts}
    print(f"written to {report.save('memory', measured)}")


if __name__ == "__main__":
    main()
