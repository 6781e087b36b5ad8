"""From the trained net that segments to its self-describing ONNX file."""

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, ModelContract
from models.predictor import SEGMENT
from models.segmentation import STATES
from training import splits
from training.datasets import manifest
from training.engine.provenance import git_commit
from training.export import OPSET, export
from training.segmentation.net import StateNet
from training.segmentation.train import DATA_SETS, SCALING

NAME, VERSION = "segment", "0.2.0"


def contract() -> ModelContract:
    """What the net promises, before it is measured; what it learnt from is `trainings`' shipped."""
    return ModelContract(
        name=NAME,
        version=VERSION,
        task=SEGMENT,
        labels=STATES,
        exclusive=True,
        sample_rate_hz=PIPELINE_GRID.sample_rate_hz,
        window_s=PIPELINE_GRID.window_s,
        hop_s=PIPELINE_GRID.hop_s,
        filter=PIPELINE_FILTER,
        scaling=SCALING,
        opset=OPSET,
        training_data=", ".join(DATA_SETS),
        training_data_sha256=", ".join(manifest.sha256(name) for name in DATA_SETS),
        split=", ".join(splits.path_of(name).name for name in DATA_SETS),
        split_sha256=", ".join(splits.sha256(name) for name in DATA_SETS),
        git_commit=git_commit() or "unknown",
        metrics={},
        reference={},
        intended_use=(
            "Research and evaluation: says every 20 ms which of the heart's states is heard. "
            "Not a medical device."
        ),
        licence="Apache-2.0; trained on data under ODC-By 1.0",
    )


def artifact(net: StateNet, promised: ModelContract) -> bytes:
    """The ONNX file, for any number of windows."""
    return export(net, promised)
