"""What an artifact costs to run: size, operations, time and memory, on one core in one thread.

Each is measured in a process of its own (`training.evaluation.cost_process`), pinned to one core
where the system can, so that nothing that ran before counts.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnx

from models.contract import ModelContract
from models.errors import ConfigurationError
from models.predictor import OnnxPredictor
from training import splits
from training.evaluation import operations
from training.evaluation.cost_process import Measured
from training.evaluation.operations import Operations

BATCHES = (1, 8, 16, 32)
_TIMEOUT_S = 600
_ROOT = Path(__file__).parents[2]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Of one call with so many windows, in ms, scaling and front end included.

    `per_window_ms` is the median divided by the windows.
    """

    batch: int
    calls: int
    mean_ms: float
    deviation_ms: float
    median_ms: float
    least_ms: float
    most_ms: float
    per_window_ms: float


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Of one file.

    Attributes
    ----------
    peak_mb, own_mb
        The most memory that a process held which loaded the file and ran one window at a time,
        and how much of that it did not hold before, with only the runtime in memory and at work;
        in 10**6 bytes.
    hop_s
        How often one patient needs a window, by the artifact's contract.
    told_uar
        The best UAR of recordings by a protocol that does not leak, as the artifact tells it of
        itself; None where it tells none.
    """

    model: str
    version: str
    size_bytes: int
    operations: Operations
    latency: tuple[Latency, ...]
    peak_mb: float
    own_mb: float
    hop_s: float
    pinned: bool
    told_uar: float | None = None

    @property
    def flops_per_s(self) -> float:
        """What it takes to keep up with one patient."""
        return self.operations.flops / self.hop_s


def measure(path: Path, batches: Sequence[int] = BATCHES, *, seconds: float = 1.0) -> Cost:
    """Measure an artifact; `seconds` are spent on each size of batch.

    Raises
    ------
    ModelError
        If it is no artifact.
    """
    artifact = _bytes(path)
    contract = OnnxPredictor(artifact).contract
    alone = _in_fresh_process(path, [1], seconds=min(seconds, 0.3))
    timed = _in_fresh_process(path, batches, seconds=seconds)
    return Cost(
        model=contract.name,
        version=contract.version,
        size_bytes=len(artifact),
        operations=operations.count(artifact),
        latency=tuple(_latency(int(batch), np.array(ms)) for batch, ms in timed.times_ms.items()),
        peak_mb=alone.peak_bytes / 1e6,
        own_mb=(alone.peak_bytes - alone.before_bytes) / 1e6,
        hop_s=contract.hop_s,
        pinned=timed.pinned,
        told_uar=_told_uar(contract),
    )


def _told_uar(contract: ModelContract) -> float | None:
    honest = (protocol.name for protocol in splits.PROTOCOLS if not protocol.leaks)
    told = (contract.metrics.get(f"{name}.recording.uar") for name in honest)
    return max((metric.value for metric in told if metric), default=None)


def times_in_turns(
    first: Path, second: Path, *, batch: int = 1, calls: int = 200
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Times in ms of two artifacts that take turns in one process: for a paired test."""
    measured = _in_fresh_process(first, [batch], against=second, calls=calls)
    return np.array(measured.times_ms[str(batch)]), np.array(measured.against_ms)


def _in_fresh_process(
    path: Path,
    batches: Sequence[int],
    *,
    seconds: float = 1.0,
    against: Path | None = None,
    calls: int = 0,
) -> Measured:
    asked: Mapping[str, object] = {
        "path": str(path.resolve()),
        "bare": base64.b64encode(_graph_of_nothing()).decode(),
        "batches": list(batches),
        "seconds": seconds,
        "against": str(against.resolve()) if against else None,
        "calls": calls,
    }
    answer = subprocess.run(
        [sys.executable, "-m", "training.evaluation.cost_process", json.dumps(asked)],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if answer.returncode:
        last = (answer.stderr.strip() or "no reason given").splitlines()[-1]
        raise ConfigurationError(f"{path} could not be measured: {last}")
    return msgspec.json.decode(answer.stdout, type=Measured)


def _graph_of_nothing() -> bytes:
    ends = [onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, [1]) for end in "xy"]
    same = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([same], "nothing", ends[:1], ends[1:])
    opset = onnx.helper.make_opsetid("", 18)
    made: bytes = onnx.helper.make_model(
        graph, opset_imports=[opset], ir_version=10
    ).SerializeToString()
    return made


def _latency(batch: int, ms: npt.NDArray[np.float64]) -> Latency:
    return Latency(
        batch=batch,
        calls=len(ms),
        mean_ms=float(ms.mean()),
        deviation_ms=float(ms.std(ddof=1)),
        median_ms=float(np.median(ms)),
        least_ms=float(ms.min()),
        most_ms=float(ms.max()),
        per_window_ms=float(np.median(ms)) / batch,
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
