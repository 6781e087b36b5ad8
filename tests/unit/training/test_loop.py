"""Training learns, repeats itself, goes on where it was interrupted, and keeps the best."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from models.errors import ModelError
from tests.unit.training import two_tones
from training.engine import clips, loop, measures, quantisation, runs
from training.engine.clips import Clips
from training.engine.loop import Heard, Trainer
from training.engine.measures import Figures
from training.engine.recipe import Recipe

EVERYTHING: dict[str, Any] = {
    "augmentation__shift": True,
    "augmentation__equaliser_db": 2.0,
    "augmentation__coloured_snr_db": [10.0, 30.0],
    "augmentation__band_mask": 0.2,
    "augmentation__mixup": 0.2,
    "sampling__kind": "groups",
    "schedule__kind": "one-cycle",
    "training__ema": 0.8,
    "optimiser__clip_norm": 1.0,
}


def quiet(_heard: Heard) -> None:
    pass


def prepared(place: Path, **changes: Any) -> tuple[Recipe, Clips]:
    told = two_tones.recipe(place, **changes)
    return told, two_tones.heard(two_tones.write(place), told)


def trained(told: Recipe, train: Clips, **more: Any) -> Trainer:
    trainer = two_tones.trainer(told, train, **more)
    trainer.run(quiet)
    return trainer


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    own, others = first.state_dict(), second.state_dict()
    return all(torch.equal(own[name], others[name]) for name in own)


def figures(loss: float) -> Figures:
    return Figures(loss=loss, accuracy=0.5, uar=0.5, auc=0.5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ours", {"maps": [8, 8], "strides": [[2, 2], [2, 2]]}),
        ("mobilenet_v3_small", {}),
        ("squeezenet1_1", {}),
        ("resnet18", {}),
        ("four_block_cnn", {"maps": [4, 8, 8, 8], "hidden": [8, 8]}),
        ("two_block_attention_cnn", {}),
        ("attention_pool_cnn", {"maps": [4, 8, 8, 8]}),
        ("simple_rnn", {"units": 8}),
        ("attention_gru", {"units": 8}),
        ("patch_transformer", {"width": 16, "depth": 1}),
    ],
)
def test_a_step_changes_every_weight_of_each_family(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    told, train = prepared(
        tmp_path,
        architecture={"name": name, "options": options},
        front_end__bands=24,
        front_end__hop_samples=15,
        training__epochs=1,
        training__batch=48,
    )
    trainer = two_tones.trainer(told, train)
    learnt = {  # a bias before a softmax over time has no effect
        name: weights
        for name, weights in trainer.net.named_parameters()
        if weights.requires_grad and weights.ndim > 1
    }
    before = {name: weights.detach().clone() for name, weights in learnt.items()}
    trainer.run(quiet)
    still = [name for name in learnt if torch.equal(learnt[name], before[name])]
    assert not still


def test_it_learns_tones_in_seconds(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__epochs=8)
    history = trained(told, train).history
    assert history[-1].loss < 0.5 * history[0].loss
    assert history[-1].validation.accuracy == 1
    assert history[-1].validation.auc == 1


def test_labels_that_concur_are_learnt_too(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__epochs=8, data__exclusive=False)
    trainer = trained(told, train)
    assert trainer.history[-1].validation.accuracy == 1
    each = measures.probabilities(measures.answers(trainer.net, train, told), told)
    assert not torch.allclose(each.sum(1), torch.ones(len(each)), atol=1e-4)


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["plain", "everything"])
def test_it_repeats_itself_bit_for_bit_and_another_seed_does_not(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    told, train = prepared(tmp_path, training__epochs=2, **changes)
    once, again = trained(told, train), trained(told, train)
    assert same(once.net, again.net)
    other = two_tones.recipe(tmp_path, training__epochs=2, training__seed=2, **changes)
    assert not same(once.net, trained(other, train).net)


class _InterruptionError(Exception):
    pass


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["plain", "everything"])
def test_what_was_interrupted_goes_on_bit_for_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    told, train = prepared(tmp_path, training__epochs=4, **changes)
    checkpoint = tmp_path / "resume.pt"

    def interrupted(heard: Heard) -> None:
        if (heard.epoch, heard.step) == (2, 2):
            raise _InterruptionError

    with pytest.raises(_InterruptionError):
        two_tones.trainer(told, train).run(interrupted, checkpoint)
    resumed = two_tones.trainer(told, train)
    resumed.resume(checkpoint)
    assert len(resumed.history) == 2
    resumed.run(quiet)
    whole = trained(told, train)
    assert same(resumed.net, whole.net)
    assert [it.validation for it in resumed.history] == [it.validation for it in whole.history]


def test_another_recipe_or_other_sound_is_not_resumed(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__epochs=1)
    checkpoint = tmp_path / "resume.pt"
    two_tones.trainer(told, train).run(quiet, checkpoint)
    other = two_tones.recipe(tmp_path, training__epochs=2)
    with pytest.raises(ModelError, match="of another recipe or other recordings"):
        two_tones.trainer(other, train).resume(checkpoint)
    train.sound[0] += 1
    with pytest.raises(ModelError, match="of another recipe or other recordings"):
        two_tones.trainer(told, train).resume(checkpoint)


def test_it_ends_when_nothing_gets_better_and_keeps_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, train = prepared(tmp_path, training__epochs=9, training__patience=2)
    losses = iter([0.9, 0.5, 0.6, 0.55, 0.1])
    nets: list[dict[str, torch.Tensor]] = []

    def judge(net: torch.nn.Module, *_: object) -> Figures:
        nets.append({name: weights.clone() for name, weights in net.state_dict().items()})
        return figures(next(losses))

    monkeypatch.setattr(measures, "judge", judge)
    trainer = trained(told, train)
    assert [epoch.best for epoch in trainer.history] == [True, True, False, False]
    assert trainer.kept.epoch == 1
    kept = trainer.net.state_dict()
    assert all(torch.equal(kept[name], nets[1][name]) for name in kept)


def test_the_last_is_kept_where_a_recipe_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, train = prepared(tmp_path, training__epochs=2, training__keep="last")
    losses = iter([0.1, 0.9])
    monkeypatch.setattr(measures, "judge", lambda *_: figures(next(losses)))
    assert trained(told, train).kept.epoch == 1


def test_a_loss_that_is_not_finite_is_told(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, optimiser__learning_rate=1e30)
    with pytest.raises(ModelError, match=r"lower optimiser\.learning_rate"):
        trained(told, train)


def test_half_of_the_weights_are_zero_after_pruning_and_it_still_works(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__epochs=6, pruning={"share": 0.5, "epochs": 3})
    trainer = trained(told, train)
    weights = [it.detach().flatten() for it in trainer.net.net.parameters() if it.ndim > 1]
    assert (torch.cat(weights) == 0).float().mean() == pytest.approx(0.5, abs=0.01)
    assert [it.phase for it in trainer.history] == ["training"] * 6 + ["pruning"] * 3
    assert trainer.kept.phase == "pruning"
    assert trainer.kept.validation.accuracy == 1


def test_rounded_weights_are_kept_after_learning_with_them(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__epochs=6, quantisation={"epochs": 2})
    trainer = trained(told, train)
    assert [it.phase for it in trainer.history] == ["training"] * 6 + ["quantisation"] * 2
    assert trainer.kept.validation.accuracy == 1
    for weights in trainer.net.net.parameters():
        if weights.ndim > 1:
            steps = 127 * weights / weights.abs().amax(tuple(range(1, weights.ndim)), keepdim=True)
            torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)


def test_small_steps_add_up_in_weights_that_are_rounded() -> None:
    layer = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.5]]))
    optimiser = torch.optim.SGD(layer.parameters(), 0.001)
    seen = set()
    for _ in range(20):
        with quantisation.rounded(layer, enabled=True):
            seen.add(layer.weight[0, 1].item())
            optimiser.zero_grad()
            torch.autograd.backward(layer(torch.tensor([[0.0, 1.0]])).sum())
        optimiser.step()
    assert len(seen) in {3, 4}
    assert layer.weight[0, 1].item() == pytest.approx(0.48)


def test_a_pupil_learns_from_its_teacher_alone(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__epochs=8)
    teacher = trained(told, train).net
    train.targets.copy_(train.targets.flip(1))
    pupil = two_tones.recipe(
        tmp_path, training__epochs=8, distillation={"teachers": ["t"], "weight": 1.0}
    )
    history = trained(pupil, train, teachers=[teacher]).history
    assert history[-1].validation.accuracy == 0


def test_the_mean_of_the_weights_is_what_is_kept(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__ema=0.99, training__keep="last")
    plain, _ = prepared(tmp_path, training__keep="last")
    assert not same(trained(told, train).net, trained(plain, train).net)


def test_recordings_are_judged_by_the_mean_of_their_windows(tmp_path: Path) -> None:
    told, train = prepared(tmp_path)
    logits = torch.randn(len(train), 2)
    score = measures.of_recordings(logits, train, told)
    own = logits.softmax(1)[train.owner == 3].double().mean(0)
    assert score[3].tolist() == pytest.approx(own.tolist())


def test_windows_of_poor_quality_do_not_count_where_others_do(tmp_path: Path) -> None:
    data = two_tones.write(tmp_path, of_each=1, seconds=4.0)
    time_s = np.arange(4 * two_tones.RATE_HZ) / two_tones.RATE_HZ
    beats = 0.2 * np.sin(2 * np.pi * 60 * time_s) * np.sin(2 * np.pi * 1.2 * time_s) ** 8
    beats[2000:] = 0
    soundfile.write(tmp_path / "low0.wav", beats, two_tones.RATE_HZ, "PCM_16")
    told = two_tones.recipe(tmp_path)
    chosen = [(data, recording) for recording in data.recordings]
    found = clips.gather(chosen, told, "grid", assessed=True)
    silent = found.usable[found.owner == 1]
    assert silent.tolist() == [True] * 3 + [False] * 4
    logits = torch.randn(len(found), 2)
    score = measures.of_recordings(logits, found, told)
    own = logits.softmax(1)[(found.owner == 1) & found.usable].double().mean(0)
    assert score[1].tolist() == pytest.approx(own.tolist())


def test_figures_of_a_part_without_one_of_the_labels(tmp_path: Path) -> None:
    told, train = prepared(tmp_path)
    train.targets[:] = torch.tensor([1.0, 0.0])
    found = measures.judge(two_tones.trainer(told, train).net, train, told)
    assert found.auc != found.auc
    assert found.uar == found.accuracy
    assert not found.better_than(found, "auc")
    assert figures(0.1).better_than(found, "auc")
    assert figures(0.1).better_than(figures(0.2), "loss")
    assert not figures(0.1).better_than(figures(0.1), "loss")


def test_no_batch_is_of_one() -> None:
    sizes = [len(batch) for batch in loop._batches(torch.arange(17), 8)]
    assert sizes == [8, 9]
    assert [len(batch) for batch in loop._batches(torch.arange(18), 8)] == [8, 8, 2]


def test_a_runs_own_weights_begin_another_but_not_its_front_end(tmp_path: Path) -> None:
    told, train = prepared(tmp_path, training__epochs=1)
    net = trained(told, train).net
    torch.save({"recipe": "", "weights": net.state_dict()}, tmp_path / "checkpoint.pt")
    other = two_tones.recipe(tmp_path, front_end__low_hz=30.0).build()
    front = {name: value.clone() for name, value in other.front.state_dict().items()}
    report = runs.initialise(other, tmp_path / "checkpoint.pt")
    assert same(other.net, net.net)
    assert all(torch.equal(value, front[name]) for name, value in other.front.state_dict().items())
    assert "parameters taken" in report.report
