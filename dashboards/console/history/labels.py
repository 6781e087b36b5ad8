"""A clinician's verdict on an alarm, or on any moment of a bed, with the sound that it is about."""

from typing import NamedTuple

from django.db import transaction

from dashboards.console.history.models import AlarmTransition, Clip, Label, Window
from dashboards.console.history.rows import AROUND_US
from stream_processors.records import Finding

SHOWN_FOR_US = 60_000_000  # so long a moment's finding may be old
_CAUSED_WITHIN_US = 1_000_000  # an alarm's time and its window's are of two clocks


class LabelError(Exception):
    """In one line, why it cannot be labelled."""


class Judged(NamedTuple):
    """What the verdict is on; a moment has neither episode nor condition."""

    device_id: str
    patient_id: str
    ward: str
    bed: str
    at_us: int
    episode_id: str = ""
    condition: str = ""


def raised(episode_id: str) -> AlarmTransition | None:
    """The transition that began an alarm."""
    rows = AlarmTransition.objects.filter(episode_id=episode_id).order_by("transition_no")
    first: AlarmTransition | None = rows.filter(transition="raised").first() or rows.first()
    return first


def of_alarm(alarm: AlarmTransition) -> Judged:
    return Judged(**{name: getattr(alarm, name) for name in Judged._fields})


@transaction.atomic
def label(
    judged: Judged, *, verdict: str, corrected: str, author: str, shown: Finding | None = None
) -> Label:
    """Keep the verdict, whose finding was shown, and the sound: an alarm's clip, if it has one.

    Unless it is told what is `shown`, the database says what was.

    Raises
    ------
    LabelError
        Where no model's finding was shown at that time.
    """
    model, version, said = (
        _shown(judged) if shown is None else (shown.model, shown.version, shown.label)
    )
    if verdict == "disagree" and corrected == said:
        raise LabelError(f"{corrected} is what was said: agree, or name another")
    made: Label = Label.objects.create(
        episode_id=judged.episode_id,
        device_id=judged.device_id,
        patient_id=judged.patient_id,
        ward=judged.ward,
        said=said,
        model=model,
        version=version,
        verdict=verdict,
        corrected=corrected,
        author=author,
        clip=_clip(judged),
    )
    return made


def _clip(judged: Judged) -> Clip | None:
    """The sound around it; of a moment it is wanted from now on."""
    if judged.episode_id:
        found: Clip | None = Clip.objects.filter(episode_id=judged.episode_id).first()
        return found
    wanted: Clip = Clip.objects.get_or_create(
        episode_id="",
        device_id=judged.device_id,
        from_us=judged.at_us - AROUND_US,
        defaults={
            "until_us": judged.at_us + AROUND_US,
            "patient_id": judged.patient_id,
            "ward": judged.ward,
            "bed": judged.bed,
        },
    )[0]
    return wanted


def _shown(judged: Judged) -> tuple[str, str, str]:
    """Model, version and label of the finding that the alarm, or its time, was about."""
    windows = Window.objects.filter(device_id=judged.device_id)
    if judged.episode_id:
        windows = windows.filter(published_us__lte=judged.at_us + _CAUSED_WITHIN_US)
    else:
        since_us = judged.at_us - SHOWN_FOR_US
        windows = windows.filter(
            patient_id=judged.patient_id,
            published_us__gt=since_us,
            published_us__lte=judged.at_us,
        )
    window = windows.order_by("-published_us").first()
    _, _, rest = judged.condition.partition("finding/")
    name, _, said = rest.partition("/")
    findings = [] if window is None else [f for f in window.findings if not f["shadow"]]
    for finding in findings:
        if not name or finding["model"] == name:
            return finding["model"], finding["version"], said or finding["label"]
    if name:
        return name, "", said
    raise LabelError("no model said anything at that time")
