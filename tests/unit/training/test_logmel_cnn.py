import pytest
import torch

from training.architectures import registry
from training.architectures.registry import Classifier
from training.front_end_config import LogMelConfig


def net(labels: int) -> Classifier:
    return registry.build("strided_cnn", labels, LogMelConfig(), window_samples=10_000).eval()


def test_the_net_is_small() -> None:
    assert sum(weight.numel() for weight in net(2).parameters()) <= 60_000


@pytest.mark.parametrize("seconds", [1, 2, 5, 13])
def test_the_net_takes_any_length_from_one_second(seconds: int) -> None:
    sound = torch.randn(2, 2000 * seconds, generator=torch.Generator().manual_seed(0))
    assert net(5)(sound).shape == (2, 5)
