"""How far a window is from all that a model was validated on, told by the model itself.

What the last layer reads is the model's own picture of a window. The picture's main components
over the validation set, each of variance one there, are written into the graph, so that every
answer comes with its root mean square over them: a Mahalanobis distance that is about 1 for sound
like the validation set's (Lee K. et al., "A simple unified framework for detecting
out-of-distribution samples", NeurIPS 2018, in the subspace that is well determined).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from models.contract import DISTANCE
from models.dsp import scale
from models.errors import ModelError
from models.predictor import INPUT, OUTPUT
from training.export import contract_of, with_contract

Floats = npt.NDArray[np.float32]

COMPONENTS = 16

_PICTURE = "embedding"
_BATCH = 32
_LEAST_VARIANCE = 1e-9  # of the largest: a component that says nothing would be divided by zero
# Where these read 8 bits, what was rounded is the picture.
_ROUNDS = ("DynamicQuantizeLinear",)
_LAST = ("Gemm", "MatMul", "Conv", "MatMulInteger", "ConvInteger")


class _Place(NamedTuple):
    """The tensor that the last layer reads, and which of its axes are averaged over."""

    name: str
    averaged: tuple[int, ...]


def with_distance(artifact: bytes, windows: Sequence[Floats]) -> bytes:
    """The same graph with a second output, the distance of each window, shape (n,).

    Of several nets whose answers are averaged it is the first one's.

    Parameters
    ----------
    windows
        Of recordings that were not trained on, as `Predictor.predict` takes them.

    Raises
    ------
    ModelError
        If there are fewer than two windows, or the graph has no last layer.
    """
    pictures = _pictures(artifact, windows)
    if len(pictures) < 2:
        raise ModelError(f"{len(pictures)} windows: a distance from them needs two and more")
    model = onnx.load_from_string(artifact)
    picture = _add_picture(model)
    _add_distance(model, picture, pictures.mean(0), _whitening(pictures))
    made: bytes = model.SerializeToString()
    return with_contract(made, contract_of(artifact))


def _pictures(artifact: bytes, windows: Sequence[Floats]) -> npt.NDArray[np.float64]:
    model = onnx.load_from_string(artifact)
    name, scaling = _add_picture(model), contract_of(artifact).scaling
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    every = [session.run([name], {INPUT: scale(batch, scaling)})[0] for batch in _batches(windows)]
    return np.concatenate(every).astype(np.float64) if every else np.empty((0, 0))


def _batches(windows: Iterable[Floats]) -> Iterator[Floats]:
    for some in windows:
        yield from (some[k : k + _BATCH] for k in range(0, len(some), _BATCH))


def _whitening(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Columns that turn a centred picture into its main components of variance one."""
    variances, axes = np.linalg.eigh(np.cov(pictures.T).reshape(pictures.shape[1], -1))
    largest = np.argsort(variances)[::-1][:COMPONENTS]
    kept = [k for k in largest if variances[k] > _LEAST_VARIANCE * max(variances[largest[0]], 0)]
    if not kept:
        raise ModelError("the last layer reads the same of every window: no distance can be told")
    return np.asarray(axes[:, kept] / np.sqrt(variances[kept]))


def _add_picture(model: onnx.ModelProto) -> str:
    """Name of the tensor (n, maps) that the last layer reads, averaged over all else."""
    place = _place(model)
    if not place.averaged:
        return place.name
    axes = numpy_helper.from_array(np.array(place.averaged, np.int64), f"{_PICTURE}/axes")
    model.graph.initializer.append(axes)
    model.graph.node.append(
        helper.make_node(
            "ReduceMean", [place.name, axes.name], [_PICTURE], f"{_PICTURE}/mean", keepdims=0
        )
    )
    return _PICTURE


def _place(model: onnx.ModelProto) -> _Place:
    makers = {name: node for node in model.graph.node for name in node.output}
    waiting = [OUTPUT]
    while waiting:
        node = makers.get(waiting.pop())
        if node is None:
            continue
        if node.op_type in _LAST:
            rounded = makers.get(node.input[0])
            dynamic = rounded is not None and rounded.op_type in _ROUNDS
            name = rounded.input[0] if rounded is not None and dynamic else node.input[0]
            return _Place(name, _averaged(model, name, by_map="Conv" in node.op_type))
        waiting += reversed(node.input)
    raise ModelError("the graph has no last layer whose input could be compared")


def _averaged(model: onnx.ModelProto, name: str, *, by_map: bool) -> tuple[int, ...]:
    """A convolution has its maps on the second axis, a product on the last."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {each.name: each.type.tensor_type.shape.dim for each in inferred.value_info}
    if name not in shapes:
        raise ModelError(f"the shape of {name}, which the last layer reads, is not known")
    axes = range(len(shapes[name]))
    return tuple(axes[2:]) if by_map else tuple(axes[1:-1])


def _add_distance(
    model: onnx.ModelProto,
    picture: str,
    mean: npt.NDArray[np.float64],
    whitening: npt.NDArray[np.float64],
) -> None:
    tables = {
        f"{DISTANCE}/mean": mean.astype(np.float32),
        f"{DISTANCE}/whitening": whitening.astype(np.float32),
        f"{DISTANCE}/axis": np.array([1], np.int64),
    }
    model.graph.initializer.extend(
        numpy_helper.from_array(table, name) for name, table in tables.items()
    )
    steps: tuple[tuple[str, list[str], str | None, dict[str, int]], ...] = (
        ("Sub", [picture, f"{DISTANCE}/mean"], "centred", {}),
        ("MatMul", [f"{DISTANCE}/centred", f"{DISTANCE}/whitening"], "components", {}),
        ("Mul", [f"{DISTANCE}/components"] * 2, "squares", {}),
        ("ReduceMean", [f"{DISTANCE}/squares", f"{DISTANCE}/axis"], "square", {"keepdims": 0}),
        ("Sqrt", [f"{DISTANCE}/square"], None, {}),
    )
    for kind, given, made, options in steps:
        name = f"{DISTANCE}/{made}" if made else DISTANCE
        model.graph.node.append(helper.make_node(kind, given, [name], f"{name}_{kind}", **options))
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    model.graph.output.append(helper.make_tensor_value_info(DISTANCE, TensorProto.FLOAT, [batch]))
