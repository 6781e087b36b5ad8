import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ingest.sounds import PACKAGED, recordings
from models.dsp import scale, windows_of
from models.onnx_graph import halves
from models.predictor import INPUT, OUTPUT, Answer, OnnxPredictor, Pictures, answer_each
from models.registry import ARTIFACTS, Registry
from models.sound_file import read_sound
from tests.unit.models import tiny

Floats = np.typing.NDArray[np.float32]

SHIPPED = tuple(entry.file for entry in Registry().entries)


@pytest.fixture(scope="module")
def windows() -> Floats:
    hearts = [windows_of(*read_sound(file)).samples for file in recordings(PACKAGED)[:3]]
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((3, hearts[0].shape[1])).astype(np.float32)
    return np.concatenate([*hearts, noise, np.zeros_like(noise[:1])])


def of_whole(artifact: bytes, predictor: OnnxPredictor, windows: Floats) -> Floats:
    whole = onnxruntime.InferenceSession(artifact, providers=["CPUExecutionProvider"])
    answer: Floats = whole.run([OUTPUT], {INPUT: scale(windows, predictor.contract.scaling)})[0]
    return answer


def graph(*nodes: onnx.NodeProto, **constants: Floats) -> bytes:
    """A graph from waveform (n, 4) to probabilities."""
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    given = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 4])
    made = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, None)
    whole = helper.make_graph(list(nodes), "g", [given], [made], held)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("file", SHIPPED)
def test_a_graph_in_two_halves_answers_as_the_whole_bit_for_bit(file: str, windows: Floats) -> None:
    artifact = (ARTIFACTS / file).read_bytes()
    predictor = OnnxPredictor(artifact)
    assert halves(artifact) is not None
    expected = of_whole(artifact, predictor, windows)
    np.testing.assert_array_equal(predictor.predict(windows), expected)


def test_models_that_hear_alike_share_one_picture(windows: Floats) -> None:
    registry = Registry()
    screen, valve = (registry.named(name) for name in ("screen", "valve"))
    pictures: Pictures = {}
    screen.answer(windows, pictures)
    (picture,) = pictures.values()
    valve.answer(windows, pictures)
    assert list(pictures.values()) == [picture]


def test_models_that_hear_otherwise_share_nothing(windows: Floats) -> None:
    registry = Registry()
    pictures: Pictures = {}
    for name in ("screen", "segment"):
        registry.named(name).answer(windows, pictures)
    assert len(pictures) == 2


def test_what_is_shared_changes_no_answer(windows: Floats) -> None:
    registry = Registry()
    models = [registry.named(name) for name in ("screen", "segment", "valve")]
    for model, answer in zip(models, answer_each(models, windows), strict=True):
        np.testing.assert_array_equal(answer.probabilities, model.predict(windows))


def test_a_predictor_of_another_kind_is_asked_for_itself(windows: Floats) -> None:
    class Fixed:
        contract = tiny.CONTRACT

        def answer(self, windows: Floats) -> Answer:
            return Answer(np.full((len(windows), 2), 0.5, np.float32), None)

        def predict(self, windows: Floats) -> Floats:
            return self.answer(windows).probabilities

    (answer,) = answer_each([Fixed()], windows)
    assert answer.probabilities.shape == (len(windows), 2)


def test_names_do_not_tell_front_ends_apart_but_numbers_do() -> None:
    def front(name: str, floor: float) -> bytes:
        parts = halves(
            graph(
                helper.make_node("Add", [INPUT, f"{name}floor"], [f"{name}sum"]),
                helper.make_node("Log", [f"{name}sum"], [f"{name}log"]),
                helper.make_node("Softmax", [f"{name}log"], [OUTPUT]),
                **{f"{name}floor": np.array([floor], np.float32)},
            )
        )
        assert parts is not None
        return parts.front

    assert front("a", 0.5) == front("b", 0.5)
    assert front("a", 0.5) != front("a", 0.25)


def test_what_does_not_all_go_through_the_picture_is_left_whole() -> None:
    beside = graph(
        helper.make_node("Log", [INPUT], ["log"]),
        helper.make_node("Add", ["log", INPUT], [OUTPUT]),
    )
    twice = graph(
        helper.make_node("Abs", [INPUT], ["power"]),
        helper.make_node("Log", ["power"], ["log"]),
        helper.make_node("Add", ["log", "power"], [OUTPUT]),
    )
    assert (halves(beside), halves(twice)) == (None, None)


@pytest.mark.parametrize("artifact", [b"", b"not a model", tiny.artifact()])
def test_what_has_no_picture_is_left_whole(artifact: bytes) -> None:
    assert halves(artifact) is None


def test_a_graph_that_holds_graphs_is_left_whole() -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", [INPUT], ["same"])],
        "body",
        [],
        [helper.make_tensor_value_info("same", TensorProto.FLOAT, ["n", 4])],
    )
    artifact = graph(
        helper.make_node("Log", [INPUT], ["log"]),
        helper.make_node("If", ["yes"], ["kept"], then_branch=body, else_branch=body),
        helper.make_node("Add", ["log", "kept"], [OUTPUT]),
        yes=np.array(True),
    )
    assert halves(artifact) is None
