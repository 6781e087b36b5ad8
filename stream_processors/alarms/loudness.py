"""How loud a patient's heart usually is where the device lies, to tell a heart that is gone.

Where no beats are heard, noise may cover them. Only a sound that is much quieter than the good
windows were says that it is the heart that is missing.
"""

from stream_processors.records import WindowResult

_SHARE = 0.2  # of a new window: some ten seconds are remembered
_QUIETER = 0.5  # of the usual peak, 6 dB
_LOUDEST = 100.0  # a filter may swing beyond full scale, but not so far


def usual_after(known: float | None, result: WindowResult) -> float | None:
    """The usual peak of the filtered sound after a window, of full scale 1; by good ones alone."""
    peak = result.strip.full_scale
    if result.quality.verdict != "good" or not 0 < peak <= _LOUDEST:
        return known
    return peak if known is None else known * (peak / known) ** _SHARE


def is_quieter(result: WindowResult, usual: float | None) -> bool:
    """Whether a window is much quieter than usual; not where nothing is known of that."""
    return usual is not None and result.strip.full_scale <= _QUIETER * usual
