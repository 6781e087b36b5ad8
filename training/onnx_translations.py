"""What PyTorch's exporter does not know: a plain recurrent net as one ONNX operator.

Without it each step becomes six nodes of its own, and the graph is slower and fits one length.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from onnxscript import opset18

op: Any = opset18  # typed for its own script language, in which constants are no tensors


def _rnn_tanh(  # noqa: PLR0917 (the operator's own signature)
    sequence: Any,
    initial: Any,
    weights: Sequence[Any],
    has_biases: bool,
    layers: int,
    dropout: float,  # noqa: ARG001 (of training alone)
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Any, Any]:
    """`aten::rnn_tanh.input`, as `nn.RNN(batch_first=True)` calls it in evaluation."""
    if train or bidirectional or not (has_biases and batch_first):
        raise NotImplementedError("only evaluation, forwards, with biases, the batch first")
    heard = op.Transpose(sequence, perm=[1, 0, 2])  # (frames, batch, features)
    first_axis = op.Constant(value_ints=[0])
    last = []
    for layer in range(layers):
        of_input, of_state, input_bias, state_bias = weights[4 * layer : 4 * layer + 4]
        bounds = (op.Constant(value_ints=[layer + end]) for end in (0, 1))
        outputs, state = op.RNN(
            heard,
            op.Unsqueeze(of_input, first_axis),
            op.Unsqueeze(of_state, first_axis),
            op.Unsqueeze(op.Concat(input_bias, state_bias, axis=0), first_axis),
            None,
            op.Slice(initial, *bounds, first_axis),
            hidden_size=of_state.shape[1],
        )
        heard = op.Squeeze(outputs, op.Constant(value_ints=[1]))  # of one direction
        last.append(state)
    return op.Transpose(heard, perm=[1, 0, 2]), op.Concat(*last, axis=0)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.rnn_tanh.input: _rnn_tanh
}
