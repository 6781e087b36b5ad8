"""How many devices one machine carries, and what each part costs.

    python -m tests.benchmarks.bench_capacity [--devices 2000 --workers 1 --everything]
                                              [--kafka apache]

Brokers, bridge, workers and the load generator share this machine. Devices send 1 s chunks at
2 kHz; a window of 5 s is classified every 2.5 s by the shipped model. Targets: 2000 devices with
one worker, 3000 with two, p99 from chunk received to result published at most 500 ms, nothing
lost. With everything (a second model, heart rate, S1 and S2, alarms of assigned patients) 2000
devices with two workers. With `--kafka apache` the log is Apache's, which a hospital has.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from stream_processors.records import END_TO_END_AIM_MS, STAGES
from tests.benchmarks import report
from tests.benchmarks.ward import ResultsReader, Ward, acknowledged, wait_until, ward
from tests.servers import ApacheKafka, EmbeddedKafka, EmbeddedMqtt, Mosquitto, Server

# Microseconds of CPU per device-second, as planned for these parts.
BUDGET_US = {"MQTT broker": 30, "bridge": 55, "Kafka": 90, "workers": 375}
CLINICAL_US = {"workers": 375 + 200 + 60}  # clinical stages at 0.5 ms a window, a second model
TARGETS = ((2000, 1, False), (3000, 2, False), (2000, 2, True))  # devices, workers, everything
_SETTLE_S = 20.0
_SHARES = (50, 95, 99)
_BROKERS = {"embedded": EmbeddedMqtt, "mosquitto": Mosquitto}
_KAFKAS: dict[str, type[Server]] = {"embedded": EmbeddedKafka, "apache": ApacheKafka}


def measure(
    devices: int,
    *,
    workers: int,
    seconds: float,
    broker: str,
    kafka: str,
    everything: bool,
    folder: Path,
) -> dict[str, Any]:
    """Run one load for `seconds` after it has settled."""
    with ward(
        folder,
        workers=workers,
        mqtt=_BROKERS[broker],
        kafka=_KAFKAS[kafka],
        everything=everything,
    ) as running:
        reader = ResultsReader(running.kafka)
        try:
            running.start_load(devices=devices, connections=8)
            if not wait_until(lambda: len(reader.devices) >= devices, timeout_s=90):
                print(f"only {len(reader.devices)} of {devices} devices have a result after 90 s")
            time.sleep(_SETTLE_S)
            steady = _steady(running, reader, seconds)
            expected = acknowledged(running.stop_load())
            wait_until(lambda: expected <= reader.windows, timeout_s=60)
        finally:
            reader.close()
        steady["cpu_us_per_device_s"] = _per_device(steady.pop("cpu_s"), devices, steady["seconds"])
        return {
            "devices": devices,
            "workers": workers,
            "mqtt_broker": broker,
            "kafka": kafka,
            "everything": everything,
            **steady,
            "windows_expected": len(expected),
            "windows_lost": len(expected - reader.windows),
            "duplicates": reader.duplicates,
        }


def _steady(running: Ward, reader: ResultsReader, seconds: float) -> dict[str, Any]:
    reader.published.clear()
    before, began_s, results = running.cpu_s(), time.monotonic(), reader.results
    idle = os.times()
    time.sleep(seconds)
    after, took_s = running.cpu_s(), time.monotonic() - began_s
    mine = os.times()
    published = list(reader.published)
    stages_ms = np.array([result.stages_ms for result in published])
    second = np.array([result.published_us // 1_000_000 for result in published])
    end_to_end_ms = stages_ms[:, STAGES.index("end_to_end")]
    cpu = {name: after[name] - before[name] for name in after}
    cpu["measurement"] = mine.user + mine.system - idle.user - idle.system
    return {
        "seconds": took_s,
        "results_per_s": (reader.results - results) / took_s,
        "latency_ms": {
            stage: {f"p{share}": float(np.percentile(stages_ms[:, n], share)) for share in _SHARES}
            for n, stage in enumerate(STAGES)
        },
        "worst_second_p99_ms": max(
            float(np.percentile(end_to_end_ms[second == each], 99)) for each in np.unique(second)
        ),
        "cpu_s": cpu,
    }


def _per_device(cpu: dict[str, float], devices: int, seconds: float) -> dict[str, float]:
    cost = {name: used / seconds / devices * 1e6 for name, used in cpu.items()}
    workers = {name for name in cost if name.startswith("worker-")}
    return {"workers": sum(cost.pop(name) for name in workers), **cost}


def show(run: dict[str, Any]) -> None:
    print(
        f"{run['devices']} devices, {run['workers']} worker(s), {run['mqtt_broker']} MQTT broker, "
        f"{run['kafka']} Kafka, "
        f"{'everything on, ' if run['everything'] else ''}"
        f"{run['seconds']:.0f} s: {run['windows_lost']} of {run['windows_expected']} windows lost, "
        f"{run['duplicates']} doubled; p99 of the worst second {run['worst_second_p99_ms']:.0f} ms"
    )
    report.table(
        "Latency",
        ("stage, ms", *(f"p{share}" for share in _SHARES)),
        [(stage, *map(round, shares.values())) for stage, shares in run["latency_ms"].items()],
    )
    budget = BUDGET_US | (CLINICAL_US if run["everything"] else {})
    report.table(
        "Cost",
        ("CPU, µs per device-second", "measured", "budget"),
        [
            (name, round(cost), budget.get(name, "-"))
            for name, cost in run["cpu_us_per_device_s"].items()
        ],
    )


def holds(run: dict[str, Any]) -> bool:
    """Whether the run meets the promise: in time, and nothing lost."""
    return bool(
        run["windows_lost"] == 0 and run["latency_ms"]["end_to_end"]["p99"] <= END_TO_END_AIM_MS
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--devices", type=int, help="one load instead of the targets")
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--broker", choices=sorted(_BROKERS), default="embedded")
    options.add_argument("--kafka", choices=sorted(_KAFKAS), default="embedded")
    options.add_argument("--everything", action="store_true", help="second model, beats, alarms")
    chosen = options.parse_args()
    own = ((chosen.devices, chosen.workers, chosen.everything),)
    usual = [target for target in TARGETS if target[2] or not chosen.everything]
    loads = own if chosen.devices else usual
    runs = []
    for devices, workers, everything in loads:
        with tempfile.TemporaryDirectory() as folder:
            run = measure(
                devices,
                workers=workers,
                seconds=chosen.seconds,
                broker=chosen.broker,
                kafka=chosen.kafka,
                everything=everything,
                folder=Path(folder),
            )
        show(run)
        print(
            "holds" if holds(run) else "DOES NOT HOLD",
            f"(p99 <= {END_TO_END_AIM_MS:.0f} ms, 0 lost)",
        )
        runs.append(run)
    found = {"runs": runs, "budget_us": BUDGET_US, "clinical_budget_us": CLINICAL_US}
    name = "capacity" if chosen.kafka == "embedded" else f"capacity-{chosen.kafka}"
    print(f"written to {report.save(name, found)}")


if __name__ == "__main__":
    main()
