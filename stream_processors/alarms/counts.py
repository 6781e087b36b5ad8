"""k of n: how the last windows stand to one condition, as text that goes into the state."""

from stream_processors.alarms.conditions import Rule
from stream_processors.records import AlarmCount

FOR, AGAINST, NEITHER = "+", "-", "="
_SIGN = {True: FOR, False: AGAINST, None: NEITHER}


def counted(count: AlarmCount | None, holds: bool | None, *, rule: Rule, at_us: int) -> AlarmCount:
    """The count with one window more; only as many are kept as any rule can ask for."""
    said = "" if count is None else count.said
    kept = (said + _SIGN[holds])[-max(rule.n, rule.clear_n) :]
    return AlarmCount(said=kept, at_us=at_us)


def speaks_for(count: AlarmCount, rule: Rule) -> int:
    """How many of the windows that matter for raising speak for it."""
    return count.said[-rule.n :].count(FOR)


def raises(count: AlarmCount, rule: Rule) -> bool:
    return speaks_for(count, rule) >= rule.k


def clears(count: AlarmCount, rule: Rule) -> bool:
    return count.said[-rule.clear_n :].count(AGAINST) >= rule.clear_k


def is_pending(count: AlarmCount, rule: Rule) -> bool:
    """From half of what raises on: fewer are worth no word."""
    return rule.k > 1 and 2 * speaks_for(count, rule) >= rule.k
