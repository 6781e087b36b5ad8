"""The loop: epochs of batches, a judgement after each, the best kept, all of it resumable.

Every epoch seeds its own generators from the recipe's seed and its number. So an epoch is a pure
function of the state before it, and a training that was interrupted goes on bit for bit (on CPU;
CUDA adds in changing orders).
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from models.errors import ModelError
from training.architectures.registry import Classifier
from training.engine import (
    checkpoints,
    measures,
    optimisation,
    pictures,
    pruning,
    quantisation,
    samplers,
    waveforms,
)
from training.engine.clips import Clips, scaled
from training.engine.measures import Figures
from training.engine.recipe import Pruning, Quantisation, Recipe
from training.engine.state_task import state_task

Weights = dict[str, Tensor]
Told = Callable[["Heard"], None]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training is, after every batch."""

    epoch: int
    step: int
    steps: int
    loss: float


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history; `phase` is `training`, `pruning` or `quantisation`."""

    epoch: int
    phase: str
    learning_rate: float
    loss: float
    validation: Figures
    seconds: float
    best: bool


class Trainer:
    """One net on its way.

    Parameters
    ----------
    net
        Changed in place; holds the weights to keep when `run` has ended.
    teachers
        Trained nets whose mean answer is learnt too.
    noise
        Recorded noise, heard as the recordings are.
    """

    def __init__(
        self,
        net: Classifier,
        recipe: Recipe,
        train: Clips,
        validation: Clips,
        *,
        device: torch.device,
        teachers: Sequence[nn.Module] = (),
        noise: Tensor | None = None,
    ) -> None:
        self.net = net.to(device)
        # A quarter less time than the usual layout on a CPU.
        nn.utils.convert_conv2d_weight_memory_format(self.net.net, torch.channels_last)
        self.history: list[Epoch] = []
        self._recipe = recipe
        self._train, self._validation = train.to(device), validation.to(device)
        self._device = device
        self._teachers = [teacher.to(device).eval() for teacher in teachers]
        self._noise = None if noise is None else noise.to(device)
        self._chances = samplers.chances(train, recipe.sampling)
        self._double = copy.deepcopy(self.net)  # whose weights may be replaced, and has no masks
        states = state_task(self.net, recipe)
        self._states = None if states is None else states.to(device)
        self._kept: Weights = {}
        self._rounding = False
        self._pruned: list[pruning.Pruned] = []
        self._heard_sha256 = train.sha256()
        self._begin(recipe.optimiser.learning_rate, recipe.training.epochs)

    def _begin(self, learning_rate: float, epochs: int) -> None:
        recipe = self._recipe
        told = msgspec.structs.replace(recipe.optimiser, learning_rate=learning_rate)
        self._rate, self._epochs = learning_rate, epochs
        beside = () if self._states is None else self._states.parameters()
        learnt = itertools.chain(self.net.parameters(), beside)
        self._optimiser = optimisation.optimiser(learnt, told)
        ema = recipe.training.ema
        self._mean = optimisation.RunningMean(self.net, ema) if ema else None
        mixed = recipe.training.mixed_precision and self._device.type == "cuda"
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=mixed)

    @property
    def kept(self) -> Epoch:
        """The epoch whose weights `run` leaves in the net."""
        if self._recipe.training.keep == "last":
            return self.history[-1]
        return next(epoch for epoch in reversed(self.history) if epoch.best)

    def run(self, told: Told, checkpoint: Path | None = None) -> None:
        """Train to the end, or from where `resume` left it; then prune and round, if told so.

        Only training has checkpoints: what is resumed is pruned again from its best epoch.
        """
        masks = pictures.Masks(self.net, self._recipe.augmentation)
        try:
            self._phase("training", told, masks, checkpoint)
            self.net.load_state_dict(self._kept)
            if self._recipe.pruning is not None:
                self._prune(told, masks, self._recipe.pruning)
            if self._recipe.quantisation is not None:
                self._quantise(told, masks, self._recipe.quantisation)
        finally:
            masks.remove()
            if self._states is not None:
                self._states.remove()
        self.net.eval()

    def resume(self, checkpoint: Path) -> bool:
        """Go on from the end of the last whole epoch; False, and nothing, where it is damaged.

        Raises
        ------
        ModelError
            If it is of another recipe or other recordings.
        """
        state = checkpoints.read(checkpoint)
        if state is None:
            return False
        if (state.get("recipe"), state.get("heard")) != (self._recipe.sha256(), self._heard_sha256):
            raise ModelError(
                f"{checkpoint} is of another recipe or other recordings: resume with the same, or "
                f"remove {checkpoint.parent} to begin anew"
            )
        self.history = [msgspec.convert(epoch, Epoch) for epoch in state["history"]]
        self._kept = state["kept"]
        self.net.load_state_dict(state["net"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        if self._states is not None:
            self._states.load_state_dict(state["states"])
        if self._mean is not None:
            self._mean.weights = {k: v.to(self._device) for k, v in state["mean"].items()}
            self._mean.steps = state["mean_steps"]
        return True

    def _phase(
        self, phase: str, told: Told, masks: pictures.Masks, checkpoint: Path | None
    ) -> None:
        while not self._ended(phase):
            began = time.perf_counter()
            number = len(self.history)
            loss = self._epoch(number, phase, told, masks)
            figures, weights = self._judge()
            self.history.append(
                Epoch(
                    epoch=number,
                    phase=phase,
                    learning_rate=self._optimiser.param_groups[0]["lr"],
                    loss=loss,
                    validation=figures,
                    seconds=time.perf_counter() - began,
                    best=self._is_best(figures, phase),
                )
            )
            if self.history[-1] is self.kept:
                self._kept = weights
            if checkpoint is not None:
                self._save(checkpoint)

    def _ended(self, phase: str) -> bool:
        own = [epoch for epoch in self.history if epoch.phase == phase]
        patience = self._recipe.training.patience
        if not own or len(own) >= self._epochs:
            return len(own) >= self._epochs
        since = next((k for k, epoch in enumerate(reversed(own)) if epoch.best), len(own))
        return bool(patience) and since >= patience

    def _is_best(self, figures: Figures, phase: str) -> bool:
        best = [epoch for epoch in self.history if epoch.phase == phase and epoch.best]
        monitor = self._recipe.training.monitor
        return not best or figures.better_than(best[-1].validation, monitor)

    def _epoch(self, number: int, phase: str, told: Told, masks: pictures.Masks) -> float:
        rng, draw = _seeded(self._recipe.training.seed, number, self._device)
        masks.use(draw)
        heard = samplers.epoch(self._train, self._recipe.sampling, self._chances, rng)
        batches = _batches(torch.from_numpy(heard), self._recipe.training.batch)
        before = sum(epoch.phase == phase for epoch in self.history)
        total = torch.zeros((), device=self._device)
        self.net.train()
        for k, windows in enumerate(batches):
            self._set_rate(before * len(batches) + k, self._epochs * len(batches))
            loss = self._step(windows.to(self._device), draw)
            total += loss.detach() * len(windows)
            told(Heard(epoch=number, step=k + 1, steps=len(batches), loss=float(loss.detach())))
        mean = float(total) / sum(map(len, batches))
        if not math.isfinite(mean):
            raise ModelError(
                f"{self._recipe.name}: the loss of epoch {number} is not finite: lower "
                "optimiser.learning_rate, or set optimiser.clip_norm"
            )
        return mean

    def _step(self, windows: Tensor, draw: torch.Generator) -> Tensor:
        waveform, target = self._examples(windows, draw)
        self._optimiser.zero_grad()
        with quantisation.rounded(self.net, enabled=self._rounding):
            with torch.autocast(self._device.type, enabled=self._scaler.is_enabled()):
                loss = self._loss(waveform, target)
            torch.autograd.backward(self._scaler.scale(loss))
        if self._recipe.optimiser.clip_norm:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self.net.parameters(), self._recipe.optimiser.clip_norm)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        pruning.apply(self._pruned)
        if self._mean is not None:
            self._mean.add(self.net)
        return loss

    def _examples(self, windows: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sound as the net takes it, and what it should answer."""
        clips, how = self._train, self._recipe.augmentation
        contract = self._recipe.contract
        owner = clips.owner[windows]
        anywhere = contract.excerpt == "random"
        start = clips.at_any_moment(owner, draw) if anywhere else clips.start[windows]
        sound = clips.samples(start)
        if how.repeat:
            chosen = waveforms.chosen(sound, draw, how.repeat)
            sound = torch.where(chosen, clips.repeated(start, owner, draw), sound)
        waveform = waveforms.augmented(
            sound,
            how,
            draw,
            sample_rate_hz=contract.sample_rate_hz,
            noise=self._noise,
        )
        waveform = scaled(waveform, contract.scaling_spec)
        target = clips.targets[owner]
        if how.gain_db:
            waveform = waveforms.louder(waveform, draw, how.gain_db)
        if how.mixup:
            waveform, target = pictures.mixed(waveform, target, how.mixup, draw)
        return waveform, target

    def _loss(self, waveform: Tensor, target: Tensor) -> Tensor:
        recipe = self._recipe
        logits = self.net(waveform)
        loss = optimisation.loss(recipe, logits, target, smoothing=recipe.training.label_smoothing)
        if self._states is not None:
            loss = loss + self._states.loss(waveform)
        if recipe.distillation is None:
            return loss
        with torch.no_grad():
            taught = torch.stack([teacher(waveform) for teacher in self._teachers]).mean(0)
        weight = recipe.distillation.weight
        apart = optimisation.distilled(
            recipe, logits, taught, temperature=recipe.distillation.temperature
        )
        return (1 - weight) * loss + weight * apart

    def _set_rate(self, step: int, steps: int) -> None:
        factor = optimisation.rate_factor(self._recipe.schedule, step, steps, self._epochs)
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * factor

    def _judge(self) -> tuple[Figures, Weights]:
        """Figures of the weights to keep, and these: the running mean's, where there is one."""
        net: nn.Module = self.net
        if self._mean is not None:
            net = self._double
            net.load_state_dict(self._mean.weights)
        with quantisation.rounded(net, enabled=self._rounding):
            return measures.judge(net, self._validation, self._recipe), _copied(net.state_dict())

    def _prune(self, told: Told, masks: pictures.Masks, how: Pruning) -> None:
        self._pruned = pruning.smallest(self.net.net, how.share)
        pruning.apply(self._pruned)
        self._begin(how.learning_rate, how.epochs)
        self._phase("pruning", told, masks, None)
        self.net.load_state_dict(self._kept)

    def _quantise(self, told: Told, masks: pictures.Masks, how: Quantisation) -> None:
        self._rounding = True
        self._begin(how.learning_rate, how.epochs)
        self._phase("quantisation", told, masks, None)
        self.net.load_state_dict(self._kept)

    def _save(self, checkpoint: Path) -> None:
        checkpoints.write(
            {
                "recipe": self._recipe.sha256(),
                "heard": self._heard_sha256,
                "history": msgspec.to_builtins(self.history),
                "kept": self._kept,
                "net": self.net.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "scaler": self._scaler.state_dict(),
                "states": self._states.state_dict() if self._states else {},
                "mean": self._mean.weights if self._mean else {},
                "mean_steps": self._mean.steps if self._mean else 0,
            },
            checkpoint,
        )


def _seeded(
    seed: int, epoch: int, device: torch.device
) -> tuple[np.random.Generator, torch.Generator]:
    """Generators of one epoch; dropout draws from torch's own, which is seeded too."""
    own, samples, dropout = np.random.SeedSequence([seed, epoch]).spawn(3)
    torch.manual_seed(int(dropout.generate_state(1)[0]))
    draw = torch.Generator(device).manual_seed(int(own.generate_state(1)[0]))
    return np.random.default_rng(samples), draw


def _batches(windows: Tensor, size: int) -> list[Tensor]:
    """A last batch of one is joined to the one before: no mean can be taken of one."""
    batches = list(torch.split(windows, size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _copied(weights: Weights) -> Weights:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}
