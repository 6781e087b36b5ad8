"""Recordings as a net hears them: filtered once, held in memory, cut where they are wanted.

Cut on the grid they are what `models.recording` gives the finished artifact, bit for bit.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, Scaling
from models.dsp import Floats, hear, windows_of
from models.errors import ConfigurationError
from models.recording import Pace
from models.recording import Recording as Whole
from training import cleaning
from training.datasets.recordings import DataSet, Recording, Samples
from training.engine.recipe import Data, Hearing, Recipe

Integers = npt.NDArray[np.int64]

_SILENCE = 1e-5  # as models.dsp


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Windows of many recordings, in one long sound.

    Attributes
    ----------
    recordings, sets
        Who was recorded, and the data set that each is from; `owner` points into both.
    targets
        Shape (recordings, labels), 0 or 1.
    sound
        Shape (samples,), full scale 1, filtered: one recording after the other.
    begin, room, length
        Shape (recordings,): where each begins in `sound`, how much later its last window may
        begin, and its samples before silence was added.
    start, owner, usable
        Shape (windows,): where each window begins in `sound`, whose it is, and whether its quality
        lets it count when recordings are judged.
    """

    recordings: tuple[Recording, ...]
    sets: tuple[str, ...]
    targets: Tensor
    sound: Tensor
    begin: Tensor
    room: Tensor
    length: Tensor
    start: Tensor
    owner: Tensor
    usable: Tensor
    window: int

    def __len__(self) -> int:
        return len(self.start)

    def to(self, device: torch.device) -> "Clips":
        return replace(
            self,
            targets=self.targets.to(device),
            sound=self.sound.to(device),
            begin=self.begin.to(device),
            room=self.room.to(device),
            length=self.length.to(device),
            start=self.start.to(device),
            owner=self.owner.to(device),
            usable=self.usable.to(device),
        )

    def samples(self, start: Tensor) -> Tensor:
        """Shape (len(start), window), not scaled."""
        return self.sound[start[:, None] + torch.arange(self.window, device=start.device)]

    def repeated(self, start: Tensor, owner: Tensor, draw: torch.Generator) -> Tensor:
        """As `samples`, but what a short recording lacks is itself, from any moment on."""
        places = start[:, None] + torch.arange(self.window, device=start.device)
        begin, length = self.begin[owner, None], self.length[owner, None]
        turn = (self._shares(owner, draw)[:, None] * length).long()
        looped = begin + (places - begin + turn) % length
        return self.sound[torch.where(length < self.window, looped, places)]

    def at_any_moment(self, owner: Tensor, draw: torch.Generator) -> Tensor:
        """A window's start anywhere within each of the given recordings."""
        return self.begin[owner] + (self._shares(owner, draw) * (self.room[owner] + 1)).long()

    @staticmethod
    def _shares(owner: Tensor, draw: torch.Generator) -> Tensor:
        return torch.rand(len(owner), generator=draw, device=owner.device, dtype=torch.float64)

    def sha256(self) -> str:
        """Of what is heard, and how it is called."""
        parts = (self.sound, self.start, self.owner, self.targets)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part.cpu().numpy().tobytes())
        return digest.hexdigest()


def gather(
    chosen: Sequence[tuple[DataSet, Recording]],
    recipe: Recipe,
    excerpt: str,
    *,
    assessed: bool = False,
    done: Callable[[], None] = lambda: None,
) -> Clips:
    """Read, clean, filter and cut recordings as a recipe says.

    Parameters
    ----------
    excerpt
        As `Hearing.excerpt`; `random` gives the grid's windows, to be moved in training.
    assessed
        Whether to look at the quality of each window, as `heartward classify` does; else all count.
    done
        Called after each recording.
    """
    if not chosen:
        raise ConfigurationError(f"{recipe.name}: a part of the split has no recordings")
    sounds, starts, owners, usable, begins, rooms, lengths = [], [], [], [], [], [], []
    length = 0
    for number, (data, recording) in enumerate(chosen):
        samples = _read(data, recording, recipe.data)
        sound, start = heard(*samples, recipe.contract, excerpt)
        alone = not assessed or len(start) == 1  # one window alone always counts
        usable.append(np.ones(len(start), bool) if alone else _usable(*samples, recipe.contract))
        sounds.append(sound)
        starts.append(start + length)
        owners.append(np.full(len(start), number))
        begins.append(length)
        rooms.append(len(sound) - recipe.contract.window_samples)
        lengths.append(len(samples[0]) * recipe.contract.sample_rate_hz // samples[1])
        length += len(sound)
        done()
    return Clips(
        recordings=tuple(recording for _, recording in chosen),
        sets=tuple(data.name for data, _ in chosen),
        targets=torch.tensor([targets(recording, recipe.data) for _, recording in chosen]),
        sound=torch.from_numpy(np.concatenate(sounds)),
        begin=torch.tensor(begins),
        room=torch.tensor(rooms),
        length=torch.tensor(lengths),
        start=torch.from_numpy(np.concatenate(starts)),
        owner=torch.from_numpy(np.concatenate(owners)),
        usable=torch.from_numpy(np.concatenate(usable)),
        window=recipe.contract.window_samples,
    )


def heard(
    samples: Samples, sample_rate_hz: int, contract: Hearing, excerpt: str
) -> tuple[Floats, Integers]:
    """One recording, filtered, at least a window long; and where its windows begin.

    Blocks of the pipeline's grid lie end to end, so its windows can be cut anywhere, too.
    """
    padded, whole = _padded(samples, sample_rate_hz, contract, excerpt)
    if _is_pipeline(contract):
        sound = windows_of(padded, sample_rate_hz).blocks.reshape(-1)
    else:
        rate_hz = contract.sample_rate_hz
        sound = hear(padded, sample_rate_hz, contract.filter_spec, rate_hz)
    room = len(sound) - contract.window_samples
    # Resampling needs no sample more than the recording has: a window lies wholly within it.
    hops = min(room, max(0, whole - contract.window_samples)) // contract.hop_samples
    match excerpt:
        case "first":
            return sound, np.array([0])
        case "middle":
            return sound, np.array([room // 2])
        case _:
            return sound, np.arange(hops + 1) * contract.hop_samples


def scaled(waveform: Tensor, scaling: Scaling) -> Tensor:
    """As `models.dsp.scale`, on any device."""
    if scaling.kind != "none":
        if scaling.kind == "rms":
            level = waveform.square().mean(1, keepdim=True).sqrt()
        else:
            level = waveform.abs().amax(1, keepdim=True)
        waveform = waveform * (scaling.target / level.clamp(min=_SILENCE))
    return waveform.clamp(-scaling.clip, scaling.clip)


def targets(recording: Recording, data: Data) -> list[float]:
    """1 for each of the recording's labels, 0 for others.

    Of labels that exclude each other several are 1 where nobody knows which of them holds.
    """
    known = data.diagnosed and recording.diagnosis in data.labels
    words = (str(recording.diagnosis),) if known else recording.labels
    renamed = [data.rename.get(word, word).split("|") for word in words]
    own = {label for labels in renamed for label in labels}
    strange = own - set(data.labels)
    if strange and data.exclusive:
        raise ConfigurationError(
            f"{recording.path} is called {', '.join(sorted(strange))}, and the recipe's labels are "
            f"{', '.join(data.labels)}: add it, or say in data.rename which it is"
        )
    if data.exclusive and len(words) != 1:
        raise ConfigurationError(
            f"{recording.path} has the labels {', '.join(sorted(own))}: labels that concur want "
            "data.exclusive = false"
        )
    return [float(label in own) for label in data.labels]


def _read(data: DataSet, recording: Recording, told: Data) -> tuple[Samples, int]:
    samples, rate_hz = data.read(recording)
    middle_s = told.middle_s.get(data.name)
    keep = len(samples) if middle_s is None else round(middle_s * rate_hz)
    first = max(0, (len(samples) - keep) // 2)
    return _cleaned(samples[first : first + keep], rate_hz, told.clean), rate_hz


def _usable(samples: Samples, sample_rate_hz: int, contract: Hearing) -> npt.NDArray[np.bool_]:
    pace = Pace(contract.window_s, contract.hop_s)
    return np.array([it.usable for it in Whole(samples, sample_rate_hz).qualities(pace)])


def _cleaned(samples: Samples, rate_hz: int, how: Iterable[str]) -> Samples:
    for step in how:
        sound = samples.astype(np.float32)
        if step == "silence":
            sound = cleaning.without_silence(sound, rate_hz)
        else:
            sound = cleaning.wavelet_denoised(sound)
        samples = np.clip(np.rint(sound), -(2**15), 2**15 - 1).astype(np.int16)
    return samples


def _padded(samples: Samples, rate_hz: int, contract: Hearing, excerpt: str) -> tuple[Samples, int]:
    """Filled up with silence to one window: after it, or around it where the middle is cut."""
    least = -(-contract.window_samples * rate_hz // contract.sample_rate_hz)
    lack = max(0, least - len(samples))
    before = lack // 2 if excerpt == "middle" else 0
    padded = np.pad(samples, (before, lack - before))
    return padded, len(padded) * contract.sample_rate_hz // rate_hz


def _is_pipeline(contract: Hearing) -> bool:
    wanted = (contract.sample_rate_hz, contract.window_s, contract.hop_s, contract.filter_spec)
    grid = PIPELINE_GRID
    return wanted == (grid.sample_rate_hz, grid.window_s, grid.hop_s, PIPELINE_FILTER)
