"""The record of what a window tells of the heart; `models.heart` makes it."""

from typing import Literal

import msgspec

Timing = Literal["systolic", "diastolic", "continuous"]


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
