"""One sample a millisecond in these tests: hop 2500, window 5000, pre-roll 500 samples."""

import numpy as np
import pytest

from models.contract import PIPELINE_GRID
from stream_processors.arrivals import LaneKey
from stream_processors.windows import Window, WindowCutter
from tests.unit.stream_processors.logs import arrival, sound

RATE_HZ = 1000
KEY = LaneKey("bed-1", 7, RATE_HZ)


def cutter() -> WindowCutter:
    return WindowCutter(KEY, PIPELINE_GRID.at(RATE_HZ))


def feed(
    cut: WindowCutter, *chunks: tuple[int, int], offset: int = 0
) -> tuple[list[Window], list[int]]:
    """Feed chunks (first, end); return the windows and the offsets let go of."""
    windows, released = [], []
    for number, (first, end) in enumerate(chunks, start=offset):
        windows += cut.step(arrival(first, end - first, offset=number))
        released += [gone.offset for gone in cut.release(up_to_offset=offset + 10**6)]
    return windows, released


def indices(windows: list[Window]) -> list[int]:
    return [window.index for window in windows]


def test_a_window_comes_with_the_chunk_that_completes_it() -> None:
    # 0         2.5        5          7.5        10 s
    # |--window 0----------|
    #           |--window 1-----------|
    cut = cutter()
    assert indices(feed(cut, (0, 4999))[0]) == []
    assert indices(feed(cut, (4999, 5000))[0]) == [0]
    assert indices(feed(cut, (5000, 7499))[0]) == []
    assert indices(feed(cut, (7499, 10_000))[0]) == [1, 2]


def test_at_power_up_silence_goes_before() -> None:
    windows, _ = feed(cutter(), (0, 5000))

    block = windows[0].earlier
    assert not block.raw[:500].any()
    assert np.array_equal(block.raw[500:], sound(0, 2500))
    assert block.missing == 0


def test_a_block_has_the_sound_before_it_as_its_pre_roll() -> None:
    windows, _ = feed(cutter(), *((n, n + 700) for n in range(0, 7700, 700)))

    assert np.array_equal(windows[1].earlier.raw, sound(2000, 3000))
    assert np.array_equal(windows[1].later.raw, sound(4500, 3000))


def test_neighbouring_windows_share_a_block() -> None:
    windows, _ = feed(cutter(), (0, 10_000))

    assert windows[0].later is windows[1].earlier
    assert windows[1].later is windows[2].earlier


@pytest.mark.parametrize(
    ("first_sample", "first_window"),
    [(0, 0), (1, 1), (2000, 1), (2001, 2), (4500, 2), (4501, 3), (10**12, 4 * 10**8 + 1)],
)
def test_whoever_begins_later_begins_with_a_whole_pre_roll(
    first_sample: int, first_window: int
) -> None:
    windows, _ = feed(cutter(), (first_sample, first_sample + 10_000))

    assert windows[0].index == first_window
    assert windows[0].start_sample == first_window * 2500


def test_a_gap_is_silence_and_counted() -> None:
    # |--a--|     |--b--|    1 s of the window's 5 is missing
    windows, _ = feed(cutter(), (0, 2000), (3000, 5000))

    (window,) = windows
    assert window.gap_fraction == pytest.approx(0.2)
    assert not window.earlier.raw[2500:].any()
    assert not window.later.raw[500 : 500 + 500].any()
    assert np.array_equal(window.later.raw[1000:], sound(3000, 2000))


def test_a_window_whose_pre_roll_has_a_gap_is_not_whole() -> None:
    windows, _ = feed(cutter(), (0, 2200), (2500, 10_000))

    assert [window.gap_fraction for window in windows] == pytest.approx([0.06, 0.06, 0])


def test_a_gap_over_several_windows_gives_them_all_with_what_is_missing() -> None:
    windows, _ = feed(cutter(), (0, 5000), (15_000, 20_000))

    assert [window.gap_fraction for window in windows] == [0, 0.5, 1, 1, 1, 0.5, 0.1]


def test_a_window_knows_the_chunks_that_it_sounds_from() -> None:
    windows, _ = feed(cutter(), *((n, n + 1000) for n in range(0, 9000, 1000)))

    # Window 1 covers 2.5 to 7.5 s; its pre-roll from 2.0 s needs no chunk of its own.
    assert [a.offset for a in windows[1].arrivals] == [2, 3, 4, 5, 6, 7]
    assert windows[1].oldest_offset == 2


def test_a_chunk_is_let_go_of_once_no_later_window_needs_it() -> None:
    cut = cutter()
    chunks = [(n, n + 1000) for n in range(0, 8000, 1000)]
    assert feed(cut, *chunks[:5])[1] == [0, 1]  # window 1 begins at 2.5 s, its pre-roll at 2.0
    assert feed(cut, *chunks[5:], offset=5)[1] == [2, 3]


def test_a_chunk_before_a_gap_is_kept_until_no_window_begins_in_the_gap() -> None:
    # |--0--|            |--1--|   Windows 1 and 2 begin in the gap.
    cut = cutter()
    assert feed(cut, (0, 2000), (6000, 7000))[1] == []
    assert feed(cut, (7000, 9000), offset=2)[1] == []
    assert feed(cut, (9000, 10_000), offset=3)[1] == [0, 1]


def test_finish_fills_the_windows_that_have_begun_with_silence() -> None:
    cut = cutter()
    feed(cut, (0, 5600))
    windows = cut.finish()

    assert indices(windows) == [1, 2]
    assert [window.gap_fraction for window in windows] == [
        pytest.approx(1900 / 5000),
        pytest.approx(4400 / 5000),
    ]
    assert [gone.offset for gone in cut.release_all()] == [0]


def test_nothing_is_let_go_of_while_the_next_chunk_shall_be_no_beginning() -> None:
    cut = cutter()
    for number in range(8):
        cut.step(arrival(number * 1000, 1000, offset=number))

    assert [gone.offset for gone in cut.release(up_to_offset=2)] == [0, 1]
    assert [gone.offset for gone in cut.release(up_to_offset=7)] == [2, 3]


def test_finish_before_the_first_chunk_gives_nothing() -> None:
    assert cutter().finish() == []


def test_finish_without_a_whole_pre_roll_gives_nothing() -> None:
    cut = cutter()
    feed(cut, (2001, 5000))

    assert cut.finish() == []
