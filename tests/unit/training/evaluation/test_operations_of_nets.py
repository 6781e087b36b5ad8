"""Counts of nets whose operations are published."""

import warnings

import torch
from torch import nn

from training.architectures.squeezenet import SqueezeNet
from training.evaluation.operations import count


def test_squeezenet_has_the_published_operations_and_parameters() -> None:
    """Torchvision gives SqueezeNet 1.1 as 1,235,496 parameters and 0.35 G at 224 x 224."""
    torch.manual_seed(0)
    net = SqueezeNet(1000, channels=3).eval()
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias)  # the exporter keeps one of biases that are alike
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of torch's own internals
        program = torch.onnx.export(
            net,
            (torch.zeros(2, 3, 224, 224),),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    found = count(program.model_proto.SerializeToString())
    assert found.parameters == 1_235_496
    assert found.macs == 349_151_936
    assert not found.uncounted
