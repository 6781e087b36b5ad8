"""A simulated ward that nobody watches: run, drained, measured, and judged."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from dashboards.terminal.screen import LineScreen
from deploy.local_stack import BRIDGE, SIMULATOR, Plan, Simulation
from deploy.measurement import Identity, JsonFile, Measurement
from deploy.run_folder import Interrupts, run_folder
from deploy.show import Show
from deploy.ward_run import WardRun
from ingest.simulator_report import SimulatorReport, acknowledged_windows, read
from models.contract import PIPELINE_GRID
from models.errors import UserError
from stream_processors.records import Assignment

_ACKNOWLEDGEMENTS_S = 10.0
_RESULTS_S = 20.0
_LAST_HEARTBEAT_S = 0.5


def measure(
    plan: Plan,
    simulation: Simulation,
    assignments: Sequence[Assignment],
    *,
    seconds: float,
    file: Path,
) -> None:
    """Run a simulated ward for some seconds, drain it, and write what was measured.

    Raises
    ------
    UserError
        When anything was lost, when a bed gave no result, when a process cannot be held up, and
        without a file when the run was cut short or what was sent is not known.
    """
    with JsonFile(file) as json, run_folder() as folder, Interrupts() as interrupts:
        report = folder.path / "simulator.json"
        simulation = replace(simulation, drain_s=_ACKNOWLEDGEMENTS_S, report=report)
        run = WardRun(replace(plan, simulation=simulation), assignments, folder)
        console = Console(stderr=True)
        show = Show(run, assignments, LineScreen(console), folder)
        try:
            _until(lambda: show.elapsed_s >= seconds, show, interrupts)
            lasted_s = show.elapsed_s
            sent = _drain(show, report, interrupts, seconds)
        except UserError:
            folder.keep = not interrupts.count
            raise
        finally:
            run.end(interrupts)
        expected = _expected(sent)
        json.write(
            show.measurement.document(
                beds=simulation.beds,
                seconds=lasted_s,
                chunks_sent=_transmissions(sent),
                chunks_received=show.view.chunks,
                expected=expected,
            )
        )
    console.out(show.measurement.summary(expected), highlight=False)
    _complain(show.measurement, expected, simulation.beds)


def _drain(show: Show, report: Path, interrupts: Interrupts, seconds: float) -> SimulatorReport:
    """End the wearables, wait for what they saw acknowledged, then for the bridge's last counts."""
    _end(SIMULATOR, show, interrupts)
    _refuse_an_interruption(interrupts, show.elapsed_s, seconds)
    sent = whole_report(report)
    expected = _expected(sent)
    _until(lambda: not show.measurement.lost(expected), show, interrupts, at_most_s=_RESULTS_S)
    _end(BRIDGE, show, interrupts)
    _until(lambda: False, show, interrupts, at_most_s=_LAST_HEARTBEAT_S)
    _refuse_an_interruption(interrupts, show.elapsed_s, seconds)
    return sent


def _refuse_an_interruption(interrupts: Interrupts, elapsed_s: float, seconds: float) -> None:
    if interrupts.count:
        raise UserError(
            f"interrupted after {elapsed_s:.0f} s, before {seconds:.0f} s were over and all was "
            "drained: nothing is measured and no file is written"
        )


def _end(part: str, show: Show, interrupts: Interrupts) -> None:
    show.run.supervisor.end(part, time.monotonic())
    _until(lambda: show.run.supervisor.ended(part), show, interrupts)


def _until(
    done: Callable[[], bool],
    show: Show,
    interrupts: Interrupts,
    *,
    at_most_s: float = float("inf"),
) -> None:
    deadline_s = time.monotonic() + at_most_s
    while not done() and not interrupts.count and time.monotonic() < deadline_s:
        show.step()
        if show.run.restarts(SIMULATOR):
            # What the first one sent and saw acknowledged went with it.
            raise UserError(
                "the simulator ended in the middle, so what was sent is not known and nothing is "
                f"measured; run it again. Its last words: {show.run.last_words(SIMULATOR)}"
            )


def whole_report(path: Path) -> SimulatorReport:
    """What the simulator sent, once it has ended.

    Raises
    ------
    UserError
        When it does not tell everything, or when nothing was there to be lost.
    """
    if not path.exists():
        raise UserError(
            "the simulator wrote no report, so no loss can be counted: allow more --seconds, or "
            f"see why in {path.parent}"
        )
    sent = read(path)
    if not sent.is_final:
        raise UserError(
            "the simulator was killed before its last report, because it did not end when asked, "
            f"so no loss can be counted: see why in {path.parent}, and run it again"
        )
    if not _expected(sent):
        raise UserError(
            "no device saw a whole window acknowledged, so there was nothing to lose: allow more "
            f"--seconds, or see why in {path.parent}"
        )
    return sent


def _expected(sent: SimulatorReport) -> list[Identity]:
    """Every window whose sound the device saw acknowledged."""
    return [
        (device.device_id, boot.boot_id, index)
        for device in sent.devices
        for boot in device.boots
        for index in acknowledged_windows(boot, PIPELINE_GRID)
    ]


def _transmissions(sent: SimulatorReport) -> int:
    return sent.totals.chunks_sent + sent.totals.chunks_resent + sent.totals.chunks_history


def _complain(measurement: Measurement, expected: Sequence[Identity], beds: int) -> None:
    lost = measurement.lost(expected)
    if lost:
        device_id, _, index = lost[0]
        raise UserError(
            f"{len(lost)} of {len(expected)} windows were lost, the first of them window {index} "
            f"of {device_id}"
        )
    silent = beds - len(measurement.first_result_of_s)
    if silent:
        raise UserError(f"{silent} of {beds} beds gave no result: allow more --seconds")
