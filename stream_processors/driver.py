"""Faust's Kafka driver, changed in four things.

1. A fetch is one event a partition, not one a record: an event costs Faust some 70 µs, and a
   record inside one next to nothing.
2. Faust acks nothing. What may be committed says the offset gate of each partition; so neither
   acks out of order (faust-streaming 0.15.3 commits past messages in flight then) nor acks that
   Faust gives by itself (after an exception, after a failed decode) can lose anything.
3. Kafka's answer to a fetch is awaited for as long as the settings say and not for 1.5 s, and the
   connection is described by `KafkaConnection`.
4. Revoked partitions are dropped before anything else happens, together with all their state.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiokafka
import faust
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError
from faust.app.base import BootStrategy
from faust.exceptions import ConsumerNotStarted
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from ingest.connections import KafkaConnection
from stream_processors.log_ends import behind

_MAX_PARTITION_FETCH_BYTES = 1024 * 1024
_FETCHES_BUFFERED = 8


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the driver is told about reading.

    Attributes
    ----------
    committable
        Names the offset of a partition before which all is finished, if it knows any.
    next_offset
        Names the offset of a partition that has not been taken yet, if it knows any.
    revoked
        Called before partitions are given back.
    together
        Whether one worker gets the same partition of every topic, for topics that are joined.
    """

    kafka: KafkaConnection
    client_id: str
    session_timeout_s: float
    fetch_every_s: float
    committable: Callable[[str, int], int | None]
    next_offset: Callable[[str, int], int | None]
    revoked: Callable[[], None]
    together: bool = False


class FetchConsumer(driver.Consumer):
    """Gives each fetch of a partition as one message whose value is the list of its records."""

    committed_at_s: float | None = None

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 (Faust's own signature)
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            with suppress(IllegalStateError):  # taken away meanwhile: the next assignment seeks
                await self.perform_seek()
            return
        for partition, fetched in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            tp = TP(*partition)
            if active is None or tp in active or tp in self._buffered_partitions:
                yield tp, self._message(tp, fetched, generation)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.transport.reading.revoked()
        await super().on_partitions_revoked(revoked)

    def behind(self, tp: TP) -> int | None:
        """Records of a partition that are not taken yet; None until Kafka has answered for it."""
        told = self._thread.told(tp)
        if told is None:
            return None
        taken_to = self.transport.reading.next_offset(tp.topic, tp.partition)
        return behind(told.end, read_to=told.read_to, taken_to=taken_to)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's own watchdog counts acks, of which there are none; heartbeats tell the lag."""

    def _message(self, tp: TP, fetched: list[Any], generation: int) -> ConsumerMessage:
        last = fetched[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            None,
            None,
            fetched,
            None,
            tp=tp,
            generation_id=generation,
        )

    def _filter_tps_with_pending_acks(self, _topics: Iterable[Any] | None = None) -> Iterator[TP]:
        return iter(self.assignment())

    def _new_offset(self, tp: TP) -> int | None:
        offset: int | None = self.transport.reading.committable(tp.topic, tp.partition)
        return offset

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed: bool = await super()._commit(offsets)
        if committed:
            self.committed_at_s = time.monotonic()
        return committed

    def _new_consumer_thread(self) -> "_FetchThread":
        return _FetchThread(self, loop=self.loop, beacon=self.beacon)


class _Told(NamedTuple):
    """Where Kafka's last answer said that a partition ends, and how far it is fetched."""

    end: int
    read_to: int


class _PacedConsumer(aiokafka.AIOKafkaConsumer):
    """Asks Kafka at a steady pace for all that is there, and Kafka never waits for more.

    Without a pace a busy Kafka answers for every few records, and every answer costs Faust an
    event per partition. If Kafka itself waits instead, the embedded one reads all that it has
    twice, and looks through every batch of the log each time.
    """

    def __init__(self, *, fetch_every_s: float, **options: Any) -> None:
        super().__init__(
            fetch_max_wait_ms=round(2000 * fetch_every_s), fetch_min_bytes=1, **options
        )
        self._fetch_every_s = fetch_every_s
        self._fetch_at_s = 0.0

    async def start(self) -> None:
        await super().start()
        self._fetch = self._fetcher._proc_fetch_request  # noqa: SLF001 (nothing public paces it)
        self._fetcher._proc_fetch_request = self._fetch_in_time  # noqa: SLF001

    def told(self, tp: TP) -> _Told | None:
        """None for what is not assigned, or not answered for yet. May be asked from any thread."""
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(tp)
        if state is None or state.highwater is None or not state.has_valid_position:
            return None
        return _Told(state.highwater, state.position)

    async def _fetch_in_time(self, assignment: Any, node_id: int, request: Any) -> bool:
        try:
            await asyncio.sleep(self._fetch_at_s - time.monotonic())
        except asyncio.CancelledError:  # the partitions were taken away meanwhile
            return False
        self._fetch_at_s = time.monotonic() + self._fetch_every_s
        fetched: bool = await self._fetch(assignment, node_id, request)
        return fetched


class _FetchThread(driver.AIOKafkaConsumerThread):
    def told(self, tp: TP) -> _Told | None:
        """See `_PacedConsumer.told`."""
        told: _Told | None = self._ensure_consumer().told(tp)
        return told

    def _create_worker_consumer(self, transport: "FetchTransport") -> aiokafka.AIOKafkaConsumer:
        reading = transport.reading
        session_timeout_ms = round(reading.session_timeout_s * 1000)
        assignor = RangePartitionAssignor if reading.together else RoundRobinPartitionAssignor
        return _PacedConsumer(
            **reading.kafka.python_clients(),
            client_id=reading.client_id,
            group_id=self.app.conf.id,
            partition_assignment_strategy=[assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_MAX_PARTITION_FETCH_BYTES,
            fetch_every_s=reading.fetch_every_s,
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=session_timeout_ms // 3,
        )


class FetchTransport(driver.Transport):
    Consumer = FetchConsumer
    reading: Reading


class _NoTables(TableManager):
    """Faust waits a second for tables to be declared; there are none."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class _Boot(BootStrategy):
    """No web server, which would listen on every interface, and nothing sent through Faust."""

    enable_web = False
    enable_sensors = False
    enable_kafka_producer = False


class FetchApp(faust.App):
    """A Faust app that reads as `reading` says, sends nothing and keeps no files."""

    BootStrategy = _Boot

    def __init__(self, group: str, *, reading: Reading, commit_every_s: float) -> None:
        self._reading = reading
        super().__init__(
            group,
            broker=[f"kafka://{server}" for server in reading.kafka.servers.split(",")],
            broker_commit_interval=commit_every_s,
            stream_buffer_maxsize=_FETCHES_BUFFERED,
            stream_wait_empty=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            TableManager=_NoTables,
        )

    def lag(self) -> dict[str, int | None]:
        """Records not yet taken, by assigned partition as ``topic/number``; None is not known."""
        try:
            assignment = self.consumer.assignment()
        except ConsumerNotStarted:
            return {}
        return {f"{tp.topic}/{tp.partition}": self.consumer.behind(tp) for tp in assignment}

    def commit_age_s(self) -> float:
        """Seconds since the last commit of this worker; 0 before the first."""
        committed_at_s = self.consumer.committed_at_s
        return 0.0 if committed_at_s is None else time.monotonic() - committed_at_s

    def _new_transport(self) -> FetchTransport:
        transport = FetchTransport(self.conf.broker_consumer, self)
        transport.reading = self._reading
        return transport

    def _create_directories(self) -> None:
        """There is nothing to keep: the log holds all state."""
