"""Put the costs that were last measured into the guide to sizes, and write its page anew.

    python -m tests.benchmarks.sizing [bench-results]

Before it, on a machine that does nothing else:

    python -m tests.benchmarks capacity influx
    python -m tests.benchmarks.bench_capacity --kafka apache
"""

import argparse
from pathlib import Path

import msgspec

from deploy import sizing
from deploy.sizing_results import with_results
from tests.benchmarks import report


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("results", type=Path, nargs="?", default=report.RESULTS)
    known = msgspec.json.decode(sizing.MEASURED.read_bytes(), type=sizing.Measured)
    found = with_results(known, options.parse_args().results)
    text = msgspec.json.format(msgspec.json.encode(found)).decode()
    sizing.MEASURED.write_text(f"{text}\n")
    page = sizing.MEASURED.with_name("SIZING.md")
    page.write_text(sizing.page(sizing.costs()))
    print(f"written to {sizing.MEASURED} and {page}")


if __name__ == "__main__":
    main()
