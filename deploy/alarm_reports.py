"""Reports on alarms: what a period had, and what it would have had with other limits."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from deploy.assignments import note
from ingest import connections
from ingest.connections import KafkaConnection
from models.errors import BadInputError, RecordError, UserError
from models.registry import finding_labels
from stream_processors.alarm_inputs import read_input
from stream_processors.alarms.load import Load, load_of, patient_hours
from stream_processors.alarms.profiles import load_profiles
from stream_processors.alarms.replay import Recorded, Replay
from stream_processors.assignments import AssignmentHistory
from stream_processors.record_files import (
    KeptRecord,
    first_us,
    from_file,
    from_kafka,
    write_file,
)
from stream_processors.records import AlarmEvent, Assignment, Strip, WindowResult, decode
from stream_processors.settings import WorkerSettings
from stream_processors.topics import (
    ALARM_ACTIONS,
    ALARMS,
    ASSIGNMENTS,
    DEVICE_STATS,
    RESULTS,
    STATUS,
    Topic,
)

RECORDED = (ASSIGNMENTS, RESULTS, STATUS, DEVICE_STATS, ALARM_ACTIONS, ALARMS)
_REPLAYED = (RESULTS, STATUS, DEVICE_STATS)
_NOTHING = Strip(sample_rate_hz=500, full_scale=1.0, samples=b"")
_HOUR_US = 3_600_000_000
DISCLAIMER = "Research software, not a medical device."


@dataclass(frozen=True, kw_only=True)
class Period:
    """Where the records are: a file, or the last hours of Kafka."""

    kafka: KafkaConnection
    hours: float
    file: Path | None = None

    def records(self, topics: Iterable[Topic]) -> Iterator[KeptRecord]:
        if self.file is not None:
            wanted = {topic.name for topic in topics}
            return (record for record in from_file(self.file) if record.topic in wanted)
        now_us = time.time_ns() // 1000
        from_us = now_us - round(self.hours * _HOUR_US)
        return from_kafka(self.kafka, topics, from_us=from_us, until_us=now_us)

    def span_us(self, times_us: list[int]) -> tuple[int, int]:
        """From the first result to now, or to the end of the file; `times_us` are the file's."""
        if self.file is not None:
            return (min(times_us), max(times_us)) if times_us else (0, 0)
        now_us = time.time_ns() // 1000
        from_us = now_us - round(self.hours * _HOUR_US)
        first = first_us(self.kafka, RESULTS, from_us=from_us)
        return now_us if first is None else first, now_us


def record(period: Period, file: Path) -> None:
    """Write a period of Kafka into a file, for `report` and `replay`."""
    number = write_file(period.records(RECORDED), file)
    Console().out(f"{file}: {number} records of {period.hours:g} h", highlight=False)


def report(period: Period, *, as_json: bool) -> None:
    """Show the alarms of a period."""
    events: list[AlarmEvent] = []
    assignments: dict[str, Assignment] = {}
    times_us: list[int] = []
    topics = RECORDED if period.file else (ASSIGNMENTS, ALARMS)
    for kept in period.records(topics):
        if kept.topic == ASSIGNMENTS.name:
            note(assignments, kept)
            continue
        times_us.append(kept.timestamp_us)
        if kept.topic == ALARMS.name and kept.value is not None:
            events.append(_decoded(kept))
    hours = _patient_hours(period, assignments.values(), times_us)
    load = load_of(events, patient_hours=hours)
    _show({"of the period": load}, as_json=as_json)


def replay(period: Period, limits: Path, against: Path | None, *, as_json: bool) -> None:
    """Show what other limits would have made of a period, beside those in force.

    The file's limits replace those of every assignment; for those in force the assignments' own
    count, on top of the wards' file `against`.

    Raises
    ------
    UserError
        When limits are nonsense, or no results were recorded.
    """
    labels = finding_labels(connections.load(WorkerSettings).models_dir)
    proposed, in_force = (load_profiles(file, labels=labels) for file in (limits, against))
    assignments: dict[str, Assignment] = {}
    recorded: list[Recorded] = []
    for kept in period.records((ASSIGNMENTS, *_REPLAYED)):
        if kept.topic == ASSIGNMENTS.name:
            note(assignments, kept)
        else:
            recorded += _slim(kept)
    if not any(isinstance(one.given, WindowResult) for one in recorded):
        raise UserError("no results were recorded in this period: choose another, or more --hours")
    recorded.sort(key=lambda one: (one.at_us, one.device_id))
    hours = _patient_hours(period, assignments.values(), [one.at_us for one in recorded])
    bare = [msgspec.structs.replace(a, limits={}) for a in assignments.values()]
    loads = {}
    for name, profiles, worn in (
        ("in force", in_force, list(assignments.values())),
        (limits.name, proposed, bare),
    ):
        history = AssignmentHistory()
        for assignment in worn:
            history.step(assignment.assignment_id, assignment)
        loads[name] = load_of(Replay(profiles, history).run(recorded), patient_hours=hours)
    _show(loads, as_json=as_json, answered=False)


def _decoded(kept: KeptRecord) -> AlarmEvent:
    try:
        return decode(AlarmEvent, kept.value or b"")
    except RecordError as error:
        raise UserError(f"{ALARMS.name} holds what cannot be read: {error}") from None


class _LogRecord(msgspec.Struct, frozen=True):
    """As much of a Kafka record as `read_input` asks for."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def _slim(kept: KeptRecord) -> Iterator[Recorded]:
    """The input without its sound, of which a replay needs none; refused records are left out."""
    try:
        raw = _LogRecord(0, kept.timestamp_us // 1000, kept.key, kept.value)
        taken = read_input(kept.topic, raw)
    except BadInputError:
        return
    if taken is not None:
        given = taken.given
        if isinstance(given, WindowResult):
            given = msgspec.structs.replace(given, strip=_NOTHING)
        yield Recorded(kept.timestamp_us, taken.device_id, given)


def _patient_hours(period: Period, assignments: Iterable[Assignment], times_us: list[int]) -> float:
    from_us, until_us = period.span_us(times_us)
    return patient_hours(assignments, from_us=from_us, until_us=until_us)


def _show(loads: dict[str, Load], *, as_json: bool, answered: bool = True) -> None:
    """`answered` is False where nobody was there to answer: in a replay."""
    console = Console()
    if as_json:
        named = {name: _named(load, answered=answered) for name, load in loads.items()}
        document = msgspec.json.encode(named)
        console.out(document.decode(), highlight=False)
        return
    for name, load in loads.items():
        console.print(_table(name, load, answered=answered))
        console.out(_summary(load, answered=answered), highlight=False)
        for patient in load.patients[:3]:
            where = f"{patient.ward}, bed {patient.bed}" if patient.bed else "no bed"
            console.out(
                f"  {patient.patient_id} ({where}): {patient.alarms} alarms, {patient.share:.0%}",
                highlight=False,
            )
    console.out(DISCLAIMER, highlight=False)


_ANSWERS = ("acknowledged", "acknowledged_s")


def _named(load: Load, *, answered: bool) -> dict[str, Any]:
    """Rows as maps with names, for whoever reads the JSON."""
    parts = load._asdict(), *(row._asdict() for row in load.rows)
    if not answered:
        for part in parts:
            for name in _ANSWERS:
                part[name] = None
    patients = [patient._asdict() for patient in load.patients]
    return parts[0] | {"rows": parts[1:], "patients": patients}


def _summary(load: Load, *, answered: bool) -> str:
    answers = (
        f"; {load.acknowledged:.0%} acknowledged, median {_or_dash(load.acknowledged_s, '.0f')} s"
    )
    return (
        f"{load.alarms} alarms in {load.patient_hours:.2f} patient-hours "
        f"({_or_dash(load.per_patient_hour, '.2f')} per patient-hour), {load.rings} rang"
        f"{answers if answered else ''}; {load.pipeline_alarms} of the pipeline itself"
    )


def _table(name: str, load: Load, *, answered: bool) -> Table:
    table = Table(title=f"Alarms, {name}", title_justify="left", box=None, padding=(0, 1))
    table.add_column("Condition", no_wrap=True)
    table.add_column("Priority")
    for heading in ("Alarms", "Rang", "Per h", *(("Ack", "Ack s") if answered else ())):
        table.add_column(heading, justify="right")
    for row in load.rows:
        cells = [str(row.alarms), str(row.rings), _or_dash(row.per_patient_hour, ".2f")]
        if answered:
            cells += [f"{row.acknowledged:.0%}", _or_dash(row.acknowledged_s, ".0f")]
        table.add_row(row.condition, row.priority, *cells)
    return table


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
