"""What people do to alarms: acknowledge, pause the sound, shelve, stand by, and take it back.

Nothing that silences is without an end, and none is longer than the limits allow.
"""

from stream_processors.alarms.conditions import AUDIO_PAUSE, STANDBY
from stream_processors.alarms.events import shelf_id
from stream_processors.alarms.timers import end_pause, end_shelf, end_standby
from stream_processors.alarms.turn import Turn
from stream_processors.records import AlarmAction, AlarmEpisode, Priority

_REMEMBERED = 32  # actions of one device; a console that repeats one does so at once


def act(turn: Turn, action: AlarmAction) -> None:
    """Do what a person asks, once, however often it is read; `turn.note` says why nothing was."""
    if action.action_id in turn.facts.actions:
        return
    turn.learn(actions=(*turn.facts.actions, action.action_id)[-_REMEMBERED:])
    match action.action:
        case "acknowledge":
            done = [_acknowledge(turn, alarm, action) for alarm in _meant(turn, action)]
        case "pause_audio":
            done = [_pause(turn, action)]
        case "shelve":
            done = [_shelve(turn, alarm, action) for alarm in _meant(turn, action)]
        case "standby":
            done = [_stand_by(turn, action)]
        case "resume":
            done = _resume(turn, action)
    if not any(done):
        turn.note = (
            f"{action.action} of {action.actor} does nothing at {turn.facts.device_id}: "
            f"{'no such alarm is open' if action.episode_id else 'nothing is open'}, or it is over"
        )


def _meant(turn: Turn, action: AlarmAction) -> list[AlarmEpisode]:
    return [e for e in turn.alarms() if action.episode_id in (None, e.episode_id)]


def _acknowledge(turn: Turn, alarm: AlarmEpisode, action: AlarmAction) -> bool:
    if alarm.state == "latched":
        turn.move(alarm, "cleared", "acknowledged", why="acknowledged", actor=action.actor)
        return True
    if alarm.state != "active":
        return False
    turn.move(
        alarm,
        "acknowledged",
        "acknowledged",
        actor=action.actor,
        remind_us=turn.due(turn.limits.remind_s(alarm.priority)),
        escalate_us=None,
        escalation=0,
        rang=True,
    )
    return True


def _pause(turn: Turn, action: AlarmAction) -> bool:
    until_us = _until(turn, action, turn.limits.audio_pause_s, turn.limits.audio_pause_s)
    if until_us is None:
        return False
    sounding = [a.priority for a in turn.alarms() if a.state in ("active", "latched")]
    highest: Priority = sounding[0] if sounding else "low"
    pause = turn.episodes.get(AUDIO_PAUSE) or turn.begin(AUDIO_PAUSE, highest, "")
    turn.move(
        pause,
        "active",
        "paused",
        cause=f"sound is paused for {_seconds(turn, until_us)} s",
        actor=action.actor,
        until_us=until_us,
        priority=highest,
    )
    return True


def _shelve(turn: Turn, alarm: AlarmEpisode, action: AlarmAction) -> bool:
    until_us = _until(turn, action, turn.limits.shelve_s, turn.limits.shelve_most_s)
    if until_us is None or alarm.state in ("latched", "pending"):
        return False
    turn.shelves[alarm.condition] = until_us
    turn.move(
        alarm,
        "shelved",
        "shelved",
        actor=action.actor,
        until_us=until_us,
        remind_us=None,
        escalate_us=None,
        escalation=0,
    )
    return True


def _stand_by(turn: Turn, action: AlarmAction) -> bool:
    until_us = _until(turn, action, turn.limits.standby_s, turn.limits.standby_most_s)
    if until_us is None:
        return False
    standby = turn.episodes.get(STANDBY)
    if standby is None:
        turn.end_all(f"standby by {action.actor}", actor=action.actor)
        standby = turn.begin(STANDBY, "low", "")
    turn.move(
        standby,
        "active",
        "standby",
        cause=f"not watched for {_seconds(turn, until_us)} s",
        actor=action.actor,
        until_us=until_us,
    )
    return True


def _resume(turn: Turn, action: AlarmAction) -> list[bool]:
    """End what silences: all of it, or the one that is named; a shelf also where it is empty."""
    meant = {
        condition: episode
        for condition, episode in turn.episodes.items()
        if action.episode_id in (None, episode.episode_id)
    }
    done = []
    for condition, end in ((STANDBY, end_standby), (AUDIO_PAUSE, end_pause)):
        if condition in meant:
            end(turn, actor=action.actor)
            done.append(True)
    for condition, until_us in list(turn.shelves.items()):
        is_named = action.episode_id == shelf_id(turn.facts.device_id, condition, until_us)
        if action.episode_id is None or is_named or condition in meant:
            end_shelf(turn, condition, actor=action.actor)
            done.append(True)
    return done


def _until(turn: Turn, action: AlarmAction, usual_s: float, most_s: float) -> int | None:
    """The end that was asked for, as far as it is allowed; None when it is over already."""
    asked_us = action.until_us
    if asked_us is None:
        return turn.due(usual_s)
    until_us = min(asked_us, turn.at_us + round(most_s * 1e6))
    return until_us if until_us > turn.at_us else None


def _seconds(turn: Turn, until_us: int) -> int:
    return round((until_us - turn.at_us) / 1e6)
