"""The one idea: a result is a function of the log, whoever reads it and from wherever."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_processors.clock import start_us
from stream_processors.partition import Partition
from stream_processors.windows import Window
from tests.unit.stream_processors.logs import Record, Sent, log_of, sound

RATE_HZ = 2000
DEVICES = ("a", "b", "c")


class Fault(NamedTuple):
    """What happens to one chunk on its way."""

    kind: str
    by_s: float


FAULTS = st.one_of(
    st.just(Fault("none", 0)),
    st.just(Fault("none", 0)),
    st.just(Fault("none", 0)),
    st.just(Fault("lost", 0)),
    st.builds(Fault, st.just("delayed"), st.floats(0.1, 6)),
    st.builds(Fault, st.just("repeated"), st.floats(0.1, 45)),
    st.builds(Fault, st.just("pause"), st.sampled_from([3.0, 20.0, 29.0, 31.0, 40.0])),
    st.builds(Fault, st.just("leap"), st.sampled_from([2.0, 29.0, 31.0, 60.0])),
    st.builds(Fault, st.just("reboot"), st.just(0.0)),
    st.builds(Fault, st.just("overlap"), st.floats(0.05, 0.2)),
    st.builds(Fault, st.just("sent again"), st.floats(1, 20)),
)


@st.composite
def device_chunks(draw: st.DrawFn, device_id: str) -> list[Sent]:
    """What one device's chunks become: lost, late, twice, overlapping, after pauses and leaps."""
    seed = draw(st.integers(0, 3))
    chunk_s = draw(st.sampled_from([0.25, 0.7, 1.0, 2.0]))
    now_s = draw(st.floats(0, 3))
    position = draw(st.sampled_from([0, 0, 1000, 12_345, 10**9]))
    boot_id = 1
    chunks = []
    for fault in draw(st.lists(FAULTS, min_size=3, max_size=26)):
        samples = round(chunk_s * RATE_HZ)
        if fault.kind == "pause":
            now_s += fault.by_s
        if fault.kind == "leap":
            position += round(fault.by_s * RATE_HZ)
        if fault.kind == "reboot":
            boot_id, position = boot_id + 1, 0
        first = position - round(fault.by_s * RATE_HZ) * (fault.kind == "overlap")
        if fault.kind != "lost" and first >= 0:
            data = sound(first, samples, seed + boot_id + (fault.kind == "overlap"))
            late_s = fault.by_s if fault.kind == "delayed" else 0
            chunk = Sent(device_id, first, data, now_s + late_s, boot_id)
            chunks.append(chunk)
            if fault.kind == "repeated":
                chunks.append(chunk._replace(received_s=now_s + fault.by_s))
            if fault.kind == "sent again":
                chunks += sent_again(chunk, since_s=fault.by_s, seed=seed)
        position += samples
        now_s += chunk_s
    return chunks


def sent_again(latest: Sent, *, since_s: float, seed: int) -> list[Sent]:
    """All from so many seconds back up to a chunk, eight times as fast as it was recorded."""
    length = len(latest.samples)
    number = min(latest.first_sample // length, round(since_s * RATE_HZ) // length)
    return [
        latest._replace(
            first_sample=first,
            samples=sound(first, length, seed + latest.boot_id),
            received_s=latest.received_s + (n + 1) * length / RATE_HZ / 8,
        )
        for n in range(number)
        if (first := latest.first_sample - (number - n - 1) * length) >= 0
    ]


class Log(list[Record]):
    """Shown by its positions: the sound of one would fill pages."""

    def __init__(self, chunks: Sequence[Sent]) -> None:
        super().__init__(log_of(chunks))
        self._shown = [
            (chunk.device_id, chunk.boot_id, chunk.first_sample, round(chunk.received_s, 2))
            for chunk in chunks
        ]

    def __repr__(self) -> str:
        return f"Log({self._shown})"


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Devices interleave in the order in which the bridge received them."""
    chunks = [chunk for device in DEVICES for chunk in draw(device_chunks(device))]
    return Log(sorted(chunks, key=lambda chunk: chunk.received_s))


def identity(window: Window) -> tuple[Any, ...]:
    return *window.key, window.index


def content(window: Window) -> tuple[Any, ...]:
    """Everything of a result that is not a wall clock's."""
    return (
        window.earlier.raw.tobytes(),
        window.later.raw.tobytes(),
        window.gap_fraction,
        start_us(window.start_sample, window.key.sample_rate_hz, window.arrivals),
        tuple(arrival.offset for arrival in window.arrivals),
    )


Results = set[tuple[tuple[Any, ...], tuple[Any, ...]]]


def read(partition: Partition, log: Sequence[Record]) -> list[Window]:
    return [window for record in log for window in partition.step(record)]


def objections(partition: Partition, log: Sequence[Record]) -> set[int]:
    """The offsets that become dead letters."""
    told = set()
    for record in log:
        partition.step(record)
        if partition.objection is not None:
            told.add(record.offset)
    return told


def undisturbed(log: Sequence[Record], *, history: bool) -> list[Window]:
    return read(Partition("pcg.audio", 0, history=history), log)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    log=logs(),
    history=st.booleans(),
    crash_share=st.floats(0, 1),
    chance=st.randoms(use_true_random=False),
)
def test_a_restart_from_any_commit_gives_exactly_what_was_missing_and_the_same_again(
    log: Log, *, history: bool, crash_share: float, chance: Any
) -> None:
    expected = [(identity(window), content(window)) for window in undisturbed(log, history=history)]
    crash_at = round(crash_share * len(log))
    first = Partition("pcg.audio", 0, history=history)
    published: Results = set()
    in_flight: list[Window] = []
    committed = 0
    for record in log[:crash_at]:
        in_flight += first.step(record)
        if first.objection is not None:
            first.settle(record.offset)
        while in_flight and chance.random() < 0.6:
            window = in_flight.pop(chance.randrange(len(in_flight)))
            published.add((identity(window), content(window)))
            first.settle(window.oldest_offset)
        if chance.random() < 0.3:
            assert first.committable() >= committed
            committed = first.committable()

    second = Partition("pcg.audio", 0, history=history)
    again = [(identity(window), content(window)) for window in read(second, log[committed:])]

    assert set(expected) == published | set(again)
    assert len(set(again)) == len(again)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log=logs(), history=st.booleans(), crash_share=st.floats(0, 1))
def test_whoever_reads_on_from_a_commit_leaves_out_no_dead_letter(
    log: Log, *, history: bool, crash_share: float
) -> None:
    expected = objections(Partition("pcg.audio", 0, history=history), log)
    first = Partition("pcg.audio", 0, history=history)
    told = set()
    for record in log[: round(crash_share * len(log))]:
        for window in first.step(record):
            first.settle(window.oldest_offset)
        if first.objection is not None:
            told.add(record.offset)
            first.settle(record.offset)

    again = objections(Partition("pcg.audio", 0, history=history), log[first.committable() :])

    assert expected <= told | again


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log=logs(), back=st.integers(0, 30))
def test_records_read_twice_within_one_assignment_change_nothing(log: Log, back: int) -> None:
    partition = Partition("pcg.audio", 0, history=False)
    half = len(log) // 2
    windows = read(partition, log[:half]) + read(partition, log[max(0, half - back) :])

    assert [content(window) for window in windows] == [
        content(window) for window in undisturbed(log, history=False)
    ]


def burst(*seconds: int, from_s: float = 0, every_s: float = 0.02) -> list[Sent]:
    """Chunks of 1 s, as fast as a device catches up."""
    return [
        Sent("a", second * RATE_HZ, sound(second * RATE_HZ, RATE_HZ), from_s + n * every_s)
        for n, second in enumerate(seconds)
    ]


@pytest.mark.parametrize(
    "chunks",
    [
        burst(1, 0, *range(2, 20)),  # the first chunk is overtaken
        burst(*range(12), 5, *range(12, 30)),  # a repetition of what a commit has passed
        burst(*range(8), *range(9, 20), *range(2, 40)),  # a hole, and all of it again
        burst(*range(40), *range(20, 60), every_s=0.2),
        burst(*range(40, 60), *range(55), every_s=0.2),
        [  # only what another device holds keeps a reader from beginning at second 40
            *burst(*range(40), every_s=0.2),
            Sent("c", 0, sound(0, RATE_HZ), 8),
            *burst(40, *range(20, 60), from_s=8.01),
        ],
    ],
)
@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("unsettled", [0, 1, 3])
def test_a_restart_amid_a_burst_of_repetitions_changes_nothing(
    chunks: list[Sent], *, history: bool, unsettled: int
) -> None:
    log = log_of([*chunks, Sent("b", 0, sound(0, RATE_HZ), 60)])
    expected = {(identity(w), content(w)) for w in undisturbed(log, history=history)}
    first = Partition("pcg.audio", 0, history=history)
    published: Results = set()
    in_flight: list[Window] = []
    for record in log:
        in_flight += first.step(record)
        while len(in_flight) > unsettled:
            window = in_flight.pop(0)
            published.add((identity(window), content(window)))
            first.settle(window.oldest_offset)
        again = read(Partition("pcg.audio", 0, history=history), log[first.committable() :])
        assert published | {(identity(w), content(w)) for w in again} == expected


def test_sound_depends_on_its_position_alone() -> None:
    assert np.array_equal(sound(0, 100)[40:], sound(40, 60))
