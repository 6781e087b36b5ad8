"""A log of sound on Kafka, workers that read it, and what they must make of it."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import msgspec
import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from ingest.connections import KafkaConnection, load
from ingest.kafka_sink import ConfluentSink
from models.errors import BadInputError
from models.registry import Registry
from stream_processors.assignments import AssignmentHistory
from stream_processors.inference import judge
from stream_processors.partition import Partition
from stream_processors.records import Heartbeat, WindowResult, identity
from stream_processors.results import result_of, strips_of
from stream_processors.running_models import RunningModels
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import AUDIO, HEARTBEATS, RESULTS
from stream_processors.windows import Window
from tests import kafka_log
from tests.processes import Part
from tests.servers import Server
from tests.unit.stream_processors.logs import Record, Sent, record_of
from tests.waiting import until

PARTITIONS = 3
GROUP = "heartward-audio"
_READ_S = 20.0

Identity = tuple[str, int, int]


class Verdict(NamedTuple):
    """Published results held against what one undisturbed reader makes of the same log."""

    lost: set[Identity]
    invented: set[Identity]
    altered: list[Identity]
    repeated: int


class WorkerLog:
    """Sound goes to Kafka by `feed`; workers are started and killed beside it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.kafka = load(KafkaConnection, {"servers": server.address})
        self._folder = folder
        self._workers: list[Part] = []
        self._fed = 0
        apply_topics(self.kafka, partitions=PARTITIONS)
        self._sink = ConfluentSink(self.kafka, client_id="test-bridge")

    def add_worker(self, **settings: object) -> Part:
        name = f"worker-{len(self._workers)}"
        given: dict[str, object] = {
            "HEARTWARD_KAFKA_SERVERS": self.kafka.servers,
            "HEARTWARD_WORKER_NAME": name,
        }
        given |= {f"HEARTWARD_WORKER_{key.upper()}": value for key, value in settings.items()}
        worker = Part(name, "stream_processors.app", given, folder=self._folder / name)
        self._workers.append(worker)
        worker.start()
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
        self._sink.close()

    def feed_live(self, began_us: int, *, devices: int, seconds: range) -> None:
        """Feed second by second, as fast as an audience of workers can follow."""
        for second in seconds:
            self.feed(ward(began_us, devices=devices, seconds=range(second, second + 1)))
            time.sleep(0.05)

    def feed(self, records: Iterable[Record]) -> None:
        """Put records on the live lane and return once Kafka holds them."""
        for record in records:
            self._fed += 1
            self._sink.produce(
                AUDIO.name,
                record.key,
                record.value,
                headers=record.headers,
                timestamp_ms=record.timestamp,
            )
        assert self._sink.flush(_READ_S) == 0

    def partitions_of(self, worker: Part) -> tuple[str, ...]:
        """What a worker says it reads of the live lane."""
        beats = kafka_log.records(self.kafka, HEARTBEATS, Heartbeat)
        latest = {beat.instance: beat for beat in beats}.get(worker.name)
        found = () if latest is None else latest.partitions
        return tuple(name for name in found if name.startswith(f"{AUDIO.name}/"))

    def wait_for_shares(self, *workers: Part, timeout_s: float = 45) -> float:
        """Wait until these read all partitions among them; return how long it took."""

        def shared() -> bool:
            shares = [self.partitions_of(worker) for worker in workers]
            return all(shares) and len({*chain(*shares)}) == sum(map(len, shares)) == PARTITIONS

        names = ", ".join(worker.name for worker in workers)
        return until(shared, f"{names} share the load", timeout_s=timeout_s, every_s=0.5)

    def published(self) -> list[WindowResult]:
        return kafka_log.records(self.kafka, RESULTS, WindowResult)

    def wait_for_windows(self, count: int, *, timeout_s: float = 60) -> None:
        """Wait until so many results are published."""
        until(lambda: len(self.published()) >= count, f"{count} results", timeout_s=timeout_s)

    def wait_for_results(self, *, timeout_s: float = 60) -> float:
        """Wait until every window has a result, whatever it says; return how long it took."""
        expected = set(self.expected())
        return until(
            lambda: expected <= set(map(identity, self.published())),
            f"all of {len(expected)} windows",
            timeout_s=timeout_s,
            every_s=0.5,
        )

    def expected(self) -> dict[Identity, WindowResult]:
        """What one undisturbed reader makes of the log that Kafka holds."""
        running = RunningModels(Registry()).current
        results: dict[Identity, WindowResult] = {}
        for number, log in self._log().items():
            partition = Partition(AUDIO.name, number, history=False)
            windows = [window for record in log for window in _step(partition, record)]
            for at in range(0, len(windows), 32):
                some = windows[at : at + 32]
                judged = zip(some, judge(some, running), strips_of(some), strict=True)
                for window, judgement, strip in judged:
                    result = result_of(
                        window,
                        judgement,
                        strip,
                        partition,
                        AssignmentHistory(),
                        windowed_us=0,
                        inferred_us=0,
                    )
                    results[identity(result)] = result
        return results

    def finished(self) -> dict[int, int]:
        """Where the commits must be, by partition, once all results are stored."""
        finished = {}
        for number, log in self._log().items():
            partition = Partition(AUDIO.name, number, history=False)
            for record in log:
                for window in _step(partition, record):
                    partition.settle(window.oldest_offset)
            finished[number] = partition.committable()
        return finished

    def verdict(self) -> Verdict:
        expected = self.expected()
        published = self.published()
        counts = Counter(map(identity, published))
        altered = [
            identity(result)
            for result in published
            if identity(result) in expected and _differs(result, expected[identity(result)])
        ]
        return Verdict(
            lost=set(expected) - set(counts),
            invented=set(counts) - set(expected),
            altered=altered,
            repeated=sum(counts.values()) - len(counts),
        )

    def committed(self) -> dict[int, int]:
        """The group's commit by partition of the live lane; none where nothing is committed."""
        settings = {"group.id": GROUP, "enable.auto.commit": False}
        with closing(Consumer(self.kafka.confluent() | settings)) as consumer:
            asked = [TopicPartition(AUDIO.name, number) for number in range(PARTITIONS)]
            answers = consumer.committed(asked, timeout=10)
        return {at.partition: at.offset for at in answers if at.offset >= 0}

    def _log(self) -> dict[int, list[Record]]:
        settings = {"group.id": "test", "enable.auto.commit": False, "fetch.wait.max.ms": 50}
        log: defaultdict[int, list[Record]] = defaultdict(list)
        deadline_s = time.monotonic() + _READ_S
        with closing(Consumer(self.kafka.confluent() | settings)) as consumer:
            consumer.assign(
                [
                    TopicPartition(AUDIO.name, number, OFFSET_BEGINNING)
                    for number in range(PARTITIONS)
                ]
            )
            while sum(map(len, log.values())) < self._fed:
                assert time.monotonic() < deadline_s, "the log cannot be read back"
                for message in consumer.consume(1000, 0.2):
                    assert message.error() is None, message.error()
                    record = Record(
                        message.offset(),
                        message.timestamp()[1],
                        message.key(),
                        message.value(),
                        tuple(message.headers() or ()),
                    )
                    log[message.partition()].append(record)
        return log


class Feeding(Thread):
    """Feeds second after second, ten times as fast as it would be live, until told to end."""

    def __init__(self, log: WorkerLog, *, devices: int) -> None:
        super().__init__()
        self._log = log
        self._devices = devices
        self._began_us = minutes_ago(30)
        self.seconds = 0
        self.ending = False

    def run(self) -> None:
        while not self.ending:
            span = range(self.seconds, self.seconds + 1)
            self._log.feed_live(self._began_us, devices=self._devices, seconds=span)
            self.seconds += 1

    def end(self) -> None:
        self.ending = True
        self.join()


@contextmanager
def worker_log(kind: type[Server], folder: Path) -> Iterator[WorkerLog]:
    """A Kafka of its own, and no worker yet."""
    server = kind(folder / "kafka").start()
    log = WorkerLog(server, folder)
    try:
        yield log
    finally:
        log.close()
        server.kill()


def ward(began_us: int, *, devices: int, seconds: range) -> Iterator[Record]:
    """A second of noise at a time from each device, received 0.2 s after its end."""
    for second in seconds:
        for device in range(devices):
            noise = np.random.default_rng([device, second]).normal(0, 900, 2000)
            chunk = Sent(
                f"bed-{device}", second * 2000, noise.astype(np.int16), second + 1.2 + device / 1e4
            )
            yield record_of(chunk, offset=-1, start_us=began_us)


def minutes_ago(minutes: float) -> int:
    """Old enough that no wall clock can matter, and young enough for Kafka to keep it."""
    return time.time_ns() // 1000 - round(minutes * 60e6)


def _step(partition: Partition, record: Record) -> list[Window]:
    """Step, and settle a record that becomes a dead letter."""
    windows: list[Window] = []
    try:
        windows = partition.step(record)
    except BadInputError:
        partition.settle(record.offset)
    if partition.objection is not None:
        partition.settle(record.offset)
    return windows


def _differs(published: WindowResult, expected: WindowResult) -> bool:
    """Bit for bit but for two wall clocks, and for the models' answers to 1e-6.

    Batches of another size may go through other kernels of the runtime.
    """
    mine, theirs = ([f.probabilities for f in result.findings] for result in (published, expected))
    near = all(
        one.keys() == other.keys() and all(abs(one[k] - other[k]) <= 1e-6 for k in one)
        for one, other in zip(mine, theirs, strict=True)
    )
    return not near or _without_clocks(published) != _without_clocks(expected)


def _without_clocks(result: WindowResult) -> WindowResult:
    stages = msgspec.structs.replace(result.stages, windowed_us=0, inferred_us=0)
    findings = tuple(
        msgspec.structs.replace(finding, probability=0, probabilities={})
        for finding in result.findings
    )
    return msgspec.structs.replace(result, stages=stages, findings=findings)
