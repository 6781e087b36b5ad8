"""Erase points from InfluxDB 2, by time and device; patients are no tag there."""

import time
from datetime import UTC, datetime

from influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from ingest.connections import InfluxConnection


class InfluxErasureError(Exception):
    """In one line, why nothing was erased."""


def erase_points(
    influx: InfluxConnection, from_us: int, until_us: int | None, device_id: str | None
) -> None:
    """Delete what lies between two times; until now, where the end is None."""
    end_us = until_us or time.time_ns() // 1000
    predicate = "" if device_id is None else f'device="{device_id}"'
    client = InfluxDBClient(
        url=influx.url,
        token=influx.secret(),
        org=influx.org,
        ssl_ca_cert=None if influx.ca_file is None else str(influx.ca_file),
    )
    try:
        with client:
            client.delete_api().delete(_at(from_us), _at(end_us), predicate, bucket=influx.bucket)
    except (ApiException, HTTPError, OSError) as error:
        raise InfluxErasureError(str(error).split("\n", 1)[0]) from None


def _at(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC)
