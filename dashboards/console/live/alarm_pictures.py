"""What the alarm worker's state of a device means on a screen."""

from dashboards.console.live.pictures import AlarmPicture, ShelfPicture
from dashboards.console.live.words import cause_in_words, title
from stream_processors.alarms.conditions import AUDIO_PAUSE, STANDBY
from stream_processors.alarms.events import shelf_id
from stream_processors.records import AlarmEpisode, AlarmState

_SHOWN = frozenset({"active", "latched", "acknowledged", "shelved"})
_CALLS = frozenset({"active", "latched"})
_PRIORITIES = ("high", "medium", "low")


def alarms_of(state: AlarmState) -> tuple[AlarmPicture, ...]:
    """The open alarms of a device, the most urgent first."""
    paused = ending(state, AUDIO_PAUSE) is not None
    shown = [
        _picture(episode, state, paused=paused)
        for episode in state.episodes
        if episode.state in _SHOWN and episode.condition not in (AUDIO_PAUSE, STANDBY)
    ]
    return tuple(sorted(shown, key=urgency))


def empty_shelves(state: AlarmState) -> tuple[ShelfPicture, ...]:
    """The shelves on which no alarm lies, the first to end first."""
    taken = {episode.condition for episode in state.episodes if episode.state == "shelved"}
    shown = [
        ShelfPicture(
            shelf_id=shelf_id(state.device_id, condition, until_us),
            condition=condition,
            title=title(condition),
            until_us=until_us,
        )
        for condition, until_us in state.shelves.items()
        if condition not in taken
    ]
    return tuple(sorted(shown, key=lambda shelf: (shelf.until_us, shelf.condition)))


def ending(state: AlarmState, condition: str) -> int | None:
    """When a pause or a standby ends, None when there is none."""
    found = (e.until_us for e in state.episodes if e.condition == condition)
    return next(found, None)


def urgency(alarm: AlarmPicture) -> tuple[int, int, int]:
    """Answered ones last, then by priority, technical ones after physiological."""
    return (
        int(alarm.state not in _CALLS),
        _PRIORITIES.index(alarm.priority),
        int(alarm.kind == "technical"),
    )


def _picture(episode: AlarmEpisode, state: AlarmState, *, paused: bool) -> AlarmPicture:
    return AlarmPicture(
        episode_id=episode.episode_id,
        device_id=state.device_id,
        condition=episode.condition,
        title=title(episode.condition),
        kind=episode.kind,
        priority=episode.priority,
        state=episode.state,
        cause=cause_in_words(episode.cause),
        began_us=episode.began_us,
        escalation=episode.escalation,
        sounds=episode.state in _CALLS and episode.rang and not paused,
        until_us=episode.until_us,
        ward=state.ward,
        bed=state.bed,
        patient_id=state.patient_id,
    )
