"""How long an alarm rang before somebody answered it.

An acknowledgement does not say when its alarm began to ring; an earlier event of the episode
does. It is in the same batch or in the database, which is the only memory of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stream_processors.event_points import ALARM
from stream_processors.records import AlarmEvent

ACKNOWLEDGED = "acknowledged"

_DAY_US = 24 * 3_600_000_000


def first_rings(events: Iterable[AlarmEvent]) -> dict[str, int]:
    """When each episode first rang, as far as these events say."""
    found: dict[str, int] = {}
    for event in events:
        if event.rings:
            found[event.episode_id] = min(event.at_us, found.get(event.episode_id, event.at_us))
    return found


def to_ask_about(events: Sequence[AlarmEvent], known: Mapping[str, int]) -> list[AlarmEvent]:
    """Answers to alarms of whose ringing nothing is known yet; ids are hexadecimal by nature."""
    answers = [event for event in events if event.transition == ACKNOWLEDGED]
    return [e for e in answers if e.episode_id not in known and e.episode_id.isalnum()]


def question(answers: Sequence[AlarmEvent]) -> str:
    """InfluxQL that asks when they first rang, a day back at most."""
    episodes = sorted({event.episode_id for event in answers})
    named = " OR ".join(f"episode_id = '{episode}'" for episode in episodes)
    since_us = min(event.at_us for event in answers) - _DAY_US
    where = f"rings = true AND time >= {since_us * 1000} AND ({named})"
    return f"SELECT episode_id, transition_no FROM {ALARM} WHERE {where}"  # noqa: S608


def rang(answer: Mapping[str, Any]) -> dict[str, int]:
    """Read the answer, which has times in microseconds, the transition's number added."""
    found: dict[str, int] = {}
    for part in answer["results"]:
        for series in part.get("series", ()):
            for time_us, episode, number in series["values"]:
                at_us = time_us - number % 1000
                found[episode] = min(at_us, found.get(episode, at_us))
    return found
