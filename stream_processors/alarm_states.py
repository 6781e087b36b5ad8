"""Alarm states from their compacted topic, one partition at a time."""

import logging
from contextlib import closing

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from ingest.connections import KafkaConnection
from models.errors import RecordError, RetryableError, UserError
from models.logs import about
from stream_processors.alarms.desk import latest
from stream_processors.log_ends import ENDS_ARE_TOLD, read_to_end
from stream_processors.records import AlarmState, decode
from stream_processors.topics import ALARM_STATE

_PATIENCE_S = 20.0
_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


class AlarmStates:
    """Reads what the workers before have saved; joins no group and commits nothing."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._settings = (
            kafka.confluent()
            | ENDS_ARE_TOLD
            | {
                "group.id": "heartward-alarm-states",  # the library wants a name
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
            }
        )

    def partitions(self) -> int:
        """How many partitions the topic has, as all that are joined.

        Raises
        ------
        UserError
            When Kafka does not say.
        """
        with closing(Consumer(self._settings, logger=_log)) as consumer:
            try:
                topics = consumer.list_topics(ALARM_STATE.name, timeout=_TIMEOUT_S).topics
            except KafkaException as error:
                why = error.args[0].str()
                raise UserError(f"Kafka does not say what {ALARM_STATE.name} is: {why}") from None
        return len(topics[ALARM_STATE.name].partitions)

    def load(self, partition: int) -> list[AlarmState]:
        """The last state of each device of a partition.

        Raises
        ------
        RetryableError
            When Kafka does not give all of it.
        """
        states: dict[str, AlarmState | None] = {}
        with closing(Consumer(self._settings, logger=_log)) as consumer:
            start = TopicPartition(ALARM_STATE.name, partition, OFFSET_BEGINNING)
            try:
                for message in read_to_end(consumer, [start], patience_s=_PATIENCE_S):
                    device_id = (message.key() or b"").decode("utf-8", "replace")
                    states[device_id] = _later(device_id, states.get(device_id), message.value())
            except KafkaException as error:
                raise RetryableError(
                    f"{ALARM_STATE.name}/{partition} cannot be read: {error.args[0].str()}"
                ) from None
        return [state for state in states.values() if state is not None]


def _later(device_id: str, known: AlarmState | None, value: bytes | None) -> AlarmState | None:
    """What holds after one more record of a device."""
    if value is None:
        return None
    try:
        state = decode(AlarmState, value)
    except RecordError as error:
        whose = about(device=device_id)
        _log.error("a state of the alarms is passed over: %s", error, extra=whose)
        return known
    both = [state] if known is None else [known, state]
    return latest(both)[state.device_id]
