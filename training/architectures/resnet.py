"""ResNet18, ResNeXt-50 32x4d and ResNeXt-101 32x8d, with torchvision's parameter names.

He et al. 2016, 1512.03385; Xie et al. 2017, 1611.05431.

The weakly supervised ResNeXt-101 of work E (WSL) has the names and shapes of ResNeXt-101 32x8d.
Its 11.1, 22.9 and 86.7 M parameters are those below the head.
"""

from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from training.architectures.blocks import conv_norm, initialise


class _Plan(NamedTuple):
    """Blocks in each stage; groups and width per group of a bottleneck's 3x3 convolution."""

    blocks: tuple[int, int, int, int]
    groups: int = 1
    group_width: int = 0  # 0: blocks of two 3x3 convolutions, without a bottleneck

    @property
    def expansion(self) -> int:
        return 4 if self.group_width else 1


class ResNet(nn.Module):
    def __init__(
        self, plan: _Plan, labels: int, *, channels: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = [_stage(plan, stage) for stage in range(4)]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(512 * plan.expansion, labels)
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        maps = self.maxpool(self.bn1(self.conv1(picture)).relu())
        maps = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        logits: Tensor = self.fc(self.dropout(maps.mean((2, 3))))
        return logits


class _Block(nn.Module):
    """Convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.downsample = (
            None
            if stride == 1 and narrow == wide
            else conv_norm(narrow, wide, 1, stride=stride, activation=None)
        )

    def forward(self, maps: Tensor) -> Tensor:
        shortcut = maps if self.downsample is None else self.downsample(maps)
        return (self.branch(maps) + shortcut).relu()

    def branch(self, maps: Tensor) -> Tensor:
        raise NotImplementedError


class _Basic(_Block):
    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__(narrow, wide, stride)
        self.conv1 = nn.Conv2d(narrow, wide, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)

    def branch(self, maps: Tensor) -> Tensor:
        hidden = self.bn1(self.conv1(maps)).relu()
        out: Tensor = self.bn2(self.conv2(hidden))
        return out


class _Bottleneck(_Block):
    def __init__(self, narrow: int, hidden: int, wide: int, stride: int, groups: int) -> None:
        super().__init__(narrow, wide, stride)
        self.conv1 = nn.Conv2d(narrow, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)

    def branch(self, maps: Tensor) -> Tensor:
        hidden = self.bn1(self.conv1(maps)).relu()
        hidden = self.bn2(self.conv2(hidden)).relu()
        out: Tensor = self.bn3(self.conv3(hidden))
        return out


def _stage(plan: _Plan, stage: int) -> nn.Sequential:
    planes = 64 << stage
    wide = planes * plan.expansion
    before = wide // 2 if stage else 64
    blocks = []
    for block in range(plan.blocks[stage]):
        narrow, stride = (wide, 1) if block else (before, 2 if stage else 1)
        blocks.append(_block(plan, narrow, planes, stride))
    return nn.Sequential(*blocks)


def _block(plan: _Plan, narrow: int, planes: int, stride: int) -> _Block:
    if not plan.group_width:
        return _Basic(narrow, planes, stride)
    hidden = planes * plan.group_width * plan.groups // 64
    return _Bottleneck(narrow, hidden, planes * plan.expansion, stride, plan.groups)


ResNet18 = partial(ResNet, _Plan((2, 2, 2, 2)))
ResNeXt50 = partial(ResNet, _Plan((3, 4, 6, 3), groups=32, group_width=4))
ResNeXt101 = partial(ResNet, _Plan((3, 4, 23, 3), groups=32, group_width=8))
