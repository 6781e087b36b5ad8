"""``heartward drift``: every interval's drift out of the results in Kafka, into the database."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from deploy.shadowing import references
from ingest.connections import InfluxConnection, KafkaConnection
from models.errors import RecordError, RetryableError, UserError
from models.registry import Registry
from stream_processors.drift_points import drift_lines
from stream_processors.influx_store import InfluxStore
from stream_processors.record_files import from_kafka
from stream_processors.records import WindowResult, decode
from stream_processors.topics import RESULTS

_PAUSE_S = 5.0
_GRACE_S = 60.0  # results of an interval's end are still on their way


def watch(
    kafka: KafkaConnection,
    influx: InfluxConnection,
    registry: Registry,
    *,
    minutes: int,
    for_ever: bool,
) -> Iterator[str]:
    """Yield a line for each interval that is written; the last whole one, then each that ends.

    Raises
    ------
    UserError
        When at the start Kafka or the database cannot be used.
    """
    if influx.url is None:
        raise UserError("no InfluxDB to write to: give its address in HEARTWARD_INFLUX_URL")
    interval_s = minutes * 60
    while True:
        end_s = int((time.time() - _GRACE_S) // interval_s) * interval_s
        yield measure(kafka, influx, registry, from_us=(end_s - interval_s) * 10**6, until_s=end_s)
        if not for_ever:
            return
        time.sleep(max(_PAUSE_S, end_s + interval_s + _GRACE_S - time.time()))


def measure(
    kafka: KafkaConnection,
    influx: InfluxConnection,
    registry: Registry,
    *,
    from_us: int,
    until_s: int,
) -> str:
    """Write the drift of one interval and say in a line what was written."""
    results = list(_results(kafka, from_us, until_s * 10**6))
    names = {f"{f.model} {f.version}" for result in results for f in result.findings}
    points = drift_lines(results, references(registry, names), at_us=from_us)
    if points:
        asyncio.run(_write(influx, points))
    began = datetime.fromtimestamp(from_us / 1e6, UTC).isoformat(timespec="minutes")
    return f"{began}: {len(results)} windows, {', '.join(sorted(names)) or 'no model'}"


def _results(kafka: KafkaConnection, from_us: int, until_us: int) -> Iterator[WindowResult]:
    """By the window's own time; what comes later than an hour after it is not waited for."""
    kept = from_kafka(kafka, [RESULTS], from_us=from_us, until_us=until_us + 3_600_000_000)
    for record in kept:
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
            except RetryableError:
                await asyncio.sleep(_PAUSE_S)
            else:
                break
    finally:
        await store.close()
    for refusal in refusals:
        raise UserError(f"InfluxDB {influx.url} refuses the drift: {refusal.reason}")
