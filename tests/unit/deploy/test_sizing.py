"""The guide is what the command reckons, and grows as it must."""

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import deploy
from deploy.sizing import BEDS, MEASURED, Measured, arithmetic, costs, page, size
from deploy.sizing_results import with_results
from ingest.chunk import AudioChunk
from ingest.chunk import encode as encode_chunk
from models.errors import UserError
from stream_processors.records import encode
from tests.results import window_result

GIVEN = costs()


def test_the_page_that_ships_is_what_the_command_prints() -> None:
    assert (Path(deploy.__path__[0]) / "SIZING.md").read_text() == page(GIVEN)


@pytest.mark.parametrize("beds", BEDS)
def test_workers_share_the_partitions_evenly_and_have_room(beds: int) -> None:
    found = size(beds, GIVEN)
    assert found.partitions % found.workers == 0
    assert found.partitions >= beds / GIVEN.assumed.devices_a_partition
    load = beds * GIVEN.everything.worker_us / 1e6 / found.workers
    assert load <= GIVEN.assumed.use_of_a_core


def test_more_beds_need_no_less_of_anything() -> None:
    sizes = [size(beds, GIVEN) for beds in BEDS]
    for smaller, larger in itertools.pairwise(sizes):
        assert all(a <= b for a, b in zip(smaller, larger, strict=True))


def test_every_number_of_a_size_is_in_its_arithmetic() -> None:
    found = size(1000, GIVEN)
    results = {step.what: step.result for step in arithmetic(1000, GIVEN)}
    assert results["workers"] == str(found.workers)
    assert results["alarm workers"] == str(found.alarm_workers)
    assert results["Kafka brokers"] == str(found.brokers) == "3"
    assert results["Kafka's disks"] == f"{found.kafka_gib:.0f} GiB"


def test_a_chunk_and_a_result_are_as_long_as_is_reckoned() -> None:
    chunk = AudioChunk(
        boot_id=2**31,
        seq=5000,
        first_sample=10_000_000,
        kept_from_sample=9_000_000,
        captured_at_us=1_790_000_000_000_000,
        sample_rate_hz=2000,
        samples=bytes(4000),
    )
    assert len(encode_chunk(chunk)) == pytest.approx(GIVEN.wire.chunk_bytes, rel=0.05)
    assert len(encode(window_result())) == pytest.approx(GIVEN.wire.result_bytes, rel=0.1)


def load(kafka: str = "embedded", *, everything: bool = False, **cost_us: float) -> dict[str, Any]:
    """As much of a run of bench_capacity as the guide asks for."""
    cost = dict.fromkeys(("workers", "bridge", "MQTT broker", "Kafka", "alarm worker"), 1.0)
    return {
        "devices": 2000,
        "workers": 2,
        "kafka": kafka,
        "everything": everything,
        "cpu_us_per_device_s": cost | cost_us,
    }


def saved(folder: Path, name: str, *runs: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps({"measured": {"runs": runs}}))


def test_a_machines_own_costs_take_the_place_of_those_that_ship(tmp_path: Path) -> None:
    twice = 2 * GIVEN.everything.worker_us
    alone, second = load(workers=300, bridge=40.4), load(workers=7)
    saved(tmp_path, "capacity.json", alone, second, load(everything=True, workers=twice))
    own = with_results(GIVEN, tmp_path)
    assert (own.measured.worker_us, own.measured.bridge_us) == (300, 40)
    assert (own.everything.worker_us, own.everything.alarms_us) == (twice, 1)
    assert own.writer == GIVEN.writer
    assert size(10_000, own).workers == pytest.approx(2 * size(10_000, GIVEN).workers, abs=1)


def test_apaches_kafka_is_reckoned_with_where_it_was_measured(tmp_path: Path) -> None:
    saved(tmp_path, "capacity.json", load(Kafka=300))
    saved(tmp_path, "capacity-apache.json", load("apache", Kafka=100))
    found = with_results(GIVEN, tmp_path).measured
    assert (found.kafka, found.kafka_us) == ("apache", 100)
    assert "--kafka apache" in found.by


def test_a_writers_cost_is_of_results_that_come_in_time(tmp_path: Path) -> None:
    costs_us = ({"writer": 30.0, "database": 70.0}, {"writer": 300.0, "database": 700.0})
    runs = [{"late": late, "cpu_us_per_result": each} for late, each in enumerate(costs_us)]
    saved(tmp_path, "influx.json", *runs)
    found = with_results(GIVEN, tmp_path)
    assert (found.writer.writer_us, found.writer.database_us) == (30, 70)
    assert found.measured == GIVEN.measured


def test_a_folder_without_results_and_a_damaged_one_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no results: python -m tests"):
        with_results(GIVEN, tmp_path)
    (tmp_path / "capacity.json").write_text('{"measured": []}')
    with pytest.raises(UserError, match=r"capacity\.json is no result of a benchmark"):
        with_results(GIVEN, tmp_path)


def test_the_measured_file_holds_what_benchmarks_find_and_nothing_else() -> None:
    text = MEASURED.read_bytes()
    known = msgspec.json.decode(text, type=Measured)
    assert msgspec.json.format(msgspec.json.encode(known)) + b"\n" == text
