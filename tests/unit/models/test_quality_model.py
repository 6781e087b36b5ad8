from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import special

from models.errors import ModelError
from models.quality_indices import INDICES
from models.quality_model import Additive, Curve, read, shipped, written

CURVE = Curve(index="kurtosis", knots=(1.0, 2.0, 4.0), values=(-1.0, 0.0, 3.0))


def given(kurtosis: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    indices = np.zeros((len(kurtosis), len(INDICES)))
    indices[:, INDICES.index("kurtosis")] = kurtosis
    return indices


def test_a_curve_is_straight_between_its_knots_and_level_beyond() -> None:
    model = Additive(bias=0.5, curves=(CURVE,))
    parts = model.parts(given([-9, 1, 1.5, 3, 9]))
    assert parts[:, 0].tolist() == [-1, -1, -0.5, 1.5, 3]
    assert model.probability(parts) == pytest.approx(special.expit([-0.5, -0.5, 0, 2, 3.5]))


def test_the_shipped_model_knows_every_index_and_the_causes() -> None:
    model = shipped()
    assert {curve.index for curve in model.good.curves} == set(INDICES)
    assert set(model.causes) == {"speech", "movement or rubbing", "noise from the room"}


def test_a_model_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "quality.json"
    file.write_bytes(written(shipped()))
    assert read(file) == shipped()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"index": "colour"}, "there is no index colour"),
        ({"knots": (2.0, 1.0, 4.0)}, "rising knots"),
        ({"values": (1.0, 2.0)}, "as many values"),
        ({"values": (1.0, 2.0, float("inf"))}, "not finite"),
    ],
)
def test_a_curve_that_is_none_is_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Curve(**(msgspec.structs.asdict(CURVE) | changes))


def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "quality.json"
    with pytest.raises(ModelError, match=r"quality\.json cannot be read .*install Heartward again"):
        read(file)
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"quality\.json is not a model of quality"):
        read(file)
