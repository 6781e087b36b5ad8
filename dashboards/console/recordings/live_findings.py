"""Windows of an examination while it runs: cut, judged and classified as the ward's stream is."""

from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, Grid
from models.dsp import Windows, block_filter
from models.fast_heart import hear_fast_too
from models.predictor import SEGMENT, Predictor
from models.recording import judge
from models.registry import Registry
from models.rhythm import Heart
from models.verdict import Assessment


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one model says of one window; `label` is the likeliest."""

    model: str
    version: str
    label: str
    probabilities: dict[str, float]


class LiveWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One window; the times in `heart` count from `start_s`."""

    index: int
    start_s: float
    window_s: float
    quality: Assessment
    heart: Heart | None
    findings: tuple[Finding, ...]


class Span(NamedTuple):
    """Samples that windows need: from `first` on, which for the earliest ones is below zero."""

    first: int
    end: int


def complete_windows(samples: int, sample_rate_hz: int) -> int:
    """How many windows so many samples hold."""
    return max(0, samples // PIPELINE_GRID.at(sample_rate_hz).hop_samples - 1)


def span_of(first_window: int, windows: int, sample_rate_hz: int) -> Span:
    """What must be read for these windows, pre-roll included."""
    grid = PIPELINE_GRID.at(sample_rate_hz)
    first = first_window * grid.hop_samples - grid.preroll_samples
    return Span(first, (first_window + windows + 1) * grid.hop_samples)


def judge_windows(
    samples: npt.NDArray[np.int16], sample_rate_hz: int, first_window: int
) -> tuple[LiveWindow, ...]:
    """Windows out of the samples of their span, shape (n,), int16; before 0 there is silence."""
    cut = _cut(samples, sample_rate_hz)
    sound, qualities = cut.samples, judge(cut)
    hearts: list[Heart | None] = [None] * len(cut)
    findings: list[list[Finding]] = [[] for _ in range(len(cut))]
    for model in installed():
        if model.contract.task == SEGMENT:
            hearts = hear_fast_too(sound, model.predict)
        else:
            for own, row in zip(findings, model.predict(sound), strict=True):
                own.append(_finding(model, row))
    grid = PIPELINE_GRID
    return tuple(
        LiveWindow(
            index=first_window + k,
            start_s=(first_window + k) * grid.hop_s,
            window_s=grid.window_s,
            quality=qualities[k],
            heart=hearts[k] if qualities[k].usable else None,
            findings=tuple(findings[k]),
        )
        for k in range(len(cut))
    )


def _cut(samples: npt.NDArray[np.int16], sample_rate_hz: int) -> Windows:
    grid: Grid = PIPELINE_GRID.at(sample_rate_hz)
    length = grid.preroll_samples + grid.hop_samples
    blocks = np.lib.stride_tricks.sliding_window_view(samples, length)[:: grid.hop_samples]
    return Windows(
        raw=blocks[:, grid.preroll_samples :],
        blocks=block_filter(sample_rate_hz).many(blocks),
        gap_fraction=np.zeros(len(blocks) - 1),
    )


def _finding(model: Predictor, row: npt.NDArray[np.float32]) -> Finding:
    contract = model.contract
    return Finding(
        model=contract.name,
        version=contract.version,
        label=contract.labels[int(np.argmax(row))],
        probabilities=dict(zip(contract.labels, row.tolist(), strict=True)),
    )


@cache
def installed() -> tuple[Predictor, ...]:
    """Those installed that take the pipeline's windows; loaded with the first examination."""
    return tuple(
        model
        for model in Registry().installed()
        if model.contract.fits(PIPELINE_GRID, PIPELINE_FILTER)
    )
