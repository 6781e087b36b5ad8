"""Make an artifact's convolutions 8-bit, and keep that only if it is faster and agrees.

    python -m training.quantize .cache/screen.onnx .cache/screen-int8.onnx

Static, activations U8 and weights S8 per channel: the one kind that x86 runs faster. The log-mel
front end stays in floating point: its squares span more than 8 bits can hold.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as in models.predictor

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import typer
from onnxruntime import quantization
from rich.console import Console
from rich.table import Table

from models.dsp import scale
from models.predictor import INPUT, OnnxPredictor, Predictor
from training.evaluate import abnormal_score, auc, of_recordings, part_of_physionet
from training.export import with_contract
from training.windows import WindowSet

_FASTER_BY = 0.95  # less than that is within what measurements of time differ by
_MAX_RELABELLED = 0.01
_MAX_AUC_LOST = 0.003
_CALIBRATION_WINDOWS = 512
_BATCH = 32
_ROUNDS = 15


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Float against 8-bit: time per window, agreement, and area under the recordings' curve."""

    float_us: float
    int8_us: float
    relabelled: float
    largest_difference: float
    float_auc: float
    int8_auc: float

    @property
    def keep(self) -> bool:
        faster = self.int8_us < _FASTER_BY * self.float_us
        agrees = self.relabelled <= _MAX_RELABELLED
        return faster and agrees and self.int8_auc >= self.float_auc - _MAX_AUC_LOST


def quantize(artifact: bytes, calibration: npt.NDArray[np.float32]) -> bytes:
    """Quantise every convolution but the front end's.

    Parameters
    ----------
    calibration
        Shape (n, window), float32, scaled as the contract says.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(artifact)
        quantization.quantize_static(
            source,
            target,
            _Calibration(calibration),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_front_end(artifact),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        quantised = target.read_bytes()
    return with_contract(quantised, OnnxPredictor(artifact).contract)


def compare(floating: Predictor, int8: Predictor, windows: WindowSet) -> Comparison:
    scores = [abnormal_score(model, windows) for model in (floating, int8)]
    curves = [auc(of_recordings(windows, score)) for score in scores]
    float_us, int8_us = _us_per_window((floating, int8), windows)
    return Comparison(
        float_us=float_us,
        int8_us=int8_us,
        relabelled=float(np.mean((scores[0] >= 0.5) != (scores[1] >= 0.5))),
        largest_difference=float(np.abs(scores[0] - scores[1]).max()),
        float_auc=curves[0],
        int8_auc=curves[1],
    )


class _Calibration(quantization.CalibrationDataReader):  # type: ignore[misc] # untyped base
    def __init__(self, windows: npt.NDArray[np.float32]) -> None:
        self._batches: Iterator[npt.NDArray[np.float32]] = iter(
            np.array_split(windows, max(1, len(windows) // _BATCH))
        )

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _front_end(artifact: bytes) -> list[str]:
    """Names of the convolutions before the first logarithm."""
    names = []
    for node in onnx.load_from_string(artifact).graph.node:
        if node.op_type == "Log":
            break
        names.append(node.name)
    return names


def _us_per_window(models: tuple[Predictor, ...], windows: WindowSet) -> list[float]:
    """Median over rounds in which the models take turns."""
    batch = windows.samples(np.arange(_BATCH))
    times: list[list[float]] = [[] for _ in models]
    for _ in range(_ROUNDS):
        for model, taken in zip(models, times, strict=True):
            started = time.process_time()
            for _ in range(10):
                model.predict(batch)
            taken.append((time.process_time() - started) / 10 / _BATCH * 1e6)
    return [statistics.median(taken) for taken in times]


def _table(comparison: Comparison) -> Table:
    shown = Table("", "float", "int8")
    shown.add_row("CPU per window, us", f"{comparison.float_us:.0f}", f"{comparison.int8_us:.0f}")
    shown.add_row("AUC, recordings", f"{comparison.float_auc:.4f}", f"{comparison.int8_auc:.4f}")
    shown.add_row("windows relabelled", "", f"{comparison.relabelled:.2%}")
    shown.add_row("largest difference", "", f"{comparison.largest_difference:.3f}")
    return shown


def main(
    artifact: Annotated[Path, typer.Argument(help="The floating-point ONNX file.")],
    target: Annotated[Path, typer.Argument(help="Written if, and only if, it is worth keeping.")],
) -> None:
    """Compare on the validation part of physionet2016, which the net was not trained on."""
    floating = OnnxPredictor(artifact.read_bytes())
    train = part_of_physionet("train")
    chosen = np.random.default_rng(0).choice(len(train), _CALIBRATION_WINDOWS, replace=False)
    calibration = scale(train.samples(chosen), floating.contract.scaling)
    quantised = quantize(artifact.read_bytes(), calibration)
    comparison = compare(floating, OnnxPredictor(quantised), part_of_physionet("validation"))
    Console().print(_table(comparison))
    if comparison.keep:
        target.write_bytes(quantised)
        print(f"faster and in agreement: kept as {target}")  # noqa: T201
    else:
        print("not kept: it must be 5 % faster, relabel at most 1 % and lose 0.003 of AUC at most")  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
