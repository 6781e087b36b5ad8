"""An artifact's graph, cut where its picture of the sound ends, so that models can share one.

Nets that are trained by one recipe begin alike: spectrum, bands, logarithm. Their artifacts each
hold all of it, and here it is taken out, under names that depend on nothing but what is computed:
two front ends that do the same are the same bytes. Not a number changes by any of this, bit for
bit, and a graph of another kind is left whole.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

PICTURE = "picture"
_LAST_OF_FRONT = "Log"
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
        _model(model, net, {picture: PICTURE}, [shown], list(graph.output)),
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
