"""The event of a transition: who did it and why, under a name that every repetition shares."""

from hashlib import sha256
from typing import NamedTuple

from stream_processors.records import (
    AlarmEpisode,
    AlarmEvent,
    AlarmState,
    AudioReference,
    Strip,
    WindowResult,
)

OWN_ACTOR = "heartward"
INACTIVE, CLEARED = "inactive", "cleared"


class Sound(NamedTuple):
    """What was heard when it happened."""

    audio: AudioReference
    strip: Strip


class What(NamedTuple):
    """What happened to an alarm, and what is known of it beside the alarm itself."""

    transition: str
    at_us: int
    cause: str
    actor: str = OWN_ACTOR
    rings: bool = False
    late: bool = False
    due_us: int | None = None
    until_us: int | None = None
    sound: Sound | None = None


def sound_of(result: WindowResult) -> Sound:
    return Sound(result.audio, result.strip)


def episode_id(state: AlarmState, condition: str, began_us: int) -> str:
    """The same for everybody who reads the same log; 128 bits in hex."""
    number = str(state.begun)
    return _hash(state.device_id, state.assignment_id or "", condition, str(began_us), number)


def shelf_id(device_id: str, condition: str, until_us: int) -> str:
    """What a shelf is called by who takes it back, whether or not an alarm lies on it."""
    return _hash(device_id, "shelf", condition, str(until_us))


def event_id(episode: str, transition_no: int) -> str:
    return _hash(episode, str(transition_no))


def event_of(
    what: What, episode: AlarmEpisode, state: AlarmState, *, came_from: str, went_to: str
) -> AlarmEvent:
    """The record of a transition; `episode` is as it stands after it."""
    return AlarmEvent(
        event_id=event_id(episode.episode_id, episode.transition_no),
        episode_id=episode.episode_id,
        transition_no=episode.transition_no,
        device_id=state.device_id,
        assignment_id=state.assignment_id,
        patient_id=state.patient_id,
        ward=state.ward,
        bed=state.bed,
        condition=episode.condition,
        kind=episode.kind,
        priority=episode.priority,
        state_from=came_from,
        state_to=went_to,
        transition=what.transition,
        at_us=what.at_us,
        due_us=what.due_us,
        until_us=what.until_us,
        cause=what.cause,
        actor=what.actor,
        rings=what.rings,
        late=what.late,
        escalation=episode.escalation,
        value=episode.value,
        limit=episode.limit,
        unit=episode.unit,
        audio=None if what.sound is None else what.sound.audio,
        strip=None if what.sound is None else what.sound.strip,
    )


def _hash(*parts: str) -> str:
    text = "\0".join(parts).encode()
    return sha256(text).hexdigest()[:32]
