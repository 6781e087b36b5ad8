"""How long from a clone to the first classified result, as somebody who finds the project.

    python -m tests.benchmarks.bench_clone

Clones what is committed here into an empty folder and runs `make demo` there, which makes the
virtual environment, installs and starts. Installing depends on the network or pip's cache.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.servers import ROOT

_DEMO_SECONDS = 15


def measure(folder: Path) -> dict[str, Any]:
    """Time `git clone` and `make demo`; the demo runs without its table and ends by itself."""
    clone, file = folder / "heartward", folder / "demo.json"
    began_s = time.monotonic()
    _run(["git", "clone", "--quiet", str(ROOT), str(clone)], ROOT)
    cloned_s = time.monotonic()
    run = f"ARGS=--seconds {_DEMO_SECONDS} --json {file}"
    demo = subprocess.Popen(["make", "demo", run], cwd=clone, stderr=subprocess.PIPE, text=True)
    installed = clone / ".venv" / ".installed-run"
    while demo.poll() is None and not installed.exists():
        time.sleep(0.1)
    installed_s = time.monotonic()
    said = demo.communicate(timeout=300)[1]
    if demo.returncode:
        raise SystemExit(said)
    first_result_s = float(json.loads(file.read_text())["first_result_s"])
    return {
        "clone_s": cloned_s - began_s,
        "install_s": installed_s - cloned_s,
        "first_result_s": first_result_s,
        "clone_to_first_result_s": installed_s - began_s + first_result_s,
    }


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder))
    report.save("clone", measured)
    report.table(
        "From a clone to the first result",
        ("", "seconds"),
        [
            ("git clone", measured["clone_s"]),
            ("virtual environment and install", measured["install_s"]),
            ("first result after that", measured["first_result_s"]),
            ("all together", measured["clone_to_first_result_s"]),
        ],
    )


if __name__ == "__main__":
    main()
