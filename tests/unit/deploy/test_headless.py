"""A headless run certifies nothing that it could not count."""

from pathlib import Path

import pytest
from msgspec import structs

from deploy.headless import whole_report
from ingest.simulator_report import BootReport, DeviceReport, SimulatorReport, totals, write
from models.errors import UserError


def _report(*, acknowledged_s: int = 20) -> SimulatorReport:
    boot = BootReport(
        boot_id=1,
        started_us=0,
        sample_rate_hz=2000,
        produced_to_sample=2000 * acknowledged_s,
        acknowledged_to_sample=2000 * acknowledged_s,
        kept_from_sample=0,
        lost=(),
        chunks_recorded=acknowledged_s,
        chunks_sent=acknowledged_s,
        chunks_resent=0,
        chunks_history=0,
    )
    device = DeviceReport(
        device_id="a",
        group="ward",
        sample_rate_hz=2000,
        chunk_samples=2000,
        encoding="pcm_s16le",
        recordings=("r",),
        boots=(boot,),
    )
    return SimulatorReport(
        seed=1,
        started_us=0,
        at_us=1,
        is_final=True,
        totals=totals((device,), lost_on_the_way=0, doubled_on_the_way=0),
        devices=(device,),
    )


def test_a_final_report_of_whole_windows_counts(tmp_path: Path) -> None:
    write(_report(), tmp_path / "report.json")
    assert whole_report(tmp_path / "report.json") == _report()


def test_no_report_certifies_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"wrote no report, so no loss can be counted: allow more"):
        whole_report(tmp_path / "report.json")


def test_a_report_on_the_way_certifies_nothing(tmp_path: Path) -> None:
    write(structs.replace(_report(), is_final=False), tmp_path / "report.json")
    with pytest.raises(UserError, match=r"killed before its last report, .* no loss can be"):
        whole_report(tmp_path / "report.json")


def test_a_report_without_a_whole_window_certifies_nothing(tmp_path: Path) -> None:
    write(_report(acknowledged_s=4), tmp_path / "report.json")
    with pytest.raises(UserError, match=r"there was nothing to lose: allow more --seconds"):
        whole_report(tmp_path / "report.json")
