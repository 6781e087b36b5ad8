from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from models.contract import Distribution, Metric
from models.errors import ModelError
from models.predictor import OnnxPredictor
from tests.unit.training import small_artifact
from tests.unit.training.small_artifact import CONTRACT, windows
from training import architectures, export
from training.export import FRONT, Scale
from training.front_end_config import LogMelConfig

PANNS = LogMelConfig(
    sample_rate_hz=1000, bands=64, hop_samples=25, level="db", normalisation="none", centred=True
)
ROOMY = LogMelConfig(sample_rate_hz=1000, bands=48, hop_samples=25)


def nodes(artifact: bytes) -> list[onnx.NodeProto]:
    return list(onnx.load_from_string(artifact).graph.node)


def test_the_exported_graph_answers_as_the_net_does() -> None:
    expected = small_artifact.in_torch().softmax(-1).numpy()
    assert np.ptp(expected, axis=0).max() > 0.05, "the windows must differ, or this shows nothing"
    answers = OnnxPredictor(small_artifact.artifact()).predict(windows(8))
    assert answers == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "kind", "last_of_front"),
    [
        ("ours", "log-mel", "Mul"),
        ("ours", "spectrogram", "Div"),
        ("ours", "mfcc", "Div"),
        ("gru", "raw-frames", None),
    ],
)
def test_every_front_end_is_exported_alike_and_told_from_the_net(
    name: str, kind: str, last_of_front: str | None
) -> None:
    artifact = small_artifact.artifact(name, kind)
    expected = small_artifact.in_torch(name, kind).softmax(-1).numpy()
    assert OnnxPredictor(artifact).predict(windows(8)) == pytest.approx(expected, abs=1e-5)
    front = [node for node in nodes(artifact) if node.name.startswith(FRONT)]
    net = [node for node in nodes(artifact) if not node.name.startswith(FRONT)]
    assert [node.op_type for node in front].count("Conv") == {
        "log-mel": 2,
        "spectrogram": 1,
        "mfcc": 3,
        "raw-frames": 1,
    }[kind]
    assert last_of_front is None or front[-1].op_type == last_of_front
    assert not any("front" in tensor for node in net for tensor in node.input)


def test_a_scale_of_logits_costs_no_node() -> None:
    cooler = small_artifact.artifact(at=Scale(2.5, (0.0, 1.0, -2.0)))
    logits = small_artifact.in_torch() / 2.5 + torch.tensor([0.0, 1.0, -2.0])
    expected = logits.softmax(-1).numpy()
    assert OnnxPredictor(cooler).predict(windows(8)) == pytest.approx(expected, abs=1e-5)
    assert len(nodes(cooler)) == len(nodes(small_artifact.artifact()))


@pytest.mark.parametrize("name", ["squeezenet1_1", "cnn14", "patch_transformer", "attention_gru"])
def test_a_scale_is_folded_into_any_last_layer(name: str) -> None:
    front_end = PANNS if name == "cnn14" else ROOMY
    torch.manual_seed(1)
    net = architectures.build(name, 3, front_end, window_samples=1000).eval()
    with torch.no_grad():
        at = Scale(4.0, (0.0, 0.5, -1.5))
        moved = export.rescaled(net, at, labels=3, samples=1000)(small_artifact.scaled(2))
        plain = net(small_artifact.scaled(2))
    assert moved.numpy() == pytest.approx((plain / 4 + torch.tensor(at.offsets)).numpy(), abs=1e-5)


def test_a_net_whose_last_layer_is_not_the_last_is_refused() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(10, 3)

        def forward(self, waveform: torch.Tensor) -> torch.Tensor:
            return self.layer(waveform) + 1.0  # type: ignore[no-any-return]

    with pytest.raises(ModelError, match="no last layer to fold a scale of logits into"):
        export.rescaled(Shifted(), Scale(2.0), labels=3, samples=10)


def test_normalisation_is_folded_into_the_convolutions() -> None:
    assert "BatchNormalization" not in {node.op_type for node in nodes(small_artifact.artifact())}


def test_labels_that_may_concur_get_a_sigmoid_each() -> None:
    contract = msgspec.structs.replace(CONTRACT, exclusive=False)
    artifact = export.export(small_artifact.net(), contract)
    expected = small_artifact.in_torch().sigmoid().numpy()
    assert OnnxPredictor(artifact).predict(windows(8)) == pytest.approx(expected, abs=1e-5)


def test_several_nets_become_one_graph_with_one_front_end() -> None:
    nets = [small_artifact.net(seed=seed) for seed in (0, 1)]
    artifact = export.export(nets, CONTRACT)
    with torch.no_grad():
        each = [net(small_artifact.scaled(8)).softmax(-1) for net in nets]
    expected = torch.stack(each).mean(0).numpy()
    assert OnnxPredictor(artifact).predict(windows(8)) == pytest.approx(expected, abs=1e-5)
    front = [node for node in nodes(artifact) if node.name.startswith(FRONT)]
    assert [node.op_type for node in front].count("Log") == 1


def test_the_file_carries_its_contract() -> None:
    assert OnnxPredictor(small_artifact.artifact()).contract == CONTRACT


def test_the_file_does_not_tell_where_it_was_made() -> None:
    file = small_artifact.artifact()
    assert str(Path.home()).encode() not in file
    assert str(Path.cwd()).encode() not in file
    assert b"/tmp" not in file


def test_exporting_twice_gives_the_same_file() -> None:
    assert export.export(small_artifact.net(), CONTRACT) == small_artifact.artifact()


def test_figures_can_be_written_in_without_touching_the_graph() -> None:
    contract = msgspec.structs.replace(
        CONTRACT,
        metrics={"test.recording.auc": Metric(value=0.9, low=0.8, high=0.95)},
        reference={"level": Distribution(deciles=(0.0, 1.0))},
    )
    artifact = small_artifact.artifact()
    stamped = OnnxPredictor(export.with_contract(artifact, contract))
    assert stamped.contract == contract
    assert np.array_equal(stamped.predict(windows(3)), OnnxPredictor(artifact).predict(windows(3)))


@pytest.mark.slow
@pytest.mark.parametrize("name", architectures.NAMES)
def test_every_architecture_is_exported_within_a_hundred_thousandth(name: str) -> None:
    recurrent = name in {"simple_rnn", "lstm", "gru", "attention_gru"}
    front_end = small_artifact.front_end("raw-frames") if recurrent else ROOMY
    net = small_artifact.net(name, PANNS if name == "cnn14" else front_end)
    artifact = export.export(net, CONTRACT, at=Scale(1.3, (0.0, 0.4, -0.2)))
    answers = export.answering([net], CONTRACT, at=Scale(1.3, (0.0, 0.4, -0.2)))
    apart = export.largest_difference(answers, OnnxPredictor(artifact), windows(16))
    assert apart <= 1e-5
    left = [node for node in nodes(artifact) if node.op_type == "BatchNormalization"]
    assert len(left) == (1 if name == "cnn14" else 0)  # PANNs' own, of the picture
