"""Every architecture gives the same answers in ONNX Runtime as in PyTorch."""

import copy
import warnings
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from training import architectures
from training.export import OPSET
from training.front_end_config import (
    FrontEndConfig,
    LogMelConfig,
    MfccConfig,
    RawFramesConfig,
    SpectrogramConfig,
)
from training.front_ends import build
from training.onnx_translations import TRANSLATIONS

WINDOW = 4000
LOG_MEL = LogMelConfig(bands=32, hop_samples=100)
# The exporter follows a recurrent net step by step, which takes it long.
FEW_FRAMES = LogMelConfig(frame_samples=800, hop_samples=800)
PANNS = LogMelConfig(bands=64, level="db", normalisation="none", centred=True)
FRONT_ENDS: dict[str, FrontEndConfig] = {
    "cnn14": PANNS,
    **dict.fromkeys(("simple_rnn", "lstm", "gru", "attention_gru"), FEW_FRAMES),
}
SMALL = (
    "ours",
    "cycle_net",
    "two_block_attention_cnn",
    "simple_rnn",
    "lstm",
    "attention_gru",
    "patch_transformer",
)
LARGE = tuple(name for name in architectures.NAMES if name not in SMALL)


def waveform(batch: int) -> torch.Tensor:
    return torch.randn(batch, WINDOW, generator=torch.Generator().manual_seed(batch))


def as_if_trained(net: nn.Module) -> nn.Module:
    """Random, with the statistics of normalisation that training would leave."""
    norms = [
        module for module in net.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    for norm in norms:
        norm.momentum = None
    with torch.no_grad():
        net.train()(waveform(8))
    return net.eval()


def in_runtime(net: nn.Module, sound: torch.Tensor) -> np.typing.NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of torch's own internals
        program = torch.onnx.export(
            net,
            (torch.zeros(2, WINDOW),),
            input_names=["waveform"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            custom_translation_table=TRANSLATIONS,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    answer: Any = session.run(None, {"waveform": sound.numpy()})[0]
    return np.asarray(answer, np.float32)


def random_net(name: str) -> nn.Module:
    torch.manual_seed(0)
    front_end = FRONT_ENDS.get(name, LOG_MEL)
    return as_if_trained(architectures.build(name, 3, front_end, window_samples=WINDOW))


@pytest.mark.parametrize("name", SMALL)
def test_a_small_net_answers_alike_in_both(name: str) -> None:
    net = random_net(name)
    with torch.no_grad():
        expected = net(waveform(3)).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-3, "the windows must differ, or this shows nothing"
    assert in_runtime(net, waveform(3)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_large_net_answers_alike_in_both(name: str) -> None:
    """Untrained and deep, some nets lose more than 1e-4 to rounding: in PyTorch as well."""
    net = random_net(name)
    with torch.no_grad():
        answer = net(waveform(3)).numpy()
        exact = copy.deepcopy(net).double()(waveform(3).double()).numpy()
    assert np.ptp(exact, axis=0).max() > 1e-3, "the windows must differ, or this shows nothing"
    rounding = float(np.abs(answer - exact).max())
    assert in_runtime(net, waveform(3)) == pytest.approx(exact, abs=max(1e-4, 2 * rounding))


@pytest.mark.parametrize(
    "config",
    [
        SpectrogramConfig(level="db-of-max", normalisation="unit", centred=True),
        MfccConfig(normalisation="standard"),
        RawFramesConfig(frame_samples=40, hop_samples=20),
    ],
)
def test_a_front_end_paints_alike_in_both(config: FrontEndConfig) -> None:
    front = build(config)
    assert in_runtime(front, waveform(3)) == pytest.approx(front(waveform(3)).numpy(), abs=1e-3)
