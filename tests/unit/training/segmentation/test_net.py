"""The net answers for every frame, and its ONNX file does as it does."""

import numpy as np
import pytest
import torch

from models.contract import PIPELINE_FILTER, PIPELINE_GRID, ModelContract
from models.dsp import scale
from models.errors import ModelError
from models.predictor import SEGMENT, OnnxPredictor
from models.segmentation import STATES
from tests.unit.models.tiny import CONTRACT
from tests.unit.models.tiny import artifact as tiny
from training.datasets.states import State
from training.segmentation.export import artifact
from training.segmentation.marked import UNMARKED, WINDOW_FRAMES, frame_marks
from training.segmentation.net import NetConfig, StateNet
from training.segmentation.train import SCALING

SMALL = NetConfig(fine=8, coarse=8, dilations=(1, 2))


def promised() -> ModelContract:
    fields = {name: getattr(CONTRACT, name) for name in CONTRACT.__struct_fields__}
    own = {"task": SEGMENT, "labels": STATES, "scaling": SCALING, "filter": PIPELINE_FILTER}
    return ModelContract(**(fields | own))


@pytest.fixture(scope="module")
def net() -> StateNet:
    torch.manual_seed(1)
    return StateNet(len(STATES), SMALL).eval()


@pytest.fixture(scope="module")
def predictor(net: StateNet) -> OnnxPredictor:
    return OnnxPredictor(artifact(net, promised()))


def windows(number: int) -> np.typing.NDArray[np.float32]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(number, PIPELINE_GRID.window_samples)).astype(np.float32)


def test_the_file_answers_as_the_net_does(net: StateNet, predictor: OnnxPredictor) -> None:
    own = windows(3)
    with torch.no_grad():
        expected = net(torch.from_numpy(scale(own, SCALING))).softmax(-1).numpy()
    answered = predictor.predict(own)
    assert answered.shape == (3, WINDOW_FRAMES, len(STATES))
    assert np.abs(answered - expected).max() < 1e-4
    assert predictor.predict(own[:0]).shape == (0, WINDOW_FRAMES, len(STATES))


def test_no_answer_depends_on_the_batch(predictor: OnnxPredictor) -> None:
    own = windows(9)
    together = predictor.predict(own)
    for k in range(9):
        assert (predictor.predict(own[k : k + 1])[0] == together[k]).all()


def test_the_level_and_the_polarity_do_not_matter(predictor: OnnxPredictor) -> None:
    own = windows(1)
    assert np.abs(predictor.predict(-0.01 * own) - predictor.predict(own)).max() < 1e-4


def test_a_model_that_answers_for_windows_is_no_segmenter() -> None:
    own = {name: getattr(CONTRACT, name) for name in CONTRACT.__struct_fields__}
    with pytest.raises(ModelError, match="of shape"):
        OnnxPredictor(tiny(ModelContract(**(own | {"task": SEGMENT}))))


def test_marks_are_of_the_state_in_each_frame_s_middle() -> None:
    states = (State(0.0, 0.1, "S1"), State(0.1, 0.131, "systole"), State(0.2, 0.24, "noise"))
    assert frame_marks(states, 12).tolist() == [0] * 5 + [1] * 2 + [UNMARKED] * 5
