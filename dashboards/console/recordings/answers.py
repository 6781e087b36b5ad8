"""The stored answer of a recording, read back."""

from typing import Any

import msgspec

from dashboards.console.recordings.follow_up import DISCLAIMER, suggest
from dashboards.console.recordings.stored import Answer


def answer_of(recording: Any) -> Answer | None:
    """The answer, if there is one by now."""
    return None if recording.answer is None else msgspec.convert(recording.answer, Answer)


def follow_up_of(recording: Any) -> dict[str, Any] | None:
    answer = answer_of(recording)
    if answer is None:
        return None
    found = suggest(answer.file)
    return {**found._asdict(), "steps": list(found.steps), "disclaimer": DISCLAIMER}
