"""Which rule is chosen, from people of the validation part alone."""

from collections.abc import Sequence

from tests.benchmarks.alarm_study.rules import Measured

MOST_RING_CLEAN, MOST_RING_NOISY = 0.05, 0.10
LEAST_AGREEING = 2  # one window may be a cough, however sure a net is of it
LEAST_IN_TIME = 0.80


def chosen(tried: Sequence[Measured]) -> Measured:
    """Of the rules that are quiet enough the one that finds most in time; else the nearest.

    None is eligible by which one window alone raises. Healthy people who ring make a ward deaf, so
    quiet comes first. Where no rule is quiet enough, the quietest counts by how far it is over
    what is allowed.
    """
    tried = [each for each in tried if each.point.k >= LEAST_AGREEING]
    quiet = [each for each in tried if excess(each) <= 0]
    if quiet:
        return max(quiet, key=lambda it: (it.in_time_clean, -_alarms_per_hour(it), -it.delay_s))
    return min(tried, key=lambda it: (excess(it), -it.in_time_clean))


def _alarms_per_hour(of: Measured) -> float:
    return of.per_hour_clean + of.per_hour_noisy


def excess(of: Measured) -> float:
    """How far the share of normal people who ring is over what is allowed, clean or noisy."""
    return max(of.ring_clean - MOST_RING_CLEAN, of.ring_noisy - MOST_RING_NOISY)


def keeps(of: Measured) -> bool:
    return excess(of) <= 0 and of.in_time_clean >= LEAST_IN_TIME
