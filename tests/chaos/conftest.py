"""Wards for the failure tests, and the one report of what they measured."""

import json
from collections.abc import Iterator

import pytest

from tests.benchmarks import report
from tests.chaos.harness import Ward
from tests.chaos.scenario import Outcome
from tests.integration.bridges import shipped_limits
from tests.servers import ApacheKafka, EmbeddedKafka, EmbeddedMqtt, InfluxDb, Mosquitto


@pytest.fixture(scope="module")
def real_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Mosquitto, Apache Kafka, InfluxDB and one worker."""
    folder = tmp_path_factory.mktemp("ward")
    yield from _running(
        Ward(
            folder,
            mqtt=Mosquitto(folder / "mqtt", shipped_limits()),
            kafka=ApacheKafka(folder / "kafka"),
            database=InfluxDb(folder / "database"),
        )
    )


@pytest.fixture(scope="module")
def embedded_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """The brokers from wheels and one worker."""
    folder = tmp_path_factory.mktemp("ward")
    mqtt, kafka = EmbeddedMqtt(folder / "mqtt"), EmbeddedKafka(folder / "kafka")
    yield from _running(Ward(folder, mqtt=mqtt, kafka=kafka, database=None))


@pytest.fixture(scope="session")
def outcomes() -> Iterator[list[Outcome]]:
    """Outcomes put here are printed at the end and written to ``bench-results/chaos.json``."""
    found: list[Outcome] = []
    yield found
    if found:
        _show(found)
        _save(found)


def _running(ward: Ward) -> Iterator[Ward]:
    try:
        ward.start(workers=1)
        yield ward
    finally:
        ward.stop()


def _show(outcomes: list[Outcome]) -> None:
    report.table(
        "Failure tests",
        (
            "scenario",
            "devices",
            "windows",
            "lost",
            "different",
            "gapped",
            "doubled",
            "late",
            "back after s",
        ),
        [
            (
                outcome.name,
                outcome.devices,
                outcome.verdict.expected,
                outcome.verdict.lost,
                outcome.verdict.different,
                outcome.verdict.gapped,
                outcome.verdict.duplicates,
                outcome.verdict.late,
                ", ".join(f"{took_s:.0f}" for _, took_s in outcome.recoveries),
            )
            for outcome in outcomes
        ],
    )


def _save(outcomes: list[Outcome]) -> None:
    """Scenarios of earlier runs that were not run now stay."""
    path = report.RESULTS / "chaos.json"
    earlier = json.loads(path.read_text())["measured"] if path.exists() else {}
    report.save("chaos", earlier | {outcome.name: outcome.as_dict() for outcome in outcomes})
