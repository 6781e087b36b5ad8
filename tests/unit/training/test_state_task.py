"""A net learns the heart's states beside its labels, and ships as if it had not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

import training
from models.errors import ConfigurationError
from models.registry import Registry
from models.segmentation import STATES
from tests.unit.training import two_tones
from tests.unit.training.beating_hearts import Beating, beating_hearts, losses_of
from tests.unit.training.test_loop import quiet, same, trained
from training.engine import recipe_files
from training.engine.loop import Heard
from training.engine.recipe import Recipe
from training.engine.state_task import StateHead

RESULTS = Path(training.__file__).parent / "results"
_SEGMENTER = Registry().segmenter().contract


@pytest.fixture
def beating(tmp_path: Path) -> Beating:
    return beating_hearts(tmp_path)


def test_the_loss_is_the_distance_from_the_segmenters_answers(
    beating: Beating,
) -> None:
    """A head whose bias alone speaks says one thing at all times: its loss is known."""
    told, train = beating
    net = told.build().eval()
    head = StateHead(net, told)
    waveform = train.samples(train.start[:3])
    said = torch.tensor([0.1, 0.5, 0.1, 0.3])
    bias = head.answer.bias
    assert bias is not None
    with torch.no_grad():
        head.answer.weight.zero_()
        bias.copy_(said.log().repeat(len(bias) // len(STATES)))
        net(waveform)
        loss = float(head.loss(waveform))
    heard = Registry().segmenter().predict(waveform.numpy())
    assert told.states is not None
    assert loss == pytest.approx(
        told.states.weight * -(heard * said.log().numpy()).sum(2).mean(), rel=1e-5
    )


def test_it_learns_when_each_state_is_heard(beating: Beating) -> None:
    """After some steps the head finds the segmenter's state far more often than always one."""
    told, train = beating
    torch.manual_seed(1)
    net = told.build()
    head = StateHead(net, told)
    losses = losses_of(net, head, train.samples(train.start))
    assert losses[-1] < 0.6 * losses[0]


def test_the_blocks_up_to_it_learn_by_it_and_no_others(beating: Beating) -> None:
    told, train = beating
    changed_block = recipe_files.changed(told, {"states.block": 1})
    net = changed_block.build()
    head = StateHead(net, changed_block)
    waveform = train.samples(train.start[:4])
    net(waveform)
    torch.autograd.backward(head.loss(waveform))
    moved = {name.split(".")[1] for name, it in net.net.named_parameters() if it.grad is not None}
    assert moved == {"0", "1"}


def test_nothing_of_it_is_left_in_the_net_and_it_changes_what_is_learnt(
    beating: Beating,
) -> None:
    told, train = beating
    with_states = trained(told, train)
    without = trained(_without_states(told), train)
    assert with_states.net.state_dict().keys() == without.net.state_dict().keys()
    assert not same(with_states.net, without.net)
    assert not any(module._forward_hooks for module in with_states.net.modules())


def test_what_was_interrupted_goes_on_bit_for_bit(beating: Beating, tmp_path: Path) -> None:
    told, train = beating
    checkpoint = tmp_path / "resume.pt"

    class _InterruptionError(Exception):
        pass

    def interrupted(heard: Heard) -> None:
        if heard.epoch == 1:
            raise _InterruptionError

    with pytest.raises(_InterruptionError):
        two_tones.trainer(told, train).run(interrupted, checkpoint)
    resumed = two_tones.trainer(told, train)
    assert resumed.resume(checkpoint)
    resumed.run(quiet)
    assert same(resumed.net, trained(told, train).net)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"states.segmenter": "segment-0.1.0"}, "segment-0.1.0' ?, and segment-"),
        ({"states.block": 9}, "states.block = 9, and of ours 5 blocks can be read"),
        ({"contract.scaling": {"kind": "peak"}}, r"\[contract\] is not that of segment-"),
        ({"contract.filter": "none"}, r"\[contract\] is not that of segment-"),
        ({"front_end.hop_samples": 60}, "places in time, and segment-.* tells 250 frames"),
        ({"architecture": {"name": "resnet18"}}, "of resnet18 0 blocks can be read"),
    ],
)
def test_what_does_not_suit_is_refused(
    beating: Beating, changes: dict[str, Any], fault: str
) -> None:
    told = recipe_files.changed(beating[0], changes)
    with pytest.raises(ConfigurationError, match=fault):
        StateHead(told.build(), told)


def test_a_weight_of_nothing_is_refused(beating: Beating) -> None:
    with pytest.raises(ConfigurationError, match=r"states\.weight = 0: give more than 0"):
        recipe_files.changed(beating[0], {"states.weight": 0.0})


def test_recipes_without_it_are_the_recipes_that_they_were() -> None:
    """Results of `ours-valve` lie in the tree from before there was such a task."""
    told = recipe_files.load(recipe_files.find("ours-valve"))
    assert told.states is None
    assert list(RESULTS.glob(f"ours-valve/*/ours-valve-{told.version()}-*"))


def test_the_recipes_that_ship_name_the_segmenter_that_ships() -> None:
    told = recipe_files.load(recipe_files.find("ours-cycle-screen")).states
    assert told is not None
    assert told.segmenter == f"{_SEGMENTER.name}-{_SEGMENTER.version}"


def _without_states(told: Recipe) -> Recipe:
    return replace(told, states=None)
