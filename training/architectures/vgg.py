"""VGG16 and VGG19 (Simonyan and Zisserman 2015, 1409.1556), with torchvision's parameter names.

Work E counts 14.7 and 20.0 M parameters: those are the convolutions alone, so the three large
layers of the published head cannot have been there. Hence `head="pooled"`, the default: the mean of
each map and one linear layer. `head="published"` is the original, 138 and 144 M parameters, for
pictures of which the convolutions leave 7x7 or a multiple.
"""

from functools import partial
from typing import Literal

from torch import Tensor, nn

from training.architectures.blocks import initialise

# Convolutions before each halving.
_VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_VGG19 = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
_HIDDEN = 4096
LEAST_SIDE = 32


class Vgg(nn.Module):
    def __init__(
        self,
        stages: tuple[tuple[int, int], ...],
        labels: int,
        *,
        channels: int = 1,
        dropout: float = 0.5,
        head: Literal["pooled", "published"] = "pooled",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        narrow = channels
        for wide, repeats in stages:
            for _ in range(repeats):
                layers += [nn.Conv2d(narrow, wide, 3, padding=1), nn.ReLU()]
                narrow = wide
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1 if head == "pooled" else 7)
        self.classifier = (
            nn.Sequential(nn.Dropout(dropout), nn.Linear(narrow, labels))
            if head == "pooled"
            else _published_head(narrow, labels, dropout)
        )
        initialise(self)

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(picture)).flatten(1))
        return logits


def _published_head(narrow: int, labels: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Linear(narrow * 7 * 7, _HIDDEN), nn.ReLU(), nn.Dropout(dropout)),
        *(nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU(), nn.Dropout(dropout)),
        nn.Linear(_HIDDEN, labels),
    )


Vgg16 = partial(Vgg, _VGG16)
Vgg19 = partial(Vgg, _VGG19)
