"""An artifact's graph, cut where its picture of the sound ends, so that models can share one.

Nets that are trained by one recipe begin alike: spectrum, bands, logarithm. Their artifacts each
hold all of it, and here it is taken out, under names that depend on nothing but what is computed:
two front ends that do the same are the same bytes. Not a number changes by any of this, bit for
bit, and a graph of another kind is left whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

PICTURE = "picture"
_LAST_OF_FRONT = "Log"
_ROWS_AXIS = 2
_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


class Halves(NamedTuple):
    """Two graphs, serialised: `front` makes a `PICTURE` of what the whole takes, `net` takes it."""

    front: bytes
    net: bytes


def halves(artifact: bytes) -> Halves | None:
    """Cut a graph behind its logarithm; None where it has none, or not all goes through it.

    Parameters
    ----------
    artifact
        An ONNX file that the runtime takes.
    """
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(artifact))
    except (DecodeError, ValueError, onnx.shape_inference.InferenceError):
        return None
    graph = model.graph
    if len(graph.input) != 1 or model.functions or any(map(_holds_graphs, graph.node)):
        return None
    picture = next((n.output[0] for n in graph.node if n.op_type == _LAST_OF_FRONT), None)
    known = next((each for each in graph.value_info if each.name == picture), None)
    if picture is None or known is None:
        return None
    front = _needed_for(picture, graph.node)
    net = [node for node in graph.node if node not in front]
    made = {graph.input[0].name, *(name for node in front for name in node.output)}
    if {name for node in net for name in node.input} & made != {picture}:
        return None
    given, shown = graph.input[0], helper.make_tensor_value_info(PICTURE, TensorProto.FLOAT, None)
    shown.type.CopyFrom(known.type)
    return Halves(
        _model(model, front, _by_order(front, graph, picture), [given], [shown]),
        _model(model, _quick(net, graph), {picture: PICTURE}, [shown], list(graph.output)),
    )


def _holds_graphs(node: Any) -> bool:
    """A loop, say, which may use values without listing them."""
    return any(each.type in _GRAPHS for each in node.attribute)


def _needed_for(name: str, nodes: Sequence[Any]) -> list[Any]:
    """The nodes that a value is computed from, in their order."""
    wanted, needed = {name}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            needed.append(node)
    return needed[::-1]


def _by_order(nodes: Iterable[Any], graph: Any, picture: str) -> dict[str, str]:
    """Names by the order in which they appear, but for what goes in and comes out."""
    names = dict.fromkeys(name for node in nodes for name in (*node.input, *node.output))
    ordered = {name: f"v{number}" for number, name in enumerate(names) if name}
    return ordered | {graph.input[0].name: graph.input[0].name, picture: PICTURE}


def _model(
    model: Any, nodes: Sequence[Any], names: dict[str, str], given: list[Any], made: list[Any]
) -> bytes:
    """A model of some of the nodes, with new names for some of what they compute."""
    renamed = []
    for number, node in enumerate(nodes):
        copy = type(node)()
        copy.CopyFrom(node)
        copy.name, copy.doc_string = f"n{number}", ""
        copy.input[:] = [names.get(name, name) for name in node.input]
        copy.output[:] = [names.get(name, name) for name in node.output]
        del copy.metadata_props[:]
        renamed.append(copy)
    used = {name for node in nodes for name in node.input}
    held = [
        numpy_helper.from_array(numpy_helper.to_array(each), names.get(each.name, each.name))
        for each in model.graph.initializer
        if each.name in used
    ]
    held.sort(key=lambda each: str(each.name))
    graph = helper.make_graph(renamed, "graph", given, made, held)
    whole = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return bytes(whole.SerializeToString(deterministic=True))


def _quick(nodes: Iterable[Any], graph: Any) -> list[Any]:
    """A mean over two rows as a sum and a half: the runtime takes ten times as long for the mean.

    Halving never rounds, and a sum of two has one order, so the numbers are the same.
    """
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    shapes = {each.name: each.type.tensor_type.shape.dim for each in graph.value_info}
    quick: list[Any] = []
    for node in nodes:
        if _is_mean_of_two_rows(node, constants, shapes):
            quick += _half_of_the_sum(node)
        else:
            quick.append(node)
    return quick


def _is_mean_of_two_rows(node: Any, constants: dict[str, Any], shapes: dict[str, Any]) -> bool:
    if node.op_type != "ReduceMean" or len(node.input) != 2:
        return False
    axes = constants.get(node.input[1])
    keeps = next((each.i for each in node.attribute if each.name == "keepdims"), 1)
    shape = shapes.get(node.input[0], ())
    by_rows = axes is not None and axes.tolist() == [_ROWS_AXIS] and not keeps
    return by_rows and len(shape) == 4 and shape[_ROWS_AXIS].dim_value == 2


def _half_of_the_sum(node: Any) -> Iterator[Any]:
    name = f"{node.output[0]}/rows"
    half = numpy_helper.from_array(np.array(0.5, np.float32))
    yield helper.make_node("Constant", [], [f"{name}/half"], value=half)
    yield helper.make_node(
        "Split", [node.input[0]], [f"{name}/0", f"{name}/1"], axis=_ROWS_AXIS, num_outputs=2
    )
    yield helper.make_node("Add", [f"{name}/0", f"{name}/1"], [f"{name}/sum"])
    yield helper.make_node("Mul", [f"{name}/sum", f"{name}/half"], [f"{name}/mean"])
    yield helper.make_node("Squeeze", [f"{name}/mean", node.input[1]], [node.output[0]])
