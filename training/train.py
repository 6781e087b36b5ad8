"""Train the screening net: normal or abnormal.

    python -m training.train .cache/screen.pt

Every window carries its recording's label. Each epoch draws windows so that, within every
database, normal and abnormal weigh the same: otherwise the net learns to tell databases apart,
which alone gives an area under the curve of 0.78.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn

from models.contract import Scaling
from models.dsp import scale
from training import splits
from training.architectures.logmel_cnn import CnnConfig, LogMelCnn
from training.augment import another_sensor, turned, with_noise
from training.datasets import physionet2016
from training.windows import WindowSet, cut

LABELS = ("normal", "abnormal")
SCALING = Scaling(kind="rms", target=1.0, clip=10.0)


@dataclass(frozen=True)
class TrainConfig:
    """Strengths of augmentation: see `training.augment`."""

    architecture: CnnConfig = field(default_factory=CnnConfig)
    seed: int = 1
    epochs: int = 24
    windows_per_epoch: int = 8192
    batch: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    label_smoothing: float = 0.05
    sensor_spread_db: float = 3.0
    noise_snr_db: tuple[float, float] = (10.0, 40.0)


def train(windows: WindowSet, config: TrainConfig) -> LogMelCnn:
    """One cosine-shaped learning rate, a fixed number of epochs, no choosing among them.

    In one thread: sums in several round differently each time, and a net this small gains nothing.
    """
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    draw = torch.Generator().manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    net = LogMelCnn(len(LABELS), config.architecture)
    steps = config.epochs * (config.windows_per_epoch // config.batch)
    optimiser = torch.optim.AdamW(
        net.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _learning_rate(step / steps, config.warm_up)
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    labels = windows.labels(LABELS)
    weights = balanced(windows, labels)
    with _progress() as progress:
        bar = progress.add_task("training", total=steps, loss=math.nan)
        for _ in range(steps):
            chosen = rng.choice(len(windows), config.batch, p=weights)
            heard = augmented(scaled(windows, chosen), draw, config)
            loss = loss_of(net(heard), torch.from_numpy(labels[chosen]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            progress.update(bar, advance=1, loss=loss.item())
    return net.eval()


def balanced(windows: WindowSet, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The chance of each window to be drawn.

    Labels are equal within a database; a database counts by the root of its number of windows;
    recordings are equal within database and label, however long.
    """
    databases = np.array([recording.database for recording in windows.recordings])
    groups = np.char.add(databases[windows.recording], labels.astype(str))
    per_recording = np.bincount(windows.recording)
    weights = 1 / per_recording[windows.recording]
    for database in np.unique(databases):
        inside = databases[windows.recording] == database
        for label in range(len(LABELS)):
            same = groups == f"{database}{label}"
            weights[same] *= math.sqrt(inside.sum()) / weights[same].sum()
    return np.asarray(weights / weights.sum())


def scaled(windows: WindowSet, chosen: npt.NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(scale(windows.samples(chosen), SCALING))


def augmented(waveform: Tensor, draw: torch.Generator, config: TrainConfig) -> Tensor:
    waveform = turned(waveform, draw)
    waveform = another_sensor(waveform, draw, spread_db=config.sensor_spread_db)
    waveform = waveform / waveform.square().mean(1, keepdim=True).sqrt().clamp(min=1e-6)
    return with_noise(waveform, draw, snr_db=config.noise_snr_db)


def save(net: LogMelCnn, config: TrainConfig, path: Path) -> None:
    """The checkpoint carries all that `load` needs, and whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    architecture = msgspec.to_builtins(config.architecture)
    torch.save({"architecture": architecture, "weights": net.state_dict()}, part)
    part.replace(path)


def load(path: Path) -> LogMelCnn:
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    net = LogMelCnn(len(LABELS), msgspec.convert(checkpoint["architecture"], CnnConfig))
    net.load_state_dict(checkpoint["weights"])
    return net.eval()


def _learning_rate(done: float, warm_up: float) -> float:
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("loss {task.fields[loss]:.3f}"))


def main(
    checkpoint: Annotated[Path, typer.Argument(help="Where to write the trained net.")],
    epochs: Annotated[int, typer.Option(help="How often to draw a set of windows.")] = 24,
) -> None:
    """Train on the training part of physionet2016."""
    config = TrainConfig(epochs=epochs)
    data = physionet2016.load()
    parts = splits.read(data.name)
    part = [recording for recording in data.recordings if parts[recording.path] == "train"]
    save(train(cut(data, part), config), config, checkpoint)


if __name__ == "__main__":
    typer.run(main)
