"""The likeliest succession of states that last a while: Viterbi for a semi-Markov model.

The states follow each other in a ring, as the heart's do, so all that is to find is how long each
lasts (Schmidt et al. 2010, Physiol. Meas. 31, 513; with states cut off at both ends of the sound as
Springer et al. 2016, IEEE TBME 63(4), 822). Many windows go through together. No sum runs across
windows and no matrix product is taken, so each comes out as if it were alone, bit for bit.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.errors import SignalError

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

LEAST_FRAMES = 2  # of any state: so two frames' ends can be found at a time
NEVER = np.float32(-1e9)


class Paths(NamedTuple):
    """The succession found in each window.

    Attributes
    ----------
    states
        Shape (n,): how many states the window has, cut ones at both ends included.
    onset
        Shape (n, most + 1), in frames: where state k begins; below 0 it began before the window.
        The last one ends at the place after it, which may be any beyond the window.
    first
        Shape (n,): which state is heard first; the others follow in the ring.
    score
        Shape (n,), float32: log-likelihood of the best path.
    """

    states: Integers
    onset: Integers
    first: Integers
    score: Floats


def decode(emission: Floats, durations: Floats, groups: tuple[slice, ...]) -> Paths:
    """Find the best path of each window.

    Parameters
    ----------
    emission
        Shape (n, states, frames): log-likelihood of what is heard in each frame under each state.
    durations
        Shape (n, states, longest): log-likelihood that a state lasts 1, 2, ... frames. Those of
        fewer than `LEAST_FRAMES` are not looked at; a very low number forbids one.
    groups
        The states, in their order, in runs whose longest durations are alike: a run costs as much
        as its longest.

    Raises
    ------
    SignalError
        For other shapes, or an odd number of frames.
    """
    _check(emission, durations)
    ends = _Ends(emission, durations, groups)
    for frame in range(0, emission.shape[2], LEAST_FRAMES):
        ends.advance(frame)
    return ends.paths()


class _Ends:
    """How well the sound up to each frame is explained if a state ends there.

    `begin[s, longest + t]` is the best score of state s beginning at frame t, less all that its
    own emission had before; zero before the window, where nothing is known. Only these scores are
    kept: how long a state lasted is asked again for the few that lie on the best path. Windows are
    the last axis of all that is kept, so each step is a few long runs of neighbouring numbers.
    """

    def __init__(self, emission: Floats, durations: Floats, groups: tuple[slice, ...]) -> None:
        windows, states, frames = emission.shape
        self.frames = frames
        self.longest = durations.shape[2]
        self.total = np.zeros((states, frames + 1, windows), np.float32)
        np.cumsum(emission.transpose(1, 2, 0), axis=1, out=self.total[:, 1:])
        self.begin = np.zeros((states, self.longest + frames + 1, windows), np.float32)
        self.longest_first = np.ascontiguousarray(durations.transpose(1, 2, 0)[:, ::-1])
        self.runs = [_Run(self, own) for own in _with_the_last_alone(groups, states)]
        # Of what ends, at the place of the state that follows it in the ring.
        self._total_before = np.roll(self.total, 1, axis=0)
        self._best_before = np.empty((states, LEAST_FRAMES, windows), np.float32)

    def advance(self, frame: int) -> None:
        """Find the best beginnings of what follows an end after `frame`, and after the next."""
        for run in self.runs:
            run.best(frame, self._best_before)
        places = slice(frame + 1, frame + 1 + LEAST_FRAMES)
        later = slice(self.longest + frame + 1, self.longest + frame + 1 + LEAST_FRAMES)
        self._best_before += self._total_before[:, places]
        np.subtract(self._best_before, self.total[:, places], out=self.begin[:, later])

    def paths(self) -> Paths:
        state, start, score = self._last()
        found = [np.full(len(state), self.frames), start]
        count = np.ones(len(state), np.int64)
        while (going := start > 0).any():
            before = (state - 1) % len(self.total)
            start = np.where(going, self._start_of(before, start), start)
            state = np.where(going, before, state)
            count += going
            found.append(start)
        onset = np.stack(found[::-1], axis=1)
        return Paths(count, _to_the_left(onset, count), state, score)

    def _last(self) -> tuple[Integers, Integers, Floats]:
        """Which state is heard last and since when; it may go on after the window."""
        at_least = np.maximum.accumulate(self.longest_first, axis=1)
        scores = self.begin[:, self.frames : self.frames + self.longest] + at_least
        scores += self.total[:, -1:]
        flat = scores.reshape(-1, scores.shape[2])
        best = flat.argmax(axis=0)
        state, place = np.divmod(best, self.longest)
        start = self.frames - self.longest + place
        return state, start, flat[best, np.arange(len(best))]

    def _start_of(self, state: Integers, end: Integers) -> Integers:
        """When a state began that ends at `end`, both of shape (n,)."""
        windows = len(state)
        first = min(run.shortened for run in self.runs)
        lasting = np.arange(first, self.longest - LEAST_FRAMES + 1)[:, np.newaxis] * windows
        here = np.arange(windows)
        began = (state * self.begin.shape[1] + np.maximum(end, 0)) * windows + here
        lasted = state * self.longest * windows + here
        scores = self.begin.reshape(-1).take(began + lasting)
        scores += self.longest_first.reshape(-1).take(lasted + lasting)
        start: Integers = end - self.longest + first + scores.argmax(axis=0)
        return start


class _Run:
    """States whose durations reach alike far back; the longest are left out that none may last."""

    def __init__(self, ends: _Ends, own: slice) -> None:
        longest_first = ends.longest_first[own]
        windows = longest_first.shape[2]
        possible = np.flatnonzero((longest_first > NEVER / 2).any(axis=(0, 2)))
        last = ends.longest - LEAST_FRAMES + 1
        self.shortened = min(int(possible[0]), last - 1) if len(possible) else 0
        first_after = (own.start + 1) % len(ends.begin)
        self._after = slice(first_after, first_after + len(longest_first))
        likely = longest_first[:, self.shortened : last]
        # Frames and windows lie one behind the other, so the frames of one step are one run.
        self._likely = np.tile(likely, LEAST_FRAMES)
        self._scores = np.empty(self._likely.shape, np.float32)
        self._begin = np.lib.stride_tricks.sliding_window_view(
            ends.begin[own].reshape(len(longest_first), -1), LEAST_FRAMES * windows, axis=1
        )[:, ::windows]

    def best(self, frame: int, before: Floats) -> None:
        """The best score of each state that ends after this frame and the next."""
        first = self.shortened + frame + 1
        width = self._likely.shape[1]
        np.add(self._begin[:, first : first + width], self._likely, out=self._scores)
        out = before[self._after].reshape(len(self._scores), -1)
        np.maximum.reduce(self._scores, axis=1, out=out)


def _with_the_last_alone(groups: tuple[slice, ...], states: int) -> list[slice]:
    """What follows the last state is the first, so its run is one of its own."""
    last = slice(states - 1, states)
    others = [slice(own.start, min(own.stop, last.start)) for own in groups]
    return [*(own for own in others if own.start < own.stop), last]


def _to_the_left(onset: Integers, count: Integers) -> Integers:
    """Rows were filled from their ends; what all lack at the beginning goes to their ends."""
    most = onset.shape[1]
    shift = (most - 1 - count)[:, np.newaxis]
    places = np.minimum(np.arange(most) + shift, most - 1)
    return np.take_along_axis(onset, places, axis=1)


def _check(emission: Floats, durations: Floats) -> None:
    if emission.ndim != 3 or emission.shape[2] % LEAST_FRAMES or not emission.shape[2]:
        raise SignalError(
            f"emissions of shape {emission.shape}: expected (n, states, an even number of frames)"
        )
    if durations.ndim != 3 or durations.shape[:2] != emission.shape[:2]:
        raise SignalError(
            f"durations of shape {durations.shape}: expected {(*emission.shape[:2], 'longest')}"
        )
