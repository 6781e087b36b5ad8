"""What happens by itself: reminders, escalations, and the ends of pauses, shelves and standby.

A timer is a time in the state, so it survives whoever waits for it. It fires with the time for
which it was set; one that fires much later than that changes the state and rings nothing.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from stream_processors.alarms.conditions import AUDIO_PAUSE, STANDBY
from stream_processors.alarms.life_cycle import lapse
from stream_processors.alarms.turn import Turn
from stream_processors.records import AlarmEpisode


class Timer(NamedTuple):
    """`order` and `condition` decide between timers of one time."""

    due_us: int
    order: int
    condition: str
    fire: Callable[[], None]


def fire_due(turn: Turn, until_us: int) -> None:
    """Fire in their order all that are due by then."""
    while (timer := _next(turn)) is not None and timer.due_us <= until_us:
        turn.move_clock(timer.due_us)
        turn.late = turn.is_late(timer.due_us)
        timer.fire()
    turn.move_clock(until_us)
    turn.late = False


def next_due_us(turn: Turn) -> int | None:
    """When the next one is due."""
    timer = _next(turn)
    return None if timer is None else timer.due_us


def end_shelf(turn: Turn, condition: str, *, actor: str | None = None) -> None:
    """Take an alarm from the shelf: what is still true rings."""
    due_us = turn.shelves.pop(condition, None)
    episode = turn.episodes.get(condition)
    if episode is None or episode.state != "shelved":
        return
    rings = turn.may_ring(episode.priority)
    turn.move(
        episode,
        "active",
        "unshelved",
        why="still so after the shelf",
        rings=rings,
        rang=rings,
        until_us=None,
        escalate_us=turn.escalation_due(episode),
        **_by(actor, due_us),
    )


def end_pause(turn: Turn, *, actor: str | None = None) -> None:
    """Sound goes on with all that nobody has answered meanwhile."""
    pause = turn.episodes.get(AUDIO_PAUSE)
    if pause is None:
        return
    sounding = any(e.rang and e.state in ("active", "latched") for e in turn.alarms())
    turn.move(
        pause,
        "cleared",
        "resumed",
        cause="the audio pause is over",
        rings=sounding and not turn.late,
        **_by(actor, pause.until_us),
    )
    turn.ring_what_has_not(why="after the audio pause")


def end_standby(turn: Turn, *, actor: str | None = None) -> None:
    """Watch again; the device has the usual time to be heard."""
    standby = turn.episodes.get(STANDBY)
    if standby is None:
        return
    turn.move(
        standby, "cleared", "resumed", cause="the standby is over", **_by(actor, standby.until_us)
    )
    turn.learn(watched_us=turn.at_us)


def _next(turn: Turn) -> Timer | None:
    return min(_timers(turn), key=lambda timer: timer[:3], default=None)


def _timers(turn: Turn) -> Iterator[Timer]:
    ends = {AUDIO_PAUSE: end_pause, STANDBY: end_standby}
    for condition, until_us in turn.shelves.items():
        yield Timer(until_us, 1, condition, partial(end_shelf, turn, condition))
    for condition, episode in turn.episodes.items():
        if condition in ends and episode.until_us is not None:
            yield Timer(episode.until_us, 0, condition, partial(ends[condition], turn))
        if episode.remind_us is not None:
            yield Timer(episode.remind_us, 2, condition, partial(_remind, turn, episode))
        if episode.escalate_us is not None:
            yield Timer(episode.escalate_us, 3, condition, partial(_escalate, turn, episode))
        if episode.state == "pending":
            yield _forgetting(turn, episode)


def _forgetting(turn: Turn, episode: AlarmEpisode) -> Timer:
    count = turn.counts.get(episode.condition)
    last_us = episode.began_us if count is None else count.at_us
    due_us = last_us + round(turn.limits.forget_s * 1e6)
    fire = partial(lapse, turn, episode, why="no good window since", due_us=due_us)
    return Timer(due_us, 4, episode.condition, fire)


def _remind(turn: Turn, episode: AlarmEpisode) -> None:
    rings = turn.may_ring(episode.priority)
    turn.move(
        episode,
        "active",
        "reminded",
        why="still so",
        rings=rings,
        rang=rings,
        due_us=episode.remind_us,
        remind_us=None,
        escalate_us=turn.escalation_due(episode),
    )


def _escalate(turn: Turn, episode: AlarmEpisode) -> None:
    """Call for somebody else, in an audio pause too: to pause, however often, is no answer."""
    more = episode.escalation + 1 < turn.limits.escalations
    turn.move(
        episode,
        episode.state,
        "escalated",
        why="nobody has answered",
        due_us=episode.escalate_us,
        escalation=episode.escalation + 1,
        escalate_us=turn.due(turn.limits.escalate_s(episode.priority)) if more else None,
    )


def _by(actor: str | None, due_us: int | None) -> dict[str, Any]:
    """Who ended something: a person, or the time that was set."""
    return {"due_us": due_us} if actor is None else {"actor": actor}
