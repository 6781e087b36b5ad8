"""Recurrent nets on frames, one step a frame: work C's SimpleRNN and LSTM, the GRU that it names.

SimpleRNN: Elman 1990. LSTM: Hochreiter and Schmidhuber 1997. GRU: Cho et al. 2014, 1406.1078.
Work C gives no sizes; the defaults are chosen here. The last step's output decides, as usual in
Keras, or with attention a weighted mean of all.
"""

from functools import partial
from typing import Literal

from torch import Tensor, nn

from training.architectures.pooling import AttentionPool

_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentNet(nn.Module):
    """Takes a picture (batch, 1, bands, frames) column by column."""

    def __init__(
        self,
        labels: int,
        *,
        bands: int,
        cell: Literal["rnn", "lstm", "gru"],
        attention: bool = False,
        units: int = 64,
        layers: int = 1,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.recurrent = _CELLS[cell](bands, units, layers, batch_first=True, dropout=between)
        self.pool = AttentionPool(units) if attention else None
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(units, labels))

    def forward(self, picture: Tensor) -> Tensor:
        sequence, _ = self.recurrent(picture.squeeze(1).transpose(1, 2))
        heard = sequence[:, -1] if self.pool is None else self.pool(sequence)
        logits: Tensor = self.head(heard)
        return logits


SimpleRnn = partial(RecurrentNet, cell="rnn")
Lstm = partial(RecurrentNet, cell="lstm")
Gru = partial(RecurrentNet, cell="gru")
AttentionGru = partial(RecurrentNet, cell="gru", attention=True)
