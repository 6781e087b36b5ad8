import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.errors import ModelError
from training import initial_weights
from training.architectures.mobilenet_v3 import MobileNetV3Small
from training.architectures.squeezenet import SqueezeNet


class Tiny(nn.Module):
    """A first convolution, a normalisation and a head, as any image net has."""

    def __init__(self, *, channels: int = 1, labels: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, labels)


def saved(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def published() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    weights: dict[str, torch.Tensor] = Tiny(channels=3, labels=1000).state_dict()
    return weights


def as_safetensors(weights: dict[str, torch.Tensor]) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    numbers = b""
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    for name, tensor in weights.items():
        raw = tensor.numpy().tobytes()
        offsets = [len(numbers), len(numbers) + len(raw)]
        header[name] = {
            "dtype": kinds[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": offsets,
        }
        numbers += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def test_what_fits_is_taken_and_the_rest_is_reported(tmp_path: Path) -> None:
    net = Tiny()
    head = net.head.weight.clone()
    report = initial_weights.load(
        net, saved({**published(), "extra.weight": torch.ones(2)}, tmp_path / "w.pt")
    )
    assert torch.equal(net.norm.weight, published()["norm.weight"])
    assert torch.equal(net.head.weight, head)
    assert report.summed == ("conv.weight",)
    assert "conv.bias" in report.matched
    assert dict(report.left_out) == {
        "head.weight": "1000x4 in the file, 2x4 here",
        "head.bias": "1000 in the file, 2 here",
        "extra.weight": "the net has no parameter of that name",
    }
    assert report.random == ("head.weight", "head.bias")
    shown = str(report)
    assert "7 parameters taken" in shown
    assert "stay random: head.weight, head.bias" in shown


def test_a_grey_picture_gives_the_same_answer_as_its_three_copies(tmp_path: Path) -> None:
    net, original = Tiny(), Tiny(channels=3, labels=1000)
    original.load_state_dict(published())
    initial_weights.load(net, saved(published(), tmp_path / "w.pt"))
    grey = torch.randn(2, 1, 9, 9)
    copies = original.conv(grey.expand(-1, 3, -1, -1)).detach()
    assert net.conv(grey).detach().numpy() == pytest.approx(copies.numpy(), abs=1e-5)


def test_what_is_not_learnt_stays_as_it_was_computed(tmp_path: Path) -> None:
    net = Tiny()
    computed = net.conv.weight.requires_grad_(False).clone()
    report = initial_weights.load(net, saved(published(), tmp_path / "w.pt"))
    assert torch.equal(net.conv.weight, computed)
    assert "not learnt" in dict(report.left_out)["conv.weight"]
    assert "conv.weight" not in report.random


@pytest.mark.parametrize("wrapper", ["model", "state_dict", "weights"])
def test_a_wrapped_file_is_unwrapped(wrapper: str, tmp_path: Path) -> None:
    weights = {f"module.{name}": tensor for name, tensor in published().items()}
    path = saved({"iteration": 600_000, wrapper: weights}, tmp_path / "w.pt")
    assert initial_weights.read(path).keys() == published().keys()


def test_numpy_arrays_beside_the_weights_do_no_harm(tmp_path: Path) -> None:
    sampler = {"indexes": np.arange(5), "pointers": [0, 3]}
    path = saved({"iteration": 1, "model": published(), "sampler": sampler}, tmp_path / "w.pth")
    assert initial_weights.read(path).keys() == published().keys()


def test_safetensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(as_safetensors(published()))
    found = initial_weights.read(path)
    assert found.keys() == published().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in published().items())


def test_a_published_image_net_fills_all_but_the_head(tmp_path: Path) -> None:
    path = saved(SqueezeNet(1000, channels=3).state_dict(), tmp_path / "squeezenet.pth")
    report = initial_weights.load(SqueezeNet(5), path)
    assert report.summed == ("features.0.weight",)
    assert report.random == ("classifier.1.weight", "classifier.1.bias")


def test_a_file_of_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="none of its 9 parameters"):
        initial_weights.load(MobileNetV3Small(2), saved(published(), tmp_path / "w.pt"))


class _Command:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch was-run",)


def _write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def _write_noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 9)


def _write_half(path: Path) -> None:
    torch.save(published(), path)
    path.write_bytes(path.read_bytes()[:900])


def _write_number(path: Path) -> None:
    torch.save(3, path)


def _write_short_safetensors(path: Path) -> None:
    path.write_bytes(as_safetensors(published())[:-8])


def _write_shorter_safetensors(path: Path) -> None:
    path.write_bytes(as_safetensors(published())[:40])


@pytest.mark.parametrize(
    ("write", "suffix"),
    [
        (_write_nothing, ".pt"),
        (_write_noise, ".pt"),
        (_write_half, ".pt"),
        (_write_number, ".pt"),
        (_write_nothing, ".safetensors"),
        (_write_noise, ".safetensors"),
        (_write_short_safetensors, ".safetensors"),
        (_write_shorter_safetensors, ".safetensors"),
    ],
)
def test_a_file_that_is_no_weights_is_refused_in_one_line(
    write: Callable[[Path], None], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"bad{suffix}"
    write(path)
    with pytest.raises(ModelError) as refused:
        initial_weights.read(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_code_in_a_file_is_named_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved({**published(), "extra": _Command()}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"asks for \w+\.system to be run"):
        initial_weights.read(path)
    assert not (tmp_path / "was-run").exists()


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        initial_weights.read(tmp_path / "away.pt")
