"""What one might do next, in plain words. It suggests to people who decide; it decides nothing."""

from typing import Literal, NamedTuple

from models.answer import FileAnswer, ModelAnswer

DISCLAIMER = (
    "Research software, not a medical device: neither this suggestion nor the absence of one "
    "replaces the judgement of a clinician who has examined the patient."
)

_UNSURE = (0.35, 0.65)  # a probability between them says little
_SLOW_BPM, _FAST_BPM = 50.0, 110.0
_LESIONS = {
    "AS": "aortic stenosis",
    "MR": "mitral regurgitation",
    "MS": "mitral stenosis",
    "MVP": "mitral valve prolapse",
}
_REMEDIES = (
    ("clipped", "lower the recording level"),
    ("no sound", "check that the stethoscope touches the skin and is connected"),
    ("stands still", "check that the stethoscope touches the skin and is connected"),
    ("hardly audible", "press the stethoscope more firmly, or move it to a louder site"),
    ("outside 25-400", "press the stethoscope more firmly, or move it to a louder site"),
    ("steady noise", "keep the room quiet and stay away from chargers and cables"),
    ("knock", "hold the stethoscope still"),
    ("missing", "record for at least 10 s"),
)


class FollowUp(NamedTuple):
    """`kind`: record it again, look closer, or nothing in particular; `steps` are sentences."""

    kind: Literal["again", "look", "none"]
    title: str
    steps: tuple[str, ...]


def suggest(answer: FileAnswer) -> FollowUp:
    """What the answer suggests."""
    quality, screen = answer.quality, answer.models.get("screen")
    if quality.verdict == "unusable" or screen is None or screen.abstained:
        return FollowUp("again", "Record it again", _again(answer))
    probability = screen.probabilities.get("abnormal", 0.0)
    rate = _rate(answer)
    if _UNSURE[0] < probability < _UNSURE[1]:
        steps = (
            f"The models are not sure: abnormal with a probability of {_percent(probability)}.",
            "Record at least 30 s more, at another site of the chest, and compare.",
            *_caveat(answer),
            *rate,
        )
        return FollowUp("again", "Not sure: record more", steps)
    if probability >= _UNSURE[1]:
        steps = (
            f"It sounds like recordings that clinicians called abnormal ({_percent(probability)}).",
            "Listen to the heart at all four sites. An echocardiogram shows the cause of a murmur.",
            *_valve(answer.models.get("valve")),
            *_caveat(answer),
            *rate,
        )
        return FollowUp("look", "Have a clinician listen", steps)
    steps = (
        f"It sounds like recordings that clinicians called normal ({_percent(1 - probability)}).",
        "With complaints, or a murmur that was heard before, examine the patient all the same.",
        *_caveat(answer),
        *rate,
    )
    return FollowUp("look" if rate else "none", "Nothing stands out in the sound", steps)


def _again(answer: FileAnswer) -> tuple[str, ...]:
    reasons = answer.quality.reasons
    said = f": {'; '.join(reasons[:2])}" if reasons else ""
    remedies = [
        remedy for word, remedy in _REMEDIES if any(word in reason.lower() for reason in reasons)
    ]
    how = " and ".join(dict.fromkeys(remedies[:2])) or "hold the stethoscope still on bare skin"
    return (f"The signal is too poor to judge{said}.", f"To record it again, {how}.")


def _valve(valve: ModelAnswer | None) -> tuple[str, ...]:
    if valve is None or valve.abstained or valve.label not in _LESIONS:
        return ()
    share = _percent(valve.probabilities[valve.label])
    known = f"Of the lesions that the model knows, {_LESIONS[valve.label]} fits best ({share})"
    return (f"{known}; it was trained on few patients, and a name is no diagnosis.",)


def _caveat(answer: FileAnswer) -> tuple[str, ...]:
    quality = answer.quality
    if quality.verdict == "good":
        return ()
    usable = f"{quality.usable_windows} of {len(quality.windows)} windows could be used"
    return (f"The signal is {quality.verdict}: {usable}. A better recording would weigh more.",)


def _rate(answer: FileAnswer) -> tuple[str, ...]:
    heart = answer.heart
    if heart is None or _SLOW_BPM <= heart.rate_bpm <= _FAST_BPM:
        return ()
    pace = "slow" if heart.rate_bpm < _SLOW_BPM else "fast"
    return (f"The heart is {pace} ({heart.rate_bpm:.0f} bpm): check the pulse, and why it is so.",)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
