"""The records of what windows tell of the heart; `models.heart` and `rate_tracker` make them."""

import math
from typing import Literal

import msgspec

Timing = Literal["systolic", "diastolic", "continuous"]

LEAST_BPM, MOST_BPM = 30.0, 220.0  # what is told as a rate


class Heart(msgspec.Struct, frozen=True, kw_only=True):
    """The rhythm in one window.

    Attributes
    ----------
    rate_bpm
        Mean over the window's beats.
    confidence
        Probability that the rate is right within 5 bpm.
    s1_s, s2_s
        Middles of the sounds, in seconds from the window's start.
    systole_s, diastole_s
        Mean intervals from the onset of S1 to that of S2, and on to the next S1.
    irregularity
        Root mean square of the change from one beat's length to the next, as a share of the mean
        length. An indicator of arrhythmia, no diagnosis: sound alone tells no more. None for fewer
        than three beats.
    murmur
        Where in the cycle the sound between the heart sounds lies, if there is any: see
        `models.cycle_energy`. Whether it is a murmur, a classifier says.
    systole_db, diastole_db
        How loud it is there, against S1 and S2.
    """

    rate_bpm: float
    confidence: float
    s1_s: tuple[float, ...] = ()
    s2_s: tuple[float, ...] = ()
    systole_s: float | None = None
    diastole_s: float | None = None
    irregularity: float | None = None
    murmur: Timing | None = None
    systole_db: float | None = None
    diastole_db: float | None = None


class TrackedRate(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after a window.

    Attributes
    ----------
    rate_bpm
        None as long as nothing is known.
    confidence
        0 to 1, of when the rate was last agreed on: see `confidence_at`.
    at_s
        When the last window was that agreed; any clock, as long as it is the same.
    seen_s
        When the last window was that told any rate.
    weight
        Of the past, in windows of full confidence.
    other_bpm, others
        Another rate that windows in a row told, and how many.
    """

    rate_bpm: float | None = None
    confidence: float = 0.0
    at_s: float = -math.inf
    seen_s: float = -math.inf
    weight: float = 0.0
    other_bpm: float = 0.0
    others: int = 0


UNKNOWN = TrackedRate()
