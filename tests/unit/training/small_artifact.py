"""Small nets as training would leave them, and their artifacts, each made once."""

from functools import cache

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from models.contract import FilterSpec, Scaling
from models.dsp import scale
from tests.unit.models.tiny import CONTRACT as TINY
from training import architectures, export, front_end_config
from training.architectures.registry import Classifier
from training.export import AS_LEARNT, Scale
from training.front_end_config import FrontEndConfig, LogMelConfig

RATE_HZ = 1000
LOG_MEL = LogMelConfig(sample_rate_hz=RATE_HZ, bands=16)
CONTRACT = msgspec.structs.replace(
    TINY,
    labels=("low", "middle", "high"),
    sample_rate_hz=RATE_HZ,
    window_s=1.0,
    hop_s=0.5,
    filter=FilterSpec(kind="none"),
    scaling=Scaling(kind="rms"),
    metrics={},
    reference={},
)


def windows(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Tones of any height in noise, not scaled."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(CONTRACT.window_samples) / RATE_HZ
    tone = np.sin(2 * np.pi * rng.uniform(20, 400, (count, 1)) * time_s)
    return (0.1 * tone + 0.05 * rng.standard_normal(tone.shape)).astype(np.float32)


def scaled(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(scale(windows(count, seed), CONTRACT.scaling))


@cache
def net(name: str = "ours", front_end: FrontEndConfig = LOG_MEL, seed: int = 0) -> Classifier:
    """Random, with the statistics of normalisation that training would leave."""
    torch.manual_seed(seed)
    small = {"maps": [8, 16], "strides": [[2, 2], [2, 2]], "repeats": 2}
    made = architectures.build(
        name,
        len(CONTRACT.labels),
        front_end,
        window_samples=CONTRACT.window_samples,
        **(small if name == "ours" else {}),
    )
    with torch.no_grad():
        for turn in range(20):
            made.train()(scaled(16, turn))
        for weight in made.parameters():  # answers that differ from window to window
            if weight.requires_grad and weight.ndim > 1:
                weight.mul_(1.5)
    return made.eval()


@cache
def artifact(name: str = "ours", kind: str = "log-mel", at: Scale = AS_LEARNT) -> bytes:
    return export.export(net(name, front_end(kind)), CONTRACT, at=at)


@cache
def front_end(kind: str) -> FrontEndConfig:
    found: dict[str, FrontEndConfig] = {
        "log-mel": LOG_MEL,
        "spectrogram": front_end_config.SpectrogramConfig(
            sample_rate_hz=RATE_HZ, level="db-of-max", normalisation="unit"
        ),
        "mfcc": front_end_config.MfccConfig(
            sample_rate_hz=RATE_HZ, bands=16, coefficients=8, normalisation="standard"
        ),
        "raw-frames": front_end_config.RawFramesConfig(
            sample_rate_hz=RATE_HZ, frame_samples=100, hop_samples=100
        ),
    }
    return found[kind]


def in_torch(name: str = "ours", kind: str = "log-mel", count: int = 8) -> torch.Tensor:
    """Logits, shape (count, labels)."""
    with torch.no_grad():
        logits: torch.Tensor = net(name, front_end(kind))(scaled(count))
    return logits
