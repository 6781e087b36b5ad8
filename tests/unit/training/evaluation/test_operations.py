"""Counts are held against the arithmetic on paper."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.registry import ARTIFACTS
from training.evaluation.operations import count


def graph(
    nodes: list[onnx.NodeProto], weights: Mapping[str, tuple[int, ...]], given: list[int | str]
) -> bytes:
    """One input `x`, one output `y` of any shape."""
    constants = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in weights.items()
    ]
    made = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    opset = helper.make_opsetid("", 18)
    written: bytes = helper.make_model(
        made, opset_imports=[opset], ir_version=10
    ).SerializeToString()
    return written


def test_a_convolution() -> None:
    """8 filters of 3 x 5 x 5 at 14 x 14 places."""
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[2, 2], pads=[2, 2, 2, 2])
    found = count(graph([node], {"w": (8, 3, 5, 5), "b": (8,)}, ["batch", 3, 28, 28]))
    assert found.macs == 8 * 14 * 14 * 3 * 5 * 5
    assert found.flops == 2 * found.macs
    assert found.parameters == 8 * 3 * 5 * 5 + 8


def test_a_depthwise_convolution_costs_one_channel_each() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=16, pads=[1, 1, 1, 1])
    found = count(graph([node], {"w": (16, 1, 3, 3)}, ["batch", 16, 10, 10]))
    assert found.macs == 16 * 10 * 10 * 9


@pytest.mark.parametrize("turned", [0, 1])
def test_a_dense_layer(turned: int) -> None:
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=turned)
    shape = (5, 64) if turned else (64, 5)
    assert count(graph([node], {"w": shape}, ["batch", 64])).macs == 64 * 5


def test_a_matrix_product_of_every_frame() -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert count(graph([node], {"w": (40, 20)}, ["batch", 30, 40])).macs == 30 * 40 * 20


@pytest.mark.parametrize(("kind", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("directions", [1, 2])
def test_a_recurrence(kind: str, gates: int, directions: int) -> None:
    """7 steps of 6 inputs and 5 units: each gate multiplies input and state."""
    turn = helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2])
    weights = {"w": (directions, gates * 5, 6), "r": (directions, gates * 5, 5)}
    node = helper.make_node(
        kind,
        ["steps", "w", "r"],
        ["y"],
        hidden_size=5,
        direction="bidirectional" if directions == 2 else "forward",
    )
    found = count(graph([turn, node], weights, ["batch", 7, 6]))
    assert found.macs == 7 * directions * gates * 5 * (6 + 5)


def test_what_cannot_be_counted_is_named() -> None:
    node = helper.make_node("Einsum", ["x", "w"], ["y"], equation="bi,ij->bj")
    found = count(graph([node], {"w": (4, 4)}, ["batch", 4]))
    assert (found.macs, found.uncounted) == (0, ("Einsum",))


def test_the_front_ends_tables_are_not_parameters() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "net.front.bank"], ["mel"]),
        helper.make_node("MatMul", ["mel", "net.head"], ["y"]),
    ]
    found = count(graph(nodes, {"net.front.bank": (9, 4), "net.head": (4, 2)}, ["batch", 9]))
    assert (found.parameters, found.front_end_constants) == (8, 36)


def test_a_single_number_is_no_parameter() -> None:
    node = helper.make_node("Add", ["x", "epsilon"], ["y"])
    assert count(graph([node], {"epsilon": ()}, ["batch", 4])).parameters == 0


@pytest.mark.parametrize("file", sorted(ARTIFACTS.glob("*.onnx")), ids=lambda path: path.name)
def test_what_ships_is_counted_wholly(file: Path) -> None:
    found = count(file.read_bytes())
    assert not found.uncounted
    assert found.parameters > 0
    assert found.front_end_constants > 0
    assert found.macs > found.parameters  # a convolution uses each weight many times
