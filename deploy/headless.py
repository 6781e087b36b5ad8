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
        When anything was lost, when a bed gave no result, or when a process cannot be held up.
    """
    with JsonFile(file) as json, run_folder() as folder, Interrupts() as interrupts:
        report = folder.path / "simulator.json"
        simulation = replace(simulation, drain_s=_ACKNOWLEDGEMENTS_S, report=report)
        run = WardRun(replace(plan, simulation=simulation), assignments, folder)
        console = Console(stderr=True)
        show = Show(run, assignments, LineScreen(console), folder)
        try:
            _until(lambda: show.elapsed_s >= seconds, show, interrupts)
            _drain(show, report, interrupts)
        finally:
            run.end(interrupts)
            sent = _sent(report)
            expected = _expected(sent)
            json.write(
                show.measurement.document(
                    beds=simulation.beds,
                    seconds=seconds,
                    chunks_sent=_transmissions(sent),
                    chunks_received=show.view.chunks,
                    expected=expected,
                )
            )
    console.out(show.measurement.summary(expected), highlight=False)
    _complain(show.measurement, expected, simulation.beds)


def _drain(show: Show, report: Path, interrupts: Interrupts) -> None:
    """End the wearables, wait for what they saw acknowledged, then for the bridge's last counts."""
    _end(SIMULATOR, show, interrupts)
    expected = _expected(_sent(report))
    _until(lambda: not show.measurement.lost(expected), show, interrupts, at_most_s=_RESULTS_S)
    _end(BRIDGE, show, interrupts)
    _until(lambda: False, show, interrupts, at_most_s=_LAST_HEARTBEAT_S)


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


def _sent(report: Path) -> SimulatorReport | None:
    return read(report) if report.exists() else None


def _expected(sent: SimulatorReport | None) -> list[Identity]:
    """Every window whose sound the device saw acknowledged."""
    return [
        (device.device_id, boot.boot_id, index)
        for device in (sent.devices if sent else ())
        for boot in device.boots
        for index in acknowledged_windows(boot, PIPELINE_GRID)
    ]


def _transmissions(sent: SimulatorReport | None) -> int:
    if sent is None:
        return 0
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
        raise UserError(
            f"{silent} of {beds} beds gave no result: see above, or allow more --seconds"
        )
