"""Erase points from InfluxDB 2, by time and device; patients are no tag there.

Every bucket is gone through: what is averaged into minutes and hours stays for years.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Self

from influxdb_client import DeleteApi, InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from ingest.connections import InfluxConnection

# The bucket that the writer fills, and those that `heartward series apply` makes of it, with the
# time that one of their points stands for. Windows go first: averages are made of what is there.
_WINDOWS = ""
_AVERAGES_US = {"_minutes": 60_000_000, "_hours": 3_600_000_000}
_NOT_FOUND = 404
# That an alarm ends with its assignment is told a moment later, or once its worker is back.
_AFTERWARDS_US = 600_000_000


class InfluxErasureError(Exception):
    """In one line, why not all was erased."""


class Worn(NamedTuple):
    """Somebody in this bed wore the device, from `from_us` to before `until_us`.

    `next_us` is when somebody else wore it in the same bed, None where nobody did.
    """

    device_id: str
    ward: str
    bed: str
    from_us: int
    until_us: int
    next_us: int | None = None


def erase_worn(influx: InfluxConnection, worn: Worn) -> None:
    """Delete what a device told of one who wore it, and what was averaged of that.

    An average that holds somebody else's part of a minute or hour, who wore the same device in the
    same bed, goes too: nothing can take one of them out of it.

    Raises
    ------
    InfluxErasureError
    """
    device = {"device": worn.device_id}
    place = {**device, "ward": worn.ward, "bed": worn.bed}
    afterwards_us = min(
        worn.until_us + _AFTERWARDS_US, worn.next_us or worn.until_us + _AFTERWARDS_US
    )
    with _Eraser(influx) as eraser:
        eraser.erase(_WINDOWS, worn.from_us, worn.until_us, device)
        eraser.erase(_WINDOWS, worn.until_us, afterwards_us, {"_measurement": "alarm", **place})
        for suffix, point_us in _AVERAGES_US.items():
            eraser.erase(suffix, worn.from_us - worn.from_us % point_us, worn.until_us, place)


def erase_older(influx: InfluxConnection, before_us: int) -> None:
    """Delete from every bucket what lies before this time.

    Raises
    ------
    InfluxErasureError
    """
    with _Eraser(influx) as eraser:
        for suffix in (_WINDOWS, *_AVERAGES_US):
            eraser.erase(suffix, 0, before_us, {})


class _Eraser:
    """One connection, for as long as it is needed."""

    def __init__(self, influx: InfluxConnection) -> None:
        self._influx = influx
        self._client = InfluxDBClient(
            url=influx.url,
            token=influx.secret(),
            org=influx.org,
            ssl_ca_cert=None if influx.ca_file is None else str(influx.ca_file),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def erase(self, suffix: str, from_us: int, before_us: int, tags: Mapping[str, str]) -> None:
        """From one bucket; where there is no such bucket nothing was averaged."""
        if before_us <= from_us:
            return
        bucket, last = self._influx.bucket + suffix, _at(before_us - 1)  # both ends are included
        try:
            DeleteApi(self._client).delete(_at(from_us), last, _predicate(tags), bucket=bucket)
        except ApiException as error:
            if not (suffix and error.status == _NOT_FOUND):
                raise InfluxErasureError(f"{bucket}: {error.reason}") from None
        except (HTTPError, OSError) as error:
            raise InfluxErasureError(str(error).split("\n", 1)[0]) from None


def _predicate(tags: Mapping[str, str]) -> str:
    return " AND ".join(f'{name}="{_escaped(value)}"' for name, value in tags.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _at(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)
