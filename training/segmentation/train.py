"""Train the net that segments: S1, systole, S2 or diastole, every 20 ms.

    python -m training.segmentation.train runs/segment
    python -m training.segmentation.train runs/segment --only shipped

Seven trainings: each of five folds (of physionet2016 and circor2022 together) leaves that fold's
subjects unheard; `without-circor2022` hears physionet2016 alone, all of it; `shipped` hears the
committed `train` parts. The last epoch is kept: no epoch is chosen by what it says of anybody.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from torch import Tensor, nn

from models.contract import Scaling
from models.errors import ConfigurationError
from models.segmentation import STATES
from training import splits
from training.augment import with_noise
from training.datasets import catalogue
from training.engine import noise
from training.engine.clips import scaled
from training.engine.recipe import Hearing
from training.engine.waveforms import with_recorded
from training.segmentation.marked import FRAME_SAMPLES, UNMARKED, WINDOW_FRAMES, Marked, marked
from training.segmentation.net import NetConfig, StateNet

DATA_SETS = ("physionet2016", "circor2022")
SCALING = Scaling(kind="rms", target=1.0, clip=10.0)
CHECKPOINT = "net.pt"

_LEAST_MARKED = 0.3  # of a window that is learnt from
_STEP_FRAMES = 25  # between the places where windows may begin


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the net learns.

    Attributes
    ----------
    tempo
        Range, drawn evenly in logarithms: 1.2 beats a fifth faster, and sounds as much higher.
    tempo_share, noise_share, recorded_share
        Of the windows that are changed so.
    """

    net: NetConfig = msgspec.field(default_factory=NetConfig)
    seed: int = 1
    epochs: int = 10
    windows_per_epoch: int = 8192
    batch: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    tempo: tuple[float, float] = (0.85, 1.4)
    tempo_share: float = 0.3
    noise_snr_db: tuple[float, float] = (5.0, 30.0)
    noise_share: float = 0.25
    recorded_snr_db: tuple[float, float] = (0.0, 25.0)
    recorded_share: float = 0.25


class Pieces(msgspec.Struct, frozen=True):
    """All recordings end to end, and where windows may begin.

    Attributes
    ----------
    sound, marks
        As of `Marked`, one recording after the other.
    start
        Shape (places,): a frame with which a window may begin.
    room
        Shape (places,): frames from there to the recording's end.
    weight
        Shape (places,): chance of being drawn.
    """

    sound: Tensor
    marks: Tensor
    start: npt.NDArray[np.int64]
    room: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]


def gather(recordings: Sequence[Marked]) -> Pieces:
    """Databases count by the root of their recordings, recordings within one alike."""
    databases = [f"{own.data_set} {own.recording.database}" for own in recordings]
    counts = dict(zip(*np.unique(databases, return_counts=True), strict=True))
    starts, rooms, weights = [], [], []
    length = 0
    for own, database in zip(recordings, databases, strict=True):
        places = np.arange(0, len(own.marks) - WINDOW_FRAMES + 1, _STEP_FRAMES)
        known = np.concatenate([[0], np.cumsum(own.marks != UNMARKED)])
        share = (known[places + WINDOW_FRAMES] - known[places]) / WINDOW_FRAMES
        places = places[share >= _LEAST_MARKED]
        starts.append(places + length)
        rooms.append(len(own.marks) - places)
        weights.append(np.full(len(places), 1 / max(1, len(places)) / counts[database] ** 0.5))
        length += len(own.marks)
    weight = np.concatenate(weights)
    return Pieces(
        torch.from_numpy(np.concatenate([own.sound for own in recordings])),
        torch.from_numpy(np.concatenate([own.marks for own in recordings])),
        np.concatenate(starts),
        np.concatenate(rooms),
        weight / weight.sum(),
    )


def drawn(
    pieces: Pieces, recorded: Tensor, draw: torch.Generator, config: TrainConfig
) -> tuple[Tensor, Tensor]:
    """One batch: (batch, samples) as the net hears it, and (batch, frames) of marks."""
    weight = torch.from_numpy(pieces.weight)
    chosen = torch.multinomial(weight, config.batch, replacement=True, generator=draw)
    start = torch.from_numpy(pieces.start)[chosen][:, None]
    room = torch.from_numpy(pieces.room)[chosen][:, None]
    tempo = _tempo(room, draw, config)
    waveform = _read(pieces.sound, start * FRAME_SAMPLES, tempo)
    middles = (torch.arange(WINDOW_FRAMES) + 0.5) * tempo
    marks = pieces.marks[start + middles.long()]
    waveform = scaled(waveform, SCALING)
    low, high = config.recorded_snr_db
    ratio_db = low + (high - low) * torch.rand(config.batch, 1, generator=draw)
    waveform = with_recorded(waveform, recorded, ratio_db, draw, share=config.recorded_share)
    some = round(config.noise_share * config.batch)
    noisy = with_noise(waveform[:some], draw, snr_db=config.noise_snr_db)
    return scaled(torch.cat([noisy, waveform[some:]]), SCALING), marks


def _tempo(room: Tensor, draw: torch.Generator, config: TrainConfig) -> Tensor:
    """Shape (batch, 1), never past the recording's end."""
    low, high = config.tempo
    share, place = torch.rand(2, config.batch, 1, generator=draw)
    tempo = torch.where(share < config.tempo_share, low * (high / low) ** place, 1.0)
    return torch.minimum(tempo, room / WINDOW_FRAMES)


def _read(sound: Tensor, start: Tensor, tempo: Tensor) -> Tensor:
    """Windows from `start` on, shape (batch, samples), read faster by `tempo`."""
    samples = torch.arange(WINDOW_FRAMES * FRAME_SAMPLES)
    waveform = sound[start + samples]
    changed = (tempo != 1).squeeze(1)
    offset = samples * tempo[changed]
    before = offset.int()
    place = start[changed] + before
    earlier, later = sound[place], sound[(place + 1).clamp_(max=len(sound) - 1)]
    waveform[changed] = torch.lerp(earlier, later, offset - before)
    return waveform


def train(recordings: Sequence[Marked], config: TrainConfig) -> StateNet:
    """One cosine-shaped learning rate and a fixed number of epochs, in one thread.

    Sums in several threads round differently each time, and a net this small gains little.
    """
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    draw = torch.Generator().manual_seed(config.seed)
    pieces, recorded = gather(recordings), noise.load(Hearing())
    net = StateNet(len(STATES), config.net)
    nn.utils.convert_conv2d_weight_memory_format(net, torch.channels_last)  # faster on CPUs
    optimiser = torch.optim.AdamW(
        net.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    per_epoch = config.windows_per_epoch // config.batch
    steps = config.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _learning_rate(step / steps, config.warm_up)
    )
    loss_of = nn.CrossEntropyLoss(ignore_index=UNMARKED)
    began = time.monotonic()
    for epoch in range(config.epochs):
        losses = []
        for _ in range(per_epoch):
            waveform, marks = drawn(pieces, recorded, draw, config)
            loss = loss_of(net(waveform).transpose(1, 2), marks)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        took_s = time.monotonic() - began
        Console().print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f} after {took_s:.0f} s")
    net.eval()
    return net


def trainings() -> dict[str, frozenset[tuple[str, str]]]:
    """What each training hears: pairs of data set and path, by the training's name."""
    folds = {name: turns(name) for name in DATA_SETS}
    alone, _ = DATA_SETS
    held_out = {name: splits.turns(splits.protocol_named(name))[0] for name in DATA_SETS}
    return {
        **{
            f"fold-{fold}": frozenset(
                (name, path) for name in DATA_SETS for path in folds[name][fold].train
            )
            for fold in range(len(folds[alone]))
        },
        f"without-{DATA_SETS[1]}": frozenset((alone, path) for path in splits.read_table(alone)),
        "shipped": frozenset((name, path) for name in DATA_SETS for path in held_out[name].train),
    }


def turns(data_set: str) -> list[splits.Fold]:
    return splits.turns(splits.protocol_named(f"{data_set}-5-fold"))


def save(net: StateNet, config: TrainConfig, path: Path) -> None:
    """The checkpoint carries all that `load` needs, and whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save({"net": msgspec.json.encode(config.net), "weights": net.state_dict()}, part)
    part.replace(path)


def load(path: Path) -> StateNet:
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    net = StateNet(len(STATES), msgspec.json.decode(checkpoint["net"], type=NetConfig))
    net.load_state_dict(checkpoint["weights"])
    net.eval()
    return net


def _learning_rate(done: float, warm_up: float) -> float:
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def main(
    to: Annotated[Path, typer.Argument(help="Folder to write a folder for each net into.")],
    only: Annotated[
        list[str] | None, typer.Option(help="Name of a training; may be repeated.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="How often to draw a set of windows.")] = 10,
) -> None:
    """Train the nets that segment, one after the other."""
    named = trainings()
    wanted = only or list(named)
    unknown = sorted(set(wanted) - set(named))
    if unknown:
        raise ConfigurationError(f"no training {unknown[0]}: there are {', '.join(named)}")
    config = TrainConfig(epochs=epochs)
    recordings = [own for name in DATA_SETS for own in marked(catalogue.load(name))]
    for name in wanted:
        own = [each for each in recordings if (each.data_set, each.recording.path) in named[name]]
        Console().print(f"{name}: {len(own)} recordings")
        save(train(own, config), config, to / name / CHECKPOINT)


if __name__ == "__main__":
    typer.run(main)
