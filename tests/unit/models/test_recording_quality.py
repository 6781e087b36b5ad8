import pytest

from models.recording_quality import of_recording
from models.verdict import Assessment, Verdict


def window(score: float, *reasons: str) -> Assessment:
    verdict: Verdict = "good" if score >= 0.7 else "poor" if score >= 0.25 else "unusable"
    return Assessment(score=score, verdict=verdict, reasons=reasons)


@pytest.mark.parametrize(
    ("scores", "score", "verdict"),
    [
        ([1.0, 0.9], 0.95, "good"),
        ([0.5], 0.5, "poor"),
        ([1.0, 0.0, 0.0, 0.0, 0.0], 0.2, "poor"),  # one window can still be judged
        ([0.2, 0.1], 0.15, "unusable"),
    ],
)
def test_a_recording_is_as_good_as_its_windows_on_average_and_unusable_where_all_are(
    scores: list[float], score: float, verdict: str
) -> None:
    found = of_recording([window(each) for each in scores], [2.5 * k for k in range(len(scores))])
    assert found.score == pytest.approx(score)
    assert found.verdict == verdict
    assert [each.score for each in found.windows] == scores


def test_a_reason_is_said_once_in_its_worst_words_and_the_most_frequent_first() -> None:
    found = of_recording(
        [
            window(0.5, "2% of the sound is missing"),
            window(0.1, "a knock"),
            window(0.2, "40% of the sound is missing"),
            window(1.0),
        ],
        [0.0, 2.5, 5.0, 7.5],
    )
    assert found.reasons == ("40% of the sound is missing", "a knock")
    assert found.usable_windows == 2
