"""Every architecture by its name: waveform in, logits out.

`build` puts a front end before a net. Where a net's constructor asks for the picture's `channels`,
`bands` or `frames`, or for the front end's whole `config`, it is told; all else is an option.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from torch import Tensor, nn

from models.errors import ConfigurationError
from training import front_end_config, front_ends
from training.architectures import cnn14, recurrent, small_cnns, vgg
from training.architectures import resnet as resnets
from training.architectures.cycle_net import CycleNet
from training.architectures.depthwise_cnn import DepthwiseCnn
from training.architectures.efficientnet_v2 import EfficientNetV2S
from training.architectures.logmel_cnn import StridedCnn
from training.architectures.mobilenet_v2 import MobileNetV2
from training.architectures.mobilenet_v3 import MobileNetV3Small
from training.architectures.patch_transformer import PatchTransformer
from training.architectures.squeezenet import SqueezeNet
from training.front_end_config import FrontEndConfig, LogMelConfig, RawFramesConfig

_TOLD = ("channels", "bands", "frames", "config")


@dataclass(frozen=True)
class _Family:
    """How to make a net, and the shortest side of a picture that survives its poolings."""

    net: Callable[..., nn.Module]
    least_side: int = 1
    takes_raw_frames: bool = False
    wants_silence_as_zeros: bool = False


_FAMILIES: Mapping[str, _Family] = {
    "ours": _Family(DepthwiseCnn),
    "cycle_net": _Family(CycleNet, wants_silence_as_zeros=True),
    "strided_cnn": _Family(StridedCnn),
    "mobilenet_v3_small": _Family(MobileNetV3Small),
    "mobilenet_v2": _Family(MobileNetV2),
    "squeezenet1_1": _Family(SqueezeNet, least_side=17),
    "efficientnet_v2_s": _Family(EfficientNetV2S),
    "vgg16": _Family(vgg.Vgg16, least_side=vgg.LEAST_SIDE),
    "vgg19": _Family(vgg.Vgg19, least_side=vgg.LEAST_SIDE),
    "resnet18": _Family(resnets.ResNet18),
    "resnext50_32x4d": _Family(resnets.ResNeXt50),
    "resnext101_32x8d": _Family(resnets.ResNeXt101),
    "cnn14": _Family(cnn14.Cnn14, least_side=cnn14.LEAST_SIDE),
    "four_block_cnn": _Family(small_cnns.FourBlockCnn, least_side=16),
    "two_block_attention_cnn": _Family(small_cnns.TwoBlockAttentionCnn, least_side=16),
    "attention_pool_cnn": _Family(small_cnns.AttentionPoolCnn, least_side=16),
    "simple_rnn": _Family(recurrent.SimpleRnn, takes_raw_frames=True),
    "lstm": _Family(recurrent.Lstm, takes_raw_frames=True),
    "gru": _Family(recurrent.Gru, takes_raw_frames=True),
    "attention_gru": _Family(recurrent.AttentionGru, takes_raw_frames=True),
    "patch_transformer": _Family(PatchTransformer),
}
NAMES = tuple(_FAMILIES)


class Classifier(nn.Module):
    """A front end and a net; published weights are loaded into `net`."""

    def __init__(self, front: nn.Module, net: nn.Module) -> None:
        super().__init__()
        self.front = front
        self.net = net

    def forward(self, waveform: Tensor) -> Tensor:
        logits: Tensor = self.net(self.front(waveform))
        return logits


def build(
    name: str, labels: int, front_end: FrontEndConfig, *, window_samples: int, **options: Any
) -> Classifier:
    """Make an untrained net.

    Parameters
    ----------
    labels
        How many.
    window_samples
        Length of the waveform that it will be trained on.
    options
        The architecture's own, for instance `dropout`; lists, as TOML has them, become tuples.

    Raises
    ------
    ConfigurationError
        If there is no such name or option, or the front end does not suit.
    """
    family = _family(name)
    _require_sense(name, family, front_end, window_samples)
    asked = _parameters(family)
    typed = {key: _typed(name, key, value) for key, value in options.items()}
    told = {
        "channels": 1,
        "bands": front_end.features,
        "frames": front_end.frames(window_samples),
        "config": front_end,
    }
    try:
        net = family.net(labels, **{key: told[key] for key in _TOLD if key in asked}, **typed)
    except ValueError as error:
        raise ConfigurationError(f"{name} cannot be built with {options}: {error}") from None
    own_front = "config" in asked
    return Classifier(nn.Identity() if own_front else front_ends.build(front_end), net)


def options_of(name: str) -> tuple[str, ...]:
    """What a recipe may set."""
    family = _family(name)
    preset = getattr(family.net, "keywords", {})
    return tuple(
        key
        for key, parameter in _parameters(family).items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if key not in (*_TOLD, *preset)
    )


def least_side(name: str) -> int:
    """The fewest bands and frames that it takes."""
    return _family(name).least_side


def _family(name: str) -> _Family:
    if name not in _FAMILIES:
        raise ConfigurationError(
            f"there is no architecture {name!r}: choose one of {', '.join(NAMES)}"
        )
    return _FAMILIES[name]


def _parameters(family: _Family) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(family.net).parameters


def _typed(name: str, option: str, value: object) -> Any:
    if option not in options_of(name):
        raise ConfigurationError(
            f"{name} has no option {option}: it has {', '.join(options_of(name))}"
        )
    try:
        return msgspec.convert(value, _parameters(_family(name))[option].annotation)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{name}, option {option} = {value!r}: {error}") from None


def _require_sense(
    name: str, family: _Family, front_end: FrontEndConfig, window_samples: int
) -> None:
    kind = front_end_config.kind(front_end)
    if "config" in _parameters(family) and not isinstance(front_end, LogMelConfig):
        raise ConfigurationError(
            f"{name} computes its own log-mel, whose parameters belong to its published weights: "
            f"give it a log-mel front end, not {kind}"
        )
    if isinstance(front_end, RawFramesConfig) and not family.takes_raw_frames:
        raise ConfigurationError(
            f"{name} looks for shapes in a picture, and {kind} are none, for their rows are no "
            "frequencies: give it log-mel, spectrogram or mfcc"
        )
    if family.wants_silence_as_zeros and not front_ends.makes_silence_zeros(front_end):
        raise ConfigurationError(
            f"{name} knows silence by its zeros: give it log-mel or spectrogram with level = "
            f'"log" and normalisation = "band-mean"'
        )
    bands, frames = front_end.features, front_end.frames(window_samples)
    if min(bands, frames) < family.least_side:
        raise ConfigurationError(
            f"{name} wants at least {family.least_side} bands and frames, and {window_samples} "
            f"samples give {bands} and {frames}: take more bands, a shorter hop or a longer window"
        )
