from typing import Any

import msgspec
import numpy as np
import pytest

from models.predictor import OnnxPredictor
from tests.unit.training import small_artifact
from tests.unit.training.evaluation.made import decided
from training import quantize
from training.evaluation.scored import Scored
from training.shipping import forms
from training.shipping.forms import Comparison, Form, Speed
from training.shipping.listening import Said


def form(name: str, kilobytes: int, times_float: float, **more: Any) -> Form:
    speeds = tuple(Speed(batch=k, window_ms=0.1, times_float=times_float) for k in (1, 32))
    made = Form(
        name=name,
        size_bytes=1000 * kilobytes,
        speeds=speeds,
        uar=0.9,
        uar_lost=0.0,
        label_lost=0.0,
        relabelled=0.0,
        largest_difference=0.0,
    )
    return msgspec.structs.replace(made, **more)


def chosen(*given: Form) -> str:
    return Comparison(forms=given, recordings=9, subjects=9, nets=1).chosen.name


def test_the_quickest_ships() -> None:
    assert chosen(form("float", 200, 1.0), form("static", 190, 0.6)) == "static"


def test_of_forms_as_quick_the_smallest_ships() -> None:
    assert chosen(form("float", 200, 1.0), form("weights", 60, 1.03)) == "weights"


def test_a_form_that_fails_the_gate_does_not_ship() -> None:
    failed = form("static", 60, 0.5, uar_lost=0.006)
    assert chosen(form("float", 200, 1.0), failed) == "float"


def test_a_form_that_is_too_large_ships_only_where_all_are() -> None:
    slow = form("dynamic", 100, 4.0)
    assert chosen(form("float", 300, 1.0), slow) == "dynamic"
    assert chosen(form("float", 300, 1.0), form("static", 280, 1.5)) == "float"


@pytest.mark.parametrize(
    ("lost", "passes"),
    [
        ({"uar_lost": 0.005}, True),
        ({"uar_lost": 0.0051}, False),
        ({"label_lost": 0.01}, True),
        ({"label_lost": 0.011}, False),
        ({"uar_lost": -0.1, "label_lost": -0.1}, True),
    ],
)
def test_the_gate_is_half_a_point_of_uar_and_one_of_a_label(
    lost: dict[str, float], passes: bool
) -> None:
    assert form("static", 60, 1.0, **lost).passes is passes


def said(scored: Scored) -> Said:
    return Said(scored, scored.probabilities.astype(np.float32))


def test_what_a_form_loses_is_counted_over_all_pieces() -> None:
    truth = [0] * 100 + [1] * 50
    theirs = truth.copy()
    theirs[0] = theirs[1] = 1  # two of a hundred normal ones
    pieces = [(truth[:75], theirs[:75]), (truth[75:], theirs[75:])]
    found = forms.agreement(
        [said(decided(own, own)) for own, _ in pieces],
        [said(decided(own, other)) for own, other in pieces],
    )
    assert found.uar == pytest.approx(0.99)
    assert found.uar_lost == pytest.approx(0.01)
    assert found.label_lost == pytest.approx(0.02)
    assert found.relabelled == pytest.approx(2 / 150)
    assert found.largest_difference == pytest.approx(0.6)


def test_forms_are_timed_in_turns_with_float(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_CALLS", {1: 5})
    artifact = small_artifact.artifact()
    found = forms.timed({"float": artifact, "weights": quantize.weights(artifact)})
    assert found["float"][0].times_float == 1.0
    for (speed,) in found.values():
        assert speed.batch == 1
        assert 0 < speed.window_ms < 1000
        assert 0 < speed.times_float < 100


def test_every_form_is_an_artifact_of_the_same_contract() -> None:
    made = forms.written(small_artifact.artifact(), small_artifact.windows(64))
    assert list(made) == ["float", "weights", "static", "dynamic"]
    for artifact in made.values():
        assert OnnxPredictor(artifact).contract == small_artifact.CONTRACT
