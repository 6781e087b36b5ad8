"""What a data set's labels are in a model's words.

Data sets speak of normal and abnormal, of murmurs, or of lesions; models too. Where a recording
has no place in a model's words it is left out, and never guessed.
"""

from training.datasets.recordings import Recording

HEALTHY = frozenset({"normal", "N"})
_LESIONS = frozenset({"AS", "AR", "MR", "MS", "MVP"})
_ILL = frozenset({"abnormal", "murmur", "extrahls", "extrastole"}) | _LESIONS


def truth_of(recording: Recording, labels: tuple[str, ...]) -> tuple[str, ...] | None:
    """The model's labels that hold for a recording, or None where it cannot say.

    Examples
    --------
    >>> murmur = Recording(path="a", labels=("MR",), subject="a", database="a")
    >>> truth_of(murmur, ("normal", "abnormal"))
    ('abnormal',)
    """
    own = set(recording.labels)
    if own <= set(labels):
        return recording.labels
    if own <= HEALTHY:
        return _only(labels, HEALTHY)
    if "abnormal" in labels:
        return ("abnormal",) if own <= _ILL else None
    if "murmur" in labels:  # abnormal is a murmur only where the set says how loud it is
        audible = bool(own & _LESIONS) or recording.murmur_grade is not None
        return ("murmur",) if audible else None
    if recording.diagnosis in labels:
        return (recording.diagnosis,)
    return None


def _only(labels: tuple[str, ...], words: frozenset[str]) -> tuple[str, ...] | None:
    found = tuple(label for label in labels if label in words)
    return found if len(found) == 1 else None
