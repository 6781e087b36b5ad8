import pytest
import torch

from training.architectures.logmel_cnn import CnnConfig, LogMelCnn


def test_the_net_is_small() -> None:
    net = LogMelCnn(2, CnnConfig())
    assert sum(weight.numel() for weight in net.parameters()) <= 60_000


@pytest.mark.parametrize("seconds", [1, 2, 5, 13])
def test_the_net_takes_any_length_from_one_second(seconds: int) -> None:
    sound = torch.randn(2, 2000 * seconds, generator=torch.Generator().manual_seed(0))
    assert LogMelCnn(5, CnnConfig()).eval()(sound).shape == (2, 5)
