"""From what a device costs each second to brokers, partitions, workers and disks."""

import math
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

BEDS = (10, 100, 1000, 10_000, 100_000)

_COSTS = Path(__file__).with_name("sizing_costs.toml")
MEASURED = Path(__file__).with_name("sizing_measured.json")
_GIB = 2**30
_PAGE = """\
# How large

`heartward size` prints this page, and reckons it anew from costs that were measured on your machine
(`--results bench-results`, after `python -m tests.benchmarks capacity influx`).

{sizes}

For 1000 beds it is reckoned so:

{arithmetic}

Measured, in microseconds of one core:

- for one device each second: bridge {measured.bridge_us:g}, MQTT broker {measured.mqtt_us:g}, Kafka
  ({measured.kafka}) {measured.kafka_us:g} (`{measured.by}`);
- the same with two models, heart rate, S1 and S2, and alarms of every bed: worker
  {everything.worker_us:g}, alarm worker {everything.alarms_us:g} (`{everything.by}`);
- for one result: writer {writer.writer_us:g}, database {writer.database_us:g} (`{writer.by}`);
- by {wire.by}: a chunk {wire.chunk_bytes} B, a result {wire.result_bytes} B.

Assumed:

{assumed}

Not in it:

- models in shadow, and the console;
- spares. One worker, one alarm worker and one writer more let a ward go on without a pause while
  one of them is replaced.

Past 6000 beds each bridge takes some topic groups (`HEARTWARD_BRIDGE_GROUPS`). Above 3000 devices
nothing was run: the rows for 10,000 and 100,000 beds are arithmetic.
"""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds of one core, per device and second; `kafka` is which one it was."""

    by: str
    kafka: str
    worker_us: float
    bridge_us: float
    mqtt_us: float
    kafka_us: float


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds of one core, per device and second, with all that can be switched on."""

    by: str
    worker_us: float
    alarms_us: float


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds of one core, per result."""

    by: str
    writer_us: float
    database_us: float


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    chunk_bytes: int
    result_bytes: int


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """What nobody measured; the file says why."""

    use_of_a_core: float
    devices_a_partition: int
    devices_a_bridge: int
    cores_a_broker: float
    beds_that_one_broker_may_carry: int
    windows_a_second: float
    points_a_window: int
    bytes_a_point: float
    audio_kept_hours: float
    results_kept_hours: float
    points_kept_days: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What benchmarks find, and nothing else."""

    measured: Load
    everything: Everything
    writer: Writer


class Costs(Measured, frozen=True, kw_only=True):
    """All that the arithmetic needs."""

    wire: Wire
    assumed: Assumed


class Step(NamedTuple):
    """One line of the arithmetic: what, how, and what comes of it."""

    what: str
    how: str
    result: str


class Size(NamedTuple):
    """What some beds need."""

    beds: int
    workers: int
    alarm_workers: int
    partitions: int
    bridges: int
    brokers: int
    writers: int
    cores: float
    kafka_gib: float
    influxdb_gib: float


def costs() -> Costs:
    """What ships."""
    rest = tomllib.loads(_COSTS.read_text())
    return msgspec.convert(msgspec.json.decode(MEASURED.read_bytes()) | rest, Costs)


def size(beds: int, given: Costs) -> Size:
    """What so many beds need; every number is one line of `arithmetic`."""
    measured, every, assumed = given.measured, given.everything, given.assumed
    windows = beds * assumed.windows_a_second
    workers = _cores(beds * every.worker_us, assumed)
    writers = _cores(windows * given.writer.writer_us, assumed)
    copies = 1 if beds <= assumed.beds_that_one_broker_may_carry else 3
    kafka_cores = beds * measured.kafka_us * copies / 1e6 / assumed.use_of_a_core
    busy_us = beds * (every.worker_us + every.alarms_us + measured.bridge_us + measured.mqtt_us)
    busy_us += beds * measured.kafka_us * copies
    busy_us += windows * (given.writer.writer_us + given.writer.database_us)
    return Size(
        beds=beds,
        workers=workers,
        alarm_workers=_cores(beds * every.alarms_us, assumed),
        partitions=_partitions(beds, workers, assumed),
        bridges=math.ceil(beds / assumed.devices_a_bridge),
        brokers=max(copies, math.ceil(kafka_cores / assumed.cores_a_broker)),
        writers=writers,
        cores=busy_us / 1e6 / assumed.use_of_a_core,
        kafka_gib=copies * beds * _bytes_kept(given) / _GIB,
        influxdb_gib=windows
        * assumed.points_a_window
        * assumed.bytes_a_point
        * assumed.points_kept_days
        * 86_400
        / _GIB,
    )


def arithmetic(beds: int, given: Costs) -> list[Step]:
    """How `size` comes to its numbers, with the numbers."""
    measured, every, assumed = given.measured, given.everything, given.assumed
    found = size(beds, given)
    copies = 1 if beds <= assumed.beds_that_one_broker_may_carry else 3
    use = f"{assumed.use_of_a_core:g}"
    windows = f"{beds} x {assumed.windows_a_second:g}"
    return [
        Step(
            "workers",
            f"{beds} x {every.worker_us:g} µs / {use}, rounded up",
            f"{found.workers}",
        ),
        Step(
            "alarm workers",
            f"{beds} x {every.alarms_us:g} µs / {use}, rounded up",
            f"{found.alarm_workers}",
        ),
        Step(
            "partitions",
            f"{beds} / {assumed.devices_a_partition}, at least 6 and twice the workers, "
            "a multiple of the workers",
            f"{found.partitions}",
        ),
        Step("bridges", f"{beds} / {assumed.devices_a_bridge}, rounded up", f"{found.bridges}"),
        Step(
            "Kafka brokers",
            f"{beds} x {measured.kafka_us:g} µs x {copies} copies / {use} / "
            f"{assumed.cores_a_broker:g} cores, at least {copies}",
            f"{found.brokers}",
        ),
        Step(
            "writers",
            f"{windows} results x {given.writer.writer_us:g} µs / {use}, rounded up",
            f"{found.writers}",
        ),
        Step(
            "cores, all parts",
            f"({beds} x ({every.worker_us:g} + {every.alarms_us:g} + {measured.bridge_us:g} + "
            f"{measured.mqtt_us:g} + {measured.kafka_us:g} x {copies}) µs + {windows} x "
            f"({given.writer.writer_us:g} + {given.writer.database_us:g}) µs) / {use}",
            f"{found.cores:.1f}",
        ),
        *_disks(beds, given, found),
    ]


def _disks(beds: int, given: Costs, found: Size) -> Iterator[Step]:
    """How much lies in Kafka and in the database."""
    assumed, wire = given.assumed, given.wire
    copies = 1 if beds <= assumed.beds_that_one_broker_may_carry else 3
    yield Step(
        "Kafka's disks",
        f"{copies} x {beds} x ({wire.chunk_bytes} B x {assumed.audio_kept_hours:g} h + "
        f"{assumed.windows_a_second:g} x {wire.result_bytes} B x "
        f"{assumed.results_kept_hours:g} h)",
        f"{found.kafka_gib:.0f} GiB",
    )
    yield Step(
        "InfluxDB's disk",
        f"{beds} x {assumed.windows_a_second:g} x {assumed.points_a_window} points x "
        f"{assumed.bytes_a_point:g} B x {assumed.points_kept_days:g} d",
        f"{found.influxdb_gib:.1f} GiB",
    )


def page(given: Costs) -> str:
    """The guide as a page: what each size needs, how one of them is reckoned, and on what."""
    titles = (
        *("beds", "workers", "alarm workers", "partitions", "bridges", "Kafka brokers"),
        *("writers", "cores"),
    )
    rows = [
        (
            *map(str, found[:7]),
            f"{found.cores:.1f}",
            f"{found.kafka_gib:.0f}",
            f"{found.influxdb_gib:.1f}",
        )
        for found in (size(beds, given) for beds in BEDS)
    ]
    example = arithmetic(1000, given)
    return _PAGE.format(
        sizes="\n".join(_table((*titles, "Kafka GiB", "InfluxDB GiB"), rows)),
        arithmetic="\n".join(_table(("what", "how", "result"), example)),
        measured=given.measured,
        everything=given.everything,
        writer=given.writer,
        wire=given.wire,
        assumed="\n".join(_assumptions(given.assumed)),
    )


def _cores(busy_us: float, assumed: Assumed) -> int:
    return max(1, math.ceil(busy_us / 1e6 / assumed.use_of_a_core))


def _partitions(beds: int, workers: int, assumed: Assumed) -> int:
    wanted = max(6, 2 * workers, math.ceil(beds / assumed.devices_a_partition))
    return math.ceil(wanted / workers) * workers


def _bytes_kept(given: Costs) -> float:
    """Of one device, by Kafka."""
    assumed, wire = given.assumed, given.wire
    sound = wire.chunk_bytes * assumed.audio_kept_hours
    results = assumed.windows_a_second * wire.result_bytes * assumed.results_kept_hours
    return 3600 * (sound + results)


def _assumptions(assumed: Assumed) -> Iterator[str]:
    for name, value in msgspec.structs.asdict(assumed).items():
        yield f"- {name.replace('_', ' ')}: {value:g}"


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    titles = list(titles)
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]
