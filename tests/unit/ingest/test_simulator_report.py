"""The report says which windows must be in the results, and no write is seen half done."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator_report import (
    BootReport,
    DeviceReport,
    SimulatorReport,
    acknowledged_windows,
    read,
    totals,
    write,
)
from models.contract import PIPELINE_GRID
from models.errors import UserError

BOOT = BootReport(
    boot_id=7,
    started_us=1,
    sample_rate_hz=2000,
    produced_to_sample=60_000,
    acknowledged_to_sample=52_000,
    kept_from_sample=52_000,
    lost=(),
    chunks_recorded=30,
    chunks_sent=30,
    chunks_resent=2,
    chunks_history=3,
)


def report(*boots: BootReport, at_us: int = 9) -> SimulatorReport:
    device = DeviceReport(
        device_id="wearable-01",
        group="ward",
        sample_rate_hz=2000,
        chunk_samples=2000,
        encoding="flac",
        recordings=("a0001",),
        boots=boots,
    )
    return SimulatorReport(
        seed=1,
        started_us=1,
        at_us=at_us,
        is_final=True,
        totals=totals((device,), lost_on_the_way=4, doubled_on_the_way=5),
        devices=(device,),
    )


def test_a_window_is_expected_once_its_last_sample_is_acknowledged() -> None:
    at_26_s = list(acknowledged_windows(BOOT, PIPELINE_GRID))
    assert at_26_s == list(range(9))  # window 8 ends at 25 s, window 9 at 27.5 s
    to_the_sample = msgspec.structs.replace(BOOT, acknowledged_to_sample=10_000)
    assert list(acknowledged_windows(to_the_sample, PIPELINE_GRID)) == [0]
    one_short = msgspec.structs.replace(BOOT, acknowledged_to_sample=9_999)
    assert list(acknowledged_windows(one_short, PIPELINE_GRID)) == []


@given(
    rate_hz=st.sampled_from([1000, 2000, 8000, 44100]),
    acknowledged_s=st.floats(0.0, 60.0),
    lost_s=st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.01, 9.0)), max_size=3),
)
def test_a_window_that_touches_lost_sound_is_not_expected(
    rate_hz: int, acknowledged_s: float, lost_s: list[tuple[float, float]]
) -> None:
    boot = msgspec.structs.replace(
        BOOT,
        sample_rate_hz=rate_hz,
        acknowledged_to_sample=int(acknowledged_s * rate_hz),
        lost=tuple((int(a * rate_hz), int((a + n) * rate_hz) + 1) for a, n in lost_s),
    )
    expected = []
    for index in range(30):
        first, end = int(index * 2.5 * rate_hz), int((index * 2.5 + 5.0) * rate_hz)
        touches = any(max(first, a) < min(end, b) for a, b in boot.lost)
        if end <= boot.acknowledged_to_sample and not touches:
            expected.append(index)
    assert list(acknowledged_windows(boot, PIPELINE_GRID)) == expected


def test_totals_are_sums_over_all_boots() -> None:
    total = report(BOOT, msgspec.structs.replace(BOOT, lost=((0, 4000),))).totals
    assert (total.devices, total.chunks_sent, total.chunks_resent) == (1, 60, 4)
    assert (total.audio_recorded_s, total.audio_acknowledged_s) == (60.0, 52.0)
    assert (total.audio_lost_s, total.lost_on_the_way, total.doubled_on_the_way) == (2.0, 4, 5)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    for at_us in (1, 2):
        write(report(BOOT, at_us=at_us), path)
        assert read(path) == report(BOOT, at_us=at_us)
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(report(BOOT), path)
    (tmp_path / ".report.json.unfinished").mkdir()  # in the way
    with pytest.raises(UserError, match=r"report\.json cannot be written \(.*\): name another"):
        write(report(BOOT, at_us=2), path)
    assert read(path).at_us == 9


def test_a_report_is_not_written_over_what_is_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="pipe is not a plain file: name another file"):
        write(report(BOOT), pipe)
    assert pipe.is_fifo()


def test_a_report_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json cannot be read"):
        read(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"v": 1', encoding="utf-8")
    with pytest.raises(UserError, match=r"half\.json cannot be read"):
        read(tmp_path / "half.json")
