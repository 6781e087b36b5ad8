"""Windows in, probabilities out: ONNX Runtime behind a small Protocol."""

import os
from typing import NamedTuple, Protocol

# The runtime (1.31) reports to its maker over the network unless told not to before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.contract import DISTANCE, ModelContract
from models.dsp import scale
from models.errors import ModelError, SignalError

Floats = npt.NDArray[np.float32]

INPUT, OUTPUT = "waveform", "probabilities"
SEGMENT = "segment"  # the task whose models answer for every frame of a window


class Answer(NamedTuple):
    """What a model says of windows.

    Attributes
    ----------
    probabilities
        Shape (n, labels), float32; of a model of task `segment` (n, frames, labels).
    embedding_distances
        Shape (n,), float32: how far each window is from what the model was validated on, about 1
        for what is like it; None from a model that does not tell.
    """

    probabilities: Floats
    embedding_distances: Floats | None


class Predictor(Protocol):
    @property
    def contract(self) -> ModelContract: ...

    def answer(self, windows: Floats) -> Answer:
        """As `predict`, with how far the windows are from what the model was validated on."""
        ...

    def predict(self, windows: Floats) -> Floats:
        """Classify windows that are filtered as the contract says, and not yet scaled.

        Parameters
        ----------
        windows
            Shape (n, window_samples), float32 of full scale 1.

        Returns
        -------
        Shape (n, labels), float32; of a model of task `segment` (n, frames, labels).

        Raises
        ------
        SignalError
            For another shape or type.
        """
        ...


class OnnxPredictor:
    """One artifact in one thread; safe to call from any thread.

    Raises
    ------
    ModelError
        If the bytes are not an ONNX file with a contract that its tensors keep.
    """

    def __init__(self, artifact: bytes) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                artifact, _options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 (the runtime has no base class of its own)
            raise ModelError(f"the model file is not readable ONNX: {_first_line(error)}") from None
        properties = self._session.get_modelmeta().custom_metadata_map
        self.contract = ModelContract.from_metadata(properties)
        self._check_tensors()
        tells = {tensor.name for tensor in self._session.get_outputs()}
        self._outputs = [name for name in (OUTPUT, DISTANCE) if name in tells]
        silence = np.zeros((1, self.contract.window_samples), np.float32)
        self._shape = self.predict(silence).shape[1:]  # which warms up, too

    def predict(self, windows: Floats) -> Floats:
        """See `Predictor.predict`."""
        return self.answer(windows).probabilities

    def answer(self, windows: Floats) -> Answer:
        """See `Predictor.answer`."""
        expected = self.contract.window_samples
        if windows.ndim != 2 or windows.shape[1] != expected or windows.dtype != np.float32:
            raise SignalError(
                f"windows of shape {windows.shape}, {windows.dtype}: "
                f"expected (n, {expected}), float32"
            )
        if not len(windows):
            none = np.empty(0, np.float32) if DISTANCE in self._outputs else None
            return Answer(np.empty((0, *self._shape), np.float32), none)
        scaled = scale(windows, self.contract.scaling)
        probabilities, *distances = self._session.run(self._outputs, {INPUT: scaled})
        return Answer(probabilities, distances[0] if distances else None)

    def _check_tensors(self) -> None:
        promised = {
            INPUT: self.contract.window_samples,
            OUTPUT: len(self.contract.labels),
        }
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        tensors = [each for each in (*inputs, *outputs) if each.name != DISTANCE]
        found = {tensor.name: tensor.shape[-1] for tensor in tensors}
        if found.keys() != promised.keys():
            raise ModelError(
                f"model {self.contract.name} takes and gives {', '.join(found)}, and not "
                f"{INPUT} and {OUTPUT}: export it with these names"
            )
        if found != promised:
            raise ModelError(
                f"model {self.contract.name} has tensors {found}, its contract says {promised}"
            )
        dimensions = {INPUT: 2, OUTPUT: 3 if self.contract.task == SEGMENT else 2}
        for tensor in tensors:
            if len(tensor.shape) != dimensions[tensor.name] or isinstance(tensor.shape[0], int):
                raise ModelError(
                    f"model {self.contract.name} has a {tensor.name} of shape {tensor.shape}: "
                    "export it for any number of windows, with a dynamic first axis"
                )
        for tensor in outputs:
            if tensor.name == DISTANCE and (len(tensor.shape) != 1 or tensor.shape[0] == 1):
                raise ModelError(
                    f"model {self.contract.name} has a {DISTANCE} of shape {tensor.shape}: "
                    "expected one number for each window"
                )


def _options() -> onnxruntime.SessionOptions:
    """One thread, no spinning: the pipeline's processes share the cores among themselves."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return options


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
