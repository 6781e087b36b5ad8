"""ONNX Runtime's own format: what a phone or a gateway loads without the full runtime."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
from models.predictor import OnnxPredictor  # before the runtime: it tells it to be silent

import onnxruntime  # isort: skip

SUFFIX = ".ort"
TOLERANCE = 1e-5  # of a probability: sums in another order differ by less

_SEVERE_ONLY = 3


def converted(artifact: bytes) -> bytes:
    """The same graph and contract in the runtime's format, optimised for any processor.

    Layouts that only x86 knows are left out, so the same file is for ARM.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = _SEVERE_ONLY
    options.add_session_config_entry("session.save_model_format", "ORT")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"model{SUFFIX}"
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
        return target.read_bytes()


def checked(artifact: bytes, mobile: bytes, windows: npt.NDArray[np.float32]) -> float:
    """Load both, and give the largest difference of their probabilities; 0 is bit for bit.

    Parameters
    ----------
    windows
        Shape (n, window), not scaled.

    Raises
    ------
    ModelError
        If they promise or answer different things.
    """
    ours, theirs = OnnxPredictor(artifact), OnnxPredictor(mobile)
    if ours.contract != theirs.contract:
        raise ModelError("the mobile file lost its contract: which version of ONNX Runtime is it?")
    found = float(np.abs(ours.predict(windows) - theirs.predict(windows)).max())
    if not found <= TOLERANCE:
        raise ModelError(
            f"the mobile file's probabilities differ by {found:.1e}: no more than {TOLERANCE:.0e} "
            "comes from rounding"
        )
    return found
