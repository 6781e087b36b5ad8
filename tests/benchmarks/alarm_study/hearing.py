"""What the ward's own stages say of each window of a stream, by a model that never heard it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_GRID
from models.dsp import block_filter
from models.errors import ConfigurationError
from models.rhythm import Heart
from models.verdict import Assessment
from stream_processors.arrivals import LaneKey
from stream_processors.inference import judge
from stream_processors.records import Finding
from stream_processors.results import strips_of
from stream_processors.running_models import RunningModel
from stream_processors.windows import Block, Window

_TOGETHER = 64


class Told(msgspec.Struct, frozen=True, array_like=True):
    """One window: what the alarms need of its result; `peak` is of its strip."""

    quality: Assessment
    findings: tuple[Finding, ...]
    heart: Heart | None
    peak: float = 1.0


class Stream(msgspec.Struct, frozen=True, array_like=True):
    """Ten minutes of one person.

    Attributes
    ----------
    part
        ``validation`` chooses the limits, ``test`` judges them.
    noise
        ``clean``, or what was mixed in.
    marked_bpm
        The lowest and highest rate by the annotators' marks, if they made enough.
    has
        As of `people.Person`.
    """

    person: str
    age_group: str | None
    abnormal: bool
    part: str
    noise: str
    windows: tuple[Told, ...]
    marked_bpm: tuple[float, float] | None = None
    has: str = ""

    @property
    def noisy(self) -> bool:
        return self.noise != "clean"


def told(sound: npt.NDArray[np.int16], models: Sequence[RunningModel]) -> tuple[Told, ...]:
    """Judge a stream as an audio worker does, from power-up on."""
    found: list[Told] = []
    waiting: list[Window] = []
    for window in _windows(sound):
        waiting.append(window)
        if len(waiting) == _TOGETHER:
            found += _told(waiting, models)
            waiting = []
    return (*found, *_told(waiting, models)) if waiting else tuple(found)


def write(streams: Sequence[Stream], file: Path) -> None:
    file.write_bytes(msgspec.msgpack.encode(streams))


def read(file: Path) -> list[Stream]:
    """What `write` wrote.

    Raises
    ------
    ConfigurationError
        If the file is not there, or not of a study.
    """
    try:
        return msgspec.msgpack.decode(file.read_bytes(), type=list[Stream])
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{file} is not of an alarm study: {error}") from None


def _windows(sound: npt.NDArray[np.int16]) -> Iterator[Window]:
    filters = block_filter(PIPELINE_GRID.sample_rate_hz)
    hop, preroll = filters.source_hop, filters.source_preroll
    padded = np.concatenate([np.zeros(preroll, np.int16), sound])
    blocks = [
        Block(
            padded[start : start + preroll + hop],
            hop_samples=hop,
            missing=0.0,
            preroll_missing=0.0,
            sample_rate_hz=PIPELINE_GRID.sample_rate_hz,
        )
        for start in range(0, len(sound) - hop + 1, hop)
    ]
    key = LaneKey("stream", 0, PIPELINE_GRID.sample_rate_hz)
    for index, pair in enumerate(pairwise(blocks)):
        yield Window(key, index, index * hop, pair, (), 0)


def _told(windows: Sequence[Window], models: Sequence[RunningModel]) -> list[Told]:
    judged = judge(windows, models)
    return [
        Told(each.quality, each.findings, each.heart, strip.full_scale)
        for each, strip in zip(judged, strips_of(windows), strict=True)
    ]
