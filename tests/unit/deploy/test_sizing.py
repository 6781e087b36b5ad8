"""The guide is what the command reckons, and grows as it must."""

import itertools
import json
from pathlib import Path

import pytest

import deploy
from deploy.sizing import BEDS, arithmetic, costs, page, size
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
    load = beds * GIVEN.measured.worker_us / 1e6 / found.workers
    assert load <= GIVEN.assumed.use_of_a_core


def test_more_beds_need_no_less_of_anything() -> None:
    sizes = [size(beds, GIVEN) for beds in BEDS]
    for smaller, larger in itertools.pairwise(sizes):
        assert all(a <= b for a, b in zip(smaller, larger, strict=True))


def test_every_number_of_a_size_is_in_its_arithmetic() -> None:
    found = size(1000, GIVEN)
    results = {step.what: step.result for step in arithmetic(1000, GIVEN)}
    assert results["workers"] == str(found.workers)
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


def test_a_machines_own_costs_take_the_place_of_those_that_ship(tmp_path: Path) -> None:
    of = {"workers": 596.0, "bridge": 1.0, "MQTT broker": 2.0, "Kafka": 3.0}
    file = tmp_path / "capacity.json"
    file.write_text(json.dumps({"measured": {"runs": [{"cpu_us_per_device_s": of}]}}))
    twice = costs(file)
    assert twice.measured.worker_us == 596.0
    assert size(10_000, twice).workers == pytest.approx(2 * size(10_000, GIVEN).workers, abs=1)
    with pytest.raises(UserError, match="no result of bench_capacity"):
        costs(tmp_path / "other.json")
