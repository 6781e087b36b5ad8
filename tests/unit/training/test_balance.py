"""The decision moves to where both labels are found as often, and nothing else does."""

from pathlib import Path

import pytest
import torch
from torch import nn

from models.errors import ConfigurationError
from tests.unit.training import two_tones
from training.engine import balance, measures


class Level(nn.Module):
    """Two answers that differ by the window's loudness alone, and a bias."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        self.head = nn.Linear(1, labels)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(waveform.diff().square().mean(1, keepdim=True))
        return logits


def biased(bias: float) -> Level:
    """High tones, whose samples differ more, are the first label: found too often."""
    net = Level()
    with torch.no_grad():
        net.head.weight.copy_(torch.tensor([[2.0], [-2.0]]))
        net.head.bias.copy_(torch.tensor([bias, -bias]))
    return net


def test_the_decision_moves_to_where_both_labels_are_found(tmp_path: Path) -> None:
    told = two_tones.recipe(tmp_path, data__labels=["high", "low"])
    clips = two_tones.heard(two_tones.write(tmp_path), told)
    net = biased(0.25)
    before = measures.judge(net, clips, told)
    weight = net.head.weight.clone()
    moved = balance.settle(net, clips, told)
    after = measures.judge(net, clips, told)
    assert before.uar == 0.5
    assert moved > 0
    assert after.uar == 1.0
    assert after.auc == before.auc
    assert torch.equal(net.head.weight, weight)


def test_three_labels_have_no_one_place_to_decide(tmp_path: Path) -> None:
    told = two_tones.recipe(tmp_path)
    clips = two_tones.heard(two_tones.write(tmp_path), told)
    with pytest.raises(ConfigurationError, match="two labels that exclude each other"):
        balance.settle(Level(labels=3), clips, told)


def test_a_recipe_that_asks_for_it_gets_another_last_bias_and_nothing_else(tmp_path: Path) -> None:
    data = two_tones.write(tmp_path)
    weights = []
    for asked in (False, True):
        told = two_tones.recipe(tmp_path, training__balanced=asked, training__epochs=1)
        trainer = two_tones.trainer(told, two_tones.heard(data, told))
        trainer.run(lambda _: None)
        weights.append(trainer.net.state_dict())
    plain, balanced = weights
    changed = [name for name in plain if not torch.equal(plain[name], balanced[name])]
    assert changed == ["net.head.1.bias"]
