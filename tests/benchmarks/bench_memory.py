"""Whether memory stays flat: resident memory of bridge and worker at half capacity.

    python -m tests.benchmarks.bench_memory [--devices 1000 --minutes 15 --kafka apache]

Target: over 15 minutes each grows less than 2 %, by the medians of the first and last two minutes
after a warm-up of three. The embedded Kafka keeps all in memory and slows down with it, so for
this many devices over this long it takes a real one.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.ward import ResultsReader, Ward, ward
from tests.servers import ApacheKafka, EmbeddedKafka

MAX_GROWTH_PERCENT = 2.0
_WARM_UP_S = 180.0
_EVERY_S = 5.0
_END_S = 120.0
_KAFKAS = {"apache": ApacheKafka, "embedded": EmbeddedKafka}


def measure(devices: int, *, minutes: float, kafka: str, folder: Path) -> dict[str, Any]:
    """Sample resident memory every 5 s, and count what was done meanwhile."""
    with ward(folder, workers=1, kafka=_KAFKAS[kafka]) as running:
        reader = ResultsReader(running.kafka)
        try:
            running.start_load(devices=devices, connections=8)
            time.sleep(_WARM_UP_S)
            before, began_s = reader.results, time.monotonic()
            samples = _follow(running, minutes * 60)
            results_per_s = (reader.results - before) / (time.monotonic() - began_s)
        finally:
            reader.close()
    return {
        "devices": devices,
        "minutes": minutes,
        "kafka": kafka,
        "results_per_s": results_per_s,
        "parts": _growth(samples),
    }


def _growth(samples: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
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
    options.add_argument("--kafka", choices=sorted(_KAFKAS), default="apache")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(
            chosen.devices, minutes=chosen.minutes, kafka=chosen.kafka, folder=Path(folder)
        )
    parts = measured["parts"]
    report.table(
        f"Resident memory over {chosen.minutes:g} min at {chosen.devices} devices, 1 worker, "
        f"{measured['results_per_s']:.0f} results/s",
        ("process", "start MiB", "end MiB", "growth %"),
        [
            (name, part["start_mib"], part["end_mib"], part["growth_percent"])
            for name, part in parts.items()
        ],
    )
    flat = all(part["growth_percent"] < MAX_GROWTH_PERCENT for part in parts.values())
    print("flat" if flat else "NOT FLAT", f"(each grows less than {MAX_GROWTH_PERCENT:g} %)")
    print(f"written to {report.save('memory', measured)}")


if __name__ == "__main__":
    main()
