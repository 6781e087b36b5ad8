"""How soon the demonstration is alive, and how fast its embedded brokers grow.

    python -m tests.benchmarks.bench_demo [--beds 12 --seconds 180]

Target: the first result within 15 s of the command, every bed within 20 s, nothing lost.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks import report
from tests.servers import ROOT

MAX_FIRST_S, MAX_ALL_S = 15.0, 20.0
_WARM_UP_S = 30.0
_EVERY_S = 5.0
_ALL_BEDS = re.compile(r"all (\d+) beds after ([\d.]+) s")


def measure(beds: int, seconds: int, folder: Path) -> dict[str, Any]:
    """Run the command as a person would and watch its processes from outside."""
    file = folder / "demo.json"
    command = [sys.executable, "-m", "heartward", "demo", "--beds", str(beds)]
    command += ["--seconds", str(seconds), "--json", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as demo:
        growth = _growth_mib_per_h(psutil.Process(demo.pid), seconds)
        _, said = demo.communicate(timeout=120)
    found = _ALL_BEDS.search(said)
    if demo.returncode or found is None:
        raise SystemExit(said)
    document: dict[str, Any] = json.loads(file.read_text())
    return document | {
        "all_beds_s": float(found[2]),
        "growth_mib_per_h": growth,
    }


def _growth_mib_per_h(demo: psutil.Process, seconds: int) -> dict[str, float]:
    """Of each process's resident memory, between the end of the warm-up and that of the run."""
    time.sleep(_WARM_UP_S)
    children = demo.children()
    first, first_at_s = _rss_mib(children), time.monotonic()
    time.sleep(seconds - _WARM_UP_S - _EVERY_S)
    hours = (time.monotonic() - first_at_s) / 3600
    return {name: (rss - first[name]) / hours for name, rss in _rss_mib(children).items()}


def _rss_mib(processes: list[psutil.Process]) -> dict[str, float]:
    return {_name(process): process.memory_info().rss / 2**20 for process in processes}


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    return " ".join(words[2:4]) if "-m" in words else "embedded kafka"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--beds", type=int, default=12)
    options.add_argument("--seconds", type=int, default=180)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(chosen.beds, chosen.seconds, Path(folder))
    report.save("demo", measured)
    met = measured["first_result_s"] <= MAX_FIRST_S and measured["all_beds_s"] <= MAX_ALL_S
    report.table(
        f"Demonstration of {chosen.beds} beds",
        ["", "measured", "target"],
        [
            ["first result after, s", measured["first_result_s"], MAX_FIRST_S],
            ["every bed after, s", measured["all_beds_s"], MAX_ALL_S],
            ["windows lost", measured["windows_lost"], 0],
            ["end to end, p99, ms", measured["latency_ms"]["end_to_end"]["p99"], ""],
            *(
                [f"{name} grows, MiB/h", round(growth), ""]
                for name, growth in measured["growth_mib_per_h"].items()
            ),
        ],
    )
    sys.exit(not met)


if __name__ == "__main__":
    main()
