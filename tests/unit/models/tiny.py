"""A model small enough to know its answers by heart: abnormal grows with the mean square."""

from hashlib import sha256
from pathlib import Path

import msgspec
import onnx
from onnx import TensorProto, helper

from models.contract import (
    DISTANCE,
    PIPELINE_FILTER,
    PIPELINE_GRID,
    Distribution,
    Metric,
    ModelContract,
    Scaling,
)
from models.predictor import INPUT, OUTPUT
from models.registry import MANIFEST, Entry, Manifest

CONTRACT = ModelContract(
    name="tiny",
    version="1.0.0",
    task="screen",
    labels=("normal", "abnormal"),
    exclusive=True,
    sample_rate_hz=PIPELINE_GRID.sample_rate_hz,
    window_s=PIPELINE_GRID.window_s,
    hop_s=PIPELINE_GRID.hop_s,
    filter=PIPELINE_FILTER,
    scaling=Scaling(kind="none", clip=1.0),
    opset=18,
    training_data="none",
    training_data_sha256="0" * 64,
    split="none.csv",
    split_sha256="0" * 64,
    git_commit="0" * 40,
    metrics={"test.recording.auc": Metric(value=0.5, low=0.4, high=0.6)},
    reference={"level_db": Distribution(deciles=tuple(float(k) for k in range(11)))},
    intended_use="Tests.",
    licence="Apache-2.0",
)


def artifact(
    contract: ModelContract = CONTRACT,
    *,
    samples: int | None = None,
    batch: str | int = "batch",
    tells_distance: bool = False,
) -> bytes:
    """An ONNX file that keeps the contract, but where its tensors are given other lengths.

    The distance that it may tell is a window's root mean square.
    """
    width = contract.window_samples if samples is None else samples
    tensors = {
        INPUT: helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [batch, width]),
        OUTPUT: helper.make_tensor_value_info(
            OUTPUT, TensorProto.FLOAT, [batch, len(contract.labels)]
        ),
    }
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        helper.make_tensor("signs", TensorProto.FLOAT, [1, 2], [-1.0, 1.0]),
    ]
    nodes = [
        helper.make_node("Mul", [INPUT, INPUT], ["power"]),
        helper.make_node("ReduceMean", ["power", "axes"], ["mean"], keepdims=1),
        helper.make_node("MatMul", ["mean", "signs"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT], axis=-1),
    ]
    outputs = [tensors[OUTPUT]]
    if tells_distance:
        nodes.append(helper.make_node("ReduceMean", ["power", "axes"], ["square"], keepdims=0))
        nodes.append(helper.make_node("Sqrt", ["square"], [DISTANCE]))
        outputs.append(helper.make_tensor_value_info(DISTANCE, TensorProto.FLOAT, [batch]))
    graph = helper.make_graph(nodes, "tiny", [tensors[INPUT]], outputs, constants)
    opset = helper.make_opsetid("", contract.opset)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    helper.set_model_props(model, contract.to_metadata())
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def put_into(folder: Path, contract: ModelContract, *, default: bool) -> None:
    """Make a folder of models of which this is the only one."""
    model = artifact(contract)
    entry = Entry(
        name=contract.name,
        version=contract.version,
        task=contract.task,
        file="model.onnx",
        sha256=sha256(model).hexdigest(),
        card="model.md",
        default=default,
    )
    (folder / entry.file).write_bytes(model)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(Manifest(models=(entry,))))
