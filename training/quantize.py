"""An artifact in 8 bits, in three ways.

`static` (QDQ) rounds activations (U8) and weights (S8 per channel): the kind that x86 multiplies
fastest. `dynamic` takes the range of every activation anew in each call. `weights` rounds the
weights alone; the runtime multiplies them out once, when it loads the file, which is then as quick
as the floating one and a quarter of its size. The front end stays in floating point in all three:
its squares span more than 8 bits can hold.
"""

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as in models.predictor

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime import quantization

from models.predictor import INPUT
from training.export import FRONT, contract_of, with_contract

CALIBRATION_WINDOWS = 512

_BATCH = 32
_STEPS = 127  # S8, symmetric
_WEIGHED = {"Conv": 1, "Gemm": 1, "MatMul": 1, "RNN": 2, "LSTM": 2, "GRU": 2}
_REARRANGES = {"Slice", "Concat", "Unsqueeze"}
_LEAST_NUMBERS = 64  # fewer weigh less than what says how to read them
# Also what lies between the products: each change between 8 bits and floats costs more than it.
_STATIC = (
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Relu", "Sigmoid", "Concat"),
    *("ReduceMean", "MaxPool", "AveragePool", "GlobalAveragePool"),
)


def static(
    artifact: bytes, calibration: npt.NDArray[np.float32], *, reduced: bool = False
) -> bytes:
    """Weights and activations in 8 bits, by the ranges that some windows of training show.

    Parameters
    ----------
    calibration
        Shape (n, window), float32, scaled as the contract says.
    reduced
        Weights in 7 bits: on x86 without VNNI the sum of two products may not fit its 16 bits else,
        and is cut off without a word, so that a machine's age would change what a model says.
    """

    def quantised(source: Path, target: Path) -> None:
        quantization.quantize_static(
            source,
            target,
            _Calibration(calibration),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(_STATIC),
            nodes_to_exclude=front_end(artifact),
            per_channel=True,
            reduce_range=reduced,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )

    return _through_files(artifact, quantised)


def dynamic(artifact: bytes) -> bytes:
    """Weights in 8 bits; activations are rounded in every call, by their own range."""

    def quantised(source: Path, target: Path) -> None:
        quantization.quantize_dynamic(
            source,
            target,
            nodes_to_exclude=front_end(artifact),
            per_channel=False,  # the runtime's convolution of this kind has one scale
            weight_type=quantization.QuantType.QUInt8,  # and no kernel for S8
        )

    return _through_files(artifact, quantised)


def weights(artifact: bytes) -> bytes:
    """Weights in 8 bits, one scale per output; all arithmetic in floating point.

    The grid is `training.engine.quantisation`'s, so a net that was trained on it loses nothing.
    Each table becomes a cast and a product of constants, which the runtime folds into one.
    """
    model = onnx.load_from_string(artifact)
    tables = {each.name: each for each in model.graph.initializer}
    made: list[onnx.NodeProto] = []
    for name, over in _tables(model).items():
        table = tables[name]
        made += _rounded(model, name, onnx.numpy_helper.to_array(table), over)
        model.graph.initializer.remove(table)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*made, *nodes])
    return with_contract(model.SerializeToString(), contract_of(artifact))


def front_end(artifact: bytes) -> list[str]:
    """Names of the nodes before the first learnt number, as `training.export` marks them."""
    nodes = onnx.load_from_string(artifact).graph.node
    return [node.name for node in nodes if node.name.startswith(FRONT)]


class _Calibration(quantization.CalibrationDataReader):  # type: ignore[misc] # untyped base
    def __init__(self, windows: npt.NDArray[np.float32]) -> None:
        self._batches: Iterator[npt.NDArray[np.float32]] = iter(
            np.array_split(windows, max(1, len(windows) // _BATCH))
        )

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _tables(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The net's weights, and the axes that are summed over: all numbers of one output share."""
    shapes = {each.name: tuple(each.dims) for each in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    found: dict[str, tuple[int, ...]] = {}
    for node in model.graph.node:
        if node.name.startswith(FRONT) or node.op_type not in _WEIGHED:
            continue
        given = node.input[1 : 1 + _WEIGHED[node.op_type]]
        for name in (origin for each in given for origin in _origins(each, makers)):
            shape = shapes.get(name, ())
            if len(shape) > 1 and math.prod(shape) >= _LEAST_NUMBERS:
                found[name] = _summed(node, len(shape))
    return found


def _origins(name: str, makers: Mapping[str, onnx.NodeProto]) -> Iterator[str]:
    """The tables that a weight is put together from: ONNX has a GRU's gates in another order."""
    maker = makers.get(name)
    if maker is None:
        yield name
    elif maker.op_type in _REARRANGES:
        for part in maker.input if maker.op_type == "Concat" else maker.input[:1]:
            yield from _origins(part, makers)


def _summed(node: onnx.NodeProto, axes: int) -> tuple[int, ...]:
    turned = any(each.name == "transB" and each.i for each in node.attribute)
    match node.op_type:
        case "Conv":
            return tuple(range(1, axes))
        case "Gemm" if not turned:
            return (0,)
        case "MatMul":
            return (axes - 2,)
        case _:
            return (axes - 1,)


def _rounded(
    model: onnx.ModelProto, name: str, table: npt.NDArray[np.float32], over: tuple[int, ...]
) -> list[onnx.NodeProto]:
    """The nodes that give the table under its own name again."""
    widest = np.abs(table).max(axis=over, keepdims=True)
    step = (np.maximum(widest, np.finfo(np.float32).tiny) / _STEPS).astype(np.float32)
    steps = np.rint(table / step).astype(np.int8)
    kept = {f"{name}_int8": steps, f"{name}_scale": step}
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(value, each) for each, value in kept.items()
    )
    whole, scale = kept
    as_float = f"{name}_whole"
    return [
        onnx.helper.make_node(
            "Cast", [whole], [as_float], f"{name}/Cast", to=onnx.TensorProto.FLOAT
        ),
        onnx.helper.make_node("Mul", [as_float, scale], [name], f"{name}/Mul"),
    ]


def _through_files(artifact: bytes, quantised: Callable[[Path, Path], None]) -> bytes:
    """The quantiser reads and writes files alone."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        model = onnx.load_from_string(artifact)
        del model.graph.value_info[:]  # no longer true where the quantiser turns a table
        # The exporter has optimised it already; without this mark the quantiser asks for that.
        onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
        source.write_bytes(model.SerializeToString())
        quantised(source, target)
        made = target.read_bytes()
    return with_contract(made, contract_of(artifact))
