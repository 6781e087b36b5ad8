"""Many devices' windows go through filter, judgement and models together; each as if alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.dsp import block_filter
from models.fast_heart import hear_fast_too
from models.predictor import SEGMENT, Answer, answer_each
from models.quality import assess
from models.quality_indices import join, measure, stacked
from models.rhythm import Heart
from models.verdict import Assessment
from stream_processors.records import Finding
from stream_processors.running_models import RunningModel
from stream_processors.windows import Block, Window


class Judgement(NamedTuple):
    """What a window's sound is worth, and what each model says of it."""

    quality: Assessment
    findings: tuple[Finding, ...]
    heart: Heart | None = None


def judge(windows: Sequence[Window], models: Sequence[RunningModel]) -> list[Judgement]:
    """Judge and classify windows; no answer depends on which others are asked with it."""
    finish(block for window in windows for block in (window.earlier, window.later))
    halves = [block.filtered for w in windows for block in (w.earlier, w.later)]
    waveforms = np.concatenate(halves).reshape(len(windows), -1)
    classifiers = [model for model in models if model.predictor.contract.task != SEGMENT]
    answers = answer_each([model.predictor for model in classifiers], waveforms)
    qualities = _qualities(windows)
    hearts = _hearts(waveforms, [quality.usable for quality in qualities], models)
    judgements = []
    for number, quality in enumerate(qualities):
        findings = tuple(
            _finding(model, answer, number, abstained=quality.verdict != "good")
            for model, answer in zip(classifiers, answers, strict=True)
        )
        judgements.append(Judgement(quality, findings, hearts[number]))
    return judgements


def _qualities(windows: Sequence[Window]) -> tuple[Assessment, ...]:
    levels = join(
        stacked([window.earlier.levels for window in windows]),
        stacked([window.later.levels for window in windows]),
    )
    return assess(levels, [window.gap_fraction for window in windows])


def _hearts(
    waveforms: npt.NDArray[np.float32], usable: Sequence[bool], models: Sequence[RunningModel]
) -> list[Heart | None]:
    """The rhythm in each usable window, by the model of task `segment` that runs, if one does."""
    hearts: list[Heart | None] = [None] * len(usable)
    places = np.flatnonzero(usable)
    for model in models:
        if model.predictor.contract.task == SEGMENT and not model.shadow and len(places):
            found = hear_fast_too(waveforms[places], model.predictor.predict)
            for place, heart in zip(places.tolist(), found, strict=True):
                hearts[place] = heart
    return hearts


def finish(blocks: Iterable[Block]) -> None:
    """Filter and measure each block that is not finished, once, with others of its rate."""
    by_rate: defaultdict[int, dict[int, Block]] = defaultdict(dict)
    for block in blocks:
        if not block.finished:
            by_rate[block.sample_rate_hz][id(block)] = block
    for sample_rate_hz, unfinished in by_rate.items():
        together = list(unfinished.values())
        filtered = block_filter(sample_rate_hz).many(np.stack([block.raw for block in together]))
        levels = measure(np.stack([block.own for block in together]), filtered)
        for number, block in enumerate(together):
            block.finish(filtered[number], levels.row(number))


def _finding(model: RunningModel, answer: Answer, number: int, *, abstained: bool) -> Finding:
    contract = model.predictor.contract
    values = answer.probabilities[number].tolist()
    likeliest = values.index(max(values))
    distances = answer.embedding_distances
    return Finding(
        model=contract.name,
        version=contract.version,
        label=contract.labels[likeliest],
        probability=values[likeliest],
        probabilities=dict(zip(contract.labels, values, strict=True)),
        abstained=abstained,
        shadow=model.shadow,
        embedding_distance=None if distances is None else float(distances[number]),
    )
