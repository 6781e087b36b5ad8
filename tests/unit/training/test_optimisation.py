import math

import pytest
import torch

from tests.unit.training import two_tones
from training.engine import optimisation, pruning
from training.engine.recipe import Optimiser, Schedule


def factors(**told: object) -> list[float]:
    schedule = Schedule(**told)  # type: ignore[arg-type]
    return [optimisation.rate_factor(schedule, step, 100, 10) for step in range(100)]


def test_schedules_have_their_shapes() -> None:
    assert set(factors(kind="constant")) == {1.0}
    cosine = factors(kind="cosine")
    assert cosine[0] == 1
    assert cosine[50] == pytest.approx(0.5)
    assert cosine == sorted(cosine, reverse=True)
    assert cosine[-1] < 0.001
    cycle = factors(kind="one-cycle", warm_up=0.3)
    assert cycle[0] == pytest.approx(1 / 25)
    assert cycle[30] == max(cycle) == 1
    assert cycle[-1] < 0.01
    steps = factors(kind="step", every_epochs=4, factor=0.1)
    assert steps == pytest.approx([1] * 40 + [0.1] * 40 + [0.01] * 20)


def test_a_warm_up_rises_before_the_rest() -> None:
    rising = factors(kind="cosine", warm_up=0.1)
    assert rising[:10] == sorted(rising[:10])
    assert 0 < rising[0] < 0.1
    assert rising[10] == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("rmsprop", torch.optim.RMSprop)],
)
def test_optimisers_get_the_recipes_values(kind: str, expected: type) -> None:
    net = torch.nn.Linear(2, 2)
    net.bias.requires_grad_(False)
    told = Optimiser(kind=kind, learning_rate=0.3, weight_decay=0.2)  # type: ignore[arg-type]
    made = optimisation.optimiser(net.parameters(), told)
    assert type(made) is expected
    (group,) = made.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.2)
    assert len(group["params"]) == 1


def test_labels_that_concur_are_judged_one_by_one() -> None:
    exclusive = two_tones.recipe("x")  # type: ignore[arg-type]
    concurrent = two_tones.recipe("x", data__exclusive=False)  # type: ignore[arg-type]
    logits, target = torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 1.0]])
    each = optimisation.loss(concurrent, logits, target, smoothing=0.0)
    assert each.item() == pytest.approx((math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 2)
    one = optimisation.loss(exclusive, logits, torch.tensor([[1.0, 0.0]]), smoothing=0.0)
    assert one.item() == pytest.approx(math.log1p(math.exp(-1)))
    smooth = optimisation.loss(concurrent, torch.zeros(1, 2), target, smoothing=0.2)
    assert smooth.item() == pytest.approx(math.log(2))


def test_of_labels_that_exclude_each_other_it_is_enough_to_say_one_that_may_hold() -> None:
    told = two_tones.recipe("x", data__labels=("N", "AS", "MR"))  # type: ignore[arg-type]
    logits = torch.tensor([[1.0, 2.0, 0.0], [1.0, 0.0, 2.0], [0.5, 1.0, -1.0]])
    either = torch.tensor([[0.0, 1.0, 1.0]])
    losses = [optimisation.loss(told, row[None], either, smoothing=0.0).item() for row in logits]
    assert losses[0] == pytest.approx(losses[1])
    expected = 1 - logits[2].softmax(0)[0].item()
    assert losses[2] == pytest.approx(-math.log(expected))
    one = torch.tensor([[0.0, 1.0, 0.0]])
    ours = optimisation.loss(told, logits[:1], one, smoothing=0.1)
    usual = torch.nn.functional.cross_entropy(logits[:1], one, label_smoothing=0.1)
    assert ours.item() == pytest.approx(usual.item())


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_pupil_that_answers_as_its_teachers_has_nothing_to_learn(exclusive: bool) -> None:
    told = two_tones.recipe("x", data__exclusive=exclusive)  # type: ignore[arg-type]
    theirs = torch.tensor([[1.0, -1.0]])
    own = theirs.clone().requires_grad_()
    optimisation.distilled(told, own, theirs, temperature=3.0).backward()  # type: ignore[no-untyped-call]
    assert own.grad is not None
    assert own.grad.abs().max() < 1e-6
    other = torch.zeros(1, 2, requires_grad=True)
    optimisation.distilled(told, other, theirs, temperature=3.0).backward()  # type: ignore[no-untyped-call]
    assert other.grad is not None
    assert (other.grad[0, 0] < 0 < other.grad[0, 1]).item()


def test_a_running_mean_forgets_its_beginning_and_settles() -> None:
    net = torch.nn.BatchNorm1d(1)
    mean = optimisation.RunningMean(net, 0.9)
    torch.nn.init.constant_(net.weight, 5.0)
    net.get_buffer("num_batches_tracked").fill_(3)
    for _ in range(100):
        mean.add(net)
    assert mean.weights["weight"].item() == pytest.approx(5.0, abs=0.01)
    assert mean.weights["num_batches_tracked"].item() == 3


def test_pruning_zeroes_the_smallest_share_of_all_layers_together() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(10, 10), torch.nn.Linear(10, 10))
    with torch.no_grad():
        net.get_submodule("0").get_parameter("weight").uniform_(-0.1, 0.1)
        net.get_submodule("1").get_parameter("weight").uniform_(0.2, 0.3)
    bias = net.get_submodule("0").get_parameter("bias").clone()
    pruned = pruning.smallest(net, 0.5)
    pruning.apply(pruned)
    assert not net.get_submodule("0").get_parameter("weight").any()
    assert net.get_submodule("1").get_parameter("weight").all()
    assert torch.equal(net.get_submodule("0").get_parameter("bias"), bias)
