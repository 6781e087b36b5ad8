"""Records in, results out: the stages put one after the other, without Faust and without Kafka.

`take` steps a partition and hands its windows to the micro-batches; `_work` runs in their thread;
`_publish` sends what comes back, and what is stored settles its partition.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

from ingest.kafka_sink import Header, KafkaSink
from ingest.traces import Step, Tracing
from models.errors import BadInputError
from models.logs import about
from stream_processors.arrivals import LogRecord
from stream_processors.assignments import AssignmentHistory
from stream_processors.dead_letters import dead_letter, where
from stream_processors.inference import judge
from stream_processors.micro_batches import MicroBatches
from stream_processors.partition import Partition
from stream_processors.partitions import Partitions
from stream_processors.records import encode
from stream_processors.results import result_of, strips_of
from stream_processors.running_models import RunningModels
from stream_processors.settings import WorkerSettings
from stream_processors.topics import AUDIO_HISTORY, DEAD_LETTERS, RESULTS
from stream_processors.windows import Window

_STAGE = "audio"
_MOST_IN_FLIGHT = 10_000  # results that Kafka has not confirmed; then nothing more is read
_PAUSE_S = 0.05

_log = logging.getLogger(__name__)


class _Job(NamedTuple):
    partition: Partition
    window: Window
    windowed_us: int


class _Answer(NamedTuple):
    job: _Job
    result: bytes
    inferred_us: int


class Pipeline:
    """Everything of a worker but where its records come from."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        sink: KafkaSink,
        models: RunningModels,
        assignments: AssignmentHistory,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        tracing: Tracing | None = None,
    ) -> None:
        self.partitions = Partitions(_begin)
        self._sink = sink
        self._models = models
        self._assignments = assignments
        self._now_us = now_us
        self._tracing = tracing
        self._results = 0
        self._results_refused = 0
        self._dead_letters = 0
        self._batches = MicroBatches(
            work=self._work,
            done=self._publish,
            most=settings.batch_windows,
            wait_s=settings.batch_wait_s,
        )

    async def take(
        self, topic: str, number: int, generation: int, records: Sequence[LogRecord]
    ) -> None:
        """Take a fetch's records of one partition; return when there is room for more."""
        partition = self.partitions.at(topic, number, generation)
        windows: list[Window] = []
        for record in records:
            try:
                windows += partition.step(record)
            except BadInputError as error:
                self._bury(partition, record, str(error))
            else:
                if partition.objection is not None:
                    self._bury(partition, record, partition.objection)
        windowed_us = self._now_us()
        jobs = [_Job(partition, window, windowed_us) for window in windows]
        await self._batches.submit(jobs, history=partition.history)
        while self._sink.in_flight > _MOST_IN_FLIGHT:  # noqa: ASYNC110 (a sink has no event)
            await asyncio.sleep(_PAUSE_S)

    async def run(self) -> None:
        """Judge, classify and publish until cancelled."""
        await self._batches.run()

    def drop(self) -> None:
        """Before partitions are given back: forget everything of this assignment."""
        self.partitions.drop()
        self._batches.clear()

    def counters(self) -> dict[str, float]:
        """What the heartbeat counts; all but `in_flight` only ever grow."""
        return {
            **asdict(self.partitions.counters()),
            "results": self._results,
            "results_refused": self._results_refused,
            "dead_letters": self._dead_letters,
            "batches": self._batches.batches,
            "batched_windows": self._batches.jobs,
            "in_flight": self._sink.in_flight,
            "kafka_errors": self._sink.errors,
        }

    def _work(self, jobs: Sequence[_Job]) -> list[_Answer]:
        windows = [job.window for job in jobs]
        judgements = judge(windows, self._models.current)
        strips = strips_of(windows)
        inferred_us = self._now_us()
        results = [
            result_of(
                job.window,
                judgement,
                strip,
                job.partition,
                self._assignments,
                windowed_us=job.windowed_us,
                inferred_us=inferred_us,
            )
            for job, judgement, strip in zip(jobs, judgements, strips, strict=True)
        ]
        return [
            _Answer(job, encode(result), inferred_us)
            for job, result in zip(jobs, results, strict=True)
        ]

    def _publish(self, answer: _Answer) -> None:
        partition, window, _ = answer.job
        if not self.partitions.has(partition):
            return
        self._sink.produce(
            RESULTS.name,
            window.key.device_id.encode(),
            answer.result,
            headers=() if self._tracing is None else _traced(self._tracing, answer),
            timestamp_ms=self._now_us() // 1000,
            on_delivery=partial(self._published, partition, window),
        )

    def _published(self, partition: Partition, window: Window, refusal: str | None) -> None:
        if refusal is None:
            self._results += 1
        else:
            self._results_refused += 1
            whose = about(device=window.key.device_id, window=window.index)
            _log.error("Kafka refuses a result for good: %s", refusal, extra=whose)
        partition.settle(window.oldest_offset)

    def _bury(self, partition: Partition, record: LogRecord, reason: str) -> None:
        now_us = self._now_us()
        letter = dead_letter(
            record,
            stage=_STAGE,
            topic=partition.topic,
            partition=partition.number,
            reason=reason,
            at_us=now_us,
        )
        self._sink.produce(
            DEAD_LETTERS.name,
            record.key,
            encode(letter),
            timestamp_ms=now_us // 1000,
            on_delivery=partial(self._buried, partition, record),
        )

    def _buried(self, partition: Partition, record: LogRecord, refusal: str | None) -> None:
        if refusal is None:
            self._dead_letters += 1
        else:
            whose = where(record, partition.topic, partition.number)
            _log.error("Kafka refuses a dead letter for good: %s", refusal, extra=whose)
        partition.settle(record.offset)


def _begin(topic: str, number: int) -> Partition:
    return Partition(topic, number, history=topic == AUDIO_HISTORY.name)


def _traced(tracing: Tracing, answer: _Answer) -> Sequence[Header]:
    """Go on with the trace of the chunk that completed the window."""
    (_, window, windowed_us), _, inferred_us = answer
    chunk = window.latest
    if chunk.trace is None:
        return ()
    return tracing.headers(
        chunk.trace,
        Step("worker: window whole", chunk.received_at_us, windowed_us),
        Step("worker: judged and classified", windowed_us, inferred_us),
        device=window.key.device_id,
        boot=window.key.boot_id,
        window=window.index,
    )
