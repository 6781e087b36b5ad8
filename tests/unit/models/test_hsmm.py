"""The decoder finds the best path there is, and each window's as if it were alone."""

import numpy as np
import numpy.typing as npt
import pytest

from models import hsmm
from models.errors import SignalError
from models.hsmm import LEAST_FRAMES, NEVER, Paths, decode

STATES, FRAMES, LONGEST = 4, 20, 9
ALL_ALIKE = (slice(0, STATES),)
Floats = npt.NDArray[np.float32]


def drawn(seed: int, windows: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    emission = rng.normal(size=(windows, STATES, FRAMES)).astype(np.float32)
    durations = 2 * rng.normal(size=(windows, STATES, LONGEST)).astype(np.float32)
    return emission, durations


def by_trying_all(emission: Floats, durations: Floats) -> tuple[float, int, list[int]]:
    """Score, first state and onsets of the best path, by the definition."""
    total = np.zeros((STATES, FRAMES + 1))
    total[:, 1:] = emission.astype(float).cumsum(axis=1)
    ended = np.full((STATES, FRAMES + 1), -np.inf)
    since: dict[tuple[int, int], int] = {}

    def begun(state: int, start: int) -> float:
        return float(ended[state - 1, start]) if start > 0 else 0.0

    def heard(state: int, start: int, end: int) -> float:
        own = total[state, end] - total[state, max(start, 0)]
        return begun(state, start) + float(own)

    for end in range(1, FRAMES + 1):
        for state in range(STATES):
            scores = {
                end - lasted: heard(state, end - lasted, end) + durations[state, lasted - 1]
                for lasted in range(LEAST_FRAMES, LONGEST + 1)
            }
            score, start = max((score, start) for start, score in scores.items())
            since[state, end], ended[state, end] = start, score
    last = {
        (state, start): heard(state, start, FRAMES)
        + durations[state, max(1, FRAMES - start) - 1 :].max()
        for state in range(STATES)
        for start in range(FRAMES - LONGEST, FRAMES)
    }
    state, start = max(last, key=lambda place: last[place])
    score, onsets = last[state, start], [FRAMES, start]
    while start > 0:
        state = (state - 1) % STATES
        start = since[state, start]
        onsets.append(start)
    return score, state, onsets[::-1]


def path(paths: Paths, window: int) -> tuple[int, list[int]]:
    onsets = paths.onset[window, : paths.states[window] + 1]
    return int(paths.first[window]), onsets.tolist()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("groups", [ALL_ALIKE, (slice(0, 3), slice(3, 4))])
def test_no_other_succession_of_states_explains_the_sound_better(
    seed: int, groups: tuple[slice, ...]
) -> None:
    emission, durations = drawn(seed, 4)
    paths = decode(emission, durations, groups)
    for window in range(4):
        score, first, onsets = by_trying_all(emission[window], durations[window])
        assert path(paths, window) == (first, onsets)
        assert paths.score[window] == pytest.approx(score, abs=1e-3)


def test_a_forbidden_duration_is_never_found() -> None:
    emission, durations = drawn(1, 16)
    durations[:, :, 5:] = NEVER
    paths = decode(emission, durations, ALL_ALIKE)
    for window in range(16):
        _, onsets = path(paths, window)
        lasted = np.diff(onsets)
        assert lasted.max() <= 5
        assert lasted[1:-1].min() >= LEAST_FRAMES


def test_a_window_comes_out_as_if_it_were_alone_bit_for_bit() -> None:
    emission, durations = drawn(2, 33)
    together = decode(emission, durations, ALL_ALIKE)
    for window in range(33):
        alone = decode(emission[window : window + 1], durations[window : window + 1], ALL_ALIKE)
        assert path(together, window) == path(alone, 0)
        assert together.score[window] == alone.score[0]


def test_sound_that_says_nothing_is_divided_as_states_usually_last() -> None:
    durations = np.full((1, STATES, LONGEST), -9.0, np.float32)
    durations[:, :, 4] = 0
    paths = hsmm.decode(np.zeros((1, STATES, FRAMES), np.float32), durations, ALL_ALIKE)
    _, onsets = path(paths, 0)
    assert set(np.diff(onsets)[1:-1].tolist()) == {5}


@pytest.mark.parametrize(
    ("emission", "durations"),
    [
        ((1, 4, 21), (1, 4, 9)),
        ((4, 20), (1, 4, 9)),
        ((1, 4, 20), (2, 4, 9)),
        ((1, 4, 0), (1, 4, 9)),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(
    emission: tuple[int, ...], durations: tuple[int, ...]
) -> None:
    with pytest.raises(SignalError, match="expected"):
        decode(np.zeros(emission, np.float32), np.zeros(durations, np.float32), ALL_ALIKE)
