"""The InfluxDB writer: results and all else from Kafka into the database, however long away.

    python -m stream_processors.influx

It is a plain consumer and no Faust agent: it needs no state, no joins and no timers of Faust, but
batches of its own size and offsets that move only after the database has confirmed them. While
the database is away Kafka keeps the results; the other processes notice nothing.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

from ingest.connections import InfluxConnection, KafkaConnection, load
from ingest.kafka_sink import ConfluentSink, KafkaSink, keep_polling
from ingest.traces import tracing
from ingest.watched import WATCH, listen
from models import logs
from models.errors import UserError
from models.processes import exit_code
from stream_processors.influx_settings import InfluxSettings
from stream_processors.influx_store import InfluxStore
from stream_processors.influx_writer import WRITTEN, Counters, Writer
from stream_processors.record_source import RecordSource
from stream_processors.records import Heartbeat, encode
from stream_processors.topics import DEAD_LETTERS, HEARTBEATS

_HEARTBEAT_EVERY_S = 2.0
_FLUSH_S = 0.5


def _heartbeat(
    settings: InfluxSettings, *, started_us: int, source: RecordSource, counters: Counters
) -> Heartbeat:
    return Heartbeat(
        process="influx",
        kind="influx",
        instance=settings.name,
        pid=os.getpid(),
        at_us=_wall_clock_us(),
        started_us=started_us,
        partitions=source.partitions(),
        lag=source.lag(),
        counters=asdict(counters),
    )


async def _keep_beating(sink: KafkaSink, beat: Callable[[], Heartbeat]) -> None:
    while True:
        WATCH.alive()
        if sink.in_flight == 0:  # what Kafka cannot take now need not wait for it in a queue
            heartbeat = beat()
            WATCH.beat(heartbeat)
            sink.produce(
                HEARTBEATS.name,
                f"_pipeline/{heartbeat.instance}".encode(),
                encode(heartbeat),
                timestamp_ms=heartbeat.at_us // 1000,
            )
        await asyncio.sleep(_HEARTBEAT_EVERY_S)


async def _keep_writing(
    settings: InfluxSettings, writer: Writer, store: InfluxStore, source: RecordSource
) -> None:
    await writer.insist(store.require)
    while True:
        batch = await source.take(settings.batch_results, settings.batch_s)
        await writer.settle(batch)
        source.settled(batch)


async def _serve(
    settings: InfluxSettings, influx: InfluxConnection, sink: KafkaSink, source: RecordSource
) -> None:
    """Write until SIGTERM or SIGINT; what is not settled by then is taken again."""
    started_us = _wall_clock_us()
    store = InfluxStore(influx)
    writer = Writer(settings, store=store, sink=sink, tracing=tracing("influx"))
    writing = asyncio.create_task(_keep_writing(settings, writer, store, source))

    def beat() -> Heartbeat:
        return _heartbeat(settings, started_us=started_us, source=source, counters=writer.counters)

    tasks = [
        writing,
        asyncio.create_task(_keep_beating(sink, beat)),
        asyncio.create_task(keep_polling(sink, every_s=0.02)),
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, writing.cancel)
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
    for task in ended:
        if not task.cancelled():
            task.result()


def run(settings: InfluxSettings, kafka: KafkaConnection, influx: InfluxConnection) -> None:
    """Be the writer until SIGTERM or SIGINT, from the main thread.

    Raises
    ------
    UserError
        In one line, when at the start Kafka cannot be used, topics are missing, or the database
        does not accept token, organisation or bucket. A database that is away is waited for.
    """
    logs.configure(f"influx/{settings.name}")
    listen()
    if influx.url is None:
        raise UserError("no InfluxDB to write to: give its address in HEARTWARD_INFLUX_URL")
    sink = ConfluentSink(kafka, client_id=f"influx.{settings.name}")
    sink.require([topic.name for topic in (*WRITTEN, DEAD_LETTERS)])
    client_id = f"influx.{settings.name}"
    source = RecordSource(kafka, WRITTEN, group=settings.group, client_id=client_id)
    try:
        asyncio.run(_serve(settings, influx, sink, source))
    finally:
        source.close()
        sink.flush(_FLUSH_S)
        sink.close()


def main() -> int:
    """Run with settings from the environment."""
    return exit_code(
        lambda: run(load(InfluxSettings), load(KafkaConnection), load(InfluxConnection))
    )


def _wall_clock_us() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    sys.exit(main())
