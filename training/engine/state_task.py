"""A second task in training: to say which of the heart's states is heard, all along the window.

A net that has to know systole and diastole looks for murmurs where murmurs are (Caruana R.,
"Multitask Learning", Machine Learning 28, 1997). What it learns are the segmenter's answers to the
very sound that it is given, after all augmentation: so no marks have to be moved along, and
recordings that nobody marked teach too. The layer that answers is dropped with the training; the
net that ships is as large and as fast as without.
"""

import torch
from torch import Tensor, nn

from models.errors import ConfigurationError
from models.predictor import OnnxPredictor
from models.registry import Registry
from models.segmentation import STATES
from training.architectures.registry import Classifier
from training.engine.recipe import Recipe, StateTask

OWN = "states"  # the part of a net that tells the states itself


class OwnStates(nn.Module):
    """Of a net that tells the states itself, as `cycle_net` does, and needs them afterwards too.

    Its places in time need not be the segmenter's frames, between which is interpolated.

    Raises
    ------
    ConfigurationError
        If the recipe has no [states], or its contract does not suit its segmenter.
    """

    def __init__(self, net: Classifier, recipe: Recipe) -> None:
        super().__init__()
        told = recipe.states
        if told is None:
            raise ConfigurationError(
                f"{recipe.architecture.name} learns the heart's states by [states] alone, and "
                f"{recipe.name} has none: add it"
            )
        self._weight = told.weight
        self._segmenter = _segmenter(recipe, told)
        self._logits = torch.empty(0)
        self._reading = net.net.get_submodule(OWN).register_forward_hook(self._keep)

    def loss(self, waveform: Tensor) -> Tensor:
        """See `StateHead.loss`."""
        told = torch.from_numpy(self._segmenter.predict(waveform.detach().cpu().numpy()))
        logits = self._logits.squeeze(2)  # (batch, states, places)
        wanted = nn.functional.interpolate(
            told.to(logits.device).transpose(1, 2), size=logits.shape[2], mode="linear"
        )
        return self._weight * _apart(wanted.transpose(1, 2), logits.transpose(1, 2))

    def remove(self) -> None:
        """Read the net no longer."""
        self._reading.remove()

    def _keep(self, _states: nn.Module, _given: object, logits: Tensor) -> None:
        self._logits = logits


class StateHead(nn.Module):
    """Answers from the maps of one block of a net; its `loss` is how far from the segmenter's word.

    Its weights are one convolution: each of the block's places in time answers for as many of the
    segmenter's frames as it covers.

    Raises
    ------
    ConfigurationError
        If the recipe's net or contract does not suit its segmenter.
    """

    def __init__(self, net: Classifier, recipe: Recipe) -> None:
        super().__init__()
        told = recipe.states
        if told is None:
            raise ConfigurationError(f"{recipe.name} has no [states] to learn")
        self._weight = told.weight
        self._segmenter = _segmenter(recipe, told)
        self._maps = torch.empty(0)
        self._reading = _block(net, recipe, told).register_forward_hook(self._keep)
        frames, values, places = self._shapes(net, recipe.contract.window_samples)
        if frames % places:
            raise ConfigurationError(
                f"the recipe's states.block = {told.block} has {places} places in time, and "
                f"{told.segmenter} tells {frames} frames: choose a block whose places divide them"
            )
        self._each = frames // places
        self.answer = nn.Conv1d(values, self._each * len(STATES), 1)

    def loss(self, waveform: Tensor) -> Tensor:
        """Cross-entropy in nats a frame, times the recipe's weight.

        Parameters
        ----------
        waveform
            Shape (batch, samples), as the net was called with just before.
        """
        told = torch.from_numpy(self._segmenter.predict(waveform.detach().cpu().numpy()))
        answered = self.answer(self._maps.flatten(1, 2)).unflatten(1, (self._each, len(STATES)))
        logits = answered.permute(0, 3, 1, 2).flatten(1, 2)  # (batch, frames, states)
        return self._weight * _apart(told.to(logits.device), logits)

    def remove(self) -> None:
        """Read the net no longer."""
        self._reading.remove()

    def _keep(self, _block: nn.Module, _given: object, maps: Tensor) -> None:
        self._maps = maps

    def _shapes(self, net: Classifier, samples: int) -> tuple[int, int, int]:
        """The segmenter's frames; values and places of the block; both are called with silence."""
        silence = torch.zeros(1, samples, device=next(net.parameters()).device)
        training = net.training
        with torch.no_grad():
            net.eval()(silence)
        net.train(training)
        frames = self._segmenter.predict(silence.cpu().numpy()).shape[1]
        _, values, places = self._maps.flatten(1, 2).shape
        return frames, values, places


def state_task(net: Classifier, recipe: Recipe) -> StateHead | OwnStates | None:
    """The second task of a recipe, if it has one or its net needs one."""
    if hasattr(net.net, OWN):
        return OwnStates(net, recipe)
    return StateHead(net, recipe) if recipe.states else None


def _apart(wanted: Tensor, logits: Tensor) -> Tensor:
    """Cross-entropy in nats a frame; both of shape (batch, frames, states)."""
    return -(wanted * logits.log_softmax(2)).sum(2).mean()


def _block(net: Classifier, recipe: Recipe, told: StateTask) -> nn.Module:
    body = getattr(net.net, "body", None)
    blocks = len(body) if isinstance(body, nn.Sequential) else 0
    if not isinstance(body, nn.Sequential) or not 0 <= told.block < blocks:
        raise ConfigurationError(
            f"the recipe's states.block = {told.block}, and of {recipe.architecture.name} "
            f"{blocks} blocks can be read: choose one of them, or leave [states] out"
        )
    return body[told.block]


def _segmenter(recipe: Recipe, told: StateTask) -> OnnxPredictor:
    found = Registry().segmenter()
    its = found.contract
    if told.segmenter != (name := f"{its.name}-{its.version}"):
        raise ConfigurationError(
            f"the recipe's states.segmenter = {told.segmenter!r}, and {name} is installed: "
            "name that, which makes another recipe"
        )
    own = recipe.contract
    given = (own.window_samples, own.sample_rate_hz, own.filter_spec, own.scaling_spec)
    if given != (its.window_samples, its.sample_rate_hz, its.filter, its.scaling):
        raise ConfigurationError(
            f"the recipe's [contract] is not that of {name}, which [states] asks: "
            f"{its.window_s:g} s at {its.sample_rate_hz} Hz, filtered and scaled as the pipeline's"
        )
    return found
