from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, Distribution, Metric
from models.dsp import scale
from models.predictor import OnnxPredictor
from tests.unit.models.tiny import CONTRACT
from training.architectures.logmel_cnn import CnnConfig, LogMelCnn
from training.export import export, measured_contract, with_contract
from training.quantize import Comparison, quantize
from training.train import SCALING

TRAINED = msgspec.structs.replace(CONTRACT, scaling=SCALING, metrics={}, reference={})


@cache
def net() -> LogMelCnn:
    """Random, with statistics of normalisation as training would leave them."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = LogMelCnn(2, CnnConfig())
    for _ in range(20):
        made.train()(torch.from_numpy(scale(windows(16), SCALING)))
    return made.eval()


def windows(count: int) -> npt.NDArray[np.float32]:
    """Noise that swells at a rate of its own in each window."""
    rng = np.random.default_rng(0)
    rate = rng.uniform(0.5, 5, (count, 1))
    swell = np.sin(rate * np.arange(CONTRACT.window_samples) / 600) ** 8
    return (0.1 * swell * rng.standard_normal(swell.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def artifact() -> bytes:
    return export(net(), TRAINED)


@pytest.fixture(scope="module")
def int8(artifact: bytes) -> bytes:
    return quantize(artifact, scale(windows(64), SCALING))


def test_the_exported_graph_answers_as_the_net_does(artifact: bytes) -> None:
    with torch.no_grad():
        expected = net()(torch.from_numpy(scale(windows(5), SCALING))).softmax(-1).numpy()
    assert np.ptp(expected[:, 0]) > 0.01
    assert OnnxPredictor(artifact).predict(windows(5)) == pytest.approx(expected, abs=1e-5)


def test_labels_that_may_concur_get_a_sigmoid_each() -> None:
    contract = msgspec.structs.replace(TRAINED, exclusive=False)
    with torch.no_grad():
        expected = net()(torch.from_numpy(scale(windows(5), SCALING))).sigmoid().numpy()
    answers = OnnxPredictor(export(net(), contract)).predict(windows(5))
    assert answers == pytest.approx(expected, abs=1e-5)


def test_the_file_carries_its_contract_and_fits_the_pipeline(artifact: bytes) -> None:
    contract = OnnxPredictor(artifact).contract
    assert contract == TRAINED
    contract.require_fit(PIPELINE_GRID, PIPELINE_FILTER)


def test_the_file_does_not_tell_where_it_was_made(artifact: bytes, int8: bytes) -> None:
    for file in (artifact, int8):
        assert str(Path.home()).encode() not in file
        assert str(Path.cwd()).encode() not in file
        assert b"/tmp" not in file


def test_exporting_twice_gives_the_same_file(artifact: bytes) -> None:
    assert export(net(), TRAINED) == artifact


def test_figures_can_be_written_in_without_touching_the_graph(artifact: bytes) -> None:
    contract = measured_contract(
        TRAINED,
        {"test.recording.auc": Metric(value=0.9, low=0.8, high=0.95)},
        {"level": Distribution(deciles=(0.0, 1.0))},
    )
    stamped = OnnxPredictor(with_contract(artifact, contract))
    assert stamped.contract == contract
    assert np.array_equal(stamped.predict(windows(3)), OnnxPredictor(artifact).predict(windows(3)))


def test_eight_bits_answer_nearly_the_same(artifact: bytes, int8: bytes) -> None:
    assert OnnxPredictor(int8).contract == TRAINED
    floating, quantised = (OnnxPredictor(file).predict(windows(16)) for file in (artifact, int8))
    assert not np.array_equal(floating, quantised)
    assert np.abs(floating - quantised).max() < 0.05


@pytest.mark.parametrize("batch", [1, 3, 8, 64])
def test_an_eight_bit_result_does_not_depend_on_its_batch(int8: bytes, batch: int) -> None:
    model, sound = OnnxPredictor(int8), windows(64)
    parts = [model.predict(sound[k : k + batch]) for k in range(0, 64, batch)]
    assert np.array_equal(np.concatenate(parts), model.predict(sound))


@pytest.mark.parametrize(
    ("change", "keep"),
    [
        ({}, True),
        ({"int8_us": 99.0}, False),
        ({"relabelled": 0.02}, False),
        ({"int8_auc": 0.89}, False),
    ],
)
def test_eight_bits_are_kept_only_where_faster_and_in_agreement(
    change: dict[str, float], keep: bool
) -> None:
    found = Comparison(
        float_us=100.0,
        int8_us=60.0,
        relabelled=0.001,
        largest_difference=0.02,
        float_auc=0.9,
        int8_auc=0.9,
    )
    assert msgspec.structs.replace(found, **change).keep is keep
