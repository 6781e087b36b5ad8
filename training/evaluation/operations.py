"""How much one window costs to compute, counted from an ONNX graph node by node.

A multiply-accumulate (MAC) is what convolutions, matrix products and recurrent cells are made of;
an operation is one multiplication or one addition, so twice as many. All else (activations,
normalisation, pooling) is some per cent of these and is not counted. Shapes are not inferred but
seen: the graph is run once on a window of silence with every tensor as an output.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as in models.predictor

import msgspec
import numpy as np
import onnx
import onnxruntime

_FRONT_NODES = "front/"  # as training.export names them
_FRONT_END = re.compile(r"(^|[._])front([._]|$)")
_WEIGHTS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8)
_WEIGHTS_U8 = onnx.TensorProto.UINT8
_SEVERE_ONLY = 3

Shape = tuple[int, ...]
# What a node's output and inputs are like, in this order.
Shapes = tuple[Shape, list[Shape]]


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """Of one window.

    Attributes
    ----------
    parameters
        Learnt numbers: the elements of all weights, without the front end's.
    front_end_constants
        Elements of the front end's fixed tables (window, transform, mel bank).
    macs, macs_by_operator
        Multiply-accumulates, in all and by kind of node.
    uncounted
        Kinds of node that compute much and could not be counted; empty means all were.
    """

    parameters: int
    front_end_constants: int
    macs: int
    macs_by_operator: dict[str, int]
    uncounted: tuple[str, ...]

    @property
    def flops(self) -> int:
        return 2 * self.macs


def count(artifact: bytes) -> Operations:
    """Count an ONNX file of one input with a free first axis."""
    model = onnx.load_from_string(artifact)
    shapes = _shapes(model)
    macs: Counter[str] = Counter()
    uncounted = set()
    for node in model.graph.node:
        if node.op_type in _COUNTED:
            inputs = [shapes[name] for name in node.input if name in shapes]
            macs[node.op_type] += _COUNTED[node.op_type](node, (shapes[node.output[0]], inputs))
        elif node.op_type in _HEAVY:
            uncounted.add(node.op_type)
    parameters, constants = _weights(model)
    return Operations(
        parameters=parameters,
        front_end_constants=constants,
        macs=sum(macs.values()),
        macs_by_operator=dict(sorted(macs.items())),
        uncounted=tuple(sorted(uncounted)),
    )


def _weights(model: onnx.ModelProto) -> tuple[int, int]:
    """The front end's tables bear its name, or only its nodes take them.

    Single numbers and quantisation's are neither.
    """
    counts = {True: 0, False: 0}
    learnt = {name for node in model.graph.node for name in _taken(node, front_end=False)}
    fixed = {name for node in model.graph.node for name in _taken(node, front_end=True)} - learnt
    for tensor in model.graph.initializer:
        helps = not tensor.dims or tensor.name.endswith(("_scale", "_zero_point"))
        if tensor.data_type in (*_WEIGHTS, _WEIGHTS_U8, onnx.TensorProto.INT32) and not helps:
            is_fixed = tensor.name in fixed or bool(_FRONT_END.search(tensor.name))
            counts[is_fixed] += math.prod(tensor.dims)
    return counts[False], counts[True]


def _taken(node: onnx.NodeProto, *, front_end: bool) -> Sequence[str]:
    return node.input if node.name.startswith(_FRONT_NODES) == front_end else ()


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """The shape of every tensor that holds numbers, for one window."""
    known = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    wanted = [name for node in model.graph.node for name in node.output if name]
    del wide.graph.output[:]
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = _SEVERE_ONLY
    session = onnxruntime.InferenceSession(
        wide.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    silence = np.zeros([1, *given.shape[1:]], np.float32)
    answers = session.run(wanted, {given.name: silence})
    seen = {name: np.shape(value) for name, value in zip(wanted, answers, strict=True)}
    return known | seen | {given.name: silence.shape}


def _convolution(_node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each output element takes one product per weight of its filter."""
    output, (_, weight, *_) = shapes
    return math.prod(output) * math.prod(weight[1:])


def _quantised_convolution(_node: onnx.NodeProto, shapes: Shapes) -> int:
    """As `Conv`, but its inputs are x, scale, zero point, then the weight."""
    output, inputs = shapes
    return math.prod(output) * math.prod(inputs[3][1:])


def _transposed_convolution(_node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each input element is spread by one filter."""
    _, (given, weight, *_) = shapes
    return math.prod(given) * math.prod(weight[1:])


def _matrix_product(_node: onnx.NodeProto, shapes: Shapes) -> int:
    output, (left, *_) = shapes
    return math.prod(output) * left[-1]


def _general_product(node: onnx.NodeProto, shapes: Shapes) -> int:
    output, (left, *_) = shapes
    turned = any(each.name == "transA" and each.i for each in node.attribute)
    return math.prod(output) * left[0 if turned else -1]


def _recurrence(_node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each step multiplies input and state with the weights of all gates, in each direction.

    ONNX has x as (steps, batch, inputs), W as (directions, gates x hidden, inputs), R as
    (directions, gates x hidden, hidden).
    """
    _, (given, weight, again, *_) = shapes
    steps, batch, _ = given
    return steps * batch * (math.prod(weight) + math.prod(again))


_COUNTED: Mapping[str, Callable[[onnx.NodeProto, Shapes], int]] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "QLinearConv": _quantised_convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _general_product,
    "MatMul": _matrix_product,
    "MatMulInteger": _matrix_product,
    "QLinearMatMul": _matrix_product,
    "RNN": _recurrence,
    "LSTM": _recurrence,
    "GRU": _recurrence,
}
_HEAVY = frozenset({"Einsum", "STFT", "DFT", "Loop", "Scan", "If", "Attention"})
