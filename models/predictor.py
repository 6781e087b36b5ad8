"""Windows in, probabilities out: ONNX Runtime behind a small Protocol."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, Self

# The runtime (1.31) reports to its maker over the network unless told not to before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.contract import DISTANCE, ModelContract, Scaling
from models.dsp import scale
from models.errors import ModelError, SignalError
from models.onnx_graph import PICTURE, halves

Floats = npt.NDArray[np.float32]

INPUT, OUTPUT = "waveform", "probabilities"
SEGMENT = "segment"  # the task whose models answer for every frame of a window
_ROUNDED = 0.05  # by which probabilities may miss, whose last layer may be of 8 bits


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


class FrontEnd(NamedTuple):
    """All that a picture of the sound depends on: equal ones make the same picture."""

    graph: bytes
    scaling: Scaling


Pictures = dict[FrontEnd, Floats]


class OnnxPredictor:
    """One artifact in one thread; safe to call from any thread.

    Raises
    ------
    ModelError
        If the bytes are not an ONNX file with a contract that its tensors keep.
    """

    def __init__(self, artifact: bytes) -> None:
        try:
            self._net = _session(artifact)
        except Exception as error:  # noqa: BLE001 (the runtime has no base class of its own)
            raise ModelError(f"the model file is not readable ONNX: {_first_line(error)}") from None
        properties = self._net.get_modelmeta().custom_metadata_map
        self.contract = ModelContract.from_metadata(properties)
        self._check_tensors()
        tells = {tensor.name for tensor in self._net.get_outputs()}
        self._outputs = [name for name in (OUTPUT, DISTANCE) if name in tells]
        self._front: onnxruntime.InferenceSession | None = None
        self._cut(artifact)
        silence = np.zeros((1, self.contract.window_samples), np.float32)
        answer = self.predict(silence)  # which warms up, too
        self._shape = answer.shape[1:]
        self._check_answer(answer)

    @classmethod
    def of_file(cls, path: Path, artifact: bytes) -> Self:
        """The artifact that was read from a file, which a refusal names."""
        try:
            return cls(artifact)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from None

    def predict(self, windows: Floats) -> Floats:
        """See `Predictor.predict`."""
        return self.answer(windows).probabilities

    def answer(self, windows: Floats, pictures: Pictures | None = None) -> Answer:
        """See `Predictor.answer`.

        `pictures` are those of the same windows that other models have made; this one adds its
        own.
        """
        expected = self.contract.window_samples
        if windows.ndim != 2 or windows.shape[1] != expected or windows.dtype != np.float32:
            raise SignalError(
                f"windows of shape {windows.shape}, {windows.dtype}: "
                f"expected (n, {expected}), float32"
            )
        if not len(windows):
            none = np.empty(0, np.float32) if DISTANCE in self._outputs else None
            return Answer(np.empty((0, *self._shape), np.float32), none)
        if self._front is None:
            given = {INPUT: scale(windows, self.contract.scaling)}
        else:
            given = {PICTURE: self._picture(self._front, windows, pictures)}
        probabilities, *distances = self._net.run(self._outputs, given)
        return Answer(probabilities, distances[0] if distances else None)

    def _picture(
        self, front: onnxruntime.InferenceSession, windows: Floats, pictures: Pictures | None
    ) -> Floats:
        known = None if pictures is None else pictures.get(self._front_end)
        if known is not None:
            return known
        scaled = scale(windows, self.contract.scaling)
        picture: Floats = front.run([PICTURE], {INPUT: scaled})[0]
        if pictures is not None:
            pictures[self._front_end] = picture
        return picture

    def _cut(self, artifact: bytes) -> None:
        """Take the front end out of the graph, where that can be done."""
        parts = halves(artifact)
        if parts is not None:
            self._front_end = FrontEnd(parts.front, self.contract.scaling)
            self._front, self._net = _session(parts.front), _session(parts.net)

    def _check_tensors(self) -> None:
        promised = {
            INPUT: self.contract.window_samples,
            OUTPUT: len(self.contract.labels),
        }
        inputs, outputs = self._net.get_inputs(), self._net.get_outputs()
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

    def _check_answer(self, answer: Floats) -> None:
        """See that numbers come out that are probabilities: a net may be full of what is none."""
        likely = bool(((answer >= 0) & (answer <= 1 + _ROUNDED)).all())
        whole = not self.contract.exclusive or bool((abs(answer.sum(-1) - 1) <= _ROUNDED).all())
        if not (likely and whole):
            said = ", ".join(f"{value:g}" for value in answer.reshape(-1, answer.shape[-1])[0])
            raise ModelError(
                f"model {self.contract.name} answers {said} to silence, which are no "
                f"probabilities{' that add up to 1' if likely else ''}: export it again"
            )


def answer_each(predictors: Sequence[Predictor], windows: Floats) -> list[Answer]:
    """What each says of the same windows; a picture that several look at is made once."""
    pictures: Pictures = {}
    return [
        predictor.answer(windows, pictures)
        if isinstance(predictor, OnnxPredictor)
        else predictor.answer(windows)
        for predictor in predictors
    ]


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, _options(), providers=["CPUExecutionProvider"])


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
