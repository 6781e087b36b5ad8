"""CPU time per window: micro-batches through one ONNX graph against the usual ways.

    pip install 'heartward[bench]'
    python -m tests.benchmarks.bench_inference [--rounds 21]

Each contestant turns 16-bit sound at 2 kHz into probabilities, in one thread, with the same
band-pass, log-mel settings and net. Ours filters each new hop once and takes the windows of many
devices together; the usual ways filter, transform and classify one 5 s window at a time, with the
log-mel outside the net. Contestants take turns, round by round. Targets: at most a sixth of
librosa with PyTorch, at most a quarter of librosa with ONNX Runtime.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from scipy import signal

from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.dsp import block_filter, join, scale
from models.predictor import OUTPUT, OnnxPredictor
from models.registry import ARTIFACTS, Registry
from tests.benchmarks import report
from training.front_end_config import LogMelConfig
from training.front_ends import mel_bank

Floats = npt.NDArray[np.float32]
Int16s = npt.NDArray[np.int16]
Contestant = Callable[[], object]

WINDOWS = 64  # a round of every contestant
BATCHES = (8, 32, 64)
TARGETS = {"librosa and PyTorch": 6.0, "librosa and ONNX Runtime": 4.0}
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_CONFIG = LogMelConfig(bands=32, floor=1e-4)  # the shipped net's
_MEL = {
    "sr": _CONFIG.sample_rate_hz,
    "n_fft": _CONFIG.frame_samples,
    "n_mels": _CONFIG.bands,
    "fmin": _CONFIG.low_hz,
    "fmax": _CONFIG.high_hz,
    "norm": None,
}
_FRAMES = {"hop_length": _CONFIG.hop_samples, "center": False}


def measure(rounds: int) -> dict[str, float]:
    """Median microseconds of CPU per window, by contestant."""
    warnings.filterwarnings("ignore", "Empty filters", UserWarning)  # see _without_a_bin
    contestants = _contestants(_windows())
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for contestant in contestants.values():
        contestant()
    for _ in range(rounds):
        for name, contestant in contestants.items():
            started = time.process_time()
            contestant()
            times[name].append((time.process_time() - started) / WINDOWS * 1e6)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _contestants(sound: Int16s) -> dict[str, Contestant]:
    model = next(each for each in Registry().defaults() if each.contract.task == "screen")
    body = net_alone(model)
    by_torch, by_onnx = in_torch(body), in_onnx(body)
    agree(model, by_torch, by_onnx)
    ours = {f"Heartward, batch {batch}": _ours(model, sound, batch) for batch in BATCHES}
    return ours | {
        "librosa and PyTorch": _usual(sound, log_mel, by_torch),
        "librosa and ONNX Runtime": _usual(sound, log_mel, by_onnx),
        "librosa, filters kept, and PyTorch": _usual(sound, kept_log_mel(), by_torch),
        "librosa, filters kept, and ONNX Runtime": _usual(sound, kept_log_mel(), by_onnx),
    }


def _ours(model: OnnxPredictor, sound: Int16s, batch: int) -> Contestant:
    """Each window brings one new hop; the hop before it is already filtered."""
    filters = block_filter(PIPELINE_GRID.sample_rate_hz)
    length = filters.source_preroll + filters.source_hop
    earlier = filters.many(sound[:, :length])
    newest = sound[:, -length:]

    def run() -> None:
        for first in range(0, WINDOWS, batch):
            rows = slice(first, first + batch)
            model.predict(join(earlier[rows], filters.many(newest[rows])))

    return run


def _usual(
    sound: Int16s, picture_of: Callable[[Floats], Floats], net: Callable[[Floats], Floats]
) -> Contestant:
    edges = (PIPELINE_FILTER.low_hz, PIPELINE_FILTER.high_hz)
    rate_hz = PIPELINE_GRID.sample_rate_hz
    sections = signal.butter(PIPELINE_FILTER.order, edges, "bandpass", fs=rate_hz, output="sos")

    def run() -> None:
        for window in sound:
            filtered = signal.sosfilt(sections, window / 2**15).astype(np.float32)
            net(picture_of(filtered / np.sqrt(np.mean(filtered**2)))[np.newaxis, np.newaxis])

    return run


def log_mel(window: Floats) -> Floats:
    """As one writes it: librosa makes the mel filters anew with every call."""
    power = np.abs(librosa.stft(window, n_fft=_CONFIG.frame_samples, **_FRAMES)) ** 2
    return _levels(librosa.feature.melspectrogram(S=power, **_MEL), power)


def kept_log_mel() -> Callable[[Floats], Floats]:
    """The same with the filters made once: what a careful user of librosa writes."""
    filters = librosa.filters.mel(**_MEL)  # type: ignore[attr-defined] # loaded lazily

    def picture(window: Floats) -> Floats:
        power = np.abs(librosa.stft(window, n_fft=_CONFIG.frame_samples, **_FRAMES)) ** 2
        return _levels(filters @ power, power)

    return picture


@cache
def _without_a_bin() -> tuple[tuple[int, int], ...]:
    """Bands that no bin falls into, each with the bin that the shipped front end gives it."""
    filters = librosa.filters.mel(**_MEL)  # type: ignore[attr-defined] # loaded lazily
    ours = mel_bank(_CONFIG)
    empty = np.flatnonzero(filters.sum(axis=1) == 0).tolist()
    return tuple((band, int(ours[band].argmax())) for band in empty)


def _levels(mel: Floats, power: Floats) -> Floats:
    for band, nearest in _without_a_bin():
        mel[band] = power[nearest]
    level = np.log(mel + _CONFIG.floor)
    centred: Floats = level - level.mean(axis=1, keepdims=True)
    return centred


def net_alone(model: OnnxPredictor) -> onnx.ModelProto:
    """The shipped graph from the log-mel picture on."""
    name, version = model.contract.name, model.contract.version
    entry = next(e for e in Registry().entries if (e.name, e.version) == (name, version))
    whole = multiplied_out(ARTIFACTS / entry.file)
    operations = [node.op_type for node in whole.graph.node]
    picture = whole.graph.node[operations.index("Conv", operations.index("Log"))].input[0]
    made_by = {name: node for node in whole.graph.node for name in node.output}
    while made_by[picture].op_type in {"Squeeze", "Unsqueeze"}:
        picture = made_by[picture].input[0]
    return onnx.utils.Extractor(whole).extract_model([picture], [OUTPUT])


def multiplied_out(file: Path) -> onnx.ModelProto:
    """The graph as the runtime has it once loaded: weights of 8 bits are numbers again."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        loaded = Path(folder) / "loaded.onnx"
        options.optimized_model_filepath = str(loaded)
        onnxruntime.InferenceSession(str(file), options)
        return onnx.shape_inference.infer_shapes(onnx.load(loaded))


def in_onnx(body: onnx.ModelProto) -> Callable[[Floats], Floats]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(body.SerializeToString(), options)
    name = session.get_inputs()[0].name
    return lambda picture: session.run(None, {name: picture})[0]


def in_torch(body: onnx.ModelProto) -> Callable[[Floats], Floats]:
    """The same net in PyTorch, normalisation folded into the convolutions as in the graph."""
    torch.set_num_threads(1)
    values = {w.name: torch.tensor(numpy_helper.to_array(w)) for w in body.graph.initializer}
    layers = [(_layer(node), list(node.input), node.output[0]) for node in body.graph.node]
    picture_name = body.graph.input[0].name

    @torch.inference_mode()
    def answer(picture: Floats) -> Floats:
        known = values | {picture_name: torch.from_numpy(picture)}
        for layer, inputs, output in layers:
            known[output] = layer(*(known[name] for name in inputs))
        answered: Floats = known[OUTPUT].numpy()
        return answered

    return answer


_AS_THEY_ARE: dict[str, Callable[..., torch.Tensor]] = {
    "Relu": torch.relu,
    "Sqrt": torch.sqrt,
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "MatMul": torch.matmul,
    "Greater": torch.gt,
    "Clip": torch.clamp,
    "Gemm": torch.nn.functional.linear,
    "Cast": lambda values: values.float(),
    "Squeeze": lambda values, axes: values.squeeze(tuple(axes.tolist())),
    "Unsqueeze": lambda values, axes: values.unsqueeze(axes.item()),
    "Reshape": lambda values, shape: values.reshape(shape.tolist()),
    "Slice": lambda values, start, end, axis, _step: values.narrow(
        axis.item(), start.item(), min(end.item(), values.shape[axis.item()]) - start.item()
    ),
}


def _convolution(told: dict[str, Any]) -> Callable[..., torch.Tensor]:
    top, left, bottom, right = told["pads"]
    convolved = partial(
        torch.conv2d,
        stride=told["strides"],
        dilation=told["dilations"],
        groups=told["group"],
    )
    if (top, left) == (bottom, right):
        return partial(convolved, padding=(top, left))
    edges = (left, right, top, bottom)
    return lambda maps, *weights: convolved(torch.nn.functional.pad(maps, edges), *weights)


def _batch_norm(told: dict[str, Any]) -> Callable[..., torch.Tensor]:
    return lambda values, weight, bias, mean, variance: torch.nn.functional.batch_norm(
        values, mean, variance, weight, bias, eps=told["epsilon"]
    )


_AS_TOLD: dict[str, Callable[[dict[str, Any]], Callable[..., torch.Tensor]]] = {
    "Conv": _convolution,
    "BatchNormalization": _batch_norm,
    "Transpose": lambda told: partial(torch.permute, dims=told["perm"]),
    "Softmax": lambda told: partial(torch.softmax, dim=told["axis"]),
    "Concat": lambda told: lambda *values: torch.cat(values, told["axis"]),
    "ReduceSum": lambda told: (
        lambda values, axes: values.sum(axes.tolist(), keepdim=bool(told["keepdims"]))
    ),
}


def _layer(node: onnx.NodeProto) -> Callable[..., torch.Tensor]:
    """What PyTorch has for one node of a net that ships."""
    told = {it.name: onnx.helper.get_attribute_value(it) for it in node.attribute}
    if node.op_type in _AS_TOLD:
        return _AS_TOLD[node.op_type](told)
    if node.op_type in _AS_THEY_ARE:
        return _AS_THEY_ARE[node.op_type]
    raise NotImplementedError(f"this benchmark has no {node.op_type} in PyTorch yet")


def agree(model: OnnxPredictor, *others: Callable[[Floats], Floats]) -> None:
    """A comparison of speed is worth nothing unless all compute the same."""
    filtered = np.stack([block_filter(2000)(window[-6000:]) for window in _windows()[:8]])
    windows = join(filtered[:-1], filtered[1:])
    expected = model.predict(windows)
    for window, row in zip(scale(windows, model.contract.scaling), expected, strict=True):
        for picture_of in (log_mel, kept_log_mel()):
            for other in others:
                answer = other(picture_of(window)[np.newaxis, np.newaxis])[0]
                np.testing.assert_allclose(answer, row, atol=1e-4)


def _windows() -> Int16s:
    """Beating noise without silence, of which the net has its own opinion; (WINDOWS, window)."""
    rng = np.random.default_rng(0)
    samples = np.arange(PIPELINE_GRID.window_samples)
    beats = np.abs(np.sin(rng.uniform(2, 5, (WINDOWS, 1)) * samples / 2000)) ** 7
    return (6000 * (beats + 0.05) * rng.standard_normal(beats.shape)).astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    found = measure(parser.parse_args().rounds)
    best = min(found[f"Heartward, batch {batch}"] for batch in BATCHES)
    rows = [(name, us, us / best) for name, us in found.items()]
    title = "CPU per window of 5 s, one thread each"
    report.table(title, ("way", "microseconds", "times ours"), rows)
    measured: dict[str, Any] = {"us_per_window": found, "windows_per_round": WINDOWS}
    measured["times_ours"] = {name: found[name] / best for name in TARGETS}
    for name, target in TARGETS.items():
        times = measured["times_ours"][name]
        verdict = "reached" if times >= target else "MISSED"
        print(f"{name}: {times:.1f} times ours, target {target:g}: {verdict}")
    print(f"written to {report.save('inference', measured)}")


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in _ONE_THREAD):
        pinned = os.environ | dict.fromkeys(_ONE_THREAD, "1")
        os.execve(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]], pinned)  # noqa: S606 (this program again, threads pinned)
    main()
