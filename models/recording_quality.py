"""How far a whole recording can be trusted, out of its windows' quality."""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from models.verdict import GOOD_FROM, Assessment, Verdict

_AMOUNT = re.compile(r"-?\d+(\.\d+)?%?")


class WindowQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One window of the pipeline's grid."""

    start_s: float
    score: float
    verdict: Verdict
    reasons: tuple[str, ...]


class RecordingQuality(msgspec.Struct, frozen=True, kw_only=True):
    """`score` is the mean of the windows'; `unusable` is a recording without a usable window.

    Each reason comes once, as it stands in the worst window that has it; what concerns most
    windows comes first.
    """

    score: float
    verdict: Verdict
    reasons: tuple[str, ...]
    usable_windows: int
    windows: tuple[WindowQuality, ...]


def of_recording(windows: Sequence[Assessment], starts_s: Sequence[float]) -> RecordingQuality:
    """Judge a recording by its windows, of which there is at least one."""
    score = sum(window.score for window in windows) / len(windows)
    usable = sum(window.usable for window in windows)
    verdict: Verdict = "unusable" if not usable else "good" if score >= GOOD_FROM else "poor"
    return RecordingQuality(
        score=round(score, 3),
        verdict=verdict,
        reasons=_reasons(windows),
        usable_windows=usable,
        windows=tuple(
            WindowQuality(
                start_s=start_s, score=each.score, verdict=each.verdict, reasons=each.reasons
            )
            for start_s, each in zip(starts_s, windows, strict=True)
        ),
    )


def _reasons(windows: Sequence[Assessment]) -> tuple[str, ...]:
    worst: dict[str, str] = {}
    concerned: Counter[str] = Counter()
    for window in sorted(windows, key=lambda window: window.score):
        for reason in window.reasons:
            kind = _AMOUNT.sub("", reason)
            worst.setdefault(kind, reason)
            concerned[kind] += 1
    return tuple(worst[kind] for kind, _ in concerned.most_common())
