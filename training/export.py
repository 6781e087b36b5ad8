"""From trained nets to one self-describing ONNX file: waveform in, probabilities out."""

import copy
import logging
import warnings
from collections import deque
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from models.contract import ModelContract
from models.dsp import scale
from models.errors import ModelError
from models.predictor import INPUT, OUTPUT, Predictor
from training.onnx_translations import TRANSLATIONS

OPSET = 18
FRONT = "front/"  # begins the name of every node that computes before the first learnt number

# It warns of operators of torchvision, which no net here has.
logging.getLogger("torch.onnx").setLevel(logging.ERROR)

_BATCH = 32
_PROBES = 2
_FOLDING_ERROR = 1e-3  # of the logits' own size: what float32 loses in a deep net


class Answers(nn.Module):
    """What the artifact answers: softmax where labels exclude each other, else a sigmoid each.

    Of several nets it is the mean of their probabilities; their front ends are one, computed once.
    """

    def __init__(self, nets: Sequence[nn.Module], *, exclusive: bool) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self._exclusive = exclusive

    def forward(self, waveform: Tensor) -> Tensor:
        each = [self._of(logits) for logits in self._logits(waveform)]
        return each[0] if len(each) == 1 else torch.stack(each).mean(0)

    def _logits(self, waveform: Tensor) -> list[Tensor]:
        first, *others = self.nets
        if not others:
            return [first(waveform)]
        picture = first.get_submodule("front")(waveform)
        return [net.get_submodule("net")(picture) for net in self.nets]

    def _of(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1) if self._exclusive else logits.sigmoid()


class Scale(NamedTuple):
    """Logits are divided by `temperature`; then each label's of `offsets`, if any, is added."""

    temperature: float = 1.0
    offsets: tuple[float, ...] = ()

    def of(self, logits: Tensor) -> Tensor:
        """Shape (batch, labels), before and after."""
        moved = torch.tensor(self.offsets or 0.0, dtype=logits.dtype)
        return logits / self.temperature + moved


AS_LEARNT = Scale()


def answering(
    nets: Sequence[nn.Module], contract: ModelContract, *, at: Scale = AS_LEARNT
) -> Answers:
    """The nets as they will answer, each with its logits at the given scale.

    Raises
    ------
    ModelError
        If a net has no last layer that the scale can be folded into.
    """
    scaled = [
        rescaled(net, at, labels=len(contract.labels), samples=contract.window_samples)
        for net in nets
    ]
    made = Answers(scaled, exclusive=contract.exclusive)
    return made.eval()


def rescaled(net: nn.Module, at: Scale, *, labels: int, samples: int) -> nn.Module:
    """A copy that gives the logits at another scale.

    Its last layer does, so that it costs nothing; where something follows that layer, as a ReLU
    does in SqueezeNet, offsets are added behind it.
    """
    if at == AS_LEARNT:
        return copy.deepcopy(net).eval()
    for within, behind in ((at, ()), (Scale(at.temperature), at.offsets)):
        made = copy.deepcopy(net).eval()
        last = _last_layer(made, labels)
        if last is not None:
            _scale_layer(last, within)
            if _is_at(within, net, made, samples):
                return _Moved(made, behind) if behind else made
    raise ModelError(f"{type(net).__name__} has no last layer to fold a scale of logits into")


@torch.no_grad()
def _scale_layer(last: nn.Linear | nn.Conv2d, at: Scale) -> None:
    last.weight.div_(at.temperature)
    if last.bias is not None:
        last.bias.copy_(at.of(last.bias))


class _Moved(nn.Module):
    """A net, and a number for each label to add to its logits."""

    offsets: Tensor

    def __init__(self, net: nn.Module, offsets: tuple[float, ...]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("offsets", torch.tensor(offsets))

    def forward(self, waveform: Tensor) -> Tensor:
        moved: Tensor = self.net(waveform) + self.offsets
        return moved


def export(
    nets: nn.Module | Sequence[nn.Module], contract: ModelContract, *, at: Scale = AS_LEARNT
) -> bytes:
    """Export for any batch size, with the contract inside.

    Parameters
    ----------
    nets
        One, or several of one recipe whose probabilities are averaged.
    at
        The scale of the logits; folded into each net's last layer.
    """
    several = [nets] if isinstance(nets, nn.Module) else list(nets)
    module = answering(several, contract, at=at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of torch's own internals
        program = torch.onnx.export(
            module,
            (torch.zeros(2, contract.window_samples),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=contract.opset,
            custom_translation_table=TRANSLATIONS,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101 (None only where a file was asked for)
    model = program.model_proto
    learnt = {name for name, value in module.named_parameters() if value.requires_grad}
    _name_nodes(model, _learnt(model, module.state_dict().keys() - learnt))
    return with_contract(model.SerializeToString(), contract)


def with_contract(artifact: bytes, contract: ModelContract) -> bytes:
    """The same graph under another contract, and free of where it was exported."""
    model = onnx.load_from_string(artifact)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.metadata_props[:], model.graph.value_info[:]
    onnx.helper.set_model_props(model, contract.to_metadata())
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def contract_of(artifact: bytes) -> ModelContract:
    """What a file says of itself, read without running it."""
    properties = onnx.load_from_string(artifact).metadata_props
    return ModelContract.from_metadata({each.key: each.value for each in properties})


def largest_difference(
    answers: Answers, predictor: Predictor, windows: npt.NDArray[np.float32]
) -> float:
    """How far PyTorch and the exported file differ at most, in probability.

    Parameters
    ----------
    windows
        Shape (n, window), float32, filtered and not scaled.
    """
    found = 0.0
    with torch.no_grad():
        for k in range(0, len(windows), _BATCH):
            batch = windows[k : k + _BATCH]
            ours = answers(torch.from_numpy(scale(batch, predictor.contract.scaling))).numpy()
            found = max(found, float(np.abs(ours - predictor.predict(batch)).max()))
    return found


def _last_layer(net: nn.Module, labels: int) -> nn.Linear | nn.Conv2d | None:
    layers = [
        layer
        for layer in net.modules()
        if (isinstance(layer, nn.Linear) and layer.out_features == labels)
        or (isinstance(layer, nn.Conv2d) and layer.out_channels == labels)
    ]
    found = layers[-1] if layers else None
    return found if isinstance(found, nn.Linear | nn.Conv2d) else None


@torch.no_grad()
def _is_at(at: Scale, net: nn.Module, made: nn.Module, samples: int) -> bool:
    sound = torch.randn(_PROBES, samples, generator=torch.Generator().manual_seed(0))
    wanted = at.of(net.eval()(sound))
    off = (made(sound) - wanted).abs().max()
    return bool(off <= _FOLDING_ERROR * wanted.abs().max().clamp(min=_FOLDING_ERROR))


def _learnt(model: onnx.ModelProto, fixed: Collection[str]) -> set[str]:
    """The weights: every table of numbers that is none of the `fixed` ones, whatever its name.

    The exporter joins and turns the weights of recurrent nets, and then names them itself.
    """
    return {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
        if len(tensor.dims) > 1 and tensor.name not in fixed
    }


def _name_nodes(model: onnx.ModelProto, learnt: Collection[str]) -> None:
    """Number the nodes, and mark those of the front end: no learnt number has gone into them."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    reached = set(learnt)
    waiting = deque(learnt)
    while waiting:
        for node in readers.get(waiting.popleft(), ()):
            fresh = [name for name in node.output if name not in reached]
            reached.update(fresh)
            waiting.extend(fresh)
    for number, node in enumerate(model.graph.node):
        place = "" if reached & set(node.output) else FRONT
        node.name = f"{place}{node.op_type}_{number}"
