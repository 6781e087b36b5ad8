"""Begin from published weights: a file of torchvision, PANNs or our own.

What fits by name and shape is taken; everything else is left out and reported. Two rules beside:

- **Three input channels in the file, one in the net**: the weights are summed over the channels. A
  grey picture copied to three channels gives the same answer, so this is what the published net
  would do with it, at a third of the work.
- **What is not learnt is not loaded** (CNN14's spectrum and mel bands): it follows from the front
  end's frames and rate, which may be others than the file's. So freeze layers after loading.

A head for other labels differs in shape and stays random.

Pickles are read without running code (`weights_only`); `.safetensors` files by the 8 bytes and the
JSON that they begin with, which needs no library.
"""

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from models.errors import ModelError

# Where a checkpoint keeps its parameters: PANNs, Lightning, our own.
_WRAPPERS = ("model", "state_dict", "weights")
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
}
_LONGEST_HEADER = 100_000_000
_SHOWN = 8


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every parameter, by name.

    Attributes
    ----------
    matched, summed
        Taken as they are; taken after summing three input channels into one.
    left_out
        In the file and not taken, with the reason.
    random
        In the net and not in the file, or not of its shape there.
    """

    path: str
    matched: tuple[str, ...]
    summed: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    random: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.path}: {len(self.matched) + len(self.summed)} parameters taken"]
        if self.summed:
            lines.append(f"  three input channels summed into one: {_list(self.summed)}")
        lines += [f"  left out {name}: {reason}" for name, reason in self.left_out[:_SHOWN]]
        if len(self.left_out) > _SHOWN:
            lines.append(f"  left out {len(self.left_out) - _SHOWN} more")
        if self.random:
            lines.append(f"  stay random: {_list(self.random)}")
        return "\n".join(lines)


class _NotWeightsError(Exception):
    pass


def load(net: nn.Module, path: Path) -> LoadReport:
    """Take from a file what fits; `net` is changed in place.

    Raises
    ------
    ModelError
        If the file cannot be read, or nothing in it fits.
    """
    found = read(path)
    wanted = net.state_dict()
    computed = {name for name, weights in net.named_parameters() if not weights.requires_grad}
    taken: dict[str, Tensor] = {}
    summed: list[str] = []
    left_out: list[tuple[str, str]] = []
    for name, weights in found.items():
        if name not in wanted:
            left_out.append((name, "the net has no parameter of that name"))
        elif name in computed:
            left_out.append((name, "it is not learnt: the front end here computes its own"))
        elif weights.shape == wanted[name].shape:
            taken[name] = weights
        elif _three_channels_for_one(weights, wanted[name]):
            taken[name] = weights.sum(1, keepdim=True)
            summed.append(name)
        else:
            left_out.append((name, f"{_shape(weights)} in the file, {_shape(wanted[name])} here"))
    if not taken:
        raise ModelError(
            f"{path}: none of its {len(found)} parameters fits the net, neither by name nor by "
            "shape: is it a file of another architecture?"
        )
    net.load_state_dict(taken, strict=False)
    return LoadReport(
        path=str(path),
        matched=tuple(name for name in taken if name not in summed),
        summed=tuple(summed),
        left_out=tuple(left_out),
        random=tuple(name for name in wanted if name not in taken and name not in computed),
    )


def read(path: Path) -> dict[str, Tensor]:
    """Every tensor in a file by its name, whatever wraps them."""
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path.read_bytes())
        with torch.serialization.safe_globals(_numpy_arrays()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of old pickles that it reads all the same
            return _unwrapped(torch.load(path, map_location="cpu", weights_only=True))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except Exception as error:  # noqa: BLE001 (damage makes torch raise anything)
        raise ModelError(f"{path}: is no file of weights: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code:
        return f"it asks for {code[1]} to be run, and no file's code is run"
    if isinstance(error, _NotWeightsError):
        return str(error)
    return "it is cut short, damaged or something else"


def _unwrapped(content: Any) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        wrapper = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if wrapper is None:
            break
        content = content[wrapper]
    if not isinstance(content, Mapping):
        raise _NotWeightsError(f"it holds one {type(content).__name__}, no named parameters")
    # DataParallel puts "module." before every name.
    return {
        str(name).removeprefix("module."): tensor
        for name, tensor in content.items()
        if isinstance(tensor, Tensor)
    }


def _read_safetensors(content: bytes) -> dict[str, Tensor]:
    """Length of the header (8 bytes, little-endian), header (JSON), then the numbers."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, _LONGEST_HEADER):
        raise _NotWeightsError("it is cut short")
    header: dict[str, Any] = json.loads(content[8 : 8 + size])
    header.pop("__metadata__", None)
    numbers = bytearray(content[8 + size :])
    return {name: _tensor(numbers, **entry) for name, entry in header.items()}


def _tensor(
    numbers: bytearray, *, dtype: str, shape: list[int], data_offsets: tuple[int, int]
) -> Tensor:
    first, end = data_offsets
    if not 0 <= first <= end <= len(numbers):
        raise _NotWeightsError("it is cut short")
    if first == end:
        return torch.zeros(shape, dtype=_DTYPES[dtype])
    return torch.frombuffer(numbers[first:end], dtype=_DTYPES[dtype]).reshape(shape)


def _three_channels_for_one(found: Tensor, wanted: Tensor) -> bool:
    same_but_channels = wanted.shape[:1] + wanted.shape[2:] == found.shape[:1] + found.shape[2:]
    return (
        found.ndim == wanted.ndim == 4
        and (found.shape[1], wanted.shape[1]) == (3, 1)
        and same_but_channels
    )


def _numpy_arrays() -> list[Any]:
    """What PANNs' files hold beside weights (their sampler's state): arrays, which run no code."""
    reconstruct = np.empty(0).__reduce__()[0]
    return [
        reconstruct,
        (reconstruct, "numpy.core.multiarray._reconstruct"),  # its place before numpy 2
        np.ndarray,
        np.dtype,
        *(type(np.dtype(kind)) for kind in ("int64", "int32", "uint32", "float32", "float64")),
    ]


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _list(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
