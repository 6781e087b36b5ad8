"""What somebody looks for in the history; the same words in pages, exports and the interface."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q

from dashboards.console.recordings.models import State

FINDINGS = ("normal", "abnormal", "none")
VERDICTS = ("good", "poor", "unusable")
_MOST_WORDS = 8


class SearchError(Exception):
    """In one sentence, what cannot be looked for."""


def narrowed(recordings: Any, asked: Mapping[str, str]) -> Any:
    """Recordings that fit all that is asked: search, ward, finding, verdict, state, from, until.

    Raises
    ------
    SearchError
        If a day is no day, or a text holds what no text may.
    """
    if any("\0" in value for value in asked.values()):
        raise SearchError("a text must not hold the character 0")
    for word in asked.get("search", "").split()[:_MOST_WORDS]:
        recordings = recordings.filter(
            Q(name__icontains=word) | Q(note__icontains=word) | Q(patient_id__icontains=word)
        )
    for field in ("ward", "verdict", "state"):
        if value := asked.get(field, ""):
            recordings = recordings.filter(**{field: value})
    if finding := asked.get("finding", ""):
        wanted = {"finding": "" if finding == "none" else finding}
        recordings = recordings.filter(state=State.DONE, **wanted)
    if from_day := _day(asked.get("from", "")):
        recordings = recordings.filter(uploaded_at__gte=from_day)
    if until_day := _day(asked.get("until", "")):
        recordings = recordings.filter(uploaded_at__lt=until_day + timedelta(days=1))
    return recordings


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        begins = datetime.combine(day, time(), UTC)
        _ = begins + timedelta(days=1)
    except (ValueError, OverflowError):
        raise SearchError(f"{text[:40]!r} is no day: write it like 2026-01-31") from None
    return begins
