"""Alarms of a disturbed ward, and whether they are what its results and its nurse ask for."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.assignments import demonstration_ward
from stream_processors.alarms.conditions import family
from stream_processors.alarms.profiles import load_profiles
from stream_processors.alarms.replay import Recorded, Replay
from stream_processors.assignments import AssignmentHistory
from stream_processors.records import (
    AlarmAction,
    AlarmEvent,
    WindowResult,
    decode,
    encode,
    identity,
)
from stream_processors.topics import ALARM_ACTIONS, ALARMS, ASSIGNMENTS
from tests import kafka_log
from tests.chaos.harness import Load, Ward
from tests.processes import Part, addresses

# Nearly every window of any heart raises, and none clears: what matters here is who is told.
_LIMITS = """
finding_probability = 0.05
finding_clear_probability = 0.01
finding_k = 4
finding_n = 6
escalate_medium_s = 0
late_s = 300  # a busy machine may take long to start a worker
"""


class Problems(NamedTuple):
    """All are promised to be empty; of devices, but for `in_two_versions`, which has event ids."""

    never_raised: tuple[str, ...]
    rang_twice: tuple[str, ...]
    with_holes: tuple[str, ...]
    no_longer_acknowledged: tuple[str, ...]
    in_two_versions: tuple[str, ...]


class AlarmWatch:
    """The alarm worker of a ward under load, with all devices assigned, and a nurse."""

    def __init__(self, ward: Ward, load: Load) -> None:
        self._ward = ward
        self._load = load
        self._limits = ward.folder / "limits.toml"
        self._limits.write_text(_LIMITS)
        self._acknowledged: set[str] = set()
        settings = {
            "HEARTWARD_ALARMS_LIMITS": str(self._limits),
            "HEARTWARD_ALARMS_NAME": f"{load.prefix}alarms",
            "HEARTWARD_ALARMS_CHECKPOINT_S": "0.5",
        }
        self.worker = Part(
            f"{load.prefix}alarms",
            "stream_processors.alarm_app",
            addresses(ward.mqtt, ward.kafka) | settings,
            folder=ward.folder,
        )

    def start(self) -> None:
        """Assign the devices and begin to watch them."""
        beds = demonstration_ward(self._load.device_ids, ward="chaos", from_us=0)
        kafka_log.publish(
            self._ward.connection, ASSIGNMENTS, [(bed.assignment_id, bed) for bed in beds]
        )
        self.worker.start()

    def acknowledge(self, device_ids: Iterable[str]) -> None:
        self._acknowledged.update(device_ids)
        now_us = time.time_ns() // 1000
        asked = [
            AlarmAction(
                action_id=f"ack-{device_id}",
                action="acknowledge",
                device_id=device_id,
                actor="nurse",
                at_us=now_us,
            )
            for device_id in device_ids
        ]
        kafka_log.publish(
            self._ward.connection, ALARM_ACTIONS, [(str(it.device_id), it) for it in asked]
        )

    def events(self) -> list[AlarmEvent]:
        """Findings of these devices, in order, repetitions included."""
        return [
            event
            for entry in kafka_log.entries(self._ward.connection, ALARMS)
            if (entry.key or b"").startswith(self._load.prefix.encode())
            and family((event := decode(AlarmEvent, entry.value)).condition) == "finding"
        ]

    def told(self, transition: str) -> set[str]:
        """Devices that have had such an event."""
        return {event.device_id for event in self.events() if event.transition == transition}

    def problems(self) -> Problems:
        """Judge what is on the topics now."""
        events = self.events()
        results = [result for _, result in self._ward.published(self._load.prefix)]
        due = due_by_results(results, self._load.device_ids, self._limits)
        raised = {event.device_id for event in events if event.transition == "raised"}
        return Problems(
            never_raised=tuple(sorted(due - raised)),
            rang_twice=tuple(sorted(rang_twice(events))),
            with_holes=tuple(sorted(with_holes(events))),
            no_longer_acknowledged=tuple(sorted(unanswered(events, self._acknowledged))),
            in_two_versions=tuple(sorted(in_two_versions(events))),
        )


def due_by_results(
    results: Sequence[WindowResult], device_ids: Sequence[str], limits: Path
) -> set[str]:
    """Devices whose results, each once and in order, raise a finding in an undisturbed ward."""
    beds = AssignmentHistory()
    for bed in demonstration_ward(device_ids, ward="chaos", from_us=0):
        beds.step(bed.assignment_id, bed)
    unique = {identity(result): result for result in results if not result.late}
    recorded = [
        Recorded(result.stages.received_us, result.device_id, result)
        for result in sorted(unique.values(), key=lambda it: it.stages.received_us)
        if result.assignment_id is not None  # before the audio worker knew of the assignment
    ]
    events = Replay(load_profiles(limits), beds).run(recorded)
    return {event.device_id for event in events if event.transition == "raised"}


def rang_twice(events: Sequence[AlarmEvent]) -> set[str]:
    """Of one episode sound begins once, but for reminders."""
    rings: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.rings and event.transition != "reminded":
            rings[event.episode_id].add(event.event_id)
    twice = {episode for episode, ids in rings.items() if len(ids) > 1}
    episodes: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.transition == "raised":
            episodes[event.device_id].add(event.episode_id)
    return {e.device_id for e in events if e.episode_id in twice} | {
        device_id for device_id, ids in episodes.items() if len(ids) > 1
    }


def with_holes(events: Sequence[AlarmEvent]) -> set[str]:
    """Devices an episode of which lacks a transition."""
    numbers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for event in events:
        numbers[event.device_id, event.episode_id].add(event.transition_no)
    return {
        device_id
        for (device_id, _), found in numbers.items()
        if found != set(range(1, max(found) + 1))
    }


def unanswered(events: Sequence[AlarmEvent], acknowledged: set[str]) -> set[str]:
    """Devices that were acknowledged and whose alarm is in another state in the end."""
    last: dict[str, AlarmEvent] = {}
    for event in events:
        known = last.get(event.device_id)
        if known is None or event.transition_no >= known.transition_no:
            last[event.device_id] = event
    return {
        device_id
        for device_id in acknowledged
        if device_id not in last or last[device_id].state_to != "acknowledged"
    }


def in_two_versions(events: Sequence[AlarmEvent]) -> set[str]:
    versions: defaultdict[str, set[bytes]] = defaultdict(set)
    for event in events:
        versions[event.event_id].add(encode(event))
    return {event_id for event_id, found in versions.items() if len(found) > 1}
