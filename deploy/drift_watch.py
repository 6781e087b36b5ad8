"""``heartward drift``: every interval's drift out of the results in Kafka, into the database."""

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

from deploy.shadowing import references
from ingest.connections import InfluxConnection, KafkaConnection
from ingest.watched import WATCH, listen
from models import logs
from models.errors import RecordError, RetryableError, UserError
from models.registry import Registry
from stream_processors.drift_points import DriftInterval
from stream_processors.influx_store import InfluxStore
from stream_processors.record_files import from_kafka
from stream_processors.records import Heartbeat, WindowResult, decode
from stream_processors.topics import RESULTS

_PAUSE_S = 5.0
_GRACE_S = 60.0  # results of an interval's end are still on their way
_TURN_S = 2.0

_log = logging.getLogger(__name__)


def follow(
    kafka: KafkaConnection, influx: InfluxConnection, registry: Registry, *, minutes: int
) -> None:
    """Write the last whole interval, then each that ends, and be watched meanwhile.

    Raises
    ------
    UserError
        When Kafka or the database cannot be used.
    """
    logs.configure("drift")
    listen()
    started_us = _wall_clock_us()
    for intervals in count(1):
        last = last_whole(minutes)
        _log.info("%s", measure(kafka, influx, registry, *last))
        due_s = last.until_s + minutes * 60 + _GRACE_S
        while time.time() < due_s:
            WATCH.beat(_beat(started_us, intervals))
            time.sleep(_TURN_S)


class Interval(NamedTuple):
    from_us: int
    until_s: int


def last_whole(minutes: int) -> Interval:
    """The last interval of which no more results are to come."""
    until_s = int((time.time() - _GRACE_S) // (minutes * 60)) * minutes * 60
    return Interval((until_s - minutes * 60) * 10**6, until_s)


def measure(
    kafka: KafkaConnection,
    influx: InfluxConnection,
    registry: Registry,
    from_us: int,
    until_s: int,
) -> str:
    """Write the drift of one interval and say in a line what was written.

    Raises
    ------
    UserError
        When Kafka or the database cannot be used.
    """
    if influx.url is None:
        raise UserError("no InfluxDB to write to: give its address in HEARTWARD_INFLUX_URL")
    interval = DriftInterval()
    for result in _results(kafka, from_us, until_s * 10**6):
        interval.take(result)
    points = interval.lines(references(registry, interval.models), at_us=from_us)
    if points:
        asyncio.run(_write(influx, points))
    began = datetime.fromtimestamp(from_us / 1e6, UTC).isoformat(timespec="minutes")
    return (
        f"{began}: {interval.windows} windows, {', '.join(sorted(interval.models)) or 'no model'}"
    )


def _results(kafka: KafkaConnection, from_us: int, until_us: int) -> Iterator[WindowResult]:
    """By the window's own time; what comes later than an hour after it is not waited for."""
    kept = from_kafka(kafka, [RESULTS], from_us=from_us, until_us=until_us + 3_600_000_000)
    for record in kept:
        WATCH.alive()
        try:
            result = decode(WindowResult, record.value or b"")
        except RecordError:
            continue
        if from_us <= result.start_us < until_us:
            yield result


async def _write(influx: InfluxConnection, points: Iterable[str]) -> None:
    store = InfluxStore(influx)
    try:
        while True:
            try:
                await store.require()
                refusals = await store.write(list(points))
            except RetryableError as error:
                _log.warning("%s; the drift waits", error)
                WATCH.alive()
                await asyncio.sleep(_PAUSE_S)
            else:
                break
    finally:
        await store.close()
    for refusal in refusals:
        raise UserError(f"InfluxDB {influx.url} refuses the drift: {refusal.reason}")


def _beat(started_us: int, intervals: int) -> Heartbeat:
    """Told to who watches this process; Kafka gets none, for it may not write there."""
    return Heartbeat(
        process="drift",
        kind="drift",
        instance="drift",
        pid=os.getpid(),
        at_us=_wall_clock_us(),
        started_us=started_us,
        counters={"intervals": float(intervals)},
    )


def _wall_clock_us() -> int:
    return time.time_ns() // 1000
