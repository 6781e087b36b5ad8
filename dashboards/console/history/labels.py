"""A clinician's verdict on an alarm, with the sound that it is about."""

from django.db import transaction

from dashboards.console.history.models import AlarmTransition, Clip, Label, Window


class LabelError(Exception):
    """In one line, why it cannot be labelled."""


def raised(episode_id: str) -> AlarmTransition | None:
    """The transition that began an alarm."""
    rows = AlarmTransition.objects.filter(episode_id=episode_id).order_by("transition_no")
    first: AlarmTransition | None = rows.filter(transition="raised").first() or rows.first()
    return first


@transaction.atomic
def label(alarm: AlarmTransition, *, verdict: str, corrected: str, author: str) -> Label:
    """Keep the verdict, whose finding was shown, and the clip, if there is one.

    Raises
    ------
    LabelError
        Where no model's finding was shown at that time.
    """
    model, version, said = _shown(alarm)
    if verdict == "disagree" and corrected == said:
        raise LabelError(f"{corrected} is what was said: agree, or name another")
    made: Label = Label.objects.create(
        episode_id=alarm.episode_id,
        device_id=alarm.device_id,
        patient_id=alarm.patient_id,
        ward=alarm.ward,
        said=said,
        model=model,
        version=version,
        verdict=verdict,
        corrected=corrected,
        author=author,
        clip=Clip.objects.filter(episode_id=alarm.episode_id).first(),
    )
    return made


def _shown(alarm: AlarmTransition) -> tuple[str, str, str]:
    """Model, version and label of the finding that the alarm, or its time, was about."""
    window = (
        Window.objects.filter(device_id=alarm.device_id, published_us__lte=alarm.at_us + 1_000_000)
        .order_by("-published_us")
        .first()
    )
    _, _, rest = alarm.condition.partition("finding/")
    name, _, said = rest.partition("/")
    findings = [] if window is None else [f for f in window.findings if not f["shadow"]]
    for finding in findings:
        if not name or finding["model"] == name:
            return finding["model"], finding["version"], said or finding["label"]
    if name:
        return name, "", said
    raise LabelError("no model said anything at that time")
