"""Alarm workers on a real Kafka, and a ward of results, people and beds before them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import msgspec

from ingest.connections import KafkaConnection, load
from stream_processors.records import (
    AlarmAction,
    AlarmEvent,
    Assignment,
    DeviceStats,
    Finding,
    Heartbeat,
    Record,
    StageTimes,
    WindowResult,
)
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import (
    ALARM_ACTIONS,
    ALARMS,
    ASSIGNMENTS,
    DEVICE_STATS,
    HEARTBEATS,
    RESULTS,
    Topic,
)
from tests import kafka_log
from tests.processes import Part
from tests.results import window_result
from tests.servers import Server
from tests.waiting import until

PARTITIONS = 3
_LIMITS = """
finding_k = 4
finding_n = 6
finding_clear_k = 2
finding_clear_n = 2
rate_k = 4
late_s = 300  # a busy machine may take long to start a worker
"""


class AlarmWard:
    """Devices `bed-0`, `bed-1`, ... with their next window each."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.kafka = load(KafkaConnection, {"servers": server.address})
        self._folder = folder
        self._workers: list[Part] = []
        self._next: dict[str, int] = {}
        self._actions = 0
        self.written: Callable[[WindowResult], WindowResult] = lambda result: result
        """What an audio worker of another version would publish in place of a result."""
        self._limits = folder / "limits.toml"
        self._limits.write_text(_LIMITS)
        apply_topics(self.kafka, partitions=PARTITIONS)

    def add_worker(
        self, *, environment: Mapping[str, str] = MappingProxyType({}), **settings: object
    ) -> Part:
        name = f"alarms-{len(self._workers)}"
        given = {
            "HEARTWARD_KAFKA_SERVERS": self.kafka.servers,
            "HEARTWARD_ALARMS_NAME": name,
            "HEARTWARD_ALARMS_LIMITS": self._limits,
            "HEARTWARD_ALARMS_CHECKPOINT_S": 0.5,
        }
        given |= {f"HEARTWARD_ALARMS_{key.upper()}": value for key, value in settings.items()}
        given |= environment
        part = Part(name, "stream_processors.alarm_app", given, folder=self._folder)
        self._workers.append(part)
        return part.start()

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()

    def assign(self, device_id: str, **changes: object) -> Assignment:
        assignment = Assignment(
            assignment_id=f"of-{device_id}",
            device_id=device_id,
            patient_id=f"patient of {device_id}",
            ward="west",
            bed=device_id.rpartition("-")[2],
            from_us=0,
        )
        assignment = msgspec.structs.replace(assignment, **changes)
        self._publish(ASSIGNMENTS, [(assignment.assignment_id, assignment)])
        return assignment

    def windows(
        self, device_id: str, number: int, *, abnormal: float, ago_s: float = 0.0
    ) -> list[WindowResult]:
        """The next windows of a device, received one a hop; the last of them `ago_s` ago."""
        first = self._next.get(device_id, 0)
        self._next[device_id] = first + number
        last_us = time.time_ns() // 1000 - round(ago_s * 1e6)
        made = [
            self.written(
                _window(device_id, first + k, abnormal, last_us - (number - 1 - k) * 2_500_000)
            )
            for k in range(number)
        ]
        self._publish(RESULTS, ((result.device_id, result) for result in made))
        return made

    def again(self, results: Iterable[WindowResult]) -> None:
        """As an audio worker that was killed repeats them."""
        self._publish(RESULTS, ((result.device_id, result) for result in results))

    def act(self, device_id: str, action: str, *, episode_id: str | None = None) -> None:
        self._actions += 1
        asked = AlarmAction(
            action_id=f"action-{self._actions}",
            action=action,  # type: ignore[arg-type]
            device_id=device_id,
            episode_id=episode_id,
            actor="nurse",
            at_us=time.time_ns() // 1000,
        )
        self._publish(ALARM_ACTIONS, [(device_id, asked)])

    def bridge_beats(self, name: str = "bridge-1") -> None:
        now_us = time.time_ns() // 1000
        beat = Heartbeat(
            process="bridge", kind="bridge", instance=name, pid=1, at_us=now_us, started_us=0
        )
        self._publish(HEARTBEATS, [(f"_pipeline/{name}", beat)])

    def stats(self, given: DeviceStats) -> None:
        self._publish(DEVICE_STATS, [(given.device_id, given)])

    def events(self, device_id: str | None = None) -> list[AlarmEvent]:
        """All that is on the topic, in order within a device, repetitions included."""
        found = kafka_log.records(self.kafka, ALARMS, AlarmEvent)
        return [event for event in found if device_id in (None, event.device_id)]

    def told(self, device_id: str) -> list[str]:
        """What happened to a device, each event once; with a star where it rings."""
        unique = {event.event_id: event for event in self.events(device_id)}
        return [event.transition + "*" * event.rings for event in unique.values()]

    def wait_for(self, device_id: str, transition: str, *, timeout_s: float = 120) -> None:
        until(
            lambda: transition in self.told(device_id),
            f"{transition} of {device_id}, which has {self.told(device_id)}",
            timeout_s=timeout_s,
        )

    def wait_for_results(self, worker: Part, number: int, *, timeout_s: float = 120) -> None:
        """Until a worker has taken so many results since it was started."""

        def taken() -> bool:
            beats = [b for b in self.beats() if b.pid == worker.pid]
            return bool(beats) and beats[-1].counters["results"] >= number

        until(taken, f"{worker.name} has taken {number} results", timeout_s=timeout_s)

    def wait_until_shared(self, *workers: Part, timeout_s: float = 120) -> None:
        """Until each worker has partitions, no two the same, and each number of every topic."""

        def shared() -> bool:
            last = {beat.pid: beat.partitions for beat in self.beats()}
            shares = [set(last.get(worker.pid, ())) for worker in workers]
            whole = all(
                {f"{topic}/{n}" for topic in ("pcg.results", "pcg.alarm-actions")} <= share
                for share in shares
                for n in (place.rpartition("/")[2] for place in share)
            )
            apart = len(set.union(*shares)) == sum(map(len, shares)) == 4 * PARTITIONS
            return all(shares) and whole and apart

        until(shared, "the workers share the partitions", timeout_s=timeout_s, every_s=0.5)

    def beats(self) -> list[Heartbeat]:
        return [
            beat
            for beat in kafka_log.records(self.kafka, HEARTBEATS, Heartbeat)
            if beat.kind == "alarms"
        ]

    def _publish(self, topic: Topic, given: Iterable[tuple[str, Record]]) -> None:
        kafka_log.publish(self.kafka, topic, given)


@contextmanager
def alarm_ward(kind: type[Server], folder: Path) -> Iterator[AlarmWard]:
    """A Kafka of its own, and no worker yet."""
    server = kind(folder / "kafka").start()
    ward = AlarmWard(server, folder)
    try:
        yield ward
    finally:
        ward.close()
        server.kill()


def _window(device_id: str, index: int, abnormal: float, received_us: int) -> WindowResult:
    finding = Finding(
        model="screen",
        version="1",
        label="abnormal",
        probability=abnormal,
        probabilities={"normal": 1 - abnormal, "abnormal": abnormal},
    )
    stages = StageTimes(
        captured_us=received_us,
        received_us=received_us,
        windowed_us=received_us,
        inferred_us=received_us,
    )
    return window_result(
        device_id,
        index,
        start_us=received_us - 5_000_000,
        assignment_id=f"of-{device_id}",
        findings=(finding,),
        stages=stages,
    )
