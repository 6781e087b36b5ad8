"""Every query of every board, asked of real databases that hold a real pipeline's data."""

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from dashboards.grafana import provisioning
from dashboards.grafana.build import boards
from deploy.doctor import examine
from ingest.connections import InfluxConnection, MqttConnection, load
from tests import influxql
from tests.influxql import Database
from tests.lived_ward import BEDS, WARD, LivedWard, lived_ward
from tests.servers import InfluxDb, InfluxDb1

pytestmark = pytest.mark.timeout(300)


class Asked(NamedTuple):
    where: str
    statement: str


def queries() -> list[Asked]:
    rules = (Asked(r["title"], r["data"][0]["model"]["query"]) for r in provisioning.rules())
    return [*(asked for board in boards().values() for asked in _of(board)), *rules]


def _of(board: dict[str, Any]) -> Iterator[Asked]:
    """Of panels, variables and marks."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield Asked(f"{board['uid']}/{panel['title']}", target["query"])
    for variable in board.get("templating", {}).get("list", []):
        yield Asked(f"{board['uid']}/${variable['name']}", variable["query"])
    for annotation in board["annotations"].get("list", []):
        if "query" in annotation.get("target", {}):
            yield Asked(f"{board['uid']}/marks", annotation["target"]["query"])


@pytest.fixture(scope="module")
def ward(influxdb: InfluxDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivedWard]:
    with lived_ward(tmp_path_factory.mktemp("ward"), influxdb) as lived:
        yield lived


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, ward: LivedWard) -> Database:
    """The one that the pipeline has written, or the same points in the other."""
    if request.param == "2":
        return ward.database
    old: InfluxDb1 = request.getfixturevalue("influxdb_1")
    copy(ward.database, old)
    return old


@pytest.mark.parametrize("database", ["2", "1"], indirect=True)
@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.where)
def test_every_query_returns_rows(ward: LivedWard, database: Database, asked: Asked) -> None:
    assert influxql.rows(database, expanded(asked.statement, ward)), asked.statement


def test_the_beds_are_those_of_the_ward(ward: LivedWard) -> None:
    (beds,) = (q.statement for q in queries() if q.where == "heartward-ward/Beds, worst first")
    rows = influxql.rows(ward.database, expanded(beds, ward))
    assert {row["ward"] for row in rows} == {WARD}
    assert {row["device"] for row in rows} == set(ward.devices)
    assert len({row["bed"] for row in rows}) == BEDS
    assert all(0 <= row["abnormal"] <= 1 for row in rows)


def test_a_table_is_sorted_by_a_number_that_it_has(ward: LivedWard) -> None:
    """By a word, high priority would come after low."""
    sorted_by = 0
    for board in boards().values():
        for panel in board["panels"]:
            for step in panel.get("transformations", ()):
                (order,) = step["options"]["sort"]
                (target,) = panel["targets"]
                rows = influxql.rows(ward.database, expanded(target["query"], ward))
                assert all(isinstance(row[order["field"]], int | float) for row in rows)
                sorted_by += 1
    assert sorted_by == 3


def test_the_candidate_in_shadow_is_the_same_model_and_agrees_always(ward: LivedWard) -> None:
    rows = influxql.rows(ward.database, "SELECT * FROM drift")
    by_role: dict[str, Any] = {row["role"]: row for row in rows if row["model"] == "screen"}
    assert by_role["shadow"]["agreement"] == 1
    assert by_role["shadow"]["version"] == "9.9.9"
    assert by_role["active"]["psi_worst"] is not None


def test_the_doctor_finds_a_running_ward_well_and_names_a_part_that_is_gone(
    ward: LivedWard,
) -> None:
    influx = load(
        InfluxConnection,
        {"url": ward.database.url, "token": ward.database.token, "bucket": ward.database.bucket},
    )
    mqtt = load(MqttConnection, {"host": "127.0.0.1", "port": ward.mqtt.port})
    found = {verdict.check: verdict for verdict in examine(mqtt, ward.connection, influx)}
    assert found["Parts of the ward"].ok, found["Parts of the ward"]
    assert found["Sound to results"].ok, found["Sound to results"]
    assert found["Results in InfluxDB"].ok, found["Results in InfluxDB"]
    ward.kill("alarm_app")
    time.sleep(11)
    (after,) = (v for v in examine(mqtt, ward.connection, influx) if v.check == "Parts of the ward")
    assert after.ok is False
    assert after.remedy == "start `heartward alarms run`"


def expanded(statement: str, ward: LivedWard) -> str:
    """What Grafana puts in: the period, the interval, a device, and every ward."""
    since, until = ward.began_s - 60, int(time.time()) + 60
    given = {
        "$timeFilter": f"time >= {since}s AND time <= {until}s",
        "$__interval": "4s",
        "$device": ward.devices[0],
        "$ward": ".*",
    }
    for name, value in given.items():
        statement = statement.replace(name, value)
    assert "$" not in statement.replace("$/", "")
    return statement


def copy(source: Database, target: Database) -> None:
    """Every point, as line protocol, with the types that it had."""
    for measurement in influxql.rows(source, "SHOW MEASUREMENTS"):
        name = measurement["name"]
        tags = [row["tagKey"] for row in influxql.rows(source, f"SHOW TAG KEYS FROM {name}")]
        types = {
            row["fieldKey"]: row["fieldType"]
            for row in influxql.rows(source, f"SHOW FIELD KEYS FROM {name}")
        }
        rows = influxql.rows(source, f"SELECT * FROM {name}")  # noqa: S608
        influxql.write(target, "\n".join(line(name, row, tags, types) for row in rows))


def line(name: str, row: dict[str, Any], tags: list[str], types: dict[str, str]) -> str:
    heads = [name, *(f"{tag}={escaped(row[tag])}" for tag in tags if row[tag])]
    fields = [
        f"{escaped(field)}={written(row[field], kind)}"
        for field, kind in types.items()
        if row.get(field) is not None
    ]
    return f"{','.join(heads)} {','.join(fields)} {row['time']}"


def escaped(text: str) -> str:
    return re.sub(r"([,= ])", r"\\\1", text)


def written(value: Any, kind: str) -> str:
    match kind:
        case "integer":
            return f"{value}i"
        case "string":
            return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
        case "boolean":
            return str(value).lower()
        case _:
            return repr(float(value))
