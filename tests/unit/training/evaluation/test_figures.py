import msgspec
import numpy as np
import pytest

from tests.unit.training.evaluation.made import RUN, predictions
from training.evaluation import figures
from training.evaluation.scored import Scored, scored
from training.evaluation.summary import Evaluation, evaluate

TRUTH = [0, 0, 0, 1, 1, 1]
GIVEN = [0.2, 0.3, 0.7, 0.8, 0.4, 0.85]


@pytest.fixture
def screened() -> tuple[Evaluation, Scored]:
    runs = [predictions(GIVEN, TRUTH)]
    return evaluate(runs, draws=20), scored(runs)


def test_the_confusion_shows_shares_of_the_truth_and_counts(
    screened: tuple[Evaluation, Scored],
) -> None:
    (axes,) = figures.confusion(screened[0]).axes
    assert [text.get_text() for text in axes.texts] == ["67%\n2", "33%\n1", "33%\n1", "67%\n2"]


def test_a_leak_is_in_every_title(screened: tuple[Evaluation, Scored]) -> None:
    found, tested = screened
    leaking = msgspec.structs.replace(found, leaks=True)
    for drawn in (
        figures.confusion(leaking),
        figures.reliability(leaking),
        figures.roc(leaking, tested),
        figures.risk_coverage(leaking, tested),
    ):
        assert "LEAKS" in drawn.get_suptitle()
    assert "LEAKS" not in figures.confusion(found).get_suptitle()


def test_the_curve_is_drawn_through_its_points(screened: tuple[Evaluation, Scored]) -> None:
    (axes,) = figures.roc(*screened).axes
    curve = next(line for line in axes.lines if "abnormal" in str(line.get_label()))
    assert np.asarray(curve.get_ydata()).tolist() == pytest.approx(
        [0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1]
    )
    assert "AUC 0.889" in str(curve.get_label())


def test_labels_that_concur_have_curves_and_no_confusion() -> None:
    run = msgspec.structs.replace(RUN, exclusive=False)
    runs = [predictions(GIVEN, TRUTH, run=run)]
    found, tested = evaluate(runs, draws=20), scored(runs)
    assert found.confusion == ()
    (axes,) = figures.roc(found, tested).axes
    assert sum("AUC" in str(line.get_label()) for line in axes.lines) == 2


def test_what_has_no_interval_is_marked_as_printed() -> None:
    nothing = float("nan")
    lines = [
        figures.Line("ours", 0.9, 0.88, 0.92, leaks=False),
        figures.Line("work E", 0.86, nothing, nothing, leaks=True),
    ]
    (axes,) = figures.side_by_side(lines, "UAR", "a title").axes
    marks = [line.get_marker() for line in axes.lines if len(np.asarray(line.get_xdata())) == 1]
    assert marks == ["o", "x"]
    assert axes.get_xlim() == pytest.approx((0.8, 1.0))
