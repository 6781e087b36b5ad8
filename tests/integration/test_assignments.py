"""Who wears a device is said, and ended, from the command line."""

import time

import pytest
from typer.testing import CliRunner, Result

from deploy.assignments import in_kafka
from deploy.command_line import app
from ingest.connections import KafkaConnection, load
from stream_processors.assignments import AssignmentHistory
from stream_processors.topic_admin import apply_topics
from tests.servers import Server


@pytest.fixture
def kafka(embedded_kafka: Server) -> KafkaConnection:
    connection = load(KafkaConnection, {"servers": embedded_kafka.address})
    apply_topics(connection)
    return connection


def _assign(kafka: KafkaConnection, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["assign", *arguments, "--kafka-servers", kafka.servers])


def _worn_by(kafka: KafkaConnection, device_id: str) -> str | None:
    history = AssignmentHistory()
    for assignment in in_kafka(kafka):
        history.step(assignment.assignment_id, assignment)
    worn = history.at(device_id, time.time_ns() // 1000)
    return None if worn is None else worn.patient_id


def test_an_ended_assignment_brings_none_before_it_back(kafka: KafkaConnection) -> None:
    for patient in ("first", "second"):
        _assign(kafka, "end-1", "--patient", patient, "--ward", "w", "--bed", "1")
    assert _worn_by(kafka, "end-1") == "second"

    told = _assign(kafka, "end-1", "--end")

    assert "second in w, bed 1, wears end-1 no more" in told.output
    assert _worn_by(kafka, "end-1") is None
    assert "nobody wears 'end-1'" in str(_assign(kafka, "end-1", "--end").exception)


@pytest.mark.parametrize("given", [["--patient", "p"], ["--end", "--bed", "1"]])
def test_half_an_assignment_is_a_matter_of_usage(given: list[str], kafka: KafkaConnection) -> None:
    refused = _assign(kafka, "end-2", *given)
    assert refused.exit_code == 2
    assert _worn_by(kafka, "end-2") is None
