"""Of who is erased InfluxDB keeps no point, averages included; of the others all."""

import time
from collections.abc import Iterator

import pytest

from dashboards.console.history.influx_erasure import (
    InfluxErasureError,
    Worn,
    erase_older,
    erase_worn,
)
from deploy import series
from ingest.connections import InfluxConnection, load
from tests import influxql
from tests.servers import InfluxDb

HOUR_US = 3_600_000_000
# Three hours ago, so that the averages that the test writes are not made anew under its hands.
BEGAN_US = (time.time_ns() // 1000 - 3 * HOUR_US) // HOUR_US * HOUR_US
ENDED_US = BEGAN_US + 30 * 60_000_000
SUFFIXES = ("", "_minutes", "_hours")


@pytest.fixture
def database(influxdb: InfluxDb) -> Iterator[InfluxDb]:
    """One device worn by one patient in bed 1, and then by another in bed 2."""
    series.apply(_connection(influxdb))
    for suffix, every_us in zip(SUFFIXES, (2_500_000, 60_000_000, HOUR_US), strict=True):
        for bed, from_us in ((1, BEGAN_US), (2, ENDED_US)):
            begin_us = from_us - from_us % every_us
            times = range(begin_us, from_us + 30 * 60_000_000, every_us)
            influxql.write(influxdb, "\n".join(_heart(bed, at_us) for at_us in times), suffix)
    influxql.write(influxdb, _alarm(1, ENDED_US + 1_000_000))
    influxql.write(influxdb, _alarm(2, ENDED_US + 2_000_000))
    yield influxdb
    erase_older(_connection(influxdb), time.time_ns() // 1000)


def _connection(database: InfluxDb) -> InfluxConnection:
    given = {"url": database.url, "token": database.token, "org": database.org}
    return load(InfluxConnection, given | {"bucket": database.bucket})


def _heart(bed: int, at_us: int) -> str:
    return f"heart,bed={bed},device=dev,model=screen,ward=we\\ st rate_bpm=70 {at_us}"


def _alarm(bed: int, at_us: int) -> str:
    return f'alarm,bed={bed},device=dev,ward=we\\ st transition="ended" {at_us}'


def _count(database: InfluxDb, bed: int, suffix: str = "", measurement: str = "heart") -> int:
    field = "rate_bpm" if measurement == "heart" else "transition"
    statement = f"SELECT {field} FROM {measurement} WHERE bed = '{bed}'"  # noqa: S608 (a test's)
    return len(influxql.rows(database, statement, database.bucket + suffix))


def test_points_and_averages_of_one_patient_go_and_those_of_the_next_stay(
    database: InfluxDb,
) -> None:
    before = [_count(database, 2, suffix) for suffix in SUFFIXES]
    assert before == [720, 30, 1]
    assert [_count(database, 1, suffix) for suffix in SUFFIXES] == [720, 30, 1]
    erase_worn(_connection(database), Worn("dev", "we st", "1", BEGAN_US, ENDED_US))
    assert [_count(database, 1, suffix) for suffix in SUFFIXES] == [0, 0, 0]
    assert _count(database, 1, measurement="alarm") == 0, "its end was told a second later"
    assert [_count(database, 2, suffix) for suffix in SUFFIXES] == before
    assert _count(database, 2, measurement="alarm") == 1


def test_of_who_wore_the_device_next_in_the_same_bed_no_alarm_goes(database: InfluxDb) -> None:
    worn = Worn("dev", "we st", "1", BEGAN_US, ENDED_US - 1, next_us=ENDED_US)
    erase_worn(_connection(database), worn)
    assert _count(database, 1, measurement="alarm") == 1


def test_by_age_every_bucket_is_erased(database: InfluxDb) -> None:
    erase_older(_connection(database), ENDED_US)
    assert [_count(database, 1, suffix) for suffix in SUFFIXES] == [0, 0, 0]
    assert [_count(database, 2, suffix) for suffix in SUFFIXES] == [720, 30, 0]


def test_a_name_with_quotes_in_it_erases_nothing_else(database: InfluxDb) -> None:
    odd = Worn("dev", 'we" OR device="dev', "1", BEGAN_US, ENDED_US)
    erase_worn(_connection(database), odd._replace(device_id="other"))
    assert _count(database, 1) == 720


def test_a_database_that_does_not_let_in_is_named(database: InfluxDb) -> None:
    wrong = load(InfluxConnection, {"url": database.url, "token": "wrong", "org": database.org})
    with pytest.raises(InfluxErasureError, match="heartward"):
        erase_older(wrong, ENDED_US)
