"""Recordings as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from typing import Any

_COLUMNS = (
    "id",
    "uploaded_at",
    "name",
    "owner",
    "ward",
    "patient_id",
    "note",
    "kind",
    "size_bytes",
    "duration_s",
    "quality",
    "quality_score",
    "usable_windows",
    "windows",
    "rate_bpm",
    "models",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(recordings: Iterable[Any]) -> str:
    """A row each recording, a column each label of each model; what is not known stays empty."""
    rows = [_row(recording) for recording in recordings]
    labels = sorted({column for row in rows for column in row} - set(_COLUMNS))
    file = io.StringIO()
    writer = csv.DictWriter(file, [*_COLUMNS, *labels], restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _row(recording: Any) -> dict[str, Any]:
    row = {
        "id": str(recording.id),
        "uploaded_at": recording.uploaded_at.isoformat(timespec="seconds"),
        "name": recording.name,
        "owner": recording.owner.get_username() if recording.owner else "",
        "ward": recording.ward,
        "patient_id": recording.patient_id,
        "note": recording.note,
        "kind": recording.kind,
        "size_bytes": recording.size_bytes,
        "duration_s": recording.duration_s,
        "rate_bpm": recording.rate_bpm,
    }
    if recording.answer is None:
        return row
    answer = recording.answer["file"]
    quality = answer["quality"]
    row |= {
        "quality": quality["verdict"],
        "quality_score": quality["score"],
        "usable_windows": quality["usable_windows"],
        "windows": len(quality["windows"]),
        "models": " ".join(f"{name}-{own['version']}" for name, own in answer["models"].items()),
    }
    for name, own in answer["models"].items():
        row |= {f"{name}_{label}": value for label, value in own["probabilities"].items()}
    return row


def _cell(value: Any) -> Any:
    """A spreadsheet takes what begins like a formula for one; an apostrophe makes it text."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
