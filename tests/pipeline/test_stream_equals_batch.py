"""A recording that comes as a stream gives the numbers of the same file taken whole, bit for bit.

"Whole" is `models.classify`, which knows nothing of chunks, lanes or partitions.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy import signal

from ingest.chunk import MAX_SAMPLES_BYTES
from ingest.sounds import PACKAGED, recordings
from models.classify import classify
from models.dsp import windows_of
from models.registry import Registry
from models.sound_file import read_sound
from stream_processors.inference import finish, judge
from stream_processors.partition import Partition
from stream_processors.running_models import RunningModels
from stream_processors.windows import Window
from tests.unit.stream_processors.logs import Sent, log_of

RATES_HZ = (1000, 2000, 4000, 8000, 44_100)
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)

Samples = npt.NDArray[np.int16]


@cache
def recording(sample_rate_hz: int) -> Samples:
    """A packaged heart at some device's rate, 20 s and a bit of it."""
    samples, packaged_hz = read_sound(recordings(PACKAGED)[0])
    resampled = signal.resample_poly(samples.astype(float), sample_rate_hz, packaged_hz)
    return np.clip(resampled, -(2**15), 2**15 - 1).astype(np.int16)[: 20 * sample_rate_hz + 777]


@cache
def models() -> RunningModels:
    return RunningModels(Registry(), heart=True)


@st.composite
def chunkings(draw: st.DrawFn, *, sample_rate_hz: int) -> list[Sent]:
    """Odd chunks of 0.25 to 2 s, some of them twice, delayed, or both; all there within 2 s."""
    samples = recording(sample_rate_hz)
    shortest, longest = sample_rate_hz // 4, min(2 * sample_rate_hz, MAX_SAMPLES_BYTES // 2)
    chunks: list[Sent] = []
    at = 0
    while left := len(samples) - at:
        drawn = draw(st.integers(shortest, longest))
        piece = samples[at : at + (left if left <= longest else min(drawn, left - shortest))]
        at += len(piece)
        now_s = at / sample_rate_hz
        delay_s = draw(st.sampled_from([0.0, 0.0, 0.4, 1.9]))
        chunk = Sent(
            "bed-1", at - len(piece), piece, now_s + delay_s, sample_rate_hz=sample_rate_hz
        )
        chunks.append(chunk)
        if draw(st.integers(0, 3)) == 0:
            chunks.append(chunk._replace(received_s=now_s + draw(st.floats(2, 12))))
    return sorted(chunks, key=lambda chunk: chunk.received_s)


def streamed(chunks: list[Sent]) -> list[Window]:
    partition = Partition("pcg.audio", 0, history=False)
    return [window for record in log_of(chunks) for window in partition.step(record)]


@pytest.mark.parametrize("sample_rate_hz", RATES_HZ)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=WITHOUT_SHRINKING,
)
@given(data=st.data())
def test_blocks_windows_and_gaps_are_those_of_the_file(
    sample_rate_hz: int, data: st.DataObject
) -> None:
    whole = windows_of(recording(sample_rate_hz), sample_rate_hz)
    windows = streamed(data.draw(chunkings(sample_rate_hz=sample_rate_hz)))
    finish(block for window in windows for block in (window.earlier, window.later))

    assert [window.index for window in windows] == list(range(len(whole)))
    for window in windows:
        assert window.gap_fraction == whole.gap_fraction[window.index]
        assert window.earlier.filtered.tobytes() == whole.blocks[window.index].tobytes()
        assert window.later.filtered.tobytes() == whole.blocks[window.index + 1].tobytes()


@pytest.mark.parametrize("sample_rate_hz", [2000, 4000, 8000])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=WITHOUT_SHRINKING,
)
@given(data=st.data())
def test_quality_and_probabilities_are_those_of_the_file(
    sample_rate_hz: int, data: st.DataObject
) -> None:
    running = models().current
    predictors = tuple(model.predictor for model in running)
    whole = classify(recording(sample_rate_hz), sample_rate_hz, predictors, name="whole")
    windows = streamed(data.draw(chunkings(sample_rate_hz=sample_rate_hz)))
    judgements = judge(windows, running)

    assert len(judgements) == len(whole.windows)
    for judgement, expected in zip(judgements, whole.windows, strict=True):
        assert judgement.quality == expected.quality
        for finding, opinion in zip(judgement.findings, expected.opinions, strict=True):
            assert (finding.model, finding.label) == (opinion.model, opinion.label)
            assert finding.probabilities == opinion.probabilities
            assert finding.embedding_distance == opinion.embedding_distance


def test_batches_of_any_size_agree() -> None:
    """To 1e-6 across sizes: the runtime may choose other kernels. Within a size, bit for bit."""
    running = models().current
    rate_hz = 2000
    samples = recording(rate_hz)
    chunks = [
        Sent("bed-1", n, samples[n : n + 2000], n / 2000)
        for n in range(0, len(samples) - 2000, 2000)
    ]

    def probabilities(size: int) -> Any:
        windows = streamed(chunks)
        judged = [
            judgement
            for at in range(0, len(windows), size)
            for judgement in judge(windows[at : at + size], running)
        ]
        return np.array([list(j.findings[0].probabilities.values()) for j in judged])

    alone = probabilities(1)
    for size in (2, 3, 5, 32):
        assert np.array_equal(probabilities(size), probabilities(size))
        assert np.abs(probabilities(size) - alone).max() <= 1e-6
