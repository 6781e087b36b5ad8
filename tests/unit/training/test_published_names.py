"""Published files of weights find every parameter: names and shapes are theirs, digit for digit.

The digests are of the state dicts of torchvision 0.21 and of PANNs' CNN14 with torchlibrosa 0.1:
SHA-256 over sorted lines "name (shape)". With the same weights, each net here gave the same numbers
as the original, bit for bit (CNN14: within 6e-8).
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
from torch import nn

from training.architectures import resnet
from training.architectures.cnn14 import Cnn14
from training.architectures.efficientnet_v2 import EfficientNetV2S
from training.architectures.mobilenet_v2 import MobileNetV2
from training.architectures.mobilenet_v3 import MobileNetV3Small
from training.architectures.squeezenet import SqueezeNet
from training.architectures.vgg import Vgg16, Vgg19
from training.front_end_config import LogMelConfig

PANNS = LogMelConfig(
    sample_rate_hz=32000,
    frame_samples=1024,
    hop_samples=320,
    bands=64,
    low_hz=50,
    high_hz=14000,
    level="db",
    normalisation="none",
    centred=True,
)


class Published(NamedTuple):
    net: Callable[..., nn.Module]
    parameters: int
    entries: int
    digest: str


PUBLISHED = {
    "mobilenet_v3_small": Published(
        MobileNetV3Small,
        2_542_856,
        244,
        "8fee267f118ca2d792c601972a6569784230d072ae8bdc09f798603f30decf4f",
    ),
    "mobilenet_v2": Published(
        MobileNetV2,
        3_504_872,
        314,
        "e3eb10f890f74c6ee65e79c53b1a3c9ee5dd5c8d8eb4ec3185d92cbea9d47b89",
    ),
    "squeezenet1_1": Published(
        SqueezeNet,
        1_235_496,
        52,
        "3fbd2a746421cada0f54c8e59ea6b1b6e563ad4cc1db312b5017c6d8fed0ee08",
    ),
    "efficientnet_v2_s": Published(
        EfficientNetV2S,
        21_458_488,
        782,
        "127391ea25225fff490585f7df878128f7f38bf5bfa90fa870c0c458af448625",
    ),
    "vgg16": Published(
        partial(Vgg16, head="published"),
        138_357_544,
        32,
        "ba63c2556d912509cba94697742dd762a05c284047650150bab0c2ddc806bb59",
    ),
    "vgg19": Published(
        partial(Vgg19, head="published"),
        143_667_240,
        38,
        "393fac8b08b63fbee1e3ef721e98f1710adc57be373a2067ea1af78fc5ccb504",
    ),
    "resnet18": Published(
        resnet.ResNet18,
        11_689_512,
        122,
        "5191d63ec398959223d67ef37376f9061e6965b859fc2d4e40e23d037147a0d7",
    ),
    "resnext50_32x4d": Published(
        resnet.ResNeXt50,
        25_028_904,
        320,
        "20929ac81dfcc94f1881e0e17fe3e5466d5b44c9be2adc47868c4a8b1be05281",
    ),
    "resnext101_32x8d": Published(
        resnet.ResNeXt101,
        88_791_336,
        626,
        "5068f88fa77e6142753cf624895cf2635d5cbded09c5502995de79186db3e6c8",
    ),
}


def digest(net: nn.Module) -> str:
    lines = sorted(f"{name} {tuple(entry.shape)}" for name, entry in net.state_dict().items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_have_torchvisions_names_and_shapes(name: str) -> None:
    published = PUBLISHED[name]
    with torch.device("meta"):
        net = published.net(1000, channels=3)
    assert sum(weight.numel() for weight in net.parameters()) == published.parameters
    assert len(net.state_dict()) == published.entries
    assert digest(net) == published.digest


def test_cnn14_has_the_names_and_shapes_of_panns() -> None:
    net = Cnn14(527, config=PANNS)
    learnt = sum(weight.numel() for weight in net.parameters() if weight.requires_grad)
    assert learnt == 80_753_615
    assert "conv_block1.conv1.weight" in net.state_dict()
    assert digest(net) == "bd3a5de33cb434b9cf570537340ebb166c397ff1d987b44c42872658de157820"


@pytest.mark.parametrize(
    ("net", "millions"),
    [
        (Vgg16, 14.7),
        (Vgg19, 20.0),
        (MobileNetV2, 2.2),
        (resnet.ResNet18, 11.2),
        (resnet.ResNeXt50, 23.0),
        (resnet.ResNeXt101, 86.7),
    ],
)
def test_with_a_head_for_two_classes_sizes_are_those_of_work_e(
    net: Callable[..., nn.Module], millions: float
) -> None:
    with torch.device("meta"):
        made = net(2, channels=3)
    parameters = sum(weight.numel() for weight in made.parameters())
    assert parameters / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize(
    ("net", "millions"), [(MobileNetV3Small, 1.52), (SqueezeNet, 0.725), (EfficientNetV2S, 20.2)]
)
def test_with_five_classes_sizes_are_those_of_work_a(
    net: Callable[..., nn.Module], millions: float
) -> None:
    with torch.device("meta"):
        made = net(5, channels=3)
    parameters = sum(weight.numel() for weight in made.parameters())
    assert parameters / 1e6 == pytest.approx(millions, abs=0.05)
