"""The record of how far a window's sound can be trusted; `models.quality` makes it."""

from typing import Literal

import msgspec

Verdict = Literal["good", "poor", "unusable"]

GOOD_FROM = 0.6
USABLE_FROM = 0.25


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A score from 0 to 1, what it means, and why it is not better, in plain words."""

    score: float
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def usable(self) -> bool:
        return self.verdict != "unusable"


def verdict_of(score: float) -> Verdict:
    return "good" if score >= GOOD_FROM else "poor" if score >= USABLE_FROM else "unusable"
