"""A net that tells the heart's states first, and looks at each by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.dsp import Floats
from models.errors import ConfigurationError
from models.registry import Registry
from models.segmentation import STATES
from tests.unit.training.beating_hearts import Beating, beating_hearts, losses_of
from tests.unit.training.test_loop import trained
from training.architectures.cycle_net import LEAST_VARIANCE, CycleNet, levels_by_state
from training.engine import recipe_files
from training.engine.recipe import Recipe
from training.engine.state_task import OwnStates, state_task


@pytest.fixture
def beating(tmp_path: Path) -> Beating:
    return beating_hearts(tmp_path)


def of_cycle(told: Recipe) -> Recipe:
    return recipe_files.changed(told, {"architecture": {"name": "cycle_net"}})


class Fixed(torch.nn.Module):
    """In the place of the part that tells states: always the same logits."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self._logits = logits

    def forward(self, _bands: torch.Tensor) -> torch.Tensor:
        return self._logits


def in_places(heard: Floats, places: int) -> Floats:
    """The segmenter's answers, shape (n, frames, states), between its frames."""
    frames = heard.shape[1]
    at = (np.arange(places) + 0.5) * frames / places - 0.5
    told = [[np.interp(at, np.arange(frames), row) for row in window.T] for window in heard]
    return np.array(told, np.float32).transpose(0, 2, 1)


def certain(states: list[int]) -> torch.Tensor:
    """Shape (1, frames, states): one of them in each frame."""
    return torch.eye(len(STATES))[states][None]


def test_levels_are_the_mean_and_deviation_of_each_band_in_each_state() -> None:
    states = [0, 0, 1, 1, 2, 2, 3, 3]
    bands = torch.randn(1, 3, len(states), generator=torch.Generator().manual_seed(0)) + 2
    found = levels_by_state(bands, certain(states)).reshape(2, 3, len(STATES))
    parts = bands[0].reshape(3, len(STATES), 2)
    torch.testing.assert_close(found[0], parts.mean(2))
    deviation = (parts.var(2, correction=0) + LEAST_VARIANCE).sqrt()
    torch.testing.assert_close(found[1], deviation)


def test_frames_of_silence_count_for_no_state() -> None:
    states = [0, 1, 2, 3, 0, 1]
    bands = torch.randn(1, 3, len(states), generator=torch.Generator().manual_seed(0)) + 2
    longer = torch.cat([bands, torch.zeros(1, 3, 6)], 2)
    torch.testing.assert_close(
        levels_by_state(longer, certain([*states, *states])),
        levels_by_state(bands, certain(states)),
    )


def test_a_state_that_is_not_heard_has_levels_all_the_same() -> None:
    found = levels_by_state(torch.ones(1, 3, 4), certain([0, 0, 1, 1]))
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("frames", [195, 198, 200])
def test_states_are_told_of_every_frame(frames: int) -> None:
    net = CycleNet(2, bands=16).eval()
    assert net.states(torch.zeros(2, 16, 1, frames)).shape == (2, len(STATES), 1, frames)


def test_labels_do_not_move_the_states_and_the_segmenter_does(beating: Beating) -> None:
    told, clips = of_cycle(beating[0]), beating[1]
    net = told.build()
    task = state_task(net, told)
    assert isinstance(task, OwnStates)
    assert not list(task.parameters())
    waveform = clips.samples(clips.start[:4])
    torch.autograd.backward(net(waveform).square().sum())
    assert all(weight.grad is None for weight in net.net.get_submodule("states").parameters())
    torch.autograd.backward(task.loss(waveform))
    assert all(weight.grad is not None for weight in net.net.get_submodule("states").parameters())


def test_the_loss_is_the_distance_from_the_segmenters_answers_at_their_time(
    beating: Beating,
) -> None:
    told, clips = recipe_files.changed(of_cycle(beating[0]), {"states.weight": 0.3}), beating[1]
    net = told.build()
    waveform = clips.samples(clips.start[:4])
    heard = Registry().segmenter().predict(waveform.numpy())
    wanted = torch.tensor(in_places(heard, 198)).clamp(min=1e-6)
    entropy = -(wanted * wanted.log()).sum(2).mean()

    def loss_of(answer: torch.Tensor) -> float:
        net.net.states = Fixed(answer.log().transpose(1, 2).unsqueeze(2))
        task = state_task(net, told)
        assert task is not None
        net(waveform)
        return float(task.loss(waveform))

    assert loss_of(wanted) == pytest.approx(0.3 * float(entropy), rel=1e-4)
    assert loss_of(wanted.roll(8, 1)) > 2 * loss_of(wanted)


def test_what_is_moved_by_a_coarse_frame_has_its_states_moved_alike() -> None:
    torch.manual_seed(0)
    net = CycleNet(2, bands=16).eval()
    bands = torch.randn(1, 16, 1, 600)
    here, later = (net.states(each)[..., 200:400] for each in (bands, bands.roll(5, 3)))
    torch.testing.assert_close(later[..., 5:], here[..., :-5])
    assert not torch.allclose(later, here, atol=1e-3)


def test_the_states_come_to_be_the_segmenters(beating: Beating) -> None:
    told, clips = of_cycle(beating[0]), beating[1]
    torch.manual_seed(1)
    net = told.build()
    task = state_task(net, told)
    assert task is not None
    losses = losses_of(net, task, clips.samples(clips.start))
    assert losses[-1] < 0.6 * losses[0]


def test_a_recipe_trains_it_and_leaves_nothing_behind(beating: Beating) -> None:
    net = trained(of_cycle(beating[0]), beating[1]).net
    assert not any(module._forward_hooks for module in net.modules())
    with torch.no_grad():
        assert np.isfinite(net(beating[1].samples(beating[1].start[:2])).numpy()).all()


def test_without_states_to_learn_it_is_refused(beating: Beating) -> None:
    told = recipe_files.changed(of_cycle(beating[0]), {"states": None})
    with pytest.raises(ConfigurationError, match=r"learns the heart's states by \[states\] alone"):
        state_task(told.build(), told)


@pytest.mark.parametrize(
    "front_end", [{"kind": "mfcc"}, {"level": "db"}, {"normalisation": "standard"}]
)
def test_pictures_in_which_silence_is_no_zero_are_refused(
    beating: Beating, front_end: dict[str, str]
) -> None:
    told = of_cycle(beating[0])
    changes = {f"front_end.{name}": value for name, value in front_end.items()}
    with pytest.raises(ConfigurationError, match="cycle_net knows silence by its zeros"):
        recipe_files.changed(told, changes).build()
