"""What is refused goes, with the reason, where somebody can look at it."""

from ingest.chunk import MAX_PAYLOAD_BYTES
from models.logs import about
from stream_processors.arrivals import LogRecord
from stream_processors.records import DeadLetter

_REASON_CHARACTERS = 500
_DEVICE_CHARACTERS = 64


def where(record: LogRecord, topic: str, partition: int) -> dict[str, str | int]:
    """Whose record it is and where it lies, for a line of the log about it."""
    return about(device=_device_of(record), partition=f"{topic}/{partition}", offset=record.offset)


def dead_letter(
    record: LogRecord, *, stage: str, topic: str, partition: int, reason: str, at_us: int
) -> DeadLetter:
    """All of a refused record, up to the size of the largest good one."""
    payload = record.value or b""
    if len(payload) > MAX_PAYLOAD_BYTES:
        reason = f"{reason} (kept: the first {MAX_PAYLOAD_BYTES} of {len(payload)} bytes)"
    return DeadLetter(
        at_us=at_us,
        stage=stage,
        reason=reason[:_REASON_CHARACTERS],
        topic=topic,
        partition=partition,
        offset=record.offset,
        device_id=_device_of(record),
        payload=payload[:MAX_PAYLOAD_BYTES],
    )


def _device_of(record: LogRecord) -> str | None:
    return (record.key or b"").decode("ascii", "replace")[:_DEVICE_CHARACTERS] or None
