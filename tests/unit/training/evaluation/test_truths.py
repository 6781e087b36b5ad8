import pytest

from training.datasets.recordings import Recording
from training.evaluation.truths import truth_of

SCREEN, VALVE, MURMUR = ("normal", "abnormal"), ("AS", "MR", "MS", "MVP", "N"), ("none", "murmur")


def of(*labels: str, diagnosis: str | None = None, grade: str | None = None) -> Recording:
    return Recording(
        path="a", labels=labels, subject="s", database="d", diagnosis=diagnosis, murmur_grade=grade
    )


@pytest.mark.parametrize(
    ("recording", "labels", "truth"),
    [
        (of("normal"), SCREEN, ("normal",)),
        (of("N"), SCREEN, ("normal",)),
        (of("MR"), SCREEN, ("abnormal",)),
        (of("AS", "MR"), SCREEN, ("abnormal",)),
        (of("artifact"), SCREEN, None),
        (of("MR"), VALVE, ("MR",)),
        (of("normal"), VALVE, ("N",)),
        (of("abnormal", diagnosis="MVP"), VALVE, ("MVP",)),
        (of("abnormal", diagnosis="CAD"), VALVE, None),
        (of("abnormal"), VALVE, None),
        (of("AR"), VALVE, None),
        (of("abnormal", grade="I/VI"), ("normal", "murmur"), ("murmur",)),
        (of("abnormal"), ("normal", "murmur"), None),
        (of("normal"), MURMUR, None),
    ],
    ids=str,
)
def test_a_truth_is_said_in_the_models_words_or_left_out(
    recording: Recording, labels: tuple[str, ...], truth: tuple[str, ...] | None
) -> None:
    assert truth_of(recording, labels) == truth
