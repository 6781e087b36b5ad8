"""Of two versions of one window the fuller stays, whichever comes first.

A window with a gap comes once over the live lane, and again, fuller and marked late, once the
device has sent the missing sound as history. A worker that begins anew repeats either, in any
order. Only a result that is live and without a gap is beyond doubt; before any other is written,
the database is asked what it holds of the window. So the database is the only memory of this: a
writer that has just started knows as much as one that has run for days.

Two versions may differ in their estimated start, because a window's start comes from the first
chunk that it has. The later version takes the place, and so the time, of the one that is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stream_processors.points import HEART
from stream_processors.records import WindowResult, identity

Identity = tuple[str, int, int]

# A start that was estimated from the time of arrival is off by no more than devices keep.
_SEARCH_US = 15 * 60 * 1_000_000


class Held(NamedTuple):
    """The version of a window that the database holds."""

    gap_fraction: float
    late: bool
    start_us: int


class Question(NamedTuple):
    """InfluxQL that asks for some neighbouring windows of one boot of one device."""

    device_id: str
    boot_id: int
    statement: str


def fullest(results: Sequence[WindowResult]) -> list[int]:
    """Places of one version per window: the fuller, of equals the live one, of these the last."""
    kept: dict[Identity, int] = {}
    for place, result in enumerate(results):
        other = kept.get(identity(result))
        if other is None or _rank(result) <= _rank(results[other]):
            kept[identity(result)] = place
    return list(kept.values())


def is_contested(result: WindowResult) -> bool:
    """Whether the database may hold a version that is as good or better."""
    return result.late or result.gap_fraction > 0


def questions(results: Iterable[WindowResult]) -> list[Question]:
    """One per boot of a device; `held` reads the answers."""
    groups: dict[tuple[str, int], list[WindowResult]] = {}
    for result in results:
        groups.setdefault((result.device_id, result.boot_id), []).append(result)
    return [Question(*whose, _statement(*whose, group)) for whose, group in groups.items()]


def held(asked: Sequence[Question], answer: Mapping[str, Any]) -> dict[Identity, Held]:
    """Read the answer to all questions, which has times in microseconds."""
    found: dict[Identity, Held] = {}
    for part in answer["results"]:
        question = asked[part["statement_id"]]
        for series in part.get("series", ()):
            for start_us, window_index, gap_fraction, late in series["values"]:
                whose = (question.device_id, question.boot_id, window_index)
                version = Held(gap_fraction, late, start_us)
                found[whose] = min(version, found.get(whose, version))
    return found


def to_write(result: WindowResult, there: Held | None) -> WindowResult | None:
    """The result in the place of what is there, or None when that is better."""
    if there is None:
        return result
    if _rank(result) > (there.gap_fraction, there.late):
        return None
    return msgspec.structs.replace(result, start_us=there.start_us)


def _rank(result: WindowResult) -> tuple[float, bool]:
    return result.gap_fraction, result.late


def _statement(device_id: str, boot_id: int, group: Sequence[WindowResult]) -> str:
    indices = [result.window_index for result in group]
    starts_us = [result.start_us for result in group]
    conditions = " AND ".join(
        (
            f"device = {_quoted(device_id)}",
            f"boot_id = {boot_id}",
            f"window_index >= {min(indices)}",
            f"window_index <= {max(indices)}",
            f"time >= {(min(starts_us) - _SEARCH_US) * 1000}",
            f"time <= {(max(starts_us) + _SEARCH_US) * 1000}",
        )
    )
    columns = "window_index, gap_fraction, late"
    return f"SELECT {columns} FROM {HEART} WHERE {conditions}"  # noqa: S608 (quoted, or a number)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
