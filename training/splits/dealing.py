"""How recordings are dealt into parts: whole groups, or one by one as much literature does."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from training.datasets.recordings import Recording
from training.splits.held_out import stratum

_Part = TypeVar("_Part", bound=str)


def by_subject(
    recordings: Iterable[Recording], shares: Mapping[_Part, float], *, seed: int
) -> dict[str, _Part]:
    """Deal whole subjects, so that each part gets its share of every database and label.

    Within a stratum the subjects with most recordings are dealt first, each to the part that
    lacks most of its share there; where parts lack as much, to the one that lacks most in all.

    Returns
    -------
    The part by the recording's path.
    """
    return _dealt(recordings, shares, seed, whose=lambda recording: recording.subject)


def by_recording(
    recordings: Iterable[Recording], shares: Mapping[_Part, float], *, seed: int
) -> dict[str, _Part]:
    """Deal single recordings, stratified by label: a subject's recordings land in several parts."""
    alike = (_without_origin(recording) for recording in recordings)
    return _dealt(alike, shares, seed, whose=lambda recording: recording.path)


def by_database(recordings: Iterable[Recording]) -> dict[str, str]:
    """Each database by itself, as the part that its name says."""
    return {recording.path: recording.database for recording in recordings}


def _without_origin(recording: Recording) -> Recording:
    return Recording(path=recording.path, labels=recording.labels, subject="", database="")


def _dealt(
    recordings: Iterable[Recording],
    shares: Mapping[_Part, float],
    seed: int,
    *,
    whose: Callable[[Recording], str],
) -> dict[str, _Part]:
    groups: dict[str, list[Recording]] = defaultdict(list)
    for recording in recordings:
        groups[whose(recording)].append(recording)
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group in sorted(groups):
        strata[stratum(groups[group])].append(group)
    sizes = {group: len(own) for group, own in groups.items()}
    draw = random.Random(seed)  # noqa: S311 (a split needs repetition, not secrecy)
    given: Counter[_Part] = Counter()
    parts: dict[str, _Part] = {}
    for _, members in sorted(strata.items()):
        draw.shuffle(members)
        for group, part in _deal(members, sizes, shares, given).items():
            parts.update({recording.path: part for recording in groups[group]})
    return parts


def _deal(
    members: Sequence[str],
    sizes: Mapping[str, int],
    shares: Mapping[_Part, float],
    given: Counter[_Part],
) -> dict[str, _Part]:
    """Deal one stratum; `given` counts each part's recordings of all strata."""
    total = sum(sizes[member] for member in members)
    lacks = {part: share * total for part, share in shares.items()}
    dealt: dict[str, _Part] = {}
    for member in sorted(members, key=lambda member: -sizes[member]):
        part = max(lacks, key=lambda part: (round(lacks[part], 6), -given[part] / shares[part]))
        lacks[part] -= sizes[member]
        given[part] += sizes[member]
        dealt[member] = part
    return dealt
