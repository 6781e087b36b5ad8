"""Run every benchmark, one after the other: JSON under ``bench-results/`` and a table each.

    python -m tests.benchmarks [NAME...]

Without names all of them run, memory (19 minutes) last; about 45 minutes on two cores. The figures
mean something only on a machine that does nothing else.
"""

import pkgutil
import subprocess
import sys

from tests import benchmarks
from tests.benchmarks import report

_LAST = "memory"


def names() -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    short = sorted(name.removeprefix("bench_") for name in found if name.startswith("bench_"))
    return sorted(short, key=lambda name: name == _LAST)


def main() -> int:
    chosen = sys.argv[1:] or names()
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}\n")
        return 2
    print(report.machine())
    failed = [
        name
        for name in chosen
        if subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.bench_{name}"], check=False
        ).returncode
    ]
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
