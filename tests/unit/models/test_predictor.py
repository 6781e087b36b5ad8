import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper

from models.contract import ModelContract
from models.errors import ModelError, SignalError
from models.predictor import OUTPUT, SEGMENT, OnnxPredictor, Predictor
from models.registry import Registry
from tests.unit.models.tiny import CONTRACT, artifact


def windows(count: int) -> np.typing.NDArray[np.float32]:
    rng = np.random.default_rng(0)
    levels = 10 ** rng.uniform(-3, 0, (count, 1))
    return (levels * rng.standard_normal((count, CONTRACT.window_samples))).astype(np.float32)


@pytest.fixture(scope="module")
def shipped() -> tuple[Predictor, ...]:
    return Registry().defaults()


def test_probabilities_are_those_of_the_graph() -> None:
    sound = np.full((1, CONTRACT.window_samples), 0.5, np.float32)
    quarter = 1 / (1 + np.exp(2 * 0.25))
    assert OnnxPredictor(artifact()).predict(sound)[0] == pytest.approx(
        [1 - quarter, quarter][::-1]
    )


def test_no_windows_give_no_probabilities() -> None:
    assert OnnxPredictor(artifact()).predict(windows(0)).shape == (0, 2)


@pytest.mark.parametrize(
    "given", [np.zeros((1, 9999), np.float32), np.zeros(10000, np.float32), np.zeros((1, 10000))]
)
def test_what_is_not_a_batch_of_windows_is_refused(
    given: np.typing.NDArray[np.float32],
) -> None:
    with pytest.raises(SignalError, match=r"expected \(n, 10000\), float32"):
        OnnxPredictor(artifact()).predict(given)


@pytest.mark.parametrize("given", [b"", b"not a model", artifact()[:200]])
def test_what_is_not_onnx_is_refused_in_one_line(given: bytes) -> None:
    with pytest.raises(ModelError, match="not readable ONNX") as refusal:
        OnnxPredictor(given)
    assert "\n" not in str(refusal.value)


def test_tensors_that_break_the_contract_are_refused() -> None:
    with pytest.raises(ModelError, match=r"'waveform': 8000.*contract says.*10000"):
        OnnxPredictor(artifact(samples=8000))


def test_a_model_for_one_window_at_a_time_is_refused() -> None:
    with pytest.raises(ModelError, match=r"waveform of shape \[1, 10000\]: .*dynamic first axis"):
        OnnxPredictor(artifact(batch=1))


def test_labels_that_the_output_does_not_have_are_refused() -> None:
    contract = msgspec.structs.replace(CONTRACT, labels=("a", "b", "c"))
    with pytest.raises(ModelError):
        OnnxPredictor(artifact(contract))


def altered(contract: ModelContract, *, signs: tuple[float, float], last: str) -> bytes:
    """The tiny model with another last layer."""
    model = onnx.load_from_string(artifact(contract))
    (given,) = (each for each in model.graph.initializer if each.name == "signs")
    given.float_data[:] = signs
    model.graph.node[-1].CopyFrom(helper.make_node(last, ["logits"], [OUTPUT]))
    serialised: bytes = model.SerializeToString()
    return serialised


@pytest.mark.parametrize(
    ("exclusive", "signs", "last", "said"),
    [
        (True, (math.nan, 1.0), "Softmax", "nan, nan to silence, which are no probabilities: "),
        (True, (-1.0, 1.0), "Identity", "0, 0 to silence, which are no .* that add up to 1: "),
        (False, (math.inf, 1.0), "Identity", "nan, 0 to silence, which are no probabilities: "),
    ],
)
def test_a_net_whose_answers_are_no_probabilities_is_refused(
    exclusive: bool, signs: tuple[float, float], last: str, said: str
) -> None:
    """A training that ran away leaves such; of all its answers the first label is the likeliest."""
    contract = msgspec.structs.replace(CONTRACT, exclusive=exclusive)
    model = altered(contract, signs=signs, last=last)
    with pytest.raises(ModelError, match=said) as refusal:
        OnnxPredictor(model)
    assert "\n" not in str(refusal.value)


def test_labels_that_may_concur_need_not_add_up_to_one() -> None:
    contract = msgspec.structs.replace(CONTRACT, exclusive=False)
    model = OnnxPredictor(altered(contract, signs=(-1.0, 1.0), last="Cos"))
    silence = np.zeros((1, contract.window_samples), np.float32)
    assert model.predict(silence)[0] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("batch", [1, 3, 8, 32, 64])
def test_a_result_does_not_depend_on_its_batch_bit_for_bit(
    shipped: tuple[Predictor, ...], batch: int
) -> None:
    sound = windows(64)
    for model in shipped:
        together = model.predict(sound)
        parts = [model.predict(sound[k : k + batch]) for k in range(0, 64, batch)]
        assert np.array_equal(np.concatenate(parts), together)


def test_shipped_models_answer_with_probabilities(shipped: tuple[Predictor, ...]) -> None:
    for model in shipped:
        answers = model.predict(windows(16))
        of_frames = (250,) if model.contract.task == SEGMENT else ()
        assert answers.shape == (16, *of_frames, len(model.contract.labels))
        assert np.abs(answers.sum(axis=-1) - 1).max() < 1e-5


def test_the_runtime_keeps_no_device_id_and_reports_to_nobody(tmp_path: Path) -> None:
    code = "from models.registry import Registry; Registry().defaults()"
    environment = {name: v for name, v in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_silence_has_an_answer(shipped: tuple[Predictor, ...]) -> None:
    for model in shipped:
        silence = np.zeros((1, model.contract.window_samples), np.float32)
        assert np.isfinite(model.predict(silence)).all()
