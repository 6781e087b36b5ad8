from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.contract import Metric
from models.errors import ConfigurationError, ModelError
from tests.unit.models import tiny
from training.evaluation import cost, tiers
from training.evaluation.cost import Cost, Latency
from training.evaluation.cost_tables import cost_tables
from training.evaluation.operations import Operations


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Cost:
    path = tmp_path_factory.mktemp("cost") / "tiny.onnx"
    path.write_bytes(tiny.artifact())
    return cost.measure(path, (1, 8), seconds=0.1)


def test_every_batch_is_timed(measured: Cost) -> None:
    assert [each.batch for each in measured.latency] == [1, 8]
    for each in measured.latency:
        assert each.calls >= 20
        assert 0 < each.least_ms <= each.median_ms <= each.most_ms
        assert each.least_ms <= each.mean_ms <= each.most_ms
        assert each.per_window_ms == pytest.approx(each.median_ms / each.batch)


def test_a_tiny_net_takes_little_memory_of_its_own(measured: Cost) -> None:
    """The runtime and its libraries are tens of megabytes, the net next to nothing."""
    assert -1 < measured.own_mb < 10 < measured.peak_mb
    assert measured.size_bytes < 5000


def test_operations_are_for_one_patient(measured: Cost) -> None:
    assert measured.operations.macs == 2  # one mean, two signs
    assert measured.flops_per_s == pytest.approx(4 / measured.hop_s)


def test_two_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny.artifact())
    first_ms, second_ms = cost.times_in_turns(path, path, calls=30)
    assert len(first_ms) == len(second_ms) == 30
    assert np.median(first_ms) == pytest.approx(np.median(second_ms), rel=1.0)


def test_what_is_no_artifact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        cost.measure(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(ModelError, match="not readable ONNX"):
        cost.measure(broken)


def made(own_mb: float, flops_per_s: float) -> Cost:
    latency = Latency(
        batch=8,
        calls=20,
        mean_ms=1.0,
        deviation_ms=0.0,
        median_ms=1.0,
        least_ms=1.0,
        most_ms=1.0,
        per_window_ms=0.125,
    )
    counted = Operations(
        parameters=1,
        front_end_constants=0,
        macs=round(flops_per_s * 2.5 / 2),
        macs_by_operator={},
        uncounted=(),
    )
    return Cost(
        model="made",
        version="1",
        size_bytes=1,
        operations=counted,
        latency=(latency, msgspec.structs.replace(latency, batch=1, per_window_ms=0.5)),
        peak_mb=100,
        own_mb=own_mb,
        hop_s=2.5,
        pinned=True,
    )


@pytest.mark.parametrize(
    ("own_mb", "flops_per_s", "tier"),
    [
        (2, 3e6, "wearable"),
        (8, 20e6, "wearable"),
        (9, 3e6, "phone"),
        (2, 21e6, "phone"),
        (100, 3e6, "gateway"),
        (600, 3e9, "server"),
        (5000, 3e6, None),
    ],
)
def test_the_tier_is_the_smallest_that_both_fit(
    own_mb: float, flops_per_s: float, tier: str | None
) -> None:
    found = tiers.tier_of(made(own_mb, flops_per_s))
    assert (found.name if found else None) == tier


def test_patients_are_counted_from_the_quickest_batch() -> None:
    assert tiers.patients_per_core(made(1, 1e6)) == pytest.approx(2500 / 0.125)


def test_a_tier_shows_the_best_uar_that_an_artifact_tells_of_itself() -> None:
    untold = made(1, 1e6)
    told = msgspec.structs.replace(untold, told_uar=0.871)
    other = msgspec.structs.replace(untold, version="0.2.0", told_uar=0.6)
    lines = cost_tables([untold, told, other], []).splitlines()
    uars = [line.split("|")[-2].strip() for line in lines if line.startswith("| wearable |")]
    assert uars == ["-", "0.871", "0.600"]


def test_what_an_artifact_tells_of_a_leaking_division_is_no_figure_of_it(tmp_path: Path) -> None:
    told = {
        "physionet2016-5-fold.recording.uar": Metric(value=0.8, low=0.7, high=0.9),
        "physionet2016-random-4-1.recording.uar": Metric(value=0.99, low=0.9, high=1.0),
    }
    contract = msgspec.structs.replace(tiny.CONTRACT, metrics=told)
    (tmp_path / "tiny.onnx").write_bytes(tiny.artifact(contract))
    found = cost.measure(tmp_path / "tiny.onnx", batches=(1,), seconds=0.05)
    assert found.told_uar == pytest.approx(0.8)
