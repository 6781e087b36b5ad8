"""How a condition becomes an alarm and ceases to be one: pending, active, latched, cleared."""

import msgspec

from stream_processors.alarms import counts
from stream_processors.alarms.conditions import AT_ONCE, Reading, Rule, priority_of, rule_of
from stream_processors.alarms.turn import Turn
from stream_processors.records import AlarmCount, AlarmEpisode, Priority


def read(turn: Turn, reading: Reading) -> None:
    """Take one reading: count it, and raise or clear what is due by it."""
    episode = turn.episodes.get(reading.condition)
    if turn.in_standby or _changes_nothing(turn, episode, reading):
        return
    priority = priority_of(reading.condition, turn.limits)
    if priority is None:
        turn.counts.pop(reading.condition, None)
        if episode is not None:
            turn.move(episode, "cleared", "ended", cause="this alarm is turned off")
        return
    rule = rule_of(reading.condition, turn.limits)
    count = counts.counted(
        _remembered(turn, reading.condition), reading.holds, rule=rule, at_us=turn.at_us
    )
    if episode is None or episode.state in ("pending", "latched"):
        count = _toward_raising(turn, episode, reading, (count, rule, priority))
    elif counts.clears(count, rule):
        _clear(turn, episode)
        count = _nothing(count)
    _keep(turn, reading.condition, count, rule)


def _changes_nothing(turn: Turn, episode: AlarmEpisode | None, reading: Reading) -> bool:
    """Whether nothing is open or counted and nothing speaks for it: so is it at most times."""
    return episode is None and not reading.holds and reading.condition not in turn.counts


def lapse(turn: Turn, episode: AlarmEpisode, *, why: str, due_us: int | None = None) -> None:
    """A pending alarm comes to nothing."""
    turn.counts.pop(episode.condition, None)
    turn.move(episode, "cleared", "lapsed", why=why, due_us=due_us)


def _toward_raising(
    turn: Turn,
    episode: AlarmEpisode | None,
    reading: Reading,
    by: tuple[AlarmCount, Rule, Priority],
) -> AlarmCount:
    count, rule, priority = by
    if counts.raises(count, rule):
        _raise(turn, episode or turn.begin(reading.condition, priority, reading.words), reading)
        return _nothing(count)
    if episode is None:
        if counts.is_pending(count, rule):
            begun = turn.begin(reading.condition, priority, reading.words)
            turn.move(begun, "pending", "pending", cause=_so_far(count, rule, reading))
    elif episode.state == "pending" and not counts.speaks_for(count, rule):
        lapse(turn, episode, why="no longer so")
    return count


def _so_far(count: AlarmCount, rule: Rule, reading: Reading) -> str:
    return f"{reading.words} ({counts.speaks_for(count, rule)} of {rule.k} windows)"


def _raise(turn: Turn, episode: AlarmEpisode, reading: Reading) -> None:
    """Make it active; what is shelved stays silent, and in a backlog nothing rings."""
    shelf_us = turn.shelves.get(episode.condition)
    returns = episode.state == "latched"
    known = msgspec.structs.replace(
        episode, value=reading.value, limit=reading.limit, unit=reading.unit
    )
    if shelf_us is not None:
        turn.move(known, "shelved", "raised", cause=reading.words, until_us=shelf_us)
        return
    still_sounds = returns and episode.rang
    rings = not still_sounds and turn.may_ring(episode.priority)
    turn.move(
        known,
        "active",
        "returned" if returns else "raised",
        cause=reading.words,
        rings=rings,
        rang=rings or still_sounds,
        escalate_us=turn.escalation_due(known),
    )


def _clear(turn: Turn, episode: AlarmEpisode) -> None:
    """High priority stays until somebody has seen it; the rest ends with its condition."""
    if episode.state == "active" and episode.priority == "high":
        turn.move(episode, "latched", "latched", why="over, not yet seen")
    else:
        turn.move(episode, "cleared", "cleared", why="over", until_us=None)


def _remembered(turn: Turn, condition: str) -> AlarmCount | None:
    count = turn.counts.get(condition)
    if count is None or turn.at_us - count.at_us > turn.limits.forget_s * 1e6:
        return None
    return count


def _nothing(count: AlarmCount) -> AlarmCount:
    return AlarmCount(said="", at_us=count.at_us)


def _keep(turn: Turn, condition: str, count: AlarmCount, rule: Rule) -> None:
    """Keep what can still make a difference, so that the state of a quiet device is small."""
    episode = turn.episodes.get(condition)
    toward_raising = episode is None or episode.state in ("pending", "latched")
    wanted = counts.FOR if toward_raising else counts.AGAINST
    first = count.said.find(wanted)
    if rule == AT_ONCE or first < 0:
        turn.counts.pop(condition, None)
    else:
        turn.counts[condition] = AlarmCount(said=count.said[first:], at_us=count.at_us)
