"""Buckets, retention and down-sampling of the series, as code; and how many series there are."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from influxdb_client import BucketRetentionRules, InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from ingest.connections import InfluxConnection
from models.errors import UserError
from stream_processors.line_protocol import parse

_DAY_S = 86_400
_TIMEOUT_MS = 10_000


class Bucket(NamedTuple):
    """`suffix` follows the name of the bucket that the writer fills; 0 days keeps for ever."""

    suffix: str
    days: int
    keeps: str


class Task(NamedTuple):
    """Down-sampling: every so often the last `over` are averaged anew, so late results count."""

    suffix: str
    every: str
    over: str
    into: str

    def flux(self, bucket: str) -> str:
        """The task as InfluxDB runs it; what it writes again overwrites itself."""
        name = bucket + self.suffix
        return _FLUX.format(
            name=name, every=self.every, over=self.over, into=self.into, raw=bucket, to=name
        )


BUCKETS = (
    Bucket("", 30, "every window, alarm and heartbeat"),
    Bucket("_minutes", 400, "means of each minute, and the worst delay"),
    Bucket("_hours", 3650, "means of each hour, and the worst delay"),
)
TASKS = (
    Task("_minutes", every="5m", over="1h", into="1m"),
    Task("_hours", every="1h", over="2d", into="1h"),
)

# A result that comes as history is at most as late as a device keeps sound, ten minutes, and as
# the pipeline was away; what is later than `over` stays in the raw bucket alone.
_FLUX = """\
import "date"
import "types"

option task = {{name: "{name}", every: {every}, offset: 1m}}

numbers = from(bucket: "{raw}")
    |> range(start: date.truncate(t: -{over}, unit: {into}))
    |> filter(fn: (r) => r._measurement =~ /^(heart|heart_shadow|latency)$/)
    |> filter(fn: (r) => types.isType(v: r._value, type: "float"))

numbers
    |> aggregateWindow(every: {into}, fn: mean, createEmpty: false, timeSrc: "_start")
    |> to(bucket: "{to}")

numbers
    |> filter(fn: (r) => r._field == "end_to_end_ms")
    |> aggregateWindow(every: {into}, fn: max, createEmpty: false, timeSrc: "_start")
    |> map(fn: (r) => ({{r with _field: "end_to_end_max_ms"}}))
    |> to(bucket: "{to}")

numbers
    |> filter(fn: (r) => r._field == "quality")
    |> aggregateWindow(every: {into}, fn: count, createEmpty: false, timeSrc: "_start")
    |> map(fn: (r) => ({{r with _field: "windows"}}))
    |> to(bucket: "{to}")
"""


class Done(NamedTuple):
    """What became of a bucket or a task."""

    kind: str
    name: str
    action: str
    note: str = ""


def apply(influx: InfluxConnection, *, dry_run: bool = False) -> list[Done]:
    """Create what is missing and mend what differs; the same twice does nothing the second time.

    Raises
    ------
    UserError
        When the database is away or refuses.
    """
    if influx.url is None:
        raise UserError("no InfluxDB: give its address in HEARTWARD_INFLUX_URL")
    client = InfluxDBClient(
        influx.url,
        influx.secret(),
        org=influx.org,
        timeout=_TIMEOUT_MS,
        ssl_ca_cert=None if influx.ca_file is None else str(influx.ca_file),
    )
    try:
        return [
            *(_apply_bucket(client, influx, bucket, dry_run) for bucket in BUCKETS),
            *(_apply_task(client, influx, task, dry_run) for task in TASKS),
        ]
    except ApiException as error:
        raise UserError(
            f"InfluxDB {influx.url} refuses: {_reason(error)}; this needs a token that may "
            "write buckets and tasks of the organisation"
        ) from None
    except HTTPError as error:
        raise UserError(f"InfluxDB {influx.url} does not answer: {error}") from None
    finally:
        client.close()


def _apply_bucket(
    client: InfluxDBClient, influx: InfluxConnection, bucket: Bucket, dry_run: bool
) -> Done:
    buckets, name = client.buckets_api(), influx.bucket + bucket.suffix
    wanted_s = bucket.days * _DAY_S
    rules = BucketRetentionRules(type="expire", every_seconds=wanted_s)
    there = buckets.find_buckets_iter(org=influx.org)  # asked for by name, it is an error
    found = next((each for each in there if each.name == name), None)
    note = f"kept {bucket.days} days: {bucket.keeps}"
    if found is None:
        if not dry_run:
            buckets.create_bucket(bucket_name=name, retention_rules=rules, org=influx.org)
        return Done("bucket", name, "created", note)
    if sum(rule.every_seconds for rule in found.retention_rules) == wanted_s:
        return Done("bucket", name, "as it is", note)
    if not dry_run:
        found.retention_rules = [rules]
        buckets.update_bucket(bucket=found)
    return Done("bucket", name, "changed", note)


def _apply_task(
    client: InfluxDBClient, influx: InfluxConnection, task: Task, dry_run: bool
) -> Done:
    tasks, name, flux = client.tasks_api(), influx.bucket + task.suffix, task.flux(influx.bucket)
    note = f"every {task.every}, the last {task.over}"
    found = next(iter(tasks.find_tasks(name=name)), None)
    if found is None:
        if not dry_run:
            _create(client, influx, flux)
        return Done("task", name, "created", note)
    if found.flux == flux:
        return Done("task", name, "as it is", note)
    if not dry_run:
        found.flux = flux
        tasks.update_task(found)
    return Done("task", name, "changed", note)


def _create(client: InfluxDBClient, influx: InfluxConnection, flux: str) -> None:
    from influxdb_client import TaskCreateRequest  # noqa: PLC0415 (its neighbours cost a second)

    request = TaskCreateRequest(flux=flux, org=influx.org, status="active")
    client.tasks_api().create_task(task_create_request=request)


def _reason(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


class SeriesCount(NamedTuple):
    """How many sets of tags a measurement has."""

    measurement: str
    series: int


def count(points: Iterable[str]) -> list[SeriesCount]:
    """Count the series of these points by measurement."""
    found: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for line in map(parse, points):
        found.setdefault(line.measurement, set()).add(tuple(line.tags.items()))
    return [SeriesCount(name, len(of)) for name, of in sorted(found.items())]


def total(counts: Iterable[SeriesCount]) -> int:
    return sum(each.series for each in counts)
