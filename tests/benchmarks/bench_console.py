"""How soon a result is painted, and whether a page that is open for long stays small.

    python -m tests.benchmarks.bench_console [--beds 100 --seconds 600]

A real browser shows a real ward. A result counts as painted with the frame in which its tile is
brought up to date. Target: 99 of 100 within a second of their publication on Kafka, frames that
do not stutter, and a heap that does not grow.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from deploy.embedded import free_port
from tests.benchmarks import report
from tests.console_stack import Stack, running

MAX_P99_MS = 1000.0
MAX_GROWTH = 0.1
_HELD = {
    "heap_mib": "heap, MiB,",
    "nodes": "nodes",
    "listeners": "listeners",
    "resident_mib": "resident memory, MiB,",
}
MUST_BE_FLAT = ("heap_mib", "nodes", "listeners")  # the rest is the browser's own business too
_WARM_UP_S = 30.0
_LOOK_EVERY_S = 5.0
_MIB = 2**20
# Every frame that came later than 50 ms after the one before is one that people can see.
_WATCH_FRAMES = """
window.heartwardFrames = {all: 0, late: 0};
let before = performance.now();
const look = (now) => {
  window.heartwardFrames.all += 1;
  if (now - before > 50) window.heartwardFrames.late += 1;
  before = now;
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def measure(stack: Stack, browser: Browser, beds: int, seconds: float) -> dict[str, Any]:
    """Open the ward page as a nurse would and leave it open."""
    page = browser.new_page(viewport={"width": 1920, "height": 1080}, base_url=stack.address)
    page.goto("/login/")
    page.fill("#id_username", stack.user)
    page.fill("#id_password", stack.password)
    page.click("button.primary")
    page.wait_for_url("**/")
    devtools = page.context.new_cdp_session(page)
    page.wait_for_timeout(_WARM_UP_S * 1000)
    page.evaluate("window.heartwardDelaysMs.length = 0")
    page.evaluate(_WATCH_FRAMES)
    first = _held(devtools)
    delays_ms = _watch(page, seconds)
    last = _held(devtools)
    frames = page.evaluate("window.heartwardFrames")
    return {
        "beds": beds,
        "seconds": seconds,
        "tiles": page.locator(".tile").count(),
        "results": len(delays_ms),
        "painted_ms": {
            f"p{share}": round(float(np.percentile(delays_ms, share)), 1) for share in (50, 95, 99)
        },
        "late_frames": frames["late"] / frames["all"],
        "held": {what: {"first": first[what], "last": last[what]} for what in first},
    }


def _watch(page: Page, seconds: float) -> list[float]:
    delays_ms: list[float] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        page.wait_for_timeout(_LOOK_EVERY_S * 1000)
        delays_ms += page.evaluate("window.heartwardDelaysMs.splice(0)")
    return delays_ms


def _held(devtools: CDPSession) -> dict[str, float]:
    """What a page keeps after everything unused was collected, and what its processes take."""
    devtools.send("HeapProfiler.collectGarbage")
    counters: dict[str, float] = devtools.send("Memory.getDOMCounters")
    return {
        "heap_mib": round(devtools.send("Runtime.getHeapUsage")["usedSize"] / _MIB, 2),
        "nodes": counters["nodes"],
        "listeners": counters["jsEventListeners"],
        "resident_mib": round(_resident_bytes() / _MIB, 1),
    }


def _resident_bytes() -> int:
    """Of all pages of the browser that this process has started."""
    return sum(
        child.memory_info().rss
        for child in psutil.Process().children(recursive=True)
        if "--type=renderer" in child.cmdline()
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--beds", type=int, default=100)
    options.add_argument("--seconds", type=float, default=600)
    chosen = options.parse_args()
    arguments = ("--beds", str(chosen.beds), "--port", str(free_port()))
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), *arguments) as stack,
        sync_playwright() as playwright,
    ):
        stack.wait_for_beds(chosen.beds, within_s=90)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        measured = measure(stack, browser, chosen.beds, chosen.seconds)
        browser.close()
    report.save("console", measured)
    report.table(
        f"The console with {chosen.beds} beds for {chosen.seconds:.0f} s",
        ["", "measured", "target"],
        _rows(measured),
    )
    growth = max(_growth(measured["held"][what]) for what in MUST_BE_FLAT)
    sys.exit(not (measured["painted_ms"]["p99"] <= MAX_P99_MS and growth <= MAX_GROWTH))


def _rows(measured: dict[str, Any]) -> list[list[Any]]:
    painted, held = measured["painted_ms"], measured["held"]
    return [
        ["result on Kafka to painted, p50, ms", painted["p50"], ""],
        ["result on Kafka to painted, p99, ms", painted["p99"], MAX_P99_MS],
        ["results painted", measured["results"], ""],
        ["frames later than 50 ms, share", round(measured["late_frames"], 4), ""],
        *(
            [
                f"{words} of the page",
                f"{held[what]['first']} to {held[what]['last']}",
                f"+{MAX_GROWTH:.0%}" if what in MUST_BE_FLAT else "",
            ]
            for what, words in _HELD.items()
        ),
    ]


def _growth(held: dict[str, float]) -> float:
    return held["last"] / held["first"] - 1


if __name__ == "__main__":
    main()
