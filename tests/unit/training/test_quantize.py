import copy

import numpy as np
import onnx
import pytest
import torch

from models.dsp import scale
from models.predictor import OnnxPredictor
from tests.unit.training import small_artifact
from tests.unit.training.small_artifact import CONTRACT, windows
from training import export, quantize
from training.engine import quantisation
from training.export import FRONT


@pytest.fixture(scope="module")
def int8() -> dict[str, bytes]:
    artifact = small_artifact.artifact()
    calibration = scale(windows(64, seed=1), CONTRACT.scaling)
    return {
        "weights": quantize.weights(artifact),
        "static": quantize.static(artifact, calibration),
        "dynamic": quantize.dynamic(artifact),
    }


@pytest.mark.parametrize("form", ["weights", "static", "dynamic"])
def test_eight_bits_answer_nearly_the_same_under_the_same_contract(
    int8: dict[str, bytes], form: str
) -> None:
    model = OnnxPredictor(int8[form])
    assert model.contract == CONTRACT
    floating = OnnxPredictor(small_artifact.artifact()).predict(windows(32))
    quantised = model.predict(windows(32))
    assert not np.array_equal(floating, quantised)
    assert np.abs(floating - quantised).max() < 0.1


@pytest.mark.parametrize("form", ["weights", "static"])
@pytest.mark.parametrize("batch", [1, 3, 8, 64])
def test_an_eight_bit_result_does_not_depend_on_its_batch(
    int8: dict[str, bytes], form: str, batch: int
) -> None:
    model, sound = OnnxPredictor(int8[form]), windows(64)
    parts = [model.predict(sound[k : k + batch]) for k in range(0, 64, batch)]
    assert np.array_equal(np.concatenate(parts), model.predict(sound))


@pytest.mark.parametrize("form", ["weights", "static", "dynamic"])
def test_the_front_end_stays_in_floating_point(int8: dict[str, bytes], form: str) -> None:
    model = onnx.load_from_string(int8[form])
    kinds = {each.name: each.data_type for each in model.graph.initializer}
    tables = [name for name in kinds if name.endswith(("front.dft", "front.bank"))]
    assert [kinds[name] for name in tables] == [onnx.TensorProto.FLOAT] * 2
    front = {node.name: node.op_type for node in model.graph.node if node.name.startswith(FRONT)}
    plain = onnx.load_from_string(small_artifact.artifact()).graph.node
    assert front == {node.name: node.op_type for node in plain if node.name.startswith(FRONT)}


@pytest.mark.parametrize("form", ["weights", "static", "dynamic"])
def test_weights_are_kept_in_eight_bits(int8: dict[str, bytes], form: str) -> None:
    model = onnx.load_from_string(int8[form])
    small = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    own = [each for each in model.graph.initializer if "front" not in each.name]
    kept = sum(int(np.prod(each.dims)) for each in own if each.data_type in small)
    wide = [each for each in own if each.data_type == onnx.TensorProto.FLOAT]
    assert kept > 600
    assert max(int(np.prod(each.dims)) for each in wide) <= 72  # a scale or bias for each map


def test_a_net_that_was_trained_on_the_grid_of_eight_bits_loses_nothing() -> None:
    net = copy.deepcopy(small_artifact.net())
    with torch.no_grad():
        for weight in net.net.parameters():
            if weight.ndim > 1:
                weight.copy_(quantisation.on_grid(weight))
    artifact = export.export(net, CONTRACT)
    floating, int8 = OnnxPredictor(artifact), OnnxPredictor(quantize.weights(artifact))
    assert int8.predict(windows(16)) == pytest.approx(floating.predict(windows(16)), abs=1e-5)


def test_each_output_of_a_recurrent_net_has_its_own_scale() -> None:
    artifact = small_artifact.artifact("gru", "raw-frames")
    int8 = quantize.weights(artifact)
    scales = {
        each.name: tuple(each.dims)
        for each in onnx.load_from_string(int8).graph.initializer
        if each.name.endswith("_scale")
    }
    assert (192, 1) in scales.values()  # three gates of 64 units
    floating = OnnxPredictor(artifact).predict(windows(8))
    assert np.abs(OnnxPredictor(int8).predict(windows(8)) - floating).max() < 0.05
