"""Two bridges of one name: the broker gives their one session to each in turn, for ever.

Not every broker says so, but both give heartbeats under that name. So a bridge whose connections
do not last listens for another's, and the one that came later goes.
"""

import logging
from contextlib import suppress

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from ingest.connections import KafkaConnection
from models.errors import RecordError, UserError
from stream_processors.records import Heartbeat, decode
from stream_processors.topics import HEARTBEATS

_MOST = 100

_log = logging.getLogger(__name__)


class Namesakes:
    """Judges heartbeats as a bridge of this name, which began then, with this process id."""

    def __init__(self, name: str, *, started_us: int, pid: int) -> None:
        self._name = name
        self._own = started_us, pid
        self._beat_us: dict[tuple[int, int], int] = {}

    def take(self, beat: Heartbeat) -> None:
        """Learn one heartbeat.

        A predecessor that is gone may be heard once, for some brokers repeat what they gave last:
        only who gives another one lives.

        Raises
        ------
        UserError
            When another process of this name runs, and has run for longer.
        """
        theirs = beat.started_us, beat.pid
        if (beat.kind, beat.instance) != ("bridge", self._name) or theirs >= self._own:
            return
        if self._beat_us.setdefault(theirs, beat.at_us) != beat.at_us:
            raise UserError(
                f"another bridge named {self._name} runs already (process {beat.pid}): give "
                "this one a name of its own, with HEARTWARD_BRIDGE_NAME"
            )


class NamesakeWatch:
    """Listens only while there is a reason to."""

    def __init__(self, kafka: KafkaConnection, namesakes: Namesakes) -> None:
        self._kafka = kafka
        self._namesakes = namesakes
        self._heartbeats: _Heartbeats | None = None

    def step(self, *, suspected: bool) -> None:
        """Look at what has come; raises `UserError` when this bridge has to go."""
        if not suspected:
            self.close()
        elif self._heartbeats is None:
            self._heartbeats = _Heartbeats(self._kafka)
        else:
            for beat in self._heartbeats.poll():
                self._namesakes.take(beat)

    def close(self) -> None:
        if self._heartbeats is not None:
            self._heartbeats.close()
        self._heartbeats = None


class _Heartbeats:
    """The topic of heartbeats from now on; joins no group and commits nothing."""

    def __init__(self, kafka: KafkaConnection) -> None:
        settings = {"group.id": "heartward-reader", "enable.auto.commit": False}
        self._consumer = Consumer(kafka.confluent() | settings, logger=_log)
        self._consumer.assign([TopicPartition(HEARTBEATS.name, 0, OFFSET_END)])

    def poll(self) -> list[Heartbeat]:
        """What has come; never blocks."""
        beats = []
        with suppress(KafkaException):  # a Kafka that is away says nothing of anybody
            for message in self._consumer.consume(_MOST, 0):
                with suppress(RecordError):
                    if message.error() is None:
                        beats.append(decode(Heartbeat, message.value() or b""))
        return beats

    def close(self) -> None:
        self._consumer.close()
