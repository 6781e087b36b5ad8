"""Who lies in which bed with which device, as long as no console says it."""

import time
from collections.abc import Iterable, Sequence

import msgspec

from ingest.chunk import is_device_id
from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from models.errors import RecordError, UserError
from stream_processors.record_files import KeptRecord, from_kafka
from stream_processors.records import Assignment, decode, encode
from stream_processors.topics import ASSIGNMENTS

MAX_NAME_CHARACTERS = 64
_FLUSH_S = 10.0


def demonstration_ward(device_ids: Sequence[str], *, ward: str, from_us: int) -> list[Assignment]:
    """Beds 01, 02, ... in the order of the devices; patients are pseudonyms."""
    digits = max(2, len(str(len(device_ids))))
    return [
        Assignment(
            assignment_id=f"{ward}-{bed:0{digits}}",
            device_id=device_id,
            patient_id=f"pseudonym-{bed:0{digits}}",
            ward=ward,
            bed=f"{bed:0{digits}}",
            from_us=from_us,
        )
        for bed, device_id in enumerate(device_ids, start=1)
    ]


def new_assignment(
    device_id: str, *, patient_id: str, ward: str, bed: str, now_us: int
) -> Assignment:
    """From now on this patient, in this bed, wears this device.

    Raises
    ------
    UserError
        In one line, when the device can have no such id, or a name is empty, too long or not
        printable.
    """
    if not is_device_id(device_id):
        raise UserError(f"{device_id!r} is no device id: 1 to 64 characters from A-Z a-z 0-9 _ -")
    for flag, name in (("--patient", patient_id), ("--ward", ward), ("--bed", bed)):
        if not (name.strip() and len(name) <= MAX_NAME_CHARACTERS and name.isprintable()):
            raise UserError(
                f"{flag} {name[: 2 * MAX_NAME_CHARACTERS]!r} is not 1 to {MAX_NAME_CHARACTERS} "
                "printable characters: give it a name"
            )
    return Assignment(
        assignment_id=f"{device_id}-{now_us}",
        device_id=device_id,
        patient_id=patient_id,
        ward=ward,
        bed=bed,
        from_us=now_us,
    )


def in_kafka(kafka: KafkaConnection) -> list[Assignment]:
    """The latest version of each; raises `UserError` when Kafka does not answer."""
    known: dict[str, Assignment] = {}
    for kept in from_kafka(kafka, [ASSIGNMENTS], from_us=0, until_us=0):
        note(known, kept)
    return list(known.values())


def note(known: dict[str, Assignment], kept: KeptRecord) -> None:
    """Learn what a record of their topic says; raises `UserError` when it cannot be read."""
    name = (kept.key or b"").decode("utf-8", "replace")
    try:
        if kept.value is not None:
            known[name] = decode(Assignment, kept.value)
        else:
            known.pop(name, None)
    except RecordError as error:
        raise UserError(f"{ASSIGNMENTS.name} holds what cannot be read: {error}") from None


def ended(known: Iterable[Assignment], device_id: str, *, now_us: int) -> list[Assignment]:
    """All of a device that are in force, ended now: where several overlap, none shall come back.

    Raises
    ------
    UserError
        When none is in force.
    """
    in_force = [
        msgspec.structs.replace(each, until_us=now_us)
        for each in known
        if each.device_id == device_id
        and each.from_us <= now_us
        and (each.until_us is None or now_us < each.until_us)
    ]
    if not in_force:
        raise UserError(f"nobody wears {device_id!r}: there is no assignment to end")
    return in_force


def write(assignments: Iterable[Assignment], kafka: KafkaConnection) -> None:
    """Put them on their topic; raises `UserError` when Kafka does not take them in time."""
    sink = ConfluentSink(kafka, client_id="heartward-assign")
    sink.require([ASSIGNMENTS.name])
    for assignment in assignments:
        key = assignment.assignment_id.encode()
        sink.produce(
            ASSIGNMENTS.name, key, encode(assignment), timestamp_ms=time.time_ns() // 1_000_000
        )
    unsent = sink.flush(_FLUSH_S)
    sink.close()
    if unsent:
        raise UserError(
            f"Kafka {kafka.address} took all but {unsent} assignments within {_FLUSH_S:.0f} s: "
            "look at its log"
        )
