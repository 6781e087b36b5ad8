"""From a trained net to a self-describing ONNX file.

    python -m training.export .cache/screen.pt .cache/screen.onnx

The file has no figures yet: `training.report` measures it and writes them in.
"""

import subprocess
import warnings
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import onnx
import torch
import typer
from torch import Tensor, nn

from models.contract import (
    PIPELINE_FILTER,
    PIPELINE_GRID,
    Distribution,
    Metric,
    ModelContract,
)
from models.predictor import INPUT, OUTPUT, Predictor
from training import splits
from training.datasets import physionet2016
from training.evaluate import abnormal_score
from training.onnx_translations import TRANSLATIONS
from training.train import LABELS, SCALING, load
from training.windows import WindowSet

OPSET = 18
NAME, VERSION = "screen", "0.1.0"


class _Probabilities(nn.Module):
    """What the artifact answers: softmax where labels exclude each other, else a sigmoid each."""

    def __init__(self, net: nn.Module, *, exclusive: bool) -> None:
        super().__init__()
        self._net = net
        self._exclusive = exclusive

    def forward(self, waveform: Tensor) -> Tensor:
        logits: Tensor = self._net(waveform)
        return logits.softmax(-1) if self._exclusive else logits.sigmoid()


def export(net: nn.Module, contract: ModelContract) -> bytes:
    """Export for any batch size, with the contract inside."""
    module = _Probabilities(net, exclusive=contract.exclusive).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of torch's own internals
        program = torch.onnx.export(
            module,
            (torch.zeros(2, contract.window_samples),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=contract.opset,
            custom_translation_table=TRANSLATIONS,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101 (None only where a file was asked for)
    return with_contract(program.model_proto.SerializeToString(), contract)


def with_contract(artifact: bytes, contract: ModelContract) -> bytes:
    """The same graph under another contract, and free of where it was exported."""
    model = onnx.load_from_string(artifact)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, contract.to_metadata())
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def screen_contract(git_commit: str) -> ModelContract:
    """What the screening net promises, before it is measured."""
    data = physionet2016.load()
    return ModelContract(
        name=NAME,
        version=VERSION,
        task="screen",
        labels=LABELS,
        exclusive=True,
        sample_rate_hz=PIPELINE_GRID.sample_rate_hz,
        window_s=PIPELINE_GRID.window_s,
        hop_s=PIPELINE_GRID.hop_s,
        filter=PIPELINE_FILTER,
        scaling=SCALING,
        opset=OPSET,
        training_data=data.name,
        training_data_sha256=data.manifest_sha256(),
        split=splits.path_of(data.name).name,
        split_sha256=splits.sha256(data.name),
        git_commit=git_commit,
        metrics={},
        reference={},
        intended_use=(
            "Research and evaluation: flags windows of heart sound that may be abnormal. "
            "Not a medical device."
        ),
        licence="Apache-2.0; trained on data under ODC-By 1.0",
    )


def measured_contract(
    contract: ModelContract, metrics: dict[str, Metric], reference: dict[str, Distribution]
) -> ModelContract:
    return msgspec.structs.replace(contract, metrics=metrics, reference=reference)


def reference(predictor: Predictor, windows: WindowSet) -> dict[str, Distribution]:
    """What the model sees and says on the validation part; later drift is judged against it."""
    every = np.arange(len(windows))
    level_db = [
        10 * np.log10(np.mean(np.square(windows.samples(every[k : k + 1]))) + 1e-12) for k in every
    ]
    return {
        "abnormal_probability": _deciles(abnormal_score(predictor, windows)),
        "band_level_db": _deciles(np.array(level_db)),
        "quality_score": _deciles(np.array([quality.score for quality in windows.quality])),
    }


def git_commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


def _deciles(values: np.typing.NDArray[np.floating]) -> Distribution:
    return Distribution(deciles=tuple(np.percentile(values, range(0, 101, 10)).round(4).tolist()))


def main(
    checkpoint: Annotated[Path, typer.Argument(help="What `training.train` wrote.")],
    artifact: Annotated[Path, typer.Argument(help="The ONNX file to write.")],
) -> None:
    """Export a trained net."""
    artifact.write_bytes(export(load(checkpoint), screen_contract(git_commit())))


if __name__ == "__main__":
    typer.run(main)
