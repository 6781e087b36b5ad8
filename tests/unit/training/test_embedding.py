from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch

from models.errors import ModelError
from models.predictor import OnnxPredictor
from tests.unit.training.small_artifact import (
    CONTRACT,
    artifact,
    net,
    scaled,
    windows,
)
from training import quantize
from training.embedding import with_distance
from training.export import export

KNOWN = [windows(64, seed) for seed in range(4)]
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "float": lambda made: made,
    "weights": quantize.weights,
    "dynamic": quantize.dynamic,
    "static": lambda made: quantize.static(made, scaled(64).numpy()),
}


def distances(made: bytes, sound: np.typing.NDArray[np.float32]) -> np.typing.NDArray[np.float32]:
    found = OnnxPredictor(made).answer(sound).embedding_distances
    assert found is not None
    return found


@pytest.mark.parametrize("form", FORMS)
def test_is_one_for_what_is_known_and_more_for_what_is_not(form: str) -> None:
    made = with_distance(FORMS[form](artifact()), KNOWN)
    known = distances(made, windows(256, seed=9))
    assert np.sqrt(np.mean(known**2)) == pytest.approx(1.0, abs=0.2)
    silence = np.zeros((1, CONTRACT.window_samples), np.float32)
    clicks = silence.copy()
    clicks[:, ::50] = 1.0
    for strange in (silence, clicks):
        assert distances(made, strange)[0] > np.percentile(known, 99)


def test_is_the_mahalanobis_distance_of_what_the_last_layer_reads() -> None:
    read: list[torch.Tensor] = []
    hook = (
        net()
        .get_submodule("net.head.1")
        .register_forward_pre_hook(lambda _, given: read.append(given[0]))
    )
    with torch.no_grad():
        for seed in (*range(4), 9):
            net()(scaled(64, seed))
    hook.remove()
    *known, new = (each.double().numpy() for each in read)
    centre, spread = np.mean(np.concatenate(known), 0), np.cov(np.concatenate(known).T)
    variances, axes = np.linalg.eigh(spread)
    kept = variances > 1e-9 * variances.max()  # some maps of the small net are always silent
    parts = (new - centre) @ axes[:, kept] / np.sqrt(variances[kept])
    wanted = np.sqrt(np.mean(parts**2, axis=1))
    found = distances(with_distance(artifact(), KNOWN), windows(64, seed=9))
    assert found == pytest.approx(wanted, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "front_end"),
    [("squeezenet1_1", "spectrogram"), ("gru", "raw-frames"), ("patch_transformer", "log-mel")],
)
def test_any_architecture_tells_it(name: str, front_end: str) -> None:
    made = with_distance(artifact(name, front_end), KNOWN)
    found = distances(made, windows(8))
    assert found.shape == (8,)
    assert np.isfinite(found).all()


def test_probabilities_stay_as_they_are() -> None:
    sound = windows(32, seed=5)
    before, after = (
        OnnxPredictor(made).predict(sound)
        for made in (artifact(), with_distance(artifact(), KNOWN))
    )
    assert np.array_equal(before, after)


def test_several_nets_tell_the_first_ones() -> None:
    both = export([net(), net(seed=1)], CONTRACT)
    one, several = (
        distances(with_distance(made, KNOWN), windows(8)) for made in (artifact(), both)
    )
    assert several == pytest.approx(one, rel=1e-3)


def test_no_window_has_a_distance_of_its_own_kind() -> None:
    told = OnnxPredictor(with_distance(artifact(), KNOWN)).answer(windows(0))
    assert told.embedding_distances is not None
    assert told.embedding_distances.shape == (0,)


def test_needs_windows_and_a_last_layer() -> None:
    with pytest.raises(ModelError, match="1 windows: a distance from them needs two"):
        with_distance(artifact(), [windows(1)])
    made = onnx.load_from_string(artifact())
    softmax = made.graph.node[-1]
    del softmax.input[:]
    softmax.input.append("waveform")
    with pytest.raises(ModelError, match="no last layer"):
        with_distance(made.SerializeToString(), KNOWN)


def test_a_distance_of_another_shape_is_refused() -> None:
    made = onnx.load_from_string(with_distance(artifact(), KNOWN))
    (mean,) = (
        node for node in made.graph.node if node.name == "embedding_distance/square_ReduceMean"
    )
    mean.attribute[0].i = 1  # keeps the axis
    made.graph.output[1].type.tensor_type.ClearField("shape")
    with pytest.raises(ModelError, match="embedding_distance"):
        OnnxPredictor(made.SerializeToString())
