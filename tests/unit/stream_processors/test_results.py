from typing import Any

import numpy as np
import pytest

from models.verdict import Assessment
from stream_processors.assignments import AssignmentHistory
from stream_processors.inference import Judgement, finish
from stream_processors.partition import Partition
from stream_processors.records import Assignment, Strip, WindowResult, decode, encode
from stream_processors.results import STRIP_RATE_HZ, result_of, strips_of
from stream_processors.windows import Window
from tests.unit.stream_processors.logs import START_US, Sent, log_of, sent

GOOD = Judgement(Assessment(score=0.9, verdict="good", reasons=()), ())


def windows_of(chunks: list[Sent], partition: Partition) -> list[Window]:
    windows = [window for record in log_of(chunks) for window in partition.step(record)]
    finish(block for window in windows for block in (window.earlier, window.later))
    return windows


def result(
    chunks: list[Sent], *, number: int = 0, history: bool = False, **given: Any
) -> WindowResult:
    partition = Partition("pcg.audio", 3, history=history)
    window = windows_of(chunks, partition)[number]
    assignments = given.pop("assignments", AssignmentHistory())
    return result_of(
        window, GOOD, strips_of([window])[0], partition, assignments, windowed_us=11, inferred_us=22
    )


def steady(seconds: int) -> list[Sent]:
    return [sent("bed-1", n, 1.0, received_s=n + 1.25) for n in range(seconds)]


def test_says_which_window_it_is_and_where_its_sound_lies() -> None:
    found = result(steady(9), number=1)

    assert (found.device_id, found.boot_id, found.window_index) == ("bed-1", 7, 1)
    assert (found.start_us, found.window_s) == (START_US + 2_500_000, 5.0)
    assert (found.audio.topic, found.audio.partition) == ("pcg.audio", 3)
    assert (found.audio.first_offset, found.audio.last_offset) == (2, 7)
    assert found.gap_fraction == 0
    assert found.late is False
    assert decode(WindowResult, encode(found)) == found


def test_history_gives_late_results() -> None:
    assert result(steady(9), history=True).late is True


def test_stage_times_are_those_of_the_chunk_that_came_last() -> None:
    chunks = steady(5)
    chunks[3], chunks[4] = (
        chunks[4]._replace(received_s=4.5),
        chunks[3]._replace(received_s=6.0),
    )
    stages = result(chunks).stages

    assert stages.captured_us == START_US + 4_000_000  # chunk 3 covers 3 to 4 s
    assert stages.received_us == START_US + 6_000_000
    assert (stages.windowed_us, stages.inferred_us) == (11, 22)


def test_belongs_to_whoever_wore_the_device_when_the_window_began() -> None:
    assignments = AssignmentHistory()
    for name, from_s in (("first", -100), ("second", 2)):
        assignments.step(
            name,
            Assignment(
                assignment_id=name,
                device_id="bed-1",
                patient_id=f"p-{name}",
                ward="3",
                bed="7",
                from_us=START_US + from_s * 1_000_000,
            ),
        )

    first = result(steady(9), number=0, assignments=assignments)
    second = result(steady(9), number=1, assignments=assignments)
    assert (first.assignment_id, first.patient_id) == ("first", "p-first")
    assert (second.assignment_id, second.ward, second.bed) == ("second", "3", "7")
    assert result(steady(9)).assignment_id is None


def tone(hz: float, seconds: int, level: float = 8000) -> list[Sent]:
    wave = np.sin(2 * np.pi * hz * np.arange(seconds * 2000) / 2000) * level
    return [
        Sent("bed-1", n * 2000, wave[n * 2000 : (n + 1) * 2000].astype(np.int16), n + 1.0)
        for n in range(seconds)
    ]


def sound_of(strip: Strip) -> Any:
    return np.frombuffer(strip.samples, "<i2") / 32767 * strip.full_scale


def test_strips_follow_each_other_without_a_seam() -> None:
    windows = windows_of(tone(60, 16), Partition("pcg.audio", 0, history=False))
    strips = [sound_of(strip) for strip in strips_of(windows)]

    assert {len(strip) for strip in strips} == {round(2.5 * STRIP_RATE_HZ)}
    joined = np.concatenate(strips[1:])
    spectrum = np.abs(np.fft.rfft(joined * np.hanning(len(joined))))
    loudest = np.argmax(spectrum) * STRIP_RATE_HZ / len(joined)
    assert loudest == pytest.approx(60, abs=0.2)
    elsewhere = np.delete(spectrum, range(np.argmax(spectrum) - 8, np.argmax(spectrum) + 9))
    assert 20 * np.log10(elsewhere.max() / spectrum.max()) < -50


def test_a_strip_keeps_the_level_of_the_sound() -> None:
    window = windows_of(tone(60, 10), Partition("pcg.audio", 0, history=False))[-1]
    assert strips_of([window])[0].full_scale == pytest.approx(8000 / 32768, rel=0.02)


def test_a_strip_of_silence_is_silent() -> None:
    window = windows_of(tone(60, 6, level=0), Partition("pcg.audio", 0, history=False))[0]
    assert not np.frombuffer(strips_of([window])[0].samples, "<i2").any()


def test_a_strip_does_not_depend_on_its_company() -> None:
    windows = windows_of(tone(60, 16), Partition("pcg.audio", 0, history=False))
    assert strips_of(windows) == [strips_of([window])[0] for window in windows]
