"""A record of any topic that the alarms read, as what the state machine takes."""

import math
from typing import NamedTuple

from ingest.chunk import decode_status, is_device_id
from models.errors import RecordError
from stream_processors.alarms.machine import Input
from stream_processors.alarms.parts_heard import PIPELINE
from stream_processors.arrivals import LogRecord
from stream_processors.records import AlarmAction, DeviceStats, WindowResult, decode
from stream_processors.topics import ALARM_ACTIONS, DEVICE_STATS, RESULTS, STATUS

_MOST_CHARACTERS = 200

TOPICS = (RESULTS, ALARM_ACTIONS, STATUS, DEVICE_STATS)


class Taken(NamedTuple):
    """An input, whose it is, and its time in the log."""

    device_id: str
    given: Input
    at_us: int


def read_input(topic: str, record: LogRecord) -> Taken | None:
    """Decode and check; None for what a compacted topic has forgotten.

    Raises
    ------
    BadInputError
        Naming what is wrong.
    """
    if record.value is None:
        return None
    device_id = (record.key or b"").decode("ascii", "replace")
    if not is_device_id(device_id) and device_id != PIPELINE:
        raise RecordError(f"the key {device_id[:80]!r} is no device id")
    given: Input
    if topic == RESULTS.name:
        given = decode(WindowResult, record.value)
        _check_result(given, device_id)
    elif topic == ALARM_ACTIONS.name:
        given = decode(AlarmAction, record.value)
        _check_action(given)
    elif topic == STATUS.name:
        given = decode_status(record.value)
    else:
        given = decode(DeviceStats, record.value)
    return Taken(device_id, given, record.timestamp * 1000)


def _check_action(action: AlarmAction) -> None:
    for name in ("actor", "action_id"):
        text = getattr(action, name)
        if not 0 < len(text) <= _MOST_CHARACTERS:
            raise RecordError(f"{name} of {len(text)} characters is not 1 to {_MOST_CHARACTERS}")


def _check_result(result: WindowResult, device_id: str) -> None:
    if result.device_id != device_id:
        raise RecordError(f"a result of {result.device_id[:64]!r} has the key {device_id!r}")
    if result.window_index < 0 or not math.isfinite(result.quality.score):
        raise RecordError(
            f"window {result.window_index} with quality {result.quality.score} cannot be"
        )
